"""Makes videos for the demo academy: slides over a softly moving background, with a quiet melody.

Pictures are drawn and moved as three planes (brightness and two of colour, the form in which H.264 stores them), so
that no picture has to be converted and half a minute is made in a few seconds.
"""

import colorsys
import math
import random
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import msgspec
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from academy.infrastructure.media.melody import SAMPLE_RATE, compose

WIDTH, HEIGHT, FRAMES_PER_SECOND = 960, 540, 24
# The background is larger than the picture; the picture wanders over it.
_ROAM_X, _ROAM_Y = 240, 136
_MARGIN = 84
_FADE_FRAMES = 14
_SAMPLES_PER_FRAME = 1024
_WHITE, _NO_COLOUR = 235, 128
_HEADING_SIZE, _TEXT_SIZE, _COUNT_SIZE = 52, 29, 20
_HEADING_COLUMNS, _TEXT_COLUMNS = 30, 52

# Signs that the font at hand does not draw, and how they are written with those that it does.
_SPELLED = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "\u2212": "-",
        "→": ">",
        "×": "x",
        "•": "-",
        "₹": "Rs ",
        "€": "EUR ",
        "≤": "<=",
        "≥": ">=",
        "÷": "/",
    }
)

Planes = tuple[Image.Image, Image.Image, Image.Image]


class Slide(msgspec.Struct, frozen=True):
    """One slide: a heading of a few words and a sentence or two, in letters of Latin script."""

    heading: str
    text: str


def synthesize(path: Path, slides: Sequence[Slide], seconds: float, seed: int) -> None:
    """Writes an MP4 (H.264, AAC, 960 × 540, 24 pictures a second, ready to stream) to `path`.

    Blocks for about a tenth of `seconds`; call it in a thread or a process.

    Args:
        path: file to write.
        slides: shown one after the other, each for the same time; at least one.
        seconds: length of the video.
        seed: decides colours, movement and melody; the same seed makes the same video.

    Raises:
        ValueError: no slides.
    """
    if not slides:
        raise ValueError("a video needs at least one slide")
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.time_base = Fraction(1, FRAMES_PER_SECOND)
        video.options = {"preset": "ultrafast", "crf": "23", "g": str(FRAMES_PER_SECOND * 2)}
        video.thread_type, video.thread_count = "FRAME", 3
        audio = container.add_stream("aac", rate=SAMPLE_RATE)
        audio.bit_rate = 64_000
        frames = _frames(slides, round(seconds * FRAMES_PER_SECOND), seed)
        sound = _sound(compose(seconds, seed))
        # Sound and picture are written side by side, so that a player needs no seeking.
        written = 0
        for number, frame in enumerate(frames):
            container.mux(video.encode(frame))
            due = (number + 1) * SAMPLE_RATE // FRAMES_PER_SECOND
            written = _write_sound(container, audio, sound, written, due)
        _write_sound(container, audio, sound, written, round(seconds * SAMPLE_RATE))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _write_sound(
    container: OutputContainer, audio: AudioStream, sound: Iterator[AudioFrame], written: int, due: int
) -> int:
    while written < due and (frame := next(sound, None)) is not None:
        container.mux(audio.encode(frame))
        written += frame.samples
    return written


def _sound(samples: bytes) -> Iterator[AudioFrame]:
    width = 2
    for start in range(0, len(samples), _SAMPLES_PER_FRAME * width):
        part = samples[start : start + _SAMPLES_PER_FRAME * width]
        frame = AudioFrame(format="s16", layout="mono", samples=len(part) // width)
        frame.planes[0].update(part)
        frame.sample_rate = SAMPLE_RATE
        frame.pts = start // width
        frame.time_base = Fraction(1, SAMPLE_RATE)
        yield frame


def _frames(slides: Sequence[Slide], count: int, seed: int) -> Iterator[VideoFrame]:
    chance = random.Random(seed)  # noqa: S311 - looks, not secrets
    background = _background(chance)
    glow = _glow(195)
    phase, turns = chance.uniform(0, 2 * math.pi), chance.choice((-1, 1))
    shown = -1
    letters: tuple[Image.Image, Image.Image] = (glow, glow)
    for number in range(count):
        position = number * len(slides) // count
        since_change = number - math.ceil(position * count / len(slides))
        if position != shown:
            shown = position
            letters = _letters(slides[position], position + 1, len(slides))
        angle = phase + turns * 2 * math.pi * number / (FRAMES_PER_SECOND * 24)
        picture = _window(background, angle)
        _put_glow(picture[0], glow, angle)
        _put_letters(picture, letters, since_change)
        _put_progress(picture, (number + 1) / count)
        yield _frame(picture, number)


def _background(chance: random.Random) -> Planes:
    """A dark gradient in one hue with soft lights, larger than the picture by the way it roams."""
    hue = chance.random()
    small = Image.new("RGB", ((WIDTH + _ROAM_X) // 6, (HEIGHT + _ROAM_Y) // 6))
    top, bottom = _colour(hue, 0.62, 0.36), _colour(hue + 0.09, 0.70, 0.13)
    ramp = Image.linear_gradient("L").resize(small.size)
    small.paste(Image.composite(Image.new("RGB", small.size, bottom), Image.new("RGB", small.size, top), ramp))
    draw = ImageDraw.Draw(small)
    for _ in range(7):
        x, y = chance.randrange(small.width), chance.randrange(small.height)
        radius = chance.randrange(12, 34)
        draw.circle((x, y), radius, _colour(hue + chance.uniform(-0.08, 0.14), 0.6, chance.uniform(0.2, 0.46)))
    soft = small.filter(ImageFilter.GaussianBlur(11))
    large = soft.resize((WIDTH + _ROAM_X, HEIGHT + _ROAM_Y), Image.Resampling.BICUBIC)
    brightness, blue, red = large.convert("YCbCr").split()
    half = (large.width // 2, large.height // 2)
    # H.264 keeps brightness between 16 and 235 and colour between 16 and 240.
    return (
        brightness.point([16 + value * 219 // 255 for value in range(256)]),
        blue.resize(half).point([128 + (value - 128) * 224 // 255 for value in range(256)]),
        red.resize(half).point([128 + (value - 128) * 224 // 255 for value in range(256)]),
    )


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _glow(radius: int) -> Image.Image:
    """A ring of light that fades to nothing, as brightness to add."""
    ring = Image.new("L", (radius * 2, radius * 2))
    ImageDraw.Draw(ring).circle((radius, radius), radius * 7 // 10, outline=70, width=8)
    return ring.filter(ImageFilter.GaussianBlur(5))


def _window(background: Planes, angle: float) -> Planes:
    # Even steps, because colour has half the steps of brightness.
    x = round((math.sin(angle) + 1) * _ROAM_X / 4) * 2
    y = round((math.cos(angle * 1.5) + 1) * _ROAM_Y / 4) * 2
    box = (x, y, x + WIDTH, y + HEIGHT)
    half = (x // 2, y // 2, (x + WIDTH) // 2, (y + HEIGHT) // 2)
    brightness, blue, red = background
    return brightness.crop(box), blue.crop(half), red.crop(half)


def _put_glow(brightness: Image.Image, glow: Image.Image, angle: float) -> None:
    x = round(WIDTH * 0.74 - glow.width / 2 + math.cos(angle * 2) * 112)
    y = round(HEIGHT * 0.5 - glow.height / 2 + math.sin(angle * 3) * 68)
    box = (x, y, x + glow.width, y + glow.height)
    brightness.paste(ImageChops.add(brightness.crop(box), glow), box)


def _letters(slide: Slide, number: int, count: int) -> tuple[Image.Image, Image.Image]:
    """Returns the slide's words as a mask, full size and half size."""
    mask = Image.new("L", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(mask)
    heading = _lines(slide.heading, _HEADING_COLUMNS)
    text = _lines(slide.text, _TEXT_COLUMNS)
    large, plain = ImageFont.load_default(_HEADING_SIZE), ImageFont.load_default(_TEXT_SIZE)
    heading_box = draw.multiline_textbbox((_MARGIN, 0), heading, font=large, spacing=11)
    text_box = draw.multiline_textbbox((_MARGIN, 0), text, font=plain, spacing=12)
    gap = 33
    y = (HEIGHT - (heading_box[3] + gap + text_box[3])) / 2
    draw.multiline_text((_MARGIN, y), heading, fill=255, font=large, spacing=11)
    draw.multiline_text((_MARGIN, y + heading_box[3] + gap), text, fill=214, font=plain, spacing=12)
    draw.rounded_rectangle((_MARGIN - 30, y + 9, _MARGIN - 24, y + heading_box[3]), 3, fill=200)
    draw.text(
        (WIDTH - _MARGIN, HEIGHT - 58), f"{number} / {count}", 170, ImageFont.load_default(_COUNT_SIZE), anchor="ra"
    )
    return mask, mask.resize((WIDTH // 2, HEIGHT // 2))


def _lines(text: str, columns: int) -> str:
    """Returns the text broken into lines and written with signs that the font has: without accents, for one."""
    spelled = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    return "\n".join(textwrap.wrap("".join(c for c in spelled if not unicodedata.combining(c)), columns))


def _put_letters(picture: Planes, letters: tuple[Image.Image, Image.Image], since_change: int) -> None:
    """Lays the words over the picture; in the first moments of a slide they rise and brighten."""
    full, half = letters
    rest = max(0, _FADE_FRAMES - since_change)
    if rest:
        shown = (_FADE_FRAMES - rest + 1) / (_FADE_FRAMES + 1)
        levels = [round(level * shown) for level in range(256)]
        full, half = (
            ImageChops.offset(mask.point(levels), 0, rest * 2 // part) for mask, part in ((full, 1), (half, 2))
        )
    for plane, value, mask in zip(picture, (_WHITE, _NO_COLOUR, _NO_COLOUR), (full, half, half), strict=True):
        plane.paste(value, (0, 0), mask)


def _put_progress(picture: Planes, done: float) -> None:
    width = max(2, round(WIDTH * done / 2) * 2)
    brightness, blue, red = picture
    brightness.paste(_WHITE, (0, HEIGHT - 6, width, HEIGHT))
    for colour in (blue, red):
        colour.paste(_NO_COLOUR, (0, HEIGHT // 2 - 3, width // 2, HEIGHT // 2))


def _frame(picture: Planes, number: int) -> VideoFrame:
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane, target in zip(picture, frame.planes, strict=True):
        target.update(plane.tobytes())
    frame.pts = number
    frame.time_base = Fraction(1, FRAMES_PER_SECOND)
    return frame
