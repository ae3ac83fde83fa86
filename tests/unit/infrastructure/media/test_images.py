import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.images import Shape, clean_image


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    target = BytesIO()
    image.save(target, image_format, **options)
    return target.getvalue()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "WEBP"])
async def test_covers_become_webp_of_one_ratio(image_format: str) -> None:
    picture = Image.effect_noise((2000, 1900), 60).convert("RGB")
    with Image.open(BytesIO(await clean_image(encoded(picture, image_format), Shape.COVER))) as cover:
        assert (cover.format, cover.size) == ("WEBP", (1280, 720))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from(Shape))
async def test_pictures_are_never_enlarged(width: int, height: int, shape: Shape) -> None:
    content = await clean_image(encoded(Image.new("RGB", (width, height), "teal"), "PNG"), shape)
    with Image.open(BytesIO(content)) as cleaned:
        assert cleaned.width <= min(max(width, 1), shape.value[0])
        assert cleaned.height <= min(max(height, 1), shape.value[1])


async def test_metadata_is_dropped_and_the_picture_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home, 12.97, 77.59"
    content = encoded(Image.new("RGB", (300, 200), "teal"), "JPEG", exif=exif, comment=b"secret comment")
    assert b"taken at home" in content
    cleaned = await clean_image(content, Shape.PICTURE)
    assert b"taken at home" not in cleaned
    assert b"secret" not in cleaned
    with Image.open(BytesIO(cleaned)) as picture:
        assert picture.size == (200, 300)
        assert not picture.getexif()


async def test_transparency_stays() -> None:
    cleaned = await clean_image(encoded(Image.new("RGBA", (64, 64), (0, 128, 128, 0)), "PNG"), Shape.AVATAR)
    with Image.open(BytesIO(cleaned)) as picture:
        assert picture.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [8_000, 9_500, 30_000, 2_000_000_000])
async def test_bombs_are_refused_before_they_are_decoded(side: int) -> None:
    with pytest.raises(BrokenMedia):
        await clean_image(bomb(side), Shape.COVER)


@pytest.mark.parametrize("content", [b"", b"text", b"<svg/>", b"\xff\xd8\xff\xe0", b"GIF89a", bomb(100)])
async def test_broken_pictures_are_told_in_plain_words(content: bytes) -> None:
    with pytest.raises(BrokenMedia, match="could not be read"):
        await clean_image(content, Shape.COVER)


async def test_a_picture_cut_off_is_told() -> None:
    whole = encoded(Image.effect_noise((400, 400), 60).convert("RGB"), "JPEG")
    with pytest.raises(BrokenMedia, match="could not be read"):
        await clean_image(whole[: len(whole) // 2], Shape.COVER)
