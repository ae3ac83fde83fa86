"""Uploads in parts: any slicing gives the same bytes, and no crash of a step leaves two videos or an orphan."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from academy.features.courses.model import LessonKind
from academy.features.videos import receiving
from academy.features.videos.errors import TooManyParts, UploadBusy, UploadNotFound
from academy.features.videos.model import StoredFile, Upload, UploadState, Video, VideoStatus
from academy.features.videos.multipart import MalformedUpload
from academy.features.videos.placing import Place
from academy.features.videos.receiving import Checksum
from academy.features.videos.resumable import NewUpload
from academy.features.videos.upload_repository import UploadRepository
from academy.infrastructure.jobs.model import Job, JobStatus
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.storage.base import StorageUnavailable
from academy.infrastructure.storage.memory import MemoryStorage
from academy.infrastructure.storage.settings import StorageSettings
from tests.academies.media import PDF, make_picture, stream
from tests.unit.features.videos.academy_of_videos import VideoAcademy


class PowerCut(BaseException):
    """What ends a process in the middle; nothing can catch it."""


async def begin(academy: VideoAcademy, owner: Principal, name: str, length: int, place: Place | None = None) -> Upload:
    return await academy.uploads.begin(
        owner, NewUpload(file_name=name, content_type="", length=length, metadata=""), place
    )


async def send(
    academy: VideoAcademy,
    owner: Principal,
    upload: Upload,
    offset: int,
    chunks: AsyncIterator[bytes],
    checksum: Checksum | None = None,
) -> Upload:
    return await academy.uploads.append(owner, upload.id, offset, chunks, announced=None, checksum=checksum)


async def sent(
    academy: VideoAcademy, owner: Principal, name: str, content: bytes, place: Place | None = None
) -> Upload:
    upload = await begin(academy, owner, name, len(content), place)
    return await send(academy, owner, upload, 0, stream(content))


async def breaking_off(content: bytes) -> AsyncIterator[bytes]:
    async for chunk in stream(content, 1000):
        yield chunk
    raise MalformedUpload("The upload broke off.")


def cut(content: bytes, lengths: list[int]) -> list[bytes]:
    """The content in pieces of these lengths, and what is left in one."""
    pieces, at = [], 0
    for length in lengths:
        pieces.append(content[at : at + length])
        at += length
    return [piece for piece in (*pieces, content[at:]) if piece]


async def test_any_way_of_slicing_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "PART_BYTES", 700)
    academy = VideoAcademy(tmp_path, MemoryStorage(), StorageSettings())
    await academy.start()
    owner = await academy.person()
    loop = asyncio.get_running_loop()

    async def check(content: bytes, lengths: list[int], breaks: list[bool], chunk: int) -> None:
        upload = await begin(academy, owner, "plan.pdf", len(content))
        at = 0
        for number, piece in enumerate(cut(content, lengths)):
            breaks_off = number < len(breaks) and breaks[number]
            try:
                chunks = breaking_off(piece) if breaks_off else stream(piece, chunk)
                upload = await send(academy, owner, upload, at, chunks)
            except MalformedUpload:
                upload = await academy.uploads.get(owner, upload.id)
            at += len(piece)
            assert upload.offset == at
        assert upload.state is UploadState.ASSEMBLING
        await academy.worker.drain(long_jobs=False)
        done = await academy.uploads.get(owner, upload.id)
        file = await academy.database.collection(StoredFile).get(done.result_id)
        assert file is not None
        assert (file.sha256, file.size) == (hashlib.sha256(content).hexdigest(), len(content))
        assert await academy.keys() == [file.key]
        await academy.videos.files.delete(file.key)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.binary(max_size=6000).map(lambda rest: b"%PDF-1.7\n" + rest),
        st.lists(st.integers(1, 5000), max_size=8),
        st.lists(st.booleans(), max_size=8),
        st.integers(1, 3000),
    )
    def slices(content: bytes, lengths: list[int], breaks: list[bool], chunk: int) -> None:
        asyncio.run_coroutine_threadsafe(check(content, lengths, breaks, chunk), loop).result(60)

    await asyncio.to_thread(slices)
    await academy.database.disconnect()


async def test_a_checked_piece_that_breaks_off_is_not_kept(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    upload = await begin(academy, owner, "a.mp4", len(film))
    checked = Checksum(hashlib.sha1(usedforsecurity=False), b"x" * 20)
    with pytest.raises(MalformedUpload):
        await send(academy, owner, upload, 0, breaking_off(film[:9000]), checked)
    assert ((await academy.uploads.get(owner, upload.id)).offset, await academy.keys()) == (0, [])
    with pytest.raises(MalformedUpload):
        await send(academy, owner, upload, 0, breaking_off(film[:9000]))
    assert (await academy.uploads.get(owner, upload.id)).offset == 9000


async def test_a_part_is_kept_when_the_next_one_is_not(
    academy: VideoAcademy, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "PART_BYTES", 8000)
    owner = await academy.person()
    upload = await begin(academy, owner, "a.mp4", len(film))

    async def cut_off() -> AsyncIterator[bytes]:
        yield film[:9000]
        raise PowerCut

    with pytest.raises(PowerCut):
        await send(academy, owner, upload, 0, cut_off())
    assert (await academy.uploads.get(owner, upload.id)).offset == 8000


async def test_a_dead_writer_is_waited_for_ten_seconds(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    upload = await begin(academy, owner, "a.mp4", len(film))
    taken = {"writer": "dead", "writer_until": academy.clock.now() + receiving.LEASE}
    await academy.database.collection(Upload).update_one({"id": upload.id}, {"$set": taken})
    with pytest.raises(UploadBusy):
        await send(academy, owner, upload, 0, stream(film))
    academy.clock.move(seconds=10)
    assert (await send(academy, owner, upload, 0, stream(film))).state is UploadState.ASSEMBLING


async def test_a_slow_writer_keeps_its_turn(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    upload = await begin(academy, owner, "a.mp4", len(film))

    async def slow() -> AsyncIterator[bytes]:
        async for chunk in stream(film, len(film) // 20):
            academy.clock.move(seconds=8)
            with pytest.raises(UploadBusy):
                await send(academy, owner, upload, 0, stream(film))
            yield chunk

    assert (await send(academy, owner, upload, 0, slow())).state is UploadState.ASSEMBLING


async def test_too_many_small_pieces(academy: VideoAcademy, film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_MOST_PARTS", 3)
    owner = await academy.person()
    upload = await begin(academy, owner, "a.mp4", len(film))
    for at in range(0, 6000, 2000):
        await send(academy, owner, upload, at, stream(film[at : at + 2000]))
    with pytest.raises(TooManyParts, match="small pieces"):
        await send(academy, owner, upload, 6000, stream(film[6000:]))


Step = Callable[[VideoAcademy, pytest.MonkeyPatch], None]


def cut_before(name: str) -> Step:
    """The power is cut when a method of the storage is called; "" for none."""

    def prepare(academy: VideoAcademy, monkeypatch: pytest.MonkeyPatch) -> None:
        async def dies(*_: object, **__: object) -> None:
            raise PowerCut

        monkeypatch.setattr(academy.storage, name, dies)

    return prepare


def cut_after_joining(academy: VideoAcademy, monkeypatch: pytest.MonkeyPatch) -> None:
    joins = academy.storage.compose

    async def joins_and_dies(*arguments: object, **named: object) -> None:
        await joins(*arguments, **named)  # type: ignore[arg-type]
        raise PowerCut

    monkeypatch.setattr(academy.storage, "compose", joins_and_dies)


def cut_while_it_is_stored(_: VideoAcademy, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(*_: object, **__: object) -> None:
        raise PowerCut

    monkeypatch.setattr(UploadRepository, "finish", dies)


STEPS: list[Step] = [cut_before("compose"), cut_after_joining, cut_while_it_is_stored, cut_before("list_files")]


@pytest.mark.parametrize("step", STEPS, ids=["before joining", "after joining", "while storing", "before tidying"])
async def test_a_power_cut_at_any_step_leaves_one_video_and_no_orphan(
    academy: VideoAcademy, film: bytes, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await academy.person()
    course = await academy.course(owner, LessonKind.VIDEO)
    await sent(academy, owner, "a.mp4", film, Place(course, course.lessons()[0].id))
    with monkeypatch.context() as broken:
        step(academy, broken)
        with pytest.raises(BaseExceptionGroup, match="unhandled"):
            await academy.worker.drain(long_jobs=False)
    academy.clock.move(minutes=3)
    await academy.worker.drain(long_jobs=False)
    videos = await academy.database.collection(Video).find({})
    assert [(video.status, video.sha256) for video in videos] == [
        (VideoStatus.CONVERTING, hashlib.sha256(film).hexdigest())
    ]
    now = await academy.courses.by_id(course.id)
    assert now is not None
    assert videos[0].id in (now.lessons()[0].video_id, now.lessons()[0].new_video_id)
    assert sorted(await academy.keys()) == sorted([videos[0].key, videos[0].poster_key or ""])


async def test_a_file_that_cannot_become_what_it_was_for(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    course = await academy.course(owner, LessonKind.VIDEO, LessonKind.FILE)
    video, file = course.lessons()
    watched = await sent(academy, owner, "a.mp4", film, Place(course, video.id))
    read = await sent(academy, owner, "a.pdf", PDF, Place(course, file.id))
    picture = await sent(academy, owner, "a.jpg", b"\xff\xd8\xff" + bytes(9000), Place(course, ""))
    lost = await sent(academy, owner, "b.mp4", film)
    await academy.storage.delete(lost.keys[0])
    gone = await sent(academy, stranger := await academy.person(), "c.mp4", film)
    await academy.delete_person(stranger)
    await academy.courses.set_curriculum(owner, course.slug, [])
    await academy.worker.drain(long_jobs=False)
    reasons = {
        watched.id: "lesson",
        read.id: "lesson",
        picture.id: "could not be read",
        lost.id: "were lost",
        gone.id: "no longer in use",
    }
    for upload in await academy.database.collection(Upload).find({}):
        assert upload.state is UploadState.REFUSED
        assert reasons.pop(upload.id) in upload.failure
    assert (reasons, await academy.keys()) == ({}, [])
    assert await academy.database.collection(Job).count({"status": JobStatus.DEAD.value}) == 0


async def test_a_storage_that_is_away_for_good_ends_with_a_reason(
    academy: VideoAcademy, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await academy.person()
    upload = await sent(academy, owner, "a.mp4", film)

    async def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(academy.storage, "compose", away)
        for _ in range(8):
            await academy.worker.drain(long_jobs=False)
            academy.clock.move(hours=2)
    ended = await academy.uploads.get(owner, upload.id)
    assert (ended.state, "several times" in ended.failure) == (UploadState.REFUSED, True)
    academy.clock.move(hours=1)
    await academy.worker.drain(long_jobs=False)
    assert await academy.keys() == []


async def test_the_sweep_removes_what_belongs_to_nothing(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    going_on = await begin(academy, owner, "a.mp4", len(film))
    going_on = await send(academy, owner, going_on, 0, stream(film[:5000]))
    for key in ("uploads/gone/000000000000000-a", f"{going_on.folder}000000000005000-b"):
        await academy.storage.upload(key, stream(b"x"), limit=1, content_type="x/y")
    await academy.uploads.sweep()
    assert await academy.keys() == [*going_on.keys, f"{going_on.folder}000000000005000-b"]
    await send(academy, owner, going_on, 5000, stream(film[5000:]))
    await academy.worker.drain(long_jobs=False)
    assert not [key for key in await academy.keys() if key.startswith("uploads/")]
    left_alone = await begin(academy, owner, "b.mp4", len(film))
    await send(academy, owner, left_alone, 0, stream(film[:5000]))
    academy.clock.move(hours=25)
    await academy.worker.drain(long_jobs=False)
    assert not [key for key in await academy.keys() if key.startswith("uploads/")]
    with pytest.raises(UploadNotFound):
        await academy.uploads.get(owner, left_alone.id)


async def test_an_account_that_is_deleted_leaves_no_upload(academy: VideoAcademy, film: bytes) -> None:
    owner, other = await academy.person(), await academy.person()
    for each in (owner, other):
        upload = await begin(academy, each, "a.mp4", len(film))
        await send(academy, each, upload, 0, stream(film[:5000]))

    async def work() -> None:
        await academy.uploads.forget_owner(owner.user_id)

    await academy.database.transaction(work)
    kept = await academy.database.collection(Upload).find({})
    assert [upload.owner_id for upload in kept] == [other.user_id]
    assert await academy.keys() == kept[0].keys


async def test_a_picture_comes_in_parts(academy: VideoAcademy) -> None:
    owner = await academy.person()
    course = await academy.course(owner, LessonKind.VIDEO)
    picture = make_picture()
    upload = await begin(academy, owner, "a.jpg", len(picture), Place(course, ""))
    await send(academy, owner, upload, 0, stream(picture[:100_000]))
    await send(academy, owner, upload, 100_000, stream(picture[100_000:]))
    await academy.worker.drain(long_jobs=False)
    now = await academy.courses.by_id(course.id)
    assert now is not None
    assert now.cover_key is not None
    kept = await academy.keys()
    assert now.cover_key in kept
    assert {key.rpartition("/")[0] for key in kept} == {now.cover_key.rpartition("/")[0]}
