"""Captions, read and written."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.infrastructure.media.errors import UnreadableCaptions
from academy.infrastructure.media.webvtt import Cue, cue_text, plain_text, read_captions, write_captions, written_time

HINDI = "नमस्ते, पाइथन सीखें"
FILE = """WEBVTT - Lesson one
Kind: captions

NOTE made by hand
over two lines

STYLE
::cue { color: red }

REGION
id:bottom

intro
00:01.000 --> 00:04.250 align:start line:0
Hello, <v.loud Asha>and <b>welcome</b>
to the course

01:00:00.000 --> 01:00:02.000
Later
"""


def test_a_file_with_everything_in_it() -> None:
    assert read_captions(FILE) == [
        Cue(1_000, 4_250, "Hello, <v Asha>and <b>welcome</b>\nto the course"),
        Cue(3_600_000, 3_602_000, "Later"),
    ]


def test_subrip_becomes_webvtt() -> None:
    srt = (
        "1\r\n00:00:01,500 --> 00:00:03,000\r\n{\\an8}<font color=red>Up</font> &\r\n\r\n"
        "2\r\n00:00:04,000 --> 00:00:05,000\r\n3 < 4\r\n"
    )
    cues = read_captions(srt.encode("utf-8-sig"))
    assert cues == [Cue(1_500, 3_000, "Up &amp;"), Cue(4_000, 5_000, "3 &lt; 4")]
    assert write_captions(cues) == (
        "WEBVTT\n\n00:00:01.500 --> 00:00:03.000\nUp &amp;\n\n00:00:04.000 --> 00:00:05.000\n3 &lt; 4\n"
    )


def test_cues_may_overlap_and_stand_in_any_order() -> None:
    text = "WEBVTT\n\n00:05.000 --> 00:09.000\nB\n\n00:01.000 --> 00:06.000\nA\n\n100:00:00.000 --> 123456:00:00.001\nC"
    assert [(cue.text, cue.start_ms) for cue in read_captions(text)] == [("A", 1_000), ("B", 5_000), ("C", 360_000_000)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_line(end: str) -> None:
    content = end.join(["\ufeffWEBVTT", "", "00:01.000 --> 00:02.000", HINDI, "", ""])
    assert read_captions(content.encode()) == [Cue(1_000, 2_000, HINDI)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "This file is empty"),
        (b"\n\n", "This file is empty"),
        ("Hello\n", 'Line 1: a WebVTT file begins with a line "WEBVTT"'),
        ("WEBVTTX\n\n00:01.000 --> 00:02.000\nA", "Line 1"),
        ("WEBVTT\n\n00:01 --> 00:02\nA", "Line 3: here the times of a cue should stand"),
        ("WEBVTT\n\nA text\nand more\n", "Line 4: here the times"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nA\n\nB", "Line 6: here the times"),
        ("WEBVTT\n\n00:02.000 --> 00:02.000\nA", "Line 3: this cue ends at 00:00:02.000, which is not after"),
        ("WEBVTT\n\n00:61.000 --> 00:62.000\nA", "Line 3: here the times"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nA\n00:02.000 --> 00:03.000\nB", "Line 5: put an empty line before"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\n" + "a" * 501, "Line 3: this cue has 501 characters, and at most 500"),
        ("WEBVTT\n\n" + "00:01.000 --> 00:02.000\nA\n\n" * 20_001, "more than 20000 cues"),
        (b"WEBVTT\n\n" + b"a" * 2_000_000, "larger than 2 MB"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nÀ".encode("latin-1"), "Line 4: this is not UTF-8 text"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nA".encode("utf-16"), "Line 1: this is not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(content: bytes | str, said: str) -> None:
    with pytest.raises(UnreadableCaptions) as refused:
        read_captions(content)
    assert refused.value.message.startswith(said) or said in refused.value.message


@pytest.mark.parametrize(
    ("written", "kept", "read"),
    [
        ("<i>a</i> <u>b</u> <ruby>c<rt>d</rt></ruby>", "<i>a</i> <u>b</u> <ruby>c<rt>d</rt></ruby>", "a b cd"),
        ("<b.x.y>a</b>", "<b>a</b>", "a"),
        ("<c.yellow>a</c><00:01.500>b", "ab", "ab"),
        ("<script>alert(1)</script>", "alert(1)", "alert(1)"),
        ("<img src=x onerror=alert(1)>a", "a", "a"),
        ("<lang hi>नमस्ते</lang>", "<lang hi>नमस्ते</lang>", "नमस्ते"),
        ("<v Asha & Co -->Hi", "<v Asha &amp; Co>Hi", "Hi"),
        ("<v>Hi", "Hi", "Hi"),
        (
            "a < b & c > d &lt; &amp; &nope;",
            "a &lt; b &amp; c &gt; d &lt; &amp; &amp;nope;",
            "a < b & c > d < & &nope;",
        ),
        ("one -- > two", "one -- &gt; two", "one -- > two"),
    ],
)
def test_the_tags_that_are_kept(written: str, kept: str, read: str) -> None:
    (cue,) = read_captions(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{written}")
    assert (cue.text, plain_text(cue.text)) == (kept, read)


def test_what_shows_nothing_is_left_out() -> None:
    assert read_captions("WEBVTT\n\n00:01.000 --> 00:02.000\n\n00:03.000 --> 00:04.000\n<b></b>") == []
    assert read_captions("WEBVTT") == []


LIKELY = st.text("WEBVTNOTE0123:.,-> <>/&;abivl\n\r\t\ufeffहि\x00")


@given(st.one_of(LIKELY, LIKELY.map(lambda text: f"WEBVTT\n\n{text}"), st.binary(), st.text()))
def test_no_text_whatever_breaks_it(content: bytes | str) -> None:
    with contextlib.suppress(UnreadableCaptions):
        cues = read_captions(content)
        assert read_captions(write_captions(cues)) == cues


TIMES = st.integers(0, 10**12)
BODIES = st.lists(st.one_of(LIKELY, st.text(max_size=60)), min_size=1, max_size=5)


@given(BODIES, TIMES, st.integers(1, 10**6))
def test_written_and_read_again_it_is_the_same(bodies: list[str], start_ms: int, length_ms: int) -> None:
    times = f"{written_time(start_ms)} --> {written_time(start_ms + length_ms)}"
    blocks = [f"{times}\n{' '.join(body.replace('-->', '').split())[:60]}" for body in bodies]
    cues = read_captions("WEBVTT\n\n" + "\n\n".join(blocks))
    assert all((cue.start_ms, cue.end_ms) == (start_ms, start_ms + length_ms) for cue in cues)
    assert read_captions(write_captions(cues)) == cues
    assert "-->" not in "".join(cue.text for cue in cues)


@given(st.text())
def test_a_plain_text_as_a_cue_is_read_as_it_was_written(text: str) -> None:
    shown = plain_text(cue_text(text))
    assert cue_text(shown) == cue_text(text)
    if shown:
        assert plain_text(read_captions(write_captions([Cue(0, 1, cue_text(shown))]))[0].text)[:400] == shown[:400]
