"""The probe against real files, good and bad."""

import asyncio
import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.probe import probe_video
from academy.infrastructure.media.synthesis import Slide, synthesize

SLIDES = [Slide("What a variable is", "A name for a value – you choose it."), Slide("Déjà vu", "Seen before.")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    synthesize(path, SLIDES, 30, seed=7)
    return path


@pytest.fixture
def whole(film: Path) -> bytes:
    return film.read_bytes()


def remuxed(source: Path, target: Path, kinds: tuple[str, ...], container_format: str) -> Path:
    with av.open(str(source)) as before, av.open(str(target), "w", format=container_format) as after:
        streams = {
            stream.index: after.add_stream_from_template(stream) for stream in before.streams if stream.type in kinds
        }
        for packet in before.demux():
            if packet.dts is not None and packet.stream.index in streams:
                packet.stream = streams[packet.stream.index]
                after.mux(packet)
    return target


async def test_a_good_video(film: Path, tmp_path: Path) -> None:
    facts = await probe_video(film, tmp_path / "poster")
    assert facts.duration_seconds == pytest.approx(30, abs=0.1)
    assert (facts.width, facts.height, facts.rotation) == (960, 540, 0)
    assert (facts.video_codec, facts.audio_codec) == ("h264", "aac")
    with Image.open(tmp_path / "poster") as poster:
        assert (poster.format, poster.size) == ("WEBP", (960, 540))


async def test_a_video_without_sound(film: Path, tmp_path: Path) -> None:
    silent = remuxed(film, tmp_path / "silent.mkv", ("video",), "matroska")
    facts = await probe_video(silent, tmp_path / "poster")
    assert (facts.video_codec, facts.audio_codec) == ("h264", "")
    assert facts.duration_seconds == pytest.approx(30, abs=0.1)


async def test_sound_without_a_picture(film: Path, tmp_path: Path) -> None:
    sound = remuxed(film, tmp_path / "sound.mp4", ("audio",), "mp4")
    with pytest.raises(BrokenMedia, match="sound but no picture"):
        await probe_video(sound, tmp_path / "poster")
    assert not (tmp_path / "poster").exists()


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.85])
async def test_a_video_that_was_cut_off(whole: bytes, tmp_path: Path, kept: float) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(BrokenMedia, match="Upload the whole file again"):
        await probe_video(cut, tmp_path / "poster")


@pytest.mark.parametrize(
    "content", [b"This is a text.\n" * 500, b"", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0" * 5000]
)
async def test_no_video_at_all(tmp_path: Path, content: bytes) -> None:
    fake = tmp_path / "fake.mp4"
    fake.write_bytes(content)
    with pytest.raises(BrokenMedia, match="Export it again as MP4"):
        await probe_video(fake, tmp_path / "poster")


async def test_a_playlist_opens_no_other_file(film: Path, tmp_path: Path) -> None:
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\n{film}\n#EXT-X-ENDLIST\n")
    with pytest.raises(BrokenMedia):
        await probe_video(playlist, tmp_path / "poster")


async def test_damage_in_the_middle_ends_in_an_answer(whole: bytes, tmp_path: Path) -> None:
    content = bytearray(whole)
    for position in range(200, len(content), 997):
        content[position] ^= 0xFF
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    try:
        facts = await probe_video(damaged, tmp_path / "poster")
    except BrokenMedia as error:
        assert "again" in error.message  # noqa: PT017 - both ends are right, nothing else is
    else:
        assert facts.duration_seconds > 0


def picture_with_a_light_corner(path: Path, pixel_shape: Fraction) -> None:
    picture = Image.new("RGB", (320, 180), (60, 20, 20))
    picture.paste((240, 240, 240), (0, 0, 80, 80))
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel_shape
        for number in range(20):
            frame: av.VideoFrame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


async def test_wide_pixels_become_square(tmp_path: Path) -> None:
    picture_with_a_light_corner(tmp_path / "wide.mp4", Fraction(2, 1))
    facts = await probe_video(tmp_path / "wide.mp4", tmp_path / "poster")
    assert (facts.width, facts.height) == (640, 180)


async def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    picture_with_a_light_corner(path, Fraction(1, 1))
    # The matrix of the track header (ISO/IEC 14496-12, 8.3.2), as phones write it for pictures to be turned clockwise.
    upright = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    turned = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 180 << 16, 0, 0x40000000)
    before, header, rest = path.read_bytes().partition(b"tkhd")
    assert upright in rest
    path.write_bytes(before + header + rest.replace(upright, turned, 1))
    facts = await probe_video(path, tmp_path / "poster")
    assert (facts.width, facts.height, facts.rotation) == (180, 320, 270)
    with Image.open(tmp_path / "poster") as poster:
        grey = poster.convert("L")
        assert [grey.getpixel(spot) > 128 for spot in ((20, 20), (160, 20), (20, 300))] == [False, True, False]  # type: ignore[operator]


async def test_the_time_limit_ends_the_process(film: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokenMedia, match="took too long"):
        await probe_video(film, tmp_path / "poster", timeout_seconds=0.01)
    assert not probes()


async def test_cancelling_ends_the_process(film: Path, tmp_path: Path) -> None:
    probe = asyncio.create_task(probe_video(film, tmp_path / "poster"))
    async with asyncio.timeout(10):
        while not probes():  # noqa: ASYNC110 - a process starts without an event
            await asyncio.sleep(0.005)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert not probes()


def probes() -> list[str]:
    """Ids of this process's children that probe."""
    children = Path("/proc/self/task").glob("*/children")
    ids = [number for task in children for number in task.read_text().split()]
    return [number for number in ids if b"probe_process" in command_of(number)]


def command_of(number: str) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


async def test_a_generated_video_moves_starts_fast_and_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("first.mp4", "second.mp4", "other.mp4"))
    for path, seed in ((first, 1), (second, 1), (other, 2)):
        synthesize(path, SLIDES, 2, seed)
    assert first.read_bytes().index(b"moov") < first.read_bytes().index(b"mdat")
    pictures = {path: decoded(path) for path in (first, second, other)}
    assert pictures[first] == pictures[second]
    assert pictures[first][20] != pictures[other][20]
    assert len(pictures[first]) == 48
    assert len(set(pictures[first])) == 48


def decoded(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(frame.planes[0]) for frame in container.decode(video=0)]


def test_a_video_needs_slides(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one slide"):
        synthesize(tmp_path / "none.mp4", [], 1, 1)
