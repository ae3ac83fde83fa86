"""The playlists of a converted video (RFC 8216, HTTP Live Streaming): one per size, one of the sound, the master."""

import math
from collections.abc import Mapping, Sequence

from academy.infrastructure.media.streaming import INIT_FILE, SOUND, SizeFacts, StreamFacts, segment_file

MASTER, PLAYLIST = "master.m3u8", "index.m3u8"
# Fragmented MP4 wants version 7 (RFC 8216, section 7).
_VERSION = 7
_SOUND_CODEC = "mp4a.40.2"


def playlists_of(facts: StreamFacts, bytes_of: Mapping[str, int]) -> dict[str, str]:
    """Returns the text of every playlist by its path in the folder of the converted video.

    Args:
        facts: what was made.
        bytes_of: size of each file by its path in that folder; rates are told from it. Raises KeyError when a segment
            is missing.
    """
    pictures, sound = facts.timing.frame_durations(facts.frames), facts.timing.sound_durations(facts.frames)
    texts = {f"{size.rung.name}/{PLAYLIST}": _media(pictures) for size in facts.sizes}
    if facts.has_sound:
        texts[f"{SOUND}/{PLAYLIST}"] = _media(sound)
    texts[MASTER] = _master(facts, pictures, sound, bytes_of)
    return texts


def _media(durations: Sequence[float]) -> str:
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        f"#EXT-X-TARGETDURATION:{max(1, math.floor(max(durations) + 0.5))}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="{INIT_FILE}"',
    ]
    for number, duration in enumerate(durations):
        lines += [f"#EXTINF:{duration:.6f},", segment_file(number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _master(facts: StreamFacts, pictures: Sequence[float], sound: Sequence[float], bytes_of: Mapping[str, int]) -> str:
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if facts.has_sound:
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{SOUND}",NAME="Original",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
            f'URI="{SOUND}/{PLAYLIST}"'
        )
    heard = _bit_rates(SOUND, sound, bytes_of) if facts.has_sound else (0, 0)
    for size in facts.sizes:
        seen = _bit_rates(size.rung.name, pictures, bytes_of)
        lines += [_variant(facts, size, seen[0] + heard[0], seen[1] + heard[1]), f"{size.rung.name}/{PLAYLIST}"]
    return "\n".join([*lines, ""])


def _variant(facts: StreamFacts, size: SizeFacts, peak: int, average: int) -> str:
    codecs = f"{size.codecs},{_SOUND_CODEC}" if facts.has_sound else size.codecs
    attributes = [
        f"BANDWIDTH={peak}",
        f"AVERAGE-BANDWIDTH={average}",
        f'CODECS="{codecs}"',
        f"RESOLUTION={size.rung.width}x{size.rung.height}",
        f"FRAME-RATE={float(facts.timing.rate):.3f}",
    ]
    if facts.has_sound:
        attributes.append(f'AUDIO="{SOUND}"')
    return f"#EXT-X-STREAM-INF:{','.join(attributes)}"


def _bit_rates(folder: str, durations: Sequence[float], bytes_of: Mapping[str, int]) -> tuple[int, int]:
    """Returns the bits a second of the largest segment, and of all."""
    bits = [8 * bytes_of[f"{folder}/{segment_file(number)}"] for number in range(len(durations))]
    # A last segment of a few pictures says nothing about the rate.
    full = [(size, length) for size, length in zip(bits, durations, strict=True) if length > max(durations) / 2]
    return math.ceil(max(size / length for size, length in full)), math.ceil(sum(bits) / sum(durations))
