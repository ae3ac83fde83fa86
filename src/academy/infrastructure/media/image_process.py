"""The child process that cleans a picture: `python -m academy.infrastructure.media.image_process SHAPE`.

Reads the picture from stdin and writes it to stdout in all sizes, as a list of CleanImage in MessagePack; or a
sentence, with the exit code REFUSED, when it cannot be taken. Decoding foreign files is done here, with limits on
processor time and memory and at low priority, so that a hostile or broken file can at worst end this process, and what
the decoding took of memory is given back.
"""

import sys
from io import BytesIO

import msgspec
from PIL import Image, ImageOps, UnidentifiedImageError

from academy.infrastructure.media.confinement import confine
from academy.infrastructure.media.images import BROKEN, REFUSED, CleanImage, Shape

_MEMORY_BYTES = 768 << 20
_CPU_SECONDS = 30
# 50 megapixels are more than any camera of a phone stores, which stores JPEG; its decoder shrinks while it decodes.
_MOST_JPEG_PIXELS = 50_000_000
# Other decoders make all pixels at once, that of WebP several times: this takes up to 300 MB.
_MOST_PIXELS = 4096 * 4096
# AVIF of quality 60 looks as WebP of 82 does, with two thirds of its bytes; slower speeds take ten times as long for
# hardly fewer. More threads need more memory.
_OPTIONS: dict[str, dict[str, int]] = {
    "webp": {"quality": 82, "method": 4},
    "avif": {"quality": 60, "speed": 9, "max_threads": 1},
}
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
# A JPEG with further pictures behind the first, as some cameras store it, is called MPO.
_JPEG = ("JPEG", "MPO")

TOO_MANY_JPEG_PIXELS = "This picture has more than 50 million pixels. Make it smaller and upload it again."
TOO_MANY_PIXELS = (
    "This picture has more than 4096 × 4096 pixels. Make it smaller or save it as JPEG, and upload it again."
)


class _Unusable(Exception):
    pass


def main(shape: Shape) -> int:
    """Cleans the picture on stdin and returns the exit code."""
    confine(niceness=10, cpu_seconds=_CPU_SECONDS, memory_bytes=_MEMORY_BYTES)
    try:
        cleaned = _clean(sys.stdin.buffer.read(), shape)
    except _Unusable as error:
        sys.stdout.buffer.write(str(error).encode())
        return REFUSED
    sys.stdout.buffer.write(msgspec.msgpack.encode(cleaned))
    return 0


def _clean(content: bytes, shape: Shape) -> list[CleanImage]:
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as source:
            _check_pixels(source)
            # Lets the JPEG decoder shrink while it decodes.
            source.draft("RGB", (shape.value[0] * 2, shape.value[1] * 2))
            # No copies on the way: each would be as large as the pixels.
            ImageOps.exif_transpose(source, in_place=True)
            return _in_all_sizes(_fitted(source, shape), shape)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise _Unusable(BROKEN) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _Unusable(TOO_MANY_PIXELS) from error


def _check_pixels(source: Image.Image) -> None:
    is_jpeg = source.format in _JPEG
    if source.width * source.height > (_MOST_JPEG_PIXELS if is_jpeg else _MOST_PIXELS):
        raise _Unusable(TOO_MANY_JPEG_PIXELS if is_jpeg else TOO_MANY_PIXELS)


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


def _in_all_sizes(image: Image.Image, shape: Shape) -> list[CleanImage]:
    # A fresh image carries pixels only: no EXIF with places, no profile, no comment.
    clean = Image.new(image.mode, image.size)
    clean.paste(image)
    made = [_encoded(clean, "webp")]
    if shape.widths:
        made.append(_encoded(clean, "avif"))
    for width in shape.widths:
        if width < clean.width:
            size = (width, max(1, round(clean.height * width / clean.width)))
            smaller = clean.resize(size, Image.Resampling.LANCZOS)
            made += [_encoded(smaller, extension) for extension in _OPTIONS]
    return made


def _encoded(image: Image.Image, extension: str) -> CleanImage:
    target = BytesIO()
    image.save(target, extension, **_OPTIONS[extension])
    return CleanImage(width=image.width, extension=extension, content=target.getvalue())


if __name__ == "__main__":
    sys.exit(main(Shape[sys.argv[1]]))
