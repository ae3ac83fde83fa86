"""The countries that a buyer can choose from."""

from academy.features.payments.countries import countries


def test_the_seller_s_country_is_first_and_the_others_are_in_the_order_of_their_names() -> None:
    found = countries("en", "IN")
    names = list(found.values())
    assert names[:3] == ["India", "Afghanistan", "Albania"]
    assert names[-1] == "Zimbabwe"
    assert names.index("Azerbaijan") < names.index("Åland Islands") < names.index("Bahamas")
    assert next(iter(countries("en", "DE"))) == "DE"


def test_all_of_iso_3166_and_nothing_else_is_there() -> None:
    # ISO 3166-1 has 249 countries; Kosovo is no part of it, and has a code all the same.
    found = countries("en", "IN")
    assert len(found) == 250
    assert {"US", "GB", "DE", "XK", "AQ"} <= found.keys()
    assert not {"EU", "UN", "ZZ", "QO", "XA", "AC"} & found.keys()


def test_they_are_named_in_the_language_of_the_page() -> None:
    assert countries("hi", "IN")["IN"] == "भारत"
