"""A picture of a few bytes can be many pixels. Measured in a process of its own, whose peak nothing else has raised."""

import subprocess
import sys
from pathlib import Path

SIX_PICTURES_AT_ONCE = r"""
import asyncio, re, sys
from pathlib import Path
from academy.infrastructure.media.images import Shape
from academy.infrastructure.storage.memory import MemoryStorage
from academy.infrastructure.storage.settings import StorageSettings
from tests.unit.features.videos.academy_of_videos import VideoAcademy, person
from tests.academies.media import stream

def peak():
    # Not ru_maxrss, which a process takes over from the one that started it.
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()).group(1)) << 10

async def main():
    academy = VideoAcademy(Path(sys.argv[1]), MemoryStorage(), StorageSettings())
    await academy.start()
    content = Path(sys.argv[2]).read_bytes()
    files, owner = academy.videos.files, person()
    before = peak()
    uploads = [files.store_image(owner, "a.png", "", stream(content), Shape.COVER) for _ in range(6)]
    await asyncio.gather(*uploads)
    print(peak() - before)
    await academy.database.disconnect()

asyncio.run(main())
"""
MAKE_PICTURE = """
import sys
from PIL import Image
Image.new("RGB", (5000, 5000)).save(sys.argv[1], "PNG")
"""
# Pillow keeps four bytes for each pixel.
PIXELS_BYTES = 4 * 5000 * 5000


def python(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_pictures_are_cleaned_one_at_a_time(tmp_path: Path) -> None:
    picture = tmp_path / "large.png"
    python(MAKE_PICTURE, str(picture))
    assert picture.stat().st_size < 1_000_000
    grown = int(python(SIX_PICTURES_AT_ONCE, str(tmp_path), str(picture)))
    assert PIXELS_BYTES < grown < 3 * PIXELS_BYTES
