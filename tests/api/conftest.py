"""An academy shared by the tests of a module, for every test of the API and the pages."""

from tests.academies.shared import shared_academy, shared_embedded_academy

__all__ = ["shared_academy", "shared_embedded_academy"]
