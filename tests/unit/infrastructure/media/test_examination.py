"""Archives and documents that are made to do harm are refused with the reason; honest ones are not."""

import gzip
import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.media.archives import Budget, check_gzip, check_tar, check_zip, hides_archive
from academy.infrastructure.media.examination import examine, is_examined
from academy.infrastructure.media.formats import ARCHIVES, DOCUMENTS, Format
from academy.infrastructure.media.sniffing import FileRefused, sniff
from academy.infrastructure.media.unusable import (
    ANOTHER_OFFICE,
    BOMB,
    DAMAGED_ARCHIVE,
    DEVICES,
    HIDES_ARCHIVE,
    LEADING_OUT,
    LYING,
    OVERLAPPING,
    TOO_DEEP,
    TOO_MANY_MEMBERS,
    Unusable,
)
from tests.academies import hostile
from tests.academies.hostile import OLE, PDF, tarred, zipped

EVERYTHING = (*DOCUMENTS, *ARCHIVES)
OFFICE = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w:document/>" * 50}
LEADING = ["../evil", "a/../../evil", "/etc/passwd", "C:\\evil", "..\\evil", "a\u202egpj.exe"]


def damaged_zip() -> bytes:
    content = bytearray(zipped({"a": b"text" * 999}))
    content[33:43] = b"\xff" * 10
    return bytes(content)


HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "bomb": ("zip", hostile.zip_bomb, BOMB),
    "lie about the size": ("zip", hostile.lying_zip, LYING),
    "overlap": ("zip", hostile.overlapping_zip, OVERLAPPING),
    "too many files": ("zip", hostile.crowded_zip, TOO_MANY_MEMBERS),
    "too deep": ("zip", lambda: hostile.deep_zip(4), TOO_DEEP),
    "bombs inside": ("zip", hostile.branching_zip, BOMB),
    "bomb in a gzip in an archive": ("zip", lambda: zipped({"a.gz": hostile.gzip_bomb()}), BOMB),
    "bomb in an archive in a tar": ("tar", lambda: tarred({"a.zip": hostile.zip_bomb()}), BOMB),
    "another archive behind": ("zip", hostile.zip_behind_something, DAMAGED_ARCHIVE),
    "cut off": ("zip", lambda: zipped({"a": bytes(1000)})[:-30], DAMAGED_ARCHIVE),
    "damaged": ("zip", damaged_zip, DAMAGED_ARCHIVE),
    "gzip bomb": ("gz", hostile.gzip_bomb, BOMB),
    "tar bomb in gzip": ("gz", hostile.tar_gzip_bomb, BOMB),
    "damaged gzip": ("gz", lambda: gzip.compress(bytes(5000))[:12] + b"nonsense" * 9, DAMAGED_ARCHIVE),
    "holes": ("tar", hostile.sparse_tar, BOMB),
    "device": ("tar", hostile.tar_with_device, DEVICES),
    "office bomb": ("docx", lambda: zipped({**OFFICE, "word/zeros": hostile.ZEROS * 101}), BOMB),
    "no office": ("docx", lambda: zipped({"word/evil.exe": b"MZ"}), ANOTHER_OFFICE),
    "archive behind a PDF": ("pdf", lambda: PDF + zipped({"evil.exe": b"MZ"}), HIDES_ARCHIVE),
    "archive behind an old document": ("doc", lambda: OLE + zipped({"evil.exe": b"MZ"}), HIDES_ARCHIVE),
    **{f"{name} in a zip": ("zip", partial(zipped, {name: b"x"}), LEADING_OUT) for name in LEADING},
    **{f"{name} in a tar": ("tar", partial(tarred, {name: b"x"}), LEADING_OUT) for name in LEADING},
    "out of a tar in a gzip": ("gz", lambda: tarred({"../evil": b"x"}, "w:gz"), LEADING_OUT),
}
GOOD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "zip": ("zip", lambda: zipped({"a/b.txt": b"text" * 999, "a/": b"", "पाठ.txt": b"x", "a..b": b"y"})),
    "stored": ("zip", lambda: zipped({"a": b"text" * 999}, zipfile.ZIP_STORED)),
    "bzip2": ("zip", lambda: zipped({"a": b"text" * 999}, zipfile.ZIP_BZIP2)),
    "lzma": ("zip", lambda: zipped({"a": b"text" * 999}, zipfile.ZIP_LZMA)),
    "nothing in it": ("zip", lambda: zipped({})),
    "archives in archives": ("zip", lambda: hostile.deep_zip(3)),
    "much of the same": ("zip", lambda: zipped({"zeros": hostile.ZEROS * 90})),
    "tar": ("tar", lambda: tarred({"a/b.txt": b"text" * 999, "c": b""})),
    "tar.gz": ("gz", lambda: tarred({"a/b.txt": b"text" * 999, "c.zip": zipped({"d": b"e"})}, "w:gz")),
    "gzip": ("gz", lambda: gzip.compress(b"text" * 999) * 3),
    "docx": ("docx", lambda: zipped(OFFICE)),
    "pdf": ("pdf", lambda: PDF),
    "pdf with an archive in it": ("pdf", lambda: PDF + b"stream\n" + zipped({"a": b"b"})[:60] + b"\nendstream"),
    "doc": ("doc", lambda: OLE),
}


def format_of(extension: str) -> Format:
    return next(one for one in EVERYTHING if extension in one.extensions)


async def looked_through(tmp_path: Path, extension: str, content: bytes) -> None:
    """What happens to an upload: its first bytes are looked at, then all of them."""
    found = sniff(f"file.{extension}", "", content, EVERYTHING)
    path = tmp_path / "file"
    path.write_bytes(content)
    await examine(path, found)


@pytest.mark.parametrize("what", HOSTILE)
async def test_what_is_made_to_harm_is_refused_with_the_reason(tmp_path: Path, what: str) -> None:
    extension, make, reason = HOSTILE[what]
    with pytest.raises(FileRefused) as refused:
        await looked_through(tmp_path, extension, make())
    assert reason in refused.value.message
    assert refused.value.fields == {"file": refused.value.message}


@pytest.mark.parametrize("what", GOOD)
async def test_what_is_honest_is_taken(tmp_path: Path, what: str) -> None:
    extension, make = GOOD[what]
    await looked_through(tmp_path, extension, make())


async def test_an_encrypted_archive_is_taken_at_its_word(tmp_path: Path) -> None:
    content = bytearray(zipped({"a": b"text" * 999}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    await looked_through(tmp_path, "zip", bytes(content))


async def test_a_child_that_dies_takes_the_file_with_it(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="damaged"):
        await examine(tmp_path / "is not there", format_of("zip"))


def test_what_cannot_be_looked_into_is_known() -> None:
    assert {one.extensions[0] for one in EVERYTHING if not is_examined(one)} == {"rar", "7z"}


# What begins like an archive is looked into, and refused when it is none.
PLAIN = st.binary(max_size=3000).filter(lambda content: not content.startswith((b"PK", b"\x1f\x8b")))
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)


@settings(deadline=None)
@given(st.dictionaries(NAMES, PLAIN, max_size=8), st.sampled_from([0, 8, 12, 14]))
def test_every_honest_archive_passes(members: dict[str, bytes], method: int) -> None:
    zip_file, tar_file = zipped(members, method), tarred(members)
    assert list(check_zip(io.BytesIO(zip_file), Budget(len(zip_file)))) == list(members)
    check_tar(io.BytesIO(tar_file), Budget(len(tar_file)))
    check_gzip(io.BytesIO(gzip.compress(tar_file)), Budget(len(tar_file)))
    assert hides_archive(io.BytesIO(b"%PDF-1.7\n" + zip_file)) == bool(members)


@settings(deadline=None)
@given(st.data())
def test_any_damage_is_refused_or_does_not_matter(data: st.DataObject) -> None:
    """Never another exception: the child would die without a reason, or go on for ever."""
    content = bytearray(data.draw(st.sampled_from([zipped({"a": b"text" * 99, "b": bytes(99)}), tarred({"a": b"x"})])))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=9)):
        content[at] = value
    check = check_zip if content[:2] == b"PK" else check_tar
    with suppress(Unusable):
        check(io.BytesIO(content), Budget(len(content)))
