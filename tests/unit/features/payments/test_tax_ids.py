"""Tax numbers: published ones are taken, mistyped ones are refused with a word on how to mend them."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from academy.features.payments.tax_ids import parse_tax_id
from academy.kit.errors import InvalidError

# Of companies that print them on their websites and invoices; the first is the example that explains the check digit.
GSTINS = ["27AAPFU0939F1ZV", "27AAACR5055K1Z7", "29AAGCB7383J1Z4"]
# One or more of each member state, as companies have to publish them, and the forms in VIES's table.
VAT_NUMBERS = [
    ("AT", "ATU13585627"),
    ("BE", "BE0428759497"),
    ("BE", "BE1234567890"),
    ("BG", "BG175074752"),
    ("BG", "BG7523169263"),
    ("CY", "CY10259033P"),
    ("CZ", "CZ25123891"),
    ("CZ", "CZ7103192745"),
    ("DE", "DE136695976"),
    ("DK", "DK13585628"),
    ("EE", "EE100931558"),
    ("ES", "ESB58378431"),
    ("ES", "ES54362315K"),
    ("ES", "ESX2482300W"),
    ("FI", "FI20774740"),
    ("FR", "FR40303265045"),
    ("FR", "FRK7399859412"),
    ("GR", "EL094259216"),
    ("HR", "HR33392005961"),
    ("HU", "HU12892312"),
    ("IE", "IE6433435F"),
    ("IE", "IE8D79739I"),
    ("IE", "IE6433435OA"),
    ("IT", "IT00743110157"),
    ("LT", "LT119511515"),
    ("LT", "LT100001919017"),
    ("LU", "LU15027442"),
    ("LV", "LV40003521600"),
    ("MT", "MT11679112"),
    ("NL", "NL004495445B01"),
    ("PL", "PL8567346215"),
    ("PT", "PT501964843"),
    ("RO", "RO18547290"),
    ("SE", "SE556188840401"),
    ("SI", "SI50223054"),
    ("SK", "SK2022749619"),
]
MEMBER_STATES = sorted({country for country, _ in VAT_NUMBERS})


def advice(text: str, country: str) -> str:
    """What is said to the person who typed this."""
    with pytest.raises(InvalidError) as refused:
        parse_tax_id(text, country)
    assert set(refused.value.fields) == {"tax_id"}
    return refused.value.fields["tax_id"]


@pytest.mark.parametrize("number", GSTINS)
def test_a_published_gstin_is_taken(number: str) -> None:
    assert parse_tax_id(number, "IN") == number
    assert parse_tax_id(f" {number[:2]} {number[2:12].lower()}-{number[12:]} ", "IN") == number


@given(some.sampled_from(GSTINS), some.integers(0, 14), some.data())
def test_one_wrong_character_is_found(number: str, place: int, data: some.DataObject) -> None:
    alphabet = "123456789" if number[place].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    wrong = data.draw(some.sampled_from(alphabet.replace(number[place], "")))
    assert "compare it" in advice(number[:place] + wrong + number[place + 1 :], "IN")


@given(some.sampled_from(GSTINS), some.integers(2, 12))
def test_two_characters_in_the_wrong_order_are_found(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped != number:
        assert "GSTIN" in advice(swapped, "IN")


@pytest.mark.parametrize("text", ["", "27AAPFU0939F1Z", "27AAPFU0939F1ZVV", "27AAPFU0939F0ZV", "२७AAPFU0939F1ZV"])
def test_what_has_not_the_form_of_a_gstin_is_refused(text: str) -> None:
    assert "15 characters" in advice(text, "IN")


@pytest.mark.parametrize(("country", "number"), VAT_NUMBERS)
def test_a_published_vat_number_is_taken(country: str, number: str) -> None:
    assert parse_tax_id(number, country) == number
    assert parse_tax_id(number[2:], country) == number
    assert parse_tax_id(f"{number[:2].lower()} {number[2:5]}.{number[5:]}", country) == number


def test_every_member_state_is_known() -> None:
    assert len(MEMBER_STATES) == 27


@pytest.mark.parametrize("country", MEMBER_STATES)
def test_the_example_in_the_advice_is_a_number_of_the_country(country: str) -> None:
    told = advice("1", country)
    example = told.partition("looks like ")[2].partition(";")[0]
    assert parse_tax_id(example, country) == example


@pytest.mark.parametrize(("country", "number"), VAT_NUMBERS)
def test_a_number_of_another_length_or_with_strange_characters_is_refused(country: str, number: str) -> None:
    assert advice(f"{number}12345678", country)
    assert advice(f"{number[:-1]}#", country)
    assert advice(f"{number}\u0661", country)


@pytest.mark.parametrize(
    ("country", "text"),
    [
        ("AT", "ATX13585627"),
        ("BE", "BE2428759497"),
        ("ES", "ES123456789"),
        ("LT", "LT1195115150"),
        ("NL", "NL004495445A01"),
        ("DE", "FR136695976"),
        ("GR", "GR094259216"),
    ],
)
def test_a_number_of_the_wrong_form_is_refused(country: str, text: str) -> None:
    assert "looks like" in advice(text, country)


@pytest.mark.parametrize(
    ("country", "text"), [("GB", "GB 980 7806 84"), ("US", "12-3456789"), ("JP", "T1180301018771")]
)
def test_numbers_of_other_countries_stay_as_they_are(country: str, text: str) -> None:
    assert parse_tax_id(f" {text} ", country) == text


@pytest.mark.parametrize("text", ["", "   ", "1" * 31, "12\n34", "12\x0034", "12\u202e34", "12\u200b34"])
def test_numbers_of_other_countries_are_a_short_line(text: str) -> None:
    assert "up to 30 characters" in advice(text, "US")


@given(some.text(max_size=40), some.sampled_from(["IN", "US", *MEMBER_STATES]))
def test_a_number_that_is_taken_is_taken_again(text: str, country: str) -> None:
    try:
        number = parse_tax_id(text, country)
    except InvalidError:
        return
    assert parse_tax_id(number, country) == number
    assert number.isprintable()
    assert len(number) <= 30
