"""Files to upload: small real ones, made here."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

from PIL import Image

from academy.infrastructure.media.synthesis import Slide, synthesize

PDF = b"%PDF-1.7\n" + b"content " * 100


def make_film(path: Path) -> bytes:
    """Writes a real MP4 of two seconds, H.264 and AAC, to `path` and returns its bytes."""
    synthesize(path, [Slide("A film", "Short and good.")], 2, seed=1)
    return path.read_bytes()


def make_picture() -> bytes:
    """A JPEG of 1600 × 1000 pixels."""
    target = BytesIO()
    Image.effect_noise((1600, 1000), 50).convert("RGB").save(target, "JPEG")
    return target.getvalue()


async def stream(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """Gives the content as it would arrive from the network."""
    for start in range(0, len(content), size):
        await asyncio.sleep(0)
        yield content[start : start + size]


def sizes_of(key: str | None, *widths: int) -> list[str]:
    """The keys of a picture that is stored in these widths, as the storage lists them."""
    assert key is not None
    folder = key.rpartition("/")[0]
    return sorted(f"{folder}/{width}.{extension}" for width in widths for extension in ("avif", "webp"))
