"""The texts of the playlists (RFC 8216)."""

import re
from fractions import Fraction

import pytest

from academy.infrastructure.media.ladder import Timing, ladder_for
from academy.infrastructure.media.playlists import MASTER, playlists_of
from academy.infrastructure.media.streaming import SizeFacts, StreamFacts


def facts(*, has_sound: bool) -> StreamFacts:
    sizes = tuple(SizeFacts(rung=rung, codecs="avc1.64001f") for rung in ladder_for(1280, 720, Fraction(25)))
    return StreamFacts(timing=Timing.at(Fraction(25)), frames=375, has_sound=has_sound, sizes=sizes)


SIZES = {f"{folder}/{n:05d}.m4s": 75_000 * (n + 1) for folder in ("720p", "480p", "360p", "audio") for n in range(3)}


def test_the_master_names_all_sizes_and_what_they_need() -> None:
    master = playlists_of(facts(has_sound=True), SIZES)[MASTER].splitlines()
    assert master[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    assert master[3].startswith('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio"')
    attributes = re.fullmatch(
        r'#EXT-X-STREAM-INF:BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),CODECS="avc1.64001f,mp4a.40.2",'
        r'RESOLUTION=1280x720,FRAME-RATE=25.000,AUDIO="audio"',
        master[4],
    )
    assert attributes
    # The largest whole segments of pictures and sound, and all of both.
    assert int(attributes[1]) == pytest.approx(2 * 150_000 * 8 / 6, rel=0.002)
    assert int(attributes[2]) == pytest.approx(2 * 450_000 * 8 / 15, rel=0.002)
    assert master[5::2] == ["720p/index.m3u8", "480p/index.m3u8", "360p/index.m3u8"]


def test_a_playlist_of_segments() -> None:
    texts = playlists_of(facts(has_sound=True), SIZES)
    assert texts["720p/index.m3u8"].splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:6",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="init.mp4"',
        *("#EXTINF:6.000000,", "00000.m4s", "#EXTINF:6.000000,", "00001.m4s", "#EXTINF:3.000000,", "00002.m4s"),
        "#EXT-X-ENDLIST",
    ]
    heard = [float(text) for text in re.findall(r"#EXTINF:([\d.]+)", texts["audio/index.m3u8"])]
    assert sum(heard) == pytest.approx(15, abs=0.03)


def test_without_sound_nothing_speaks_of_it() -> None:
    texts = playlists_of(facts(has_sound=False), SIZES)
    assert set(texts) == {MASTER, "720p/index.m3u8", "480p/index.m3u8", "360p/index.m3u8"}
    assert not re.search("audio|mp4a", texts[MASTER], re.IGNORECASE)


def test_a_missing_segment_is_noticed() -> None:
    without = {name: size for name, size in SIZES.items() if name != "480p/00001.m4s"}
    with pytest.raises(KeyError, match=r"480p/00001\.m4s"):
        playlists_of(facts(has_sound=True), without)
