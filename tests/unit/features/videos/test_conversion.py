"""From a checked video to one in every size, on a real storage."""

import asyncio
import os
import signal
from datetime import timedelta

import pytest

from academy.features.videos.errors import VideoNotReady
from academy.features.videos.model import Rendition, Video, VideoStatus
from academy.features.videos.stages import CONVERT_VIDEO, ConvertVideo
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.infrastructure.security.principal import Principal
from tests.academies.films import Film, make
from tests.academies.media import stream
from tests.unit.features.videos.academy_of_videos import VideoAcademy
from tests.unit.infrastructure.media.converted import children

PROCESS = "conversion_process"
SOUND = ("aac", 48_000, "stereo")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("films")
    made = {
        "short.mp4": Film(seconds=2, sound=SOUND),
        "long.mp4": Film(seconds=20, sound=SOUND),
        "old.avi": Film(codec="mpeg4", seconds=2),
        "tail.mkv": Film(seconds=10),
    }
    return {name: make(folder / name, film).read_bytes() for name, film in made.items()}


async def checked(
    academy: VideoAcademy, films: dict[str, bytes], name: str, *, kept: float = 1.0, course_id: str | None = "course"
) -> tuple[Principal, str]:
    """Uploads a film, or the first part of one, and has it checked; returns its owner and id."""
    owner = await academy.person()
    content = films[name][: int(len(films[name]) * kept)]
    video = await academy.videos.upload(owner, name, "", stream(content), course_id=course_id)
    await academy.worker.drain(long_jobs=False)
    assert (await academy.videos.get(owner, video.id)).status is VideoStatus.CONVERTING
    return owner, video.id


def names(keys: list[str], video_id: str) -> set[str]:
    return {key.removeprefix(f"videos/{video_id}/") for key in keys}


WHOLE = {
    *("original.mp4", "poster.webp", "hls/master.m3u8", "hls/thumbnails.webp", "hls/thumbnails.vtt"),
    *(f"hls/{size}/{name}" for size in ("90p", "audio") for name in ("index.m3u8", "init.mp4", "00000.m4s")),
}


async def test_a_playable_video_can_be_watched_before_and_after(academy: VideoAcademy, films: dict[str, bytes]) -> None:
    owner, video_id = await checked(academy, films, "short.mp4")
    early = await academy.videos.playback(owner, video_id)
    assert (early.content_type, early.hls_url, early.qualities) == ("video/mp4", None, [])
    assert len(academy.told) == 1
    await academy.worker.drain()
    video = await academy.videos.get(owner, video_id)
    assert (video.status, video.progress, video.note) == (VideoStatus.READY, 100, "")
    assert video.renditions == [Rendition(name="90p", width=160, height=90)]
    assert names(await academy.keys(), video_id) == WHOLE
    playback = await academy.videos.playback(owner, video_id)
    assert (playback.content_type, playback.qualities) == ("video/mp4", video.renditions)
    assert playback.hls_url
    assert playback.hls_url.startswith(f"/media/videos/{video_id}/hls/master.m3u8?expires=")
    assert playback.thumbnails_url
    assert playback.thumbnails_url.startswith(f"/media/videos/{video_id}/hls/thumbnails.vtt?expires=")
    assert len(academy.told) == 1, "the course knows already"
    assert list(academy.scratch.iterdir()) == []


async def test_what_browsers_do_not_show_waits_for_its_conversion(
    academy: VideoAcademy, films: dict[str, bytes]
) -> None:
    owner, video_id = await checked(academy, films, "old.avi")
    with pytest.raises(VideoNotReady, match=r"being converted \(0 % are done\)"):
        await academy.videos.playback(owner, video_id)
    shown = (await academy.videos.lesson_videos([video_id]))[video_id]
    assert (shown.state, shown.url, shown.progress) == ("converting", None, 0)
    assert academy.told == []
    await academy.worker.drain()
    playback = await academy.videos.playback(owner, video_id)
    assert playback.content_type == "application/vnd.apple.mpegurl"
    assert playback.url == playback.hls_url
    assert [told[0] for told in academy.told] == [video_id]


async def test_a_broken_tail_is_noted(academy: VideoAcademy, films: dict[str, bytes]) -> None:
    owner, video_id = await checked(academy, films, "tail.mkv", kept=0.93)
    await academy.worker.drain()
    video = await academy.videos.get(owner, video_id)
    assert video.status is VideoStatus.READY
    assert "The end of this video is missing" in video.note


@pytest.mark.parametrize(("name", "status"), [("short.mp4", VideoStatus.READY), ("old.avi", VideoStatus.FAILED)])
async def test_a_failed_conversion_leaves_no_files_and_playable_videos(
    academy: VideoAcademy, films: dict[str, bytes], name: str, status: VideoStatus
) -> None:
    owner, video_id = await checked(academy, films, name)
    key = (await academy.videos.get(owner, video_id)).key
    await academy.storage.upload(key, stream(b"no video any more"), limit=100, content_type="video/mp4")
    await academy.worker.drain()
    video = await academy.videos.get(owner, video_id)
    assert video.status is status
    assert "Export it again" in (video.note if status is VideoStatus.READY else video.failure)
    assert not any("/hls/" in key for key in await academy.keys())


async def test_what_is_missing_is_made_again(academy: VideoAcademy, films: dict[str, bytes]) -> None:
    owner, video_id = await checked(academy, films, "long.mp4")
    # As if an earlier try had stored three segments, which somebody lost.
    await academy.videos.stages.advance(video_id, 3, 80)
    await academy.worker.drain()
    assert (await academy.videos.get(owner, video_id)).status is VideoStatus.CONVERTING
    academy.clock.move(minutes=1)
    await academy.worker.drain()
    video = await academy.videos.get(owner, video_id)
    assert (video.status, video.note) == (VideoStatus.READY, "")
    assert len([key for key in await academy.keys() if key.endswith(".m4s")]) == 2 * 4


async def test_progress_never_goes_back_and_does_not_touch_the_time(
    academy: VideoAcademy, films: dict[str, bytes]
) -> None:
    owner, video_id = await checked(academy, films, "short.mp4")
    before = await academy.videos.get(owner, video_id)
    for segments, percent in ((2, 40), (1, 30)):
        assert await academy.videos.stages.advance(video_id, segments, percent)
    after = await academy.videos.get(owner, video_id)
    assert (after.segments, after.progress, after.updated_at) == (2, 40, before.updated_at)
    await academy.worker.drain()
    assert not await academy.videos.stages.advance(video_id, 3, 50)


async def begun(academy: VideoAcademy) -> asyncio.Task[None]:
    """Begins to convert, and returns when the process works and has stored something."""
    work = asyncio.create_task(academy.worker.drain())
    async with asyncio.timeout(60):
        while not any(key.endswith("thumbnails.vtt") for key in await academy.keys()):
            assert not work.done()
            await asyncio.sleep(0.01)
    return work


async def test_a_deleted_video_ends_its_conversion_and_leaves_nothing(
    academy: VideoAcademy, films: dict[str, bytes]
) -> None:
    owner, video_id = await checked(academy, films, "long.mp4")
    work = await begun(academy)
    await academy.videos.delete(owner, video_id)
    await asyncio.wait_for(work, 60)
    assert await academy.keys() == []
    assert not children(PROCESS)
    assert list(academy.scratch.iterdir()) == []


async def test_a_killed_process_is_begun_again(academy: VideoAcademy, films: dict[str, bytes]) -> None:
    owner, video_id = await checked(academy, films, "long.mp4")
    work = await begun(academy)
    for number in children(PROCESS):
        os.kill(number, signal.SIGKILL)
    await asyncio.wait_for(work, 60)
    video = await academy.videos.get(owner, video_id)
    if video.status is VideoStatus.CONVERTING:  # it was not done before the kill
        jobs = await academy.database.collection(Job).find({"kind": CONVERT_VIDEO.name})
        assert [job.status for job in jobs] == [JobStatus.QUEUED]
        academy.clock.move(minutes=1)
        await academy.worker.drain()
    assert (await academy.videos.get(owner, video_id)).status is VideoStatus.READY


async def test_a_conversion_that_never_ends_is_given_up(academy: VideoAcademy, films: dict[str, bytes]) -> None:
    owner, video_id = await checked(academy, films, "old.avi", course_id=None)
    for _ in range(CONVERT_VIDEO.max_attempts):
        academy.clock.move(minutes=3)
        claimed = await academy.queue.claim("a worker that dies", [CONVERT_VIDEO.name])
        assert claimed
    academy.clock.move(minutes=3)
    await academy.worker.drain()
    video = await academy.videos.get(owner, video_id)
    assert (video.status, "tried several times" in video.failure) == (VideoStatus.FAILED, True)
    # What its tries stored goes with the daily cleaning.
    key = f"videos/{video_id}/hls/90p/00000.m4s"
    await academy.storage.upload(key, stream(b"segment"), limit=100, content_type="video/iso.segment")
    other = await academy.videos.upload(owner, "short.mp4", "", stream(films["short.mp4"]))
    academy.clock.move(days=2)
    await academy.worker.drain()
    keys = names(await academy.keys(), video_id)
    assert "original.avi" in keys
    assert "hls/90p/00000.m4s" not in keys
    assert f"videos/{other.id}/hls/90p/00000.m4s" in keys


async def test_running_it_again_changes_nothing(academy: VideoAcademy, films: dict[str, bytes]) -> None:
    owner, video_id = await checked(academy, films, "short.mp4")
    await academy.worker.drain()
    first, keys = await academy.videos.get(owner, video_id), await academy.keys()
    await academy.queue.enqueue(CONVERT_VIDEO, ConvertVideo(video_id=video_id))
    await academy.worker.drain()
    assert (await academy.videos.get(owner, video_id), await academy.keys()) == (first, keys)


async def test_two_workers_at_once_end_in_one_video(academy: VideoAcademy, films: dict[str, bytes]) -> None:
    owner, video_id = await checked(academy, films, "short.mp4")
    conversion = academy.queue.registration(CONVERT_VIDEO.name).handler
    await asyncio.gather(*(conversion(ConvertVideo(video_id=video_id)) for _ in range(2)))
    assert (await academy.videos.get(owner, video_id)).status is VideoStatus.READY
    assert names(await academy.keys(), video_id) == WHOLE


async def test_everything_goes_with_the_video(academy: VideoAcademy, films: dict[str, bytes]) -> None:
    owner, video_id = await checked(academy, films, "short.mp4")
    await academy.worker.drain()
    await academy.videos.delete(owner, video_id)
    assert await academy.keys() == []


async def test_the_daily_cleaning_removes_what_a_killed_deletion_left(
    academy: VideoAcademy, films: dict[str, bytes]
) -> None:
    _, video_id = await checked(academy, films, "short.mp4")
    await academy.worker.drain()
    await academy.database.collection(Video).delete_one({"id": video_id})
    academy.clock.added += timedelta(days=2)
    await academy.worker.drain()
    assert await academy.keys() == []
