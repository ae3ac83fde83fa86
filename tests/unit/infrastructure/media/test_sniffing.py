import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from academy.infrastructure.media.formats import ARCHIVES, DOCUMENTS, IMAGES, SNIFF_BYTES, VIDEOS, Format
from academy.infrastructure.media.sniffing import LONGEST_NAME, FileRefused, extension_of, safe_name, sniff
from tests.academies.hostile import PROGRAMS, tar_that_runs, tarred

EVERYTHING = (*VIDEOS, *IMAGES, *DOCUMENTS, *ARCHIVES)
OFFICE = b"PK\x03\x04" + b"\0" * 22 + b"\x13\0\0\0[Content_Types].xml" + b"\0" * 50
HEADS = {
    "mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "mov": b"\0\0\0\x14ftypqt  \0\0\2\0qt  ",
    "avi": b"RIFF\x24\0\0\0AVI LIST",
    "mkv": b"\x1a\x45\xdf\xa3\x01\0\0\0",
    "flv": b"FLV\x01\x05\0\0\0\x09",
    "wmv": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\0" * 16,
    "jpg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "jpeg": b"\xff\xd8\xff\xe1\0\x10Exif",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "gif": b"GIF89a\1\0\1\0",
    "webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "pdf": b"%PDF-1.7\n",
    "doc": bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 500,
    "docx": OFFICE,
    "zip": b"PK\x03\x04" + b"\0" * 22 + b"\1\0\0\0a",
    "rar": b"Rar!\x1a\x07\x01\x00",
    "7z": b"7z\xbc\xaf\x27\x1c\0\4",
    "tar": b"name.txt".ljust(257, b"\0") + b"ustar\x0000",
    "gz": b"\x1f\x8b\x08\0\0\0\0\0",
}
SAME_BYTES = {"doc": "xls ppt", "docx": "xlsx pptx zip", "jpg": "jpeg", "jpeg": "jpg", "mp4": "mov", "zip": ""}


def format_of(extension: str) -> Format:
    return next(one for one in EVERYTHING if extension in one.extensions)


@pytest.mark.parametrize("extension", HEADS)
def test_each_format_is_known_by_name_type_and_bytes(extension: str) -> None:
    expected = format_of(extension)
    for declared in (expected.content_type, *expected.declared, "", "application/octet-stream"):
        assert sniff(f"My file.{extension.upper()}", declared, HEADS[extension], EVERYTHING) is expected
    assert sniff(f"x.{extension}", f"{expected.content_type.upper()}; a=b", HEADS[extension], EVERYTHING) is expected


@pytest.mark.parametrize("extension", HEADS)
def test_bytes_of_one_format_under_the_name_of_another_are_refused(extension: str) -> None:
    alike = {extension, *SAME_BYTES.get(extension, "").split()}
    for other in (ending for one in EVERYTHING for ending in one.extensions if ending not in alike):
        with pytest.raises(FileRefused, match="its content is something else"):
            sniff(f"x.{other}", "", HEADS[extension], EVERYTHING)


def test_a_type_that_contradicts_is_refused_and_an_unlisted_one_of_the_family_is_not() -> None:
    assert sniff("x.mp4", "video/x-m4v", HEADS["mp4"], VIDEOS).content_type == "video/mp4"
    for declared in ("video/x-flv", "image/png", "text/html", "application/pdf"):
        with pytest.raises(FileRefused, match="is sent as"):
            sniff("x.mp4", declared, HEADS["mp4"], VIDEOS)
    with pytest.raises(FileRefused, match="is sent as"):
        sniff("x.pdf", "application/x-something", HEADS["pdf"], DOCUMENTS)


def test_kinds_that_are_not_taken_and_empty_files() -> None:
    with pytest.raises(FileRefused, match="Choose one of: mp4, mov"):
        sniff("x.pdf", "application/pdf", HEADS["pdf"], VIDEOS)
    for name in ("noextension", ".mp4", "x.mp4.exe", "x.", "x.svg"):
        with pytest.raises(FileRefused, match="not taken"):
            sniff(name, "", HEADS["mp4"], VIDEOS)
    with pytest.raises(FileRefused, match="empty"):
        sniff("x.mp4", "video/mp4", b"", VIDEOS)


@pytest.mark.parametrize(
    "content", [b"<html><script>", b"<svg xmlns=", b"#!/bin/sh\n", b"MZ\x90\0", b"\x7fELF", b"#EXTM3U"]
)
def test_active_content_is_never_taken(content: bytes) -> None:
    for one in EVERYTHING:
        with pytest.raises(FileRefused):
            sniff(f"x.{one.extensions[0]}", one.content_type, content, EVERYTHING)


@pytest.mark.parametrize("what", PROGRAMS)
def test_programs_are_never_taken(what: str) -> None:
    for one in EVERYTHING:
        with pytest.raises(FileRefused, match=r"something else|also a program"):
            sniff(f"x.{one.extensions[0]}", "", PROGRAMS[what].ljust(600, b"\0"), EVERYTHING)
    with pytest.raises(FileRefused, match="also a program"):
        sniff("x.tar", "", tar_that_runs(PROGRAMS[what]), ARCHIVES)


def test_a_program_in_the_skin_of_a_film_is_refused() -> None:
    windows = b"MZ\x90\0moov" + bytes(52) + (64).to_bytes(4, "little") + b"PE\0\0"
    for content in (windows, b"#!/amdat" + bytes(600), windows[:60] + (9_000).to_bytes(4, "little") + bytes(600)):
        with pytest.raises(FileRefused, match="also a program"):
            sniff("x.mov", "", content, VIDEOS)
    assert sniff("x.tar", "", tarred({"MZ is a name": b"x"}), ARCHIVES).content_type == "application/x-tar"


@given(
    st.sampled_from(["mp4", "mov", "avi", "mkv", "flv", "wmv", "pdf", "doc"]),
    st.sampled_from([b"<script>", b"<SVG onload=", b"<!DOCTYPE  html>", b"<?php system", b"<iframe src", b"<html>"]),
    st.integers(0, 2000),
)
def test_pages_and_scripts_behind_a_mark_are_refused(extension: str, active: bytes, at: int) -> None:
    head = HEADS[extension].ljust(at, b"\0") + active
    with pytest.raises(FileRefused, match="also a web page or a script"):
        sniff(f"x.{extension}", "", head, EVERYTHING)
    assert sniff(f"x.{extension}", "", head.replace(b"<", b"("), EVERYTHING) is format_of(extension)


@given(st.sampled_from(list(HEADS)), st.binary(max_size=SNIFF_BYTES), st.sampled_from(list(PROGRAMS)))
def test_nothing_is_two_things(extension: str, rest: bytes, program: str) -> None:
    """Whatever follows a mark: what is taken is neither a program nor, where none belongs, a page."""
    for content in (HEADS[extension] + rest, PROGRAMS[program] + HEADS[extension] + rest):
        try:
            found = sniff(f"x.{extension}", "", content, EVERYTHING)
        except FileRefused:
            continue
        assert not content.startswith((b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"))
        assert found.holds_text or b"<script" not in content[:SNIFF_BYTES].lower()


def test_still_pictures_in_the_container_of_mp4_are_no_videos() -> None:
    with pytest.raises(FileRefused):
        sniff("x.mp4", "video/mp4", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", VIDEOS)


@given(st.binary(max_size=SNIFF_BYTES), st.text(max_size=40), st.sampled_from(EVERYTHING))
def test_any_bytes_and_any_type_are_accepted_or_refused(head: bytes, declared: str, wanted: Format) -> None:
    try:
        found = sniff(f"x.{wanted.extensions[0]}", declared, head, EVERYTHING)
    except FileRefused:
        return
    assert found is wanted
    assert wanted.mark(head)


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\film.mp4", "film.mp4"),
        ("a\0b\r\nc.mp4", "abc.mp4"),
        ("..", "file"),
        ("", "file"),
        (".htaccess", "htaccess"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ('a"b;c.pdf', "a_b_c.pdf"),
        ("पाठ १.mp4", "पाठ १.mp4"),
        ("x" * 500 + ".mp4", "x" * (LONGEST_NAME - 4) + ".mp4"),
        ("CON.pdf", "_CON.pdf"),
        ("nul", "_nul"),
        ("Com1 .tar.gz", "_Com1 .tar.gz"),
        ("lpt9.", "_lpt9"),
        ("console.pdf", "console.pdf"),
        ("com10.pdf", "com10.pdf"),
        ("x." + "y" * 500, "x." + "y" * (LONGEST_NAME - 2)),
    ],
)
def test_safe_names(given_name: str, safe: str) -> None:
    assert safe_name(given_name) == safe


@given(st.text(max_size=400))
def test_safe_names_are_safe_and_stable(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) <= LONGEST_NAME
    assert not set(safe) & set('/\\\0\r\n<>:"|?*;%')
    assert safe not in {".", ".."}
    assert safe[0] != "."
    assert safe.partition(".")[0].rstrip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}
    assert safe_name(safe) == safe
    safe.encode()


@given(st.text(string.ascii_letters + ". /\\", max_size=40), st.sampled_from(["mp4", "PDF"]))
def test_the_extension_survives(stem: str, extension: str) -> None:
    assume(safe_name(stem) != "file" and not stem.rstrip(". ").endswith(("/", "\\")))
    assert extension_of(f"{stem}.{extension}") == extension.lower()
