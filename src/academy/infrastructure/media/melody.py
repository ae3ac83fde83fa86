"""A quiet generated melody over a pad of chords, as plain 16-bit samples."""

import math
import random
from array import array

SAMPLE_RATE = 24_000
_BAR_SECONDS = 2
_NOTES_PER_BAR = 4
_FADE_SECONDS = 1.5
_PAD_VOLUME, _NOTE_VOLUME = 900, 2600

# Four chords that follow each other well, as semitones above the key.
_PROGRESSIONS = (
    ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14)),
    ((0, 4, 7), (5, 9, 12), (9, 12, 16), (7, 11, 14)),
    ((0, 3, 7), (8, 12, 15), (3, 7, 10), (10, 14, 17)),
)
_LOWEST_KEY_HZ = 131.0


def compose(seconds: float, seed: int) -> bytes:
    """Returns `seconds` of mono sound as signed 16-bit samples in the machine's byte order, SAMPLE_RATE per second.

    The same seed makes the same melody. It begins and ends softly.
    """
    chance = random.Random(seed)  # noqa: S311 - music, not secrets
    key = chance.randrange(8)
    bars = [_bar(chord, key, chance) for chord in chance.choice(_PROGRESSIONS)]
    wanted = round(seconds * SAMPLE_RATE)
    song = array("h")
    while len(song) < wanted:
        song.extend(bars[len(song) // len(bars[0]) % len(bars)])
    del song[wanted:]
    _fade(song)
    return song.tobytes()


def _bar(chord: tuple[int, ...], key: int, chance: random.Random) -> "array[int]":
    # Whole hertz: each wave fits the bar a whole number of times, so bars join without a click.
    hertz = [round(_LOWEST_KEY_HZ * 2 ** ((key + tone) / 12)) for tone in chord]
    wave = [math.sin(2 * math.pi * step / SAMPLE_RATE) for step in range(SAMPLE_RATE)]
    length = _BAR_SECONDS * SAMPLE_RATE
    low, middle, high = hertz
    rate = SAMPLE_RATE
    pad = [wave[i * low % rate] + wave[i * middle % rate] + wave[i * high % rate] for i in range(length)]
    swell = [0.35 + 0.65 * math.sin(math.pi * i / length) for i in range(length)]
    note_length = length // _NOTES_PER_BAR
    decay = [min(1.0, i / 240) * math.exp(-5.5 * i / note_length) for i in range(note_length)]
    notes: list[float] = []
    for _ in range(_NOTES_PER_BAR):
        pitch = chance.choice(hertz) * chance.choice((2, 2, 4))
        notes.extend(fall * (wave[i * pitch % rate] + 0.3 * wave[2 * i * pitch % rate]) for i, fall in enumerate(decay))
    samples = (_PAD_VOLUME * p * s + _NOTE_VOLUME * n for p, s, n in zip(pad, swell, notes, strict=True))
    return array("h", [int(sample) for sample in samples])


def _fade(song: "array[int]") -> None:
    length = min(round(_FADE_SECONDS * SAMPLE_RATE), len(song) // 2)
    for i in range(length):
        song[i] = song[i] * i // length
        song[-1 - i] = song[-1 - i] * i // length
