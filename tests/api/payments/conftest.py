"""An academy that sells through simulated vendors, shared by the tests of a module."""

from tests.faults.payments.shops import shared_shops

__all__ = ["shared_shops"]
