"""Small pictures along the time line: one image of tiles, and a WebVTT track that says which tile is shown when."""

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from PIL import Image

from academy.infrastructure.media.opening import image_of, open_video, picture_stream, upright
from academy.infrastructure.media.streaming import THUMBNAIL_TRACK, THUMBNAILS, UNFINISHED

_MOST_TILES = 100
_COLUMNS = 10
_LEAST_SECONDS = Fraction(2)
_TILE = (160, 284)
_QUALITY = 70
# Pictures that are decoded behind a key frame to come nearer to a tile's moment.
_MOST_PICTURES = 60
_SECOND = 1_000_000


def write_thumbnails(video: Path, folder: Path, duration: Fraction, on_tile: Callable[[], None]) -> None:
    """Writes the image and the track of a video of `duration` seconds to `folder`.

    A tile stands for two seconds at least and shows the beginning of its time; there are 100 at most, each 160 pixels
    wide, or 284 high in portrait videos. Where the video is damaged, a tile shows the one before. `on_tile` is told of
    each.

    Raises:
        Unusable, av.FFmpegError: the video cannot be opened.
    """
    every = max(_LEAST_SECONDS, duration / _MOST_TILES)
    count = max(1, math.ceil(duration / every))
    sheet: Image.Image | None = None
    tile = Image.new("RGB", (1, 1))
    with open_video(video) as container:
        picture_stream(container).thread_type = "NONE"
        for number in range(count):
            tile = _tile_at(container, number * every) or tile
            on_tile()
            if sheet is None and tile.width > 1:
                size = (tile.width * min(count, _COLUMNS), tile.height * math.ceil(count / _COLUMNS))
                sheet = Image.new("RGB", size)
            if sheet is not None:
                sheet.paste(tile, _place_of(number, tile))
    image = folder / f"{THUMBNAILS}{UNFINISHED}"
    (sheet or tile).save(image, "WEBP", quality=_QUALITY, method=4)
    image.rename(folder / THUMBNAILS)
    track = folder / f"{THUMBNAIL_TRACK}{UNFINISHED}"
    track.write_text(_track(count, every, tile), encoding="utf-8")
    track.rename(folder / THUMBNAIL_TRACK)


def _tile_at(container: InputContainer, moment: Fraction) -> Image.Image | None:
    start = container.start_time or 0
    found: VideoFrame | None = None
    try:
        container.seek(start + int(moment * _SECOND))
        for number, frame in enumerate(container.decode(video=0)):
            found = frame
            if number >= _MOST_PICTURES or (frame.time or 0.0) >= float(moment) + start / _SECOND:
                break
    except av.FFmpegError:
        if found is None:
            return None
    if found is None:
        return None
    image = upright(image_of(found), int(found.rotation) % 360, container.streams.video[0].sample_aspect_ratio)
    scale = min(_TILE[0] / image.width, _TILE[1] / image.height)
    return image.convert("RGB").resize((max(2, round(image.width * scale)), max(2, round(image.height * scale))))


def _place_of(number: int, tile: Image.Image) -> tuple[int, int]:
    return number % _COLUMNS * tile.width, number // _COLUMNS * tile.height


def _track(count: int, every: Fraction, tile: Image.Image) -> str:
    """Returns the track: WebVTT cues with addresses of parts of the image (W3C Media Fragments 1.0, 4.2.2)."""
    cues = ["WEBVTT"]
    for number in range(count):
        begin, end = number * every, (number + 1) * every
        x, y = _place_of(number, tile)
        place = f"{THUMBNAILS}#xywh={x},{y},{tile.width},{tile.height}"
        cues.append(f"{_clock(begin)} --> {_clock(end)}\n{place}")
    return "\n\n".join(cues) + "\n"


def _clock(seconds: Fraction) -> str:
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
