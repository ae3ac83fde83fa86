"""What stands on the pages of a PDF that fpdf2 made: its lines of text, where, in which colour and typeface."""

import re
import zlib
from collections.abc import Iterator

import msgspec

_OBJECT = re.compile(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\n(.*)\nendstream", re.DOTALL)
_LINE = re.compile(rb"q\nBT /F(\d+) ([\d.]+) Tf ET\nq BT ([\d.]+) ([\d.]+) Td (.*?)ET Q\nQ", re.DOTALL)
_STEP = re.compile(
    rb"1 0 0 1 ([\d.]+) [\d.]+ Tm|/F(\d+) [\d.]+ Tf|((?:[\d.]+ ){1,3})(?:rg|g)(?= )|\(((?:\\.|[^\\)])*)\) Tj", re.DOTALL
)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_POINTS_PER_MM = 72 / 25.4


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of text. Lengths are millimetres from the upper left corner of its page, `y` is the baseline."""

    text: str
    page: int
    left: float
    right: float
    y: float
    size: float
    color: str
    typefaces: tuple[str, ...]
    glyphs: int


class _Typeface(msgspec.Struct, frozen=True):
    name: str
    characters: dict[int, str]
    widths: dict[int, float]
    default_width: float


class Printed:
    """A PDF, read."""

    def __init__(self, pdf: bytes) -> None:
        self._objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
        fonts = next((body for body in self._objects.values() if b"/Font <<" in body), b"")
        self._typefaces = {
            int(key): self._typeface(int(number)) for key, number in re.findall(rb"/F(\d+) (\d+) 0 R", fonts)
        }
        pages = [body for body in self._objects.values() if b"/Type /Page\n" in body]
        self.pages = len(pages)
        self.lines = [line for place, page in enumerate(pages) for line in self._lines(place, page)]
        self.texts = [line.text for line in self.lines]
        self.typefaces = {typeface.name for typeface in self._typefaces.values()}

    def line(self, text: str) -> Line:
        """The only line with this text."""
        (found,) = [line for line in self.lines if line.text == text]
        return found

    def _lines(self, page_number: int, page: bytes) -> Iterator[Line]:
        (contents,) = re.findall(rb"/Contents (\d+) 0 R", page)
        for key, size, x, y, steps in _LINE.findall(self._stream(int(contents))):
            yield self._read(page_number, (int(key), float(size), float(x), float(y)), steps)

    def _read(self, page: int, begin: tuple[int, float, float, float], steps: bytes) -> Line:
        key, size, left, y = begin
        x, color, text, used, glyphs = left, "", "", list[str](), 0
        for moved, chosen, channels, shown in _STEP.findall(steps):
            if moved:
                x = float(moved)
            elif chosen:
                key = int(chosen)
            elif channels:
                parts = [round(float(each) * 255) for each in channels.split()]
                color = "#" + "".join(f"{part:02x}" for part in (parts if len(parts) == 3 else parts * 3))
            else:
                typeface = self._typefaces[key]
                codes = _codes(shown)
                # The first glyph of a cluster has all of its characters; the others have a word joiner.
                text += "".join(typeface.characters[code] for code in codes).replace("\u2060", "")
                x += sum(typeface.widths.get(code, typeface.default_width) for code in codes) * size / 1000
                glyphs += len(codes)
                used.append(typeface.name)
        return Line(
            text=text,
            page=page,
            left=left / _POINTS_PER_MM,
            right=x / _POINTS_PER_MM,
            y=297 - y / _POINTS_PER_MM,
            size=size,
            color=color,
            typefaces=tuple(dict.fromkeys(used)),
            glyphs=glyphs,
        )

    def _typeface(self, number: int) -> _Typeface:
        font = self._objects[number]
        descendant = self._objects[_number(rb"/DescendantFonts \[(\d+)", font)]
        cmap = self._stream(_number(rb"/ToUnicode (\d+)", font))
        pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>", cmap.partition(b"beginbfchar")[2])
        (widths,) = re.findall(rb"/W \[ (.*)\]", descendant, re.DOTALL)
        return _Typeface(
            name=re.findall(rb"/BaseFont /MPDFAA\+(\w+)", font)[0].decode(),
            characters={int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs},
            widths=_widths(widths.replace(b"[", b" [ ").replace(b"]", b" ] ").split()),
            default_width=_number(rb"/DW (\d+)", descendant),
        )

    def _stream(self, number: int) -> bytes:
        body = self._objects[number]
        (data,) = _STREAM.findall(body)
        return zlib.decompress(data) if b"/FlateDecode" in body else bytes(data)


def _number(pattern: bytes, body: bytes) -> int:
    (number,) = re.findall(pattern, body)
    return int(number)


def _codes(literal: bytes) -> list[int]:
    """The glyphs of a literal string: two bytes each (PDF 32000-1:2008, 7.3.4.2)."""
    plain = re.sub(rb"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), literal, flags=re.DOTALL)
    return [int.from_bytes(plain[place : place + 2], "big") for place in range(0, len(plain), 2)]


def _widths(tokens: list[bytes]) -> dict[int, float]:
    """The widths of glyphs: `first [width …]` and `first last width` by turns (PDF 32000-1:2008, 9.7.4.3)."""
    widths = dict[int, float]()
    while tokens:
        first = int(tokens.pop(0))
        if tokens[0] == b"[":
            end = tokens.index(b"]")
            widths |= {first + place: float(width) for place, width in enumerate(tokens[1:end])}
            del tokens[: end + 1]
        else:
            widths |= dict.fromkeys(range(first, int(tokens[0]) + 1), float(tokens[1]))
            del tokens[:2]
    return widths
