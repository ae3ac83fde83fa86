"""Conversions of real files, usual and odd, good and bad."""

import asyncio
import os
import shutil
import signal
from array import array
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from academy.infrastructure.media.conversion import ConversionInterrupted
from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.opening import image_of
from academy.infrastructure.media.streaming import ConversionProgress
from tests.academies.films import Film, make, turned
from tests.unit.infrastructure.media.converted import Converted, children, convert, time_of

PROCESS = "conversion_process"


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds: three whole segments and a part of one."""
    film = Film(width=128, height=72, seconds=20, rate=Fraction(15000, 1001), sound=("aac", 44_100, "stereo"))
    return make(tmp_path_factory.mktemp("films") / "long.mp4", film)


async def test_every_size_begins_its_segments_with_the_same_pictures(tmp_path: Path) -> None:
    source = make(
        tmp_path / "hd.mp4", Film(width=640, height=480, seconds=7, rate=Fraction(5), sound=("aac", 48_000, "stereo"))
    )
    converted = await convert(source, tmp_path / "out")
    assert converted.sizes == [(640, 480), (480, 360)]
    assert (converted.facts.frames, converted.facts.segments, converted.facts.note) == (35, 2, "")
    converted.check()
    for number in range(2):
        keys = [time_of(frame) for frame in converted.pictures(number) if frame.key_frame]
        assert keys == [0, 6]
    assert [size.codecs[:7] for size in converted.facts.sizes] == ["avc1.64"] * 2


ODD = {
    "portrait.mp4": (Film(width=90, height=160), [(90, 160)]),
    "tiny.mp4": (Film(width=16, height=16), [(16, 16)]),
    "odd.mkv": (Film(width=161, height=91, codec="ffv1", pixels="yuv444p"), [(160, 90)]),
    "wide-pixels.mp4": (Film(pixel_shape=Fraction(2)), [(320, 90)]),
    "ten-bits.mkv": (Film(pixels="yuv420p10le"), [(160, 90)]),
    "prores.mov": (Film(codec="prores_ks", pixels="yuv422p10le", sound=("pcm_s16le", 8000, "mono")), [(160, 90)]),
    "rgb.mkv": (Film(codec="libx264rgb", pixels="rgb24"), [(160, 90)]),
    "surround.mp4": (Film(sound=("aac", 44_100, "5.1")), [(160, 90)]),
    "one-a-second.mp4": (Film(rate=Fraction(1)), [(160, 90)]),
    "old.avi": (Film(codec="mpeg4", sound=("mp3", 44_100, "stereo")), [(160, 90)]),
    "old.flv": (Film(codec="flv", sound=("mp3", 44_100, "mono")), [(160, 90)]),
    "old.wmv": (Film(codec="wmv2"), [(160, 90)]),
}


@pytest.mark.parametrize("name", ODD)
async def test_odd_sources(tmp_path: Path, name: str) -> None:
    film, sizes = ODD[name]
    converted = await convert(make(tmp_path / name, film), tmp_path / "out")
    assert converted.sizes == sizes
    assert converted.facts.has_sound == (film.sound is not None)
    assert converted.seconds == pytest.approx(3, abs=0.2)
    assert converted.facts.note == ""
    converted.check()
    assert {frame.format.name for frame in converted.pictures()} == {"yuv420p"}


async def test_fast_pictures_become_sixty_a_second(tmp_path: Path) -> None:
    converted = await convert(make(tmp_path / "fast.mp4", Film(rate=Fraction(120), seconds=1)), tmp_path / "out")
    assert (converted.facts.timing.rate, converted.facts.frames) == (Fraction(60), 60)


async def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    def stamp(number: int) -> int:
        """Still for two seconds after the tenth picture, then quick."""
        return number * 40 if number < 10 else 2000 + number * 33

    converted = await convert(make(tmp_path / "a.mp4", Film(stamp=stamp)), tmp_path / "out")
    assert converted.seconds == pytest.approx(3, abs=0.1)
    converted.check()
    looks = [bytes(frame.planes[0]) for frame in converted.pictures()]
    rate = converted.facts.timing.rate
    still = looks[round(0.5 * rate) : round(1.9 * rate)]
    assert Counter(still).most_common(1)[0][1] > len(still) / 2, "the picture stands"
    assert len(set(looks[round(2.3 * rate) : round(3 * rate)])) > 10, "and moves again"


async def test_a_turned_video_is_stored_upright(tmp_path: Path) -> None:
    path = make(tmp_path / "phone.mp4", Film())
    path.write_bytes(turned(path.read_bytes(), 90))
    converted = await convert(path, tmp_path / "out")
    assert converted.sizes == [(90, 160)]
    with av.open(str(path)) as container:
        lying = image_of(next(container.decode(video=0)))
    upright = image_of(converted.pictures()[0]).resize((9, 16)).convert("L")
    expected = lying.rotate(270, expand=True).resize((9, 16)).convert("L")
    difference = [abs(one - other) for one, other in zip(upright.tobytes(), expected.tobytes(), strict=True)]
    assert sum(difference) / len(difference) < 12


async def test_colours_are_told_and_kept(tmp_path: Path) -> None:
    source = make(tmp_path / "sd.mp4", Film())
    converted = await convert(source, tmp_path / "out")
    frame = converted.pictures()[0]
    assert (frame.colorspace, frame.color_range) == (1, 1), "BT.709, limited"
    with av.open(str(source)) as container:
        before = image_of(next(container.decode(video=0)).reformat(format="rgb24", src_colorspace="ITU601"))
    after = image_of(frame.reformat(format="rgb24", src_colorspace="ITU709"))
    for spot in ((20, 20), (80, 30), (125, 50)):
        box = (*spot, spot[0] + 1, spot[1] + 1)
        pairs = zip(before.crop(box).tobytes(), after.crop(box).tobytes(), strict=True)
        assert max(abs(one - other) for one, other in pairs) < 40


async def test_sound_that_ends_later_holds_the_last_picture(tmp_path: Path) -> None:
    def stamp(number: int) -> int:
        return number * 20

    source = make(tmp_path / "a.mp4", Film(stamp=stamp, sound=("aac", 48_000, "mono")))
    converted = await convert(source, tmp_path / "out")
    assert converted.seconds == pytest.approx(3, abs=0.1)
    converted.check()


async def test_it_goes_on_at_any_segment(long_film: Path, tmp_path: Path) -> None:
    whole = await convert(long_film, tmp_path / "whole")
    whole.check()
    for first in range(1, whole.facts.segments):
        folder = tmp_path / f"from-{first}"
        shutil.copytree(whole.folder, folder)
        for path in folder.rglob("*.m4s"):
            if int(path.stem) >= first:
                path.unlink()
        again = await convert(long_film, folder, first)
        assert again.facts == whole.facts
        assert again.files() == whole.files()
        again.check()
        assert sameness(whole, again) > 0.99


def sameness(one: Converted, other: Converted) -> float:
    """How alike the sounds are: 1 is the same. A gap of a hundredth of a second in a tone would be heard in it."""
    first, second = ([list(array("f", bytes(frame.planes[0]))) for frame in each.sound()] for each in (one, other))
    close = sum(max(abs(x - y) for x, y in zip(a, b, strict=True)) < 0.05 for a, b in zip(first, second, strict=True))
    return close / len(first)


async def test_progress_is_told(long_film: Path, tmp_path: Path) -> None:
    told: list[ConversionProgress] = []

    async def on_progress(progress: ConversionProgress) -> None:
        complete = {number for number in range(10) if (tmp_path / "out/72p" / f"{number:05d}.m4s").exists()}
        assert complete >= set(range(progress.segments)), "what is told of is there"
        told.append(progress)

    await convert(long_film, tmp_path / "out", on_progress=on_progress)
    assert [one.percent for one in told] == sorted(one.percent for one in told)
    assert 0 < told[-1].percent <= 99


async def test_thumbnails_lie_along_the_time_line(long_film: Path, tmp_path: Path) -> None:
    converted = await convert(long_film, tmp_path / "out")
    track = (converted.folder / "thumbnails.vtt").read_text()
    cues = [cue.splitlines() for cue in track.strip().split("\n\n")[1:]]
    assert cues[0] == ["00:00:00.000 --> 00:00:02.000", "thumbnails.webp#xywh=0,0,160,90"]
    assert len(cues) == 11
    assert cues[-1][1] == "thumbnails.webp#xywh=0,90,160,90"
    with Image.open(converted.folder / "thumbnails.webp") as sheet:
        assert sheet.size == (1600, 180)
        first, fifth = (sheet.crop((160 * n, 0, 160 * (n + 1), 90)).tobytes() for n in (0, 4))
        assert first != fifth


@pytest.mark.parametrize(("ending", "kept"), [("mp4", 0.95), ("mkv", 0.93)])
async def test_a_broken_tail_is_left_out_with_a_note(tmp_path: Path, ending: str, kept: float) -> None:
    source = make(tmp_path / f"film.{ending}", Film(seconds=10, sound=("aac", 48_000, "stereo")))
    content = source.read_bytes()
    source.write_bytes(content[: int(len(content) * kept)])
    converted = await convert(source, tmp_path / "out")
    assert "The end of this video is missing" in converted.facts.note
    assert 9 <= converted.seconds < 10
    converted.check()


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
async def test_half_a_video_is_refused(tmp_path: Path, ending: str) -> None:
    source = make(tmp_path / f"film.{ending}", Film(seconds=8))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(BrokenMedia, match="Upload the whole file again"):
        await convert(source, tmp_path / "out")


async def test_damage_in_the_middle_is_bridged(tmp_path: Path) -> None:
    source = make(tmp_path / "film.mp4", Film(seconds=8))
    content = bytearray(source.read_bytes())
    for position in range(len(content) // 2, len(content) // 2 + 500):
        content[position] ^= 0x55
    source.write_bytes(content)
    converted = await convert(source, tmp_path / "out")
    assert converted.facts.frames == 80
    converted.check()


async def test_other_files_are_not_opened(long_film: Path, tmp_path: Path) -> None:
    texts = [
        "This is a text.\n" * 100,
        f"#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\n{long_film}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {long_film}\n",
    ]
    for text in texts:
        (tmp_path / "fake.mp4").write_text(text)
        with pytest.raises(BrokenMedia, match="Export it again as MP4"):
            await convert(tmp_path / "fake.mp4", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


async def test_sound_alone_is_refused(long_film: Path, tmp_path: Path) -> None:
    with av.open(str(long_film)) as before, av.open(str(tmp_path / "sound.mp4"), "w") as after:
        stream = after.add_stream_from_template(before.streams.audio[0])
        for packet in before.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                after.mux(packet)
    with pytest.raises(BrokenMedia, match="sound but no picture"):
        await convert(tmp_path / "sound.mp4", tmp_path / "out")


async def test_a_picture_of_16k_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    source = make(tmp_path / "film.mkv", Film(width=512, height=512, codec="ffv1", seconds=1, rate=Fraction(2)))
    # The elements PixelWidth and PixelHeight (RFC 9559, 5.1.4.1.28), from 512 to 16384.
    content = source.read_bytes().replace(b"\xb0\x82\x02\x00", b"\xb0\x82\x40\x00")
    content = content.replace(b"\xba\x82\x02\x00", b"\xba\x82\x40\x00")
    assert content != source.read_bytes()
    source.write_bytes(content)
    with pytest.raises(BrokenMedia):
        await convert(source, tmp_path / "out")


async def test_the_time_limit_ends_the_process(long_film: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokenMedia, match="took too long"):
        await convert(long_film, tmp_path / "out", seconds=0.2)
    assert not children(PROCESS)


async def test_cancelling_ends_the_process(long_film: Path, tmp_path: Path) -> None:
    began = asyncio.Event()

    async def on_progress(_: ConversionProgress) -> None:
        began.set()

    conversion = asyncio.create_task(convert(long_film, tmp_path / "out", on_progress=on_progress))
    await asyncio.wait_for(began.wait(), 20)
    conversion.cancel()
    with pytest.raises(asyncio.CancelledError):
        await conversion
    assert not children(PROCESS)


async def test_a_process_that_others_kill_is_not_the_files_fault(long_film: Path, tmp_path: Path) -> None:
    async def on_progress(_: ConversionProgress) -> None:
        for number in children(PROCESS):
            os.kill(number, signal.SIGKILL)

    with pytest.raises(ConversionInterrupted):
        await convert(long_film, tmp_path / "out", on_progress=on_progress)


async def test_files_may_be_taken_as_soon_as_they_are_there(long_film: Path, tmp_path: Path) -> None:
    async def on_progress(_: ConversionProgress) -> None:
        for path in (tmp_path / "out").rglob("*"):
            if path.is_file() and path.suffix != ".part":
                path.unlink()

    converted = await convert(long_film, tmp_path / "out", on_progress=on_progress)
    assert converted.facts.segments == 4


async def test_a_full_disk_is_not_the_files_fault(long_film: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    # Where the folder of a size has to be, there is a file: the process cannot write.
    (tmp_path / "out" / "72p").write_bytes(b"")
    with pytest.raises(ConversionInterrupted):
        await convert(long_film, tmp_path / "out")
