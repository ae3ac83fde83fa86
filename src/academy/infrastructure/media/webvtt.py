"""WebVTT: captions read from a file and written again.

Follows the W3C's WebVTT (https://www.w3.org/TR/webvtt1/, sections 4 and 6). SubRip files (.srt) are read, too. Where a
browser would silently leave a cue out, the file is refused with the line that is wrong; comments, styles, regions and
cue settings are left out, and of the tags only those without a look of their own are kept.
"""

import html
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from academy.infrastructure.media.errors import UnreadableCaptions

LARGEST_FILE = 2_000_000
MOST_CUES = 20_000
LONGEST_CUE = 500

_SIGNATURE = "WEBVTT"
_ARROW = "-->"
# The hours are optional, and there is no most of them (section 4.4); a file with more than a million is no captions.
_TIME = r"(?:(\d{1,6}):)?([0-5]\d):([0-5]\d)[.,](\d{3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?", re.ASCII)
_NO_CUE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
# Control characters and halves of characters mean nothing in a caption, and some storages refuse them.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_KEPT_TAG = r"/?(?:b|i|u|ruby|rt)|/(?:v|lang)"
# A tag, with the classes that it may have, or with the name of who speaks or the language.
_TAG = re.compile(r"<(?:(/?[a-z]+)(?:\.[^<>\s]*)?(?:\s+([^<>]*))?|[\d:.]+)\s*>", re.ASCII | re.IGNORECASE)
_KEPT = re.compile(_KEPT_TAG)
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|nbsp|lrm|rlm|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});)")
# SubRip's players know positions such as {\an8}, which browsers would show.
_SUBRIP_POSITION = re.compile(r"\{\\[^{}]*\}")


class Cue(msgspec.Struct, frozen=True):
    """A text and when it is shown, in milliseconds from the start of the video; the end comes after the start.

    The text is WebVTT's: `&` and `<` are written as `&amp;` and `&lt;`, lines are divided by line feeds.
    """

    start_ms: int
    end_ms: int
    text: str


class _Line(NamedTuple):
    number: int
    text: str


def read_captions(content: bytes | str) -> list[Cue]:
    """Returns the cues of a WebVTT or SubRip file, by their times.

    Raises UnreadableCaptions, which names the line that is wrong and says what to do.
    """
    lines = _lines(content)
    first = next((line for line in lines if line.text), None)
    if first is None:
        raise UnreadableCaptions(
            "This file is empty. Choose a WebVTT (.vtt) or SubRip (.srt) file with captions in it."
        )
    is_webvtt = first.number == 1 and re.match(rf"{_SIGNATURE}(?:[ \t]|$)", first.text) is not None
    if not is_webvtt and not (first.text.isdigit() or _ARROW in first.text):
        raise UnreadableCaptions(
            f'Line {first.number}: a WebVTT file begins with a line "WEBVTT", a SubRip file with the number 1. '
            "This is neither: choose a .vtt or .srt file."
        )
    cues: list[Cue] = []
    for block in _blocks(lines, after_header=is_webvtt):
        cue = _cue(block, is_subrip=not is_webvtt)
        if cue is not None:
            cues.append(cue)
        if len(cues) > MOST_CUES:
            raise UnreadableCaptions(f"This file has more than {MOST_CUES} cues, which is more than a video can have.")
    return sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms))


def write_captions(cues: Sequence[Cue]) -> str:
    """Returns a WebVTT file with these cues."""
    shown = (f"{written_time(cue.start_ms)} {_ARROW} {written_time(cue.end_ms)}\n{cue.text}\n" for cue in cues)
    return "\n".join([f"{_SIGNATURE}\n", *shown])


def written_time(milliseconds: int) -> str:
    """Returns a time as WebVTT writes it: `00:01:02.500`."""
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"


def plain_text(text: str) -> str:
    """Returns what a viewer reads of a cue's text: in one line, without tags."""
    return " ".join(html.unescape(_TAG.sub("", text)).split())


def cue_text(plain: str) -> str:
    """Returns a plain text as the text of a cue."""
    return html.escape(" ".join(_UNFIT.sub(" ", plain).split()), quote=False)


def _lines(content: bytes | str) -> list[_Line]:
    """Returns the lines of a file, without white space around them. Raises UnreadableCaptions."""
    size = len(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
    if size > LARGEST_FILE:
        raise UnreadableCaptions(f"This file is larger than {LARGEST_FILE // 1_000_000} MB, so it is not captions.")
    text = _decoded(content) if isinstance(content, bytes) else content
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return [_Line(number, line.strip()) for number, line in enumerate(_UNFIT.sub(" ", text).split("\n"), start=1)]


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise UnreadableCaptions(
            f"Line {number}: this is not UTF-8 text. Open the file in a text editor, save it with the encoding UTF-8, "
            "and choose it again."
        ) from error


def _blocks(lines: Sequence[_Line], *, after_header: bool) -> Iterator[list[_Line]]:
    """Gives the runs of lines between empty lines, without a WebVTT file's header and its comments and styles."""
    block: list[_Line] = []
    is_header = after_header
    for line in [*lines, _Line(len(lines) + 1, "")]:
        if line.text:
            block.append(line)
            continue
        if block and not is_header and not (_NO_CUE.match(block[0].text) and after_header and not _has_times(block)):
            yield block
        is_header = is_header and not block
        block = []


def _has_times(block: Sequence[_Line]) -> bool:
    return any(_ARROW in line.text for line in block[:2])


def _cue(block: Sequence[_Line], *, is_subrip: bool) -> Cue | None:
    """Returns the cue that a block of lines is; None for one that shows nothing. Raises UnreadableCaptions."""
    times_at = 0 if _ARROW in block[0].text or len(block) == 1 else 1
    number, line = block[times_at]
    found = _TIMES.fullmatch(line)
    if found is None:
        raise UnreadableCaptions(
            f"Line {number}: here the times of a cue should stand, such as 00:01:02.500 --> 00:01:05.000. "
            "Times have two digits of minutes and seconds, and three of milliseconds."
        )
    start_ms, end_ms = _milliseconds(found.groups()[:4]), _milliseconds(found.groups()[4:])
    if end_ms <= start_ms:
        raise UnreadableCaptions(
            f"Line {number}: this cue ends at {written_time(end_ms)}, which is not after its start. Correct the times."
        )
    for further in block[times_at + 1 :]:
        if _TIMES.fullmatch(further.text):
            raise UnreadableCaptions(f"Line {further.number}: put an empty line before this cue.")
    text = "\n".join(further.text for further in block[times_at + 1 :])
    text = _cleaned(_SUBRIP_POSITION.sub("", text) if is_subrip else text)
    if len(text) > LONGEST_CUE:
        raise UnreadableCaptions(
            f"Line {number}: this cue has {len(text)} characters, and at most {LONGEST_CUE} can be read while it is "
            "shown. Divide it into several."
        )
    return Cue(start_ms, end_ms, text) if plain_text(text) else None


def _milliseconds(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _cleaned(text: str) -> str:
    """Returns a cue's text with the tags that are kept; every other sign that could begin one is written as text."""
    parts: list[str] = []
    end = 0
    for tag in _TAG.finditer(text):
        parts += [_escaped(text[end : tag.start()]), _kept(tag)]
        end = tag.end()
    parts.append(_escaped(text[end:]))
    lines = (line.strip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def _escaped(text: str) -> str:
    return _ENTITY.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def _kept(tag: re.Match[str]) -> str:
    """Returns a tag without its classes; "" for one that is not kept."""
    name = (tag.group(1) or "").lower()
    if _KEPT.fullmatch(name):
        return f"<{name}>"
    # A dash at the end would make an arrow of the tag's end.
    annotation = _escaped(" ".join((tag.group(2) or "").split()).rstrip("- "))
    return f"<{name} {annotation}>" if name in ("v", "lang") and annotation else ""
