"""An academy shared by the tests of a module: faults of payments need no academy of their own."""

from tests.academies.shared import shared_academy, shared_embedded_academy
from tests.faults.payments.shops import shared_shops

__all__ = ["shared_academy", "shared_embedded_academy", "shared_shops"]
