import asyncio
import struct
import zlib
from io import BytesIO

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.images import Shape, clean_image


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    target = BytesIO()
    image.save(target, image_format, **options)
    return target.getvalue()


async def cleaned_in_full(content: bytes, shape: Shape) -> bytes:
    """The picture in full size."""
    return (await clean_image(content, shape))[0].content


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "WEBP"])
async def test_covers_become_webp_of_one_ratio(image_format: str) -> None:
    picture = Image.effect_noise((2000, 1900), 60).convert("RGB")
    with Image.open(BytesIO(await cleaned_in_full(encoded(picture, image_format), Shape.COVER))) as cover:
        assert (cover.format, cover.size) == ("WEBP", (1280, 720))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from(Shape))
async def test_pictures_are_never_enlarged(width: int, height: int, shape: Shape) -> None:
    content = await cleaned_in_full(encoded(Image.new("RGB", (width, height), "teal"), "PNG"), shape)
    with Image.open(BytesIO(content)) as cleaned:
        assert cleaned.width <= min(max(width, 1), shape.value[0])
        assert cleaned.height <= min(max(height, 1), shape.value[1])


@pytest.mark.parametrize(
    ("size", "shape", "widths"),
    [
        ((2000, 1125), Shape.COVER, [1280, 320, 640, 960]),
        ((800, 450), Shape.COVER, [800, 320, 640]),
        ((640, 360), Shape.COVER, [640, 320]),
        ((100, 100), Shape.COVER, [100]),
        ((500, 400), Shape.AVATAR, [320, 80, 160]),
        ((60, 60), Shape.AVATAR, [60]),
        ((2000, 1000), Shape.PICTURE, [1600]),
    ],
)
async def test_covers_and_avatars_come_in_several_sizes(size: tuple[int, int], shape: Shape, widths: list[int]) -> None:
    made = await clean_image(encoded(Image.effect_noise(size, 60).convert("RGB"), "JPEG"), shape)
    assert [one.width for one in made if one.extension == "webp"] == widths
    assert [one.width for one in made if one.extension == "avif"] == (widths if shape.widths else [])
    full = Image.open(BytesIO(made[0].content)).size
    for one in made:
        with Image.open(BytesIO(one.content)) as picture:
            assert (picture.format, picture.width) == (one.extension.upper(), one.width)
            assert picture.height == pytest.approx(full[1] * one.width / full[0], abs=1)


@pytest.mark.parametrize("shape", Shape)
async def test_no_size_tells_where_or_how_a_photo_was_taken(shape: Shape) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Telltale camera"
    exif.get_ifd(0x8825)[2] = (12.0, 58.0, 17.0)  # GPSLatitude
    exif.get_ifd(0x8825)[29] = "2026:11:30"  # GPSDateStamp
    profile, packet = (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        b"<x:xmpmeta>secret</x:xmpmeta>",
    )
    photo = encoded(
        Image.effect_noise((1600, 900), 60).convert("RGB"), "JPEG", exif=exif, icc_profile=profile, xmp=packet
    )
    with Image.open(BytesIO(photo)) as before:
        assert before.getexif().get_ifd(0x8825)[2] == (12.0, 58.0, 17.0), "the photo does tell"
        assert {"exif", "icc_profile", "xmp"} <= before.info.keys()
    for one in await clean_image(photo, shape):
        for telling in (b"Telltale", b"2026:11:30", b"Exif", b"xmpmeta", b"ICC_PROFILE"):
            assert telling not in one.content
        with Image.open(BytesIO(one.content)) as picture:
            assert not picture.getexif()
            assert not picture.getexif().get_ifd(0x8825)
            assert {"exif", "icc_profile", "xmp", "comment"}.isdisjoint(picture.info)


async def test_metadata_is_dropped_and_the_picture_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home, 12.97, 77.59"
    content = encoded(Image.new("RGB", (300, 200), "teal"), "JPEG", exif=exif, comment=b"secret comment")
    assert b"taken at home" in content
    cleaned = await cleaned_in_full(content, Shape.PICTURE)
    assert b"taken at home" not in cleaned
    assert b"secret" not in cleaned
    with Image.open(BytesIO(cleaned)) as picture:
        assert picture.size == (200, 300)
        assert not picture.getexif()


async def test_transparency_stays() -> None:
    cleaned = await cleaned_in_full(encoded(Image.new("RGBA", (64, 64), (0, 128, 128, 0)), "PNG"), Shape.AVATAR)
    with Image.open(BytesIO(cleaned)) as picture:
        assert picture.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [4_097, 8_000, 9_500, 30_000, 2_000_000_000])
async def test_bombs_are_refused_before_they_are_decoded(side: int) -> None:
    with pytest.raises(BrokenMedia, match="4096 × 4096 pixels"):
        await clean_image(bomb(side), Shape.COVER)


async def test_a_photo_of_any_phone_is_taken() -> None:
    """As JPEG, whose decoder shrinks it, also with the picture of another lens behind it (MPO)."""
    photo = Image.new("RGB", (8_160, 6_120), "teal")
    for content in (encoded(photo, "JPEG"), encoded(photo, "MPO", save_all=True, append_images=[photo])):
        with Image.open(BytesIO(await cleaned_in_full(content, Shape.AVATAR))) as avatar:
            assert avatar.size == (320, 320)
    with pytest.raises(BrokenMedia, match="50 million pixels"):
        await clean_image(encoded(Image.new("L", (8_160, 6_180)), "JPEG"), Shape.AVATAR)


async def test_who_goes_away_ends_the_work() -> None:
    before = set(psutil.Process().children())
    task = asyncio.create_task(clean_image(encoded(Image.new("RGB", (4_096, 4_096)), "PNG"), Shape.COVER))
    while not (started := set(psutil.Process().children()) - before):  # noqa: ASYNC110 - nothing tells of a process
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not any(process.is_running() for process in started)


@pytest.mark.parametrize("content", [b"", b"text", b"<svg/>", b"\xff\xd8\xff\xe0", b"GIF89a", bomb(100)])
async def test_broken_pictures_are_told_in_plain_words(content: bytes) -> None:
    with pytest.raises(BrokenMedia, match="could not be read"):
        await clean_image(content, Shape.COVER)


async def test_a_picture_cut_off_is_told() -> None:
    whole = encoded(Image.effect_noise((400, 400), 60).convert("RGB"), "JPEG")
    with pytest.raises(BrokenMedia, match="could not be read"):
        await clean_image(whole[: len(whole) // 2], Shape.COVER)
