import itertools
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.features.videos.multipart import MalformedUpload, read_file_part

TYPE = "multipart/form-data; boundary=edge"


def form(*parts: tuple[str, bytes], end: bytes = b"--edge--\r\n") -> bytes:
    return b"".join(b"--edge\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n" for head, body in parts) + end


def file_head(name: str = "film.mp4") -> str:
    return f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: video/mp4'


async def pieces(body: bytes, cuts: Sequence[int]) -> AsyncIterator[bytes]:
    ends = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(ends):
        yield body[start:end]


@given(st.binary(max_size=3000), st.lists(st.integers(0, 5000), max_size=30))
async def test_a_file_comes_through_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    content = content.replace(b"--edge", b"")
    body = form(('Content-Disposition: form-data; name="course"', b"abc"), (file_head(), content))
    part = await read_file_part(TYPE, pieces(body, cuts))
    assert (part.field, part.file_name, part.content_type) == ("file", "film.mp4", "video/mp4")
    assert part.fields == {"course": "abc"}
    assert b"".join([chunk async for chunk in part.chunks]) == content


async def test_what_follows_the_file_is_not_part_of_it() -> None:
    body = form(
        (file_head(), b"content"), (file_head("second"), b"other"), ('Content-Disposition: form-data; name="x"', b"y")
    )
    part = await read_file_part(TYPE, pieces(body, [50, 100]))
    assert b"".join([chunk async for chunk in part.chunks]) == b"content"


@pytest.mark.parametrize(
    "body",
    [
        b"preamble " * 200_000,
        form((file_head(), b"content"), (file_head("second"), b"x" * 2_000_000)),
        form((file_head(), b"content"), end=b"--edge--\r\n" + b"epilogue " * 200_000),
        form((file_head(), b"content"), *[('Content-Disposition: form-data; name="x"', b"y" * 150_000)] * 15),
    ],
)
async def test_what_is_not_the_file_does_not_go_on_for_ever(body: bytes) -> None:
    with pytest.raises(MalformedUpload):
        await file_in(body, list(range(0, len(body), 65_536)))


@pytest.mark.parametrize("kept", [20, 70, 130, 180, -3, -12])
async def test_a_body_that_breaks_off_is_refused(kept: int) -> None:
    body = form((file_head(), bytes(range(100, 200))))
    with pytest.raises(MalformedUpload):
        await file_in(body[:kept])


async def file_in(body: bytes, cuts: Sequence[int] = ()) -> bytes:
    part = await read_file_part(TYPE, pieces(body, cuts))
    return b"".join([chunk async for chunk in part.chunks])


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", form((file_head(), b"x"))),
        ("multipart/form-data; boundary=", b""),
        (TYPE, b""),
        (TYPE, b"garbage" * 100),
        (TYPE, form()),
        (TYPE, form(('Content-Disposition: form-data; name="file"', b"no file name"))),
        (TYPE, form(("Content-Type: video/mp4", b"no disposition"))),
        (TYPE, form(("X: " + "y" * 10_000, b"long header"))),
        (TYPE, form(('Content-Disposition: form-data; name="text"', b"x" * 20_000), (file_head(), b"x"))),
        (TYPE, form(*[('Content-Disposition: form-data; name="text"', b"x")] * 30)),
    ],
)
async def test_other_bodies_are_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(MalformedUpload):
        await read_file_part(content_type, pieces(body, [10, 500]))
