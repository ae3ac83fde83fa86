"""A picture of a few bytes can be many pixels. Measured in a process of its own, in which nothing else is."""

import json
import subprocess
import sys
from pathlib import Path

SIX_PICTURES_AT_ONCE = r"""
import asyncio, json, sys, threading
from pathlib import Path
import psutil
from academy.infrastructure.media.images import Shape
from academy.infrastructure.storage.memory import MemoryStorage
from academy.infrastructure.storage.settings import StorageSettings
from tests.unit.features.videos.academy_of_videos import VideoAcademy
from tests.academies.media import stream

me = psutil.Process()
seen, most_children, is_done = set(), 0, threading.Event()

def watch():
    global most_children
    while not is_done.wait(0.005):
        children = me.children()
        seen.update(child.pid for child in children)
        most_children = max(most_children, len(children))

async def main():
    academy = VideoAcademy(Path(sys.argv[1]), MemoryStorage(), StorageSettings())
    await academy.start()
    content = Path(sys.argv[2]).read_bytes()
    files, owner = academy.videos.files, await academy.person()
    before = me.memory_info().rss
    uploads = [files.store_image(owner, "a.png", "", stream(content), Shape.COVER) for _ in range(6)]
    stored = len(await asyncio.gather(*uploads))
    print(json.dumps([stored, me.memory_info().rss - before, most_children, len(seen)]))
    await academy.database.disconnect()

watcher = threading.Thread(target=watch)
watcher.start()
asyncio.run(main())
is_done.set()
watcher.join()
"""
MAKE_PICTURE = """
import sys
from PIL import Image
Image.new("RGB", (4000, 4000)).save(sys.argv[1], "PNG")
"""
# Pillow keeps four bytes for each pixel.
PIXELS_BYTES = 4 * 4000 * 4000


def python(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_pictures_are_cleaned_one_at_a_time_outside_the_server(tmp_path: Path) -> None:
    picture = tmp_path / "large.png"
    python(MAKE_PICTURE, str(picture))
    assert picture.stat().st_size < 1_000_000
    stored, grown, most_children, children = json.loads(python(SIX_PICTURES_AT_ONCE, str(tmp_path), str(picture)))
    assert (stored, most_children, children) == (6, 1, 6)
    assert grown < PIXELS_BYTES / 4
