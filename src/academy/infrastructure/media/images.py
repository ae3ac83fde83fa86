"""Turns uploaded pictures into small clean ones: re-encoded as WebP, bounded, without metadata."""

import asyncio
from enum import Enum
from io import BytesIO

from PIL import Image, ImageOps, UnidentifiedImageError

from academy.infrastructure.media.errors import BrokenMedia

# 50 megapixels are more than any camera of a phone stores; decoded they take 200 MB for a moment.
_MOST_PIXELS = 50_000_000
_QUALITY = 82
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_BROKEN = "This picture could not be read; it may be damaged. Save it again as JPEG or PNG and upload it once more."

_TOO_MANY_PIXELS = "This picture has more than 50 million pixels. Make it smaller and upload it again."


class Shape(Enum):
    """What a picture is for: its largest width and height in pixels, and whether it is cut to exactly that ratio."""

    COVER = (1280, 720, True)
    AVATAR = (320, 320, True)
    PICTURE = (1600, 1600, False)


async def clean_image(content: bytes, shape: Shape) -> bytes:
    """Returns the picture as WebP in the shape, upright, without metadata; never enlarged, animation dropped.

    Runs in a thread.

    Raises:
        BrokenMedia: `content` is no JPEG, PNG, GIF or WebP, is damaged, or has more than 50 million pixels.
    """
    return await asyncio.to_thread(_clean, content, shape)


def _clean(content: bytes, shape: Shape) -> bytes:
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as source:
            if source.width * source.height > _MOST_PIXELS:
                raise BrokenMedia(_TOO_MANY_PIXELS)
            # Lets the JPEG decoder shrink while it decodes.
            source.draft("RGB", (shape.value[0] * 2, shape.value[1] * 2))
            # No copies on the way: each would be as large as the pixels.
            ImageOps.exif_transpose(source, in_place=True)
            return _encode(_fitted(source, shape))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise BrokenMedia(_BROKEN) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BrokenMedia(_TOO_MANY_PIXELS) from error


def _fitted(image: Image.Image, shape: Shape) -> Image.Image:
    width, height, cut = shape.value
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if not cut:
        image.thumbnail((width, height), Image.Resampling.LANCZOS)
        return image
    scale = min(1.0, image.width / width, image.height / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _encode(image: Image.Image) -> bytes:
    # A fresh image carries pixels only: no EXIF with places, no profile, no comment.
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    target = BytesIO()
    clean.save(target, "WEBP", quality=_QUALITY, method=4)
    return target.getvalue()
