"""Pages of paper: A4, with the academy's typefaces embedded, for invoices and whatever else people print or keep.

Made by fpdf2, which needs no system package, with HarfBuzz shaping the text: in Devanagari, letters change by what
stands beside them. A document made again from the same content has the same bytes.
"""

import unicodedata
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Self, cast

from fpdf import FPDF
from fpdf.fonts import TTFFont
from fpdf.prefs import ViewerPreferences

INK, SOFT, RULE = "#1b1f29", "#5b5f6b", "#dfded8"
"""The colours of text, of what stands beside it, and of hairlines."""
MARGIN = 22.0
"""Millimetres on the left and on the right."""

_FONTS = Path(__file__).parent / "fonts"
_FAMILY = "figtree"
# What the family has not, and the typefaces that go with it: Latin Extended, Greek, Cyrillic, currencies and the
# sign of numbers; Devanagari and its joiners.
_FALLBACKS = {
    "noto-sans": (range(0x0100, 0x0500), range(0x1E00, 0x1F00), range(0x20A0, 0x20C1), range(0x2116, 0x2117)),
    "noto-devanagari": (range(0x0900, 0x0980), range(0x200C, 0x200E)),
}
_WEIGHTS = {"": "regular", "B": "semibold"}
_TOP, _BOTTOM = 18.0, 24.0
_LEADING = 1.36
_MM_PER_POINT = 25.4 / 72
# Joiners are invisible, but Devanagari needs them; other format characters could turn the direction of a text.
_JOINERS = frozenset("\u200c\u200d")
_WORD_JOINER = 0x2060
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# Stands for the number of pages until it is known. No text can hold it: see `Sheet.printable`.
_PAGES = "\ue000"


class Sheet(FPDF):
    """A document of A4 pages. Lengths are millimetres from the upper left corner, sizes of text points.

    Texts may come from anybody: they are written as they are, in one direction, and mean nothing to the PDF. A sheet is
    a context manager, which closes the files of its typefaces.
    """

    def __init__(self, *, title: str, author: str, language: str, created_at: datetime) -> None:
        """Begins the first page. `language` is a BCP 47 tag; `created_at` is kept in the file."""
        super().__init__(format="A4")
        for style in _WEIGHTS:
            self._typeface(_FAMILY, style)
        # Figures of one width, so that amounts stand under each other.
        self.set_text_shaping(features={"tnum": True})
        self.alias_nb_pages(_PAGES)
        self.set_margins(MARGIN, _TOP)
        self.set_auto_page_break(auto=False)
        self.c_margin = 0
        self.style(10)
        self.set_title(self.printable(title))
        self.set_author(self.printable(author))
        self.set_lang(language)
        self.set_creation_date(created_at)
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self.add_page()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for typeface in map(self._loaded, self.fonts):
            typeface.ttfont.close()

    def pdf(self) -> bytes:
        """Returns the file. Nothing can be written after.

        Of the glyphs that several characters became, fpdf2 gives all characters to the first. Programs that copy or
        read the text aloud would guess at the others, so those get a character that nobody sees.
        """
        subsets = [self._loaded(key).subset.items() for key in self.fonts]
        for glyph, _ in chain.from_iterable(subsets):
            if glyph is not None and not glyph.unicode:
                glyph.unicode = (_WORD_JOINER,)
        return bytes(self.output())

    @property
    def page_of_pages(self) -> str:
        """`1 of 2`, for the footer of up to nine pages; goes through `write_line` only."""
        return f"{self.page_no()} of {_PAGES}"

    def style(self, size: float, *, strong: bool = False, color: str = INK) -> None:
        """Chooses how the next texts look."""
        self.set_font(_FAMILY, "B" if strong else "", size)
        self.set_text_color(color)

    def room(self, height: float) -> None:
        """Goes to a new page unless the present one has room for this much more."""
        if self.y + height > self.h - _BOTTOM:
            self.add_page()

    def rule(self, y: float, *, left: float = MARGIN, width: float = 0.2, color: str = RULE) -> None:
        """Draws a line to the right margin."""
        self.set_draw_color(color)
        self.set_line_width(width)
        self.line(left, y, self.w - MARGIN, y)

    def block(self, text: str, x: float, y: float, width: float, *, most_lines: int = 1, align: str = "L") -> float:
        """Writes a text of a few lines, and what is more of it as an ellipsis. Returns where the next may begin."""
        lines = self._wrapped(self.printable(text), width, most_lines)
        for line in lines:
            self.write_line(line, x, y, width, align=align)
            y += self.line_height
        return y

    def figure(self, text: str, x: float, y: float, width: float) -> float:
        """Writes a figure to the right of its column, smaller where it has no room, never cut. Returns as `block`."""
        text, size, line_height = self.printable(text), self.font_size_pt, self.line_height
        self.set_font_size(min(size, size * width / max(self.get_string_width(text), 1)))
        # On the line that it would stand on in its own size: fpdf2 sets it 0.3 of the size below the middle of a cell.
        lower = (line_height - self.line_height) * (0.5 + 0.3 / _LEADING)
        self.write_line(text, x, y + lower, width, align="R")
        self.set_font_size(size)
        return y + line_height

    def write_line(self, text: str, x: float, y: float, width: float, *, align: str = "L") -> None:
        """Writes one line of text that is printable and known to fit."""
        self.set_xy(x, y)
        # A line that ends in a fallback font would leave it to the next.
        with self.local_context():
            self.cell(width, self.line_height, text, align=align)

    @property
    def line_height(self) -> float:
        """From one line to the next in the present size."""
        return self.font_size_pt * _LEADING * _MM_PER_POINT

    def printable(self, text: str) -> str:
        """Returns a text as one line of what the typefaces have.

        Signs that they have not are left out, letters and digits become question marks.
        """
        glyphs = map(self._glyph, unicodedata.normalize("NFC", text))
        return " ".join("".join(glyphs).split())

    def _glyph(self, character: str) -> str:
        if character.isspace():
            return " "
        if unicodedata.category(character) in _UNSEEN and character not in _JOINERS:
            return ""
        style = self.font_style
        if ord(character) in self._typeface(_FAMILY, style).cmap or self.get_fallback_font(character, style):
            return character
        return "?" if character.isalnum() else ""

    def get_fallback_font(self, char: str, style: str = "") -> str | None:
        """Returns the key of the typeface for a character that the family has not, or None. fpdf2 asks for it.

        Only what is needed is taken into the document: each typeface costs time and bytes.
        """
        for family, blocks in _FALLBACKS.items():
            if any(ord(char) in block for block in blocks):
                typeface = self._typeface(family, style)
                return typeface.fontkey if ord(char) in typeface.cmap else None
        return None

    def _typeface(self, family: str, style: str) -> TTFFont:
        key = f"{family}{style}"
        if key not in self.fonts:
            self.add_font(family, style, _FONTS / f"{family}-{_WEIGHTS[style]}.ttf")
        return self._loaded(key)

    def _loaded(self, key: str) -> TTFFont:
        return cast("TTFFont", self.fonts[key])  # no other kind is ever added

    def _wrapped(self, text: str, width: float, most_lines: int) -> list[str]:
        """The text as lines of this width, the last of them cut when there are more.

        fpdf2 wraps text, too, but loses track of the font when it does so by trial with fallback fonts.
        """
        lines, rest = list[str](), text
        while rest and len(lines) < most_lines:
            fitting = self._fitting(rest, width)
            words, space, _ = rest[: fitting + 1].rpartition(" ")
            line = rest if fitting == len(rest) else words if space else rest[:fitting]
            lines.append(line.rstrip())
            rest = rest[len(line) :].lstrip()
        if rest:
            cut = f"{lines[-1]} {rest[0]}"
            ellipsis = self.get_string_width("…")
            lines[-1] = cut[: self._fitting(cut, width - ellipsis)].rstrip() + "…"
        return lines

    def _fitting(self, text: str, width: float) -> int:
        """How many of a text's characters fit into a width; one at least."""
        # No line holds more than this of the narrowest letters: a text without end costs no time.
        low, high = 1, min(len(text), int(width / self.font_size * 6) + 1)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.get_string_width(text[:middle]) <= width else (low, middle - 1)
        return low
