"""Sheets: any text in its typeface, within its room, and never more than text."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from babel.numbers import get_currency_symbol, list_currencies
from hypothesis import given, settings
from hypothesis import strategies as some

from academy.infrastructure.pdf.sheet import MARGIN, Sheet
from tests.printed import Printed

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
# More than rounding to hundredths of a point, less than anybody sees.
HAIR = 0.1


def new_sheet() -> Sheet:
    return Sheet(title="A sheet", author="The academy", language="en", created_at=NOON)


@pytest.fixture
def sheet() -> Iterator[Sheet]:
    with new_sheet() as opened:
        yield opened


def printed(text: str, *, width: float = 60, most_lines: int = 3) -> Printed:
    with new_sheet() as sheet:
        sheet.block(text, MARGIN, 30, width, most_lines=most_lines)
        return Printed(sheet.pdf())


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Maya  Rao\n\t", "Maya Rao"),
        ("a\x00b\x1bc\u200bd\u00ade", "abcde"),
        ("\u202e00.001₹\u202c \u2066x\u2069", "00.001₹ x"),
        ("page \ue000", "page"),
        ("Fun 🎉️ course", "Fun course"),
        ("李 عمر \u0bae", "? ??? ?"),
        ("Zoe\u0308", "Zoë"),
        ("क्\u200dष", "क्\u200dष"),
        ("\ud800", ""),
    ],
)
def test_only_what_can_be_read_is_written(sheet: Sheet, text: str, written: str) -> None:
    assert sheet.printable(text) == written


def test_the_sign_of_every_currency_can_be_written(sheet: Sheet) -> None:
    signs = {get_currency_symbol(code, locale="en_IN").replace("\u202f", " ") for code in list_currencies()}
    assert {"₹", "₩", "₫", "₪"} <= signs
    assert {sign for sign in signs if sheet.printable(sign) != sign} == set()


@pytest.mark.parametrize(
    ("text", "typeface"),
    [
        ("Łukasz Žižek", "Figtree"),
        ("Nguyễn", "NotoSans"),
        ("Σωκράτης", "NotoSans"),
        ("Фёдор", "NotoSans"),
        ("लक्ष्मी", "NotoSansDevanagari"),
    ],
)
def test_names_are_written_in_a_typeface_that_has_them(text: str, typeface: str) -> None:
    (line,) = printed(text).lines
    assert line.text == text
    assert line.typefaces[-1] == typeface or typeface in line.typefaces


def test_only_what_is_used_is_embedded() -> None:
    assert printed("Maya").typefaces == {"Figtree"}
    assert printed("माया").typefaces == {"NotoSansDevanagari"}
    assert printed("Maya, माया").typefaces == {"Figtree", "NotoSansDevanagari"}


def test_devanagari_is_shaped() -> None:
    # Four characters: ka, virama, ssa, and i, which stands before them. Two glyphs.
    (line,) = printed("क्षि").lines
    assert (line.text, line.glyphs) == ("क्षि", 2)


def test_what_follows_devanagari_is_in_its_own_typeface(sheet: Sheet) -> None:
    for place, text in enumerate(["माया", "Maya", "माया Rao", "Rao"]):
        sheet.block(text, MARGIN, 30 + 10 * place, 80)
    lines = Printed(sheet.pdf()).lines
    assert [line.text for line in lines] == ["माया", "Maya", "माया Rao", "Rao"]
    assert [line.typefaces for line in lines] == [
        ("NotoSansDevanagari",),
        ("Figtree",),
        ("NotoSansDevanagari", "Figtree"),
        ("Figtree",),
    ]


def test_long_texts_are_wrapped_between_words() -> None:
    text = "Bookkeeping, GST returns and cash-flow planning for small businesses"
    lines = printed(text).lines
    assert len(lines) == 3
    assert " ".join(line.text for line in lines) == text
    assert [below.y - above.y for above, below in itertools.pairwise(lines)] == pytest.approx([4.8, 4.8], abs=HAIR)


def test_long_words_are_wrapped_anywhere() -> None:
    lines = printed("a" * 60).lines
    assert len(lines) == 2
    assert "".join(line.text for line in lines) == "a" * 60


def test_what_has_no_room_ends_in_an_ellipsis() -> None:
    first, last = printed("word " * 1000, most_lines=2).lines
    assert not first.text.endswith("…")
    assert last.text.startswith("word word")
    assert last.text.endswith("…")
    assert MARGIN + 55 < last.right <= MARGIN + 60


@pytest.mark.parametrize("end", [" b", "b"])
def test_a_text_that_just_fits_is_whole(sheet: Sheet, end: str) -> None:
    text = "a" * 20 + end
    sheet.block(text, MARGIN, 30, sheet.get_string_width(text))
    assert Printed(sheet.pdf()).texts == [text]


@given(some.text(max_size=300), some.floats(10, 160), some.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_no_text_leaves_its_room(text: str, width: float, most_lines: int) -> None:
    lines = printed(text, width=width, most_lines=most_lines).lines
    assert len(lines) <= most_lines
    for line in lines:
        assert line.left == pytest.approx(MARGIN, abs=HAIR)
        assert line.right <= MARGIN + width + HAIR


@pytest.mark.parametrize("amount", ["₹1", "KWD 12,34,56,78,90,12,345.678"])
def test_a_figure_is_never_cut(sheet: Sheet, amount: str) -> None:
    sheet.style(14)
    sheet.block("Total", 60, 30, 40)
    sheet.figure(amount, 100, 30, 30)
    label, line = Printed(sheet.pdf()).lines
    assert line.y == pytest.approx(label.y, abs=HAIR)
    assert line.text == amount
    assert line.left >= 100 - HAIR
    assert line.right == pytest.approx(130, abs=HAIR)
    assert sheet.font_size_pt == 14


@pytest.mark.parametrize(
    "text",
    [
        r"a) Tj ET Q Q BT (b",
        r"\) \\ \( \n \101",
        "**bold** __under__ [link](https://example.com)",
        "{nb} <script>alert(1)</script> & &amp; %PDF %%EOF endstream endobj",
    ],
)
def test_a_text_is_only_a_text(text: str) -> None:
    pdf_of_text = printed(text, width=160)
    assert pdf_of_text.texts == [text]
    assert pdf_of_text.pages == 1


def test_a_title_is_only_a_title() -> None:
    with Sheet(title="a) /JS (b \\", author="(\\", language="en", created_at=NOON) as sheet:
        assert rb"/Title (a\) /JS \(b \\)" in sheet.pdf()


def test_every_page_knows_how_many_there_are(sheet: Sheet) -> None:
    for page in range(9):
        if page:
            sheet.add_page()
        sheet.write_line(sheet.page_of_pages, MARGIN, 30, 40)
    assert Printed(sheet.pdf()).texts == [f"{page} of 9" for page in range(1, 10)]


def test_what_has_no_room_goes_to_a_new_page(sheet: Sheet) -> None:
    sheet.set_y(200)
    sheet.room(73)
    assert sheet.page_no() == 1
    sheet.room(73.1)
    assert sheet.page_no() == 2


def test_programs_that_read_aloud_know_the_language_and_the_title(sheet: Sheet) -> None:
    pdf = sheet.pdf()
    assert b"/Lang (en)" in pdf
    assert b"/Title (A sheet)" in pdf
    assert b"/DisplayDocTitle true" in pdf
    assert b"/CreationDate (D:20261123120000Z)" in pdf
