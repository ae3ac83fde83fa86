import asyncio
import hashlib
from collections.abc import AsyncIterator
from io import BytesIO
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image

from academy.features.accounts.errors import AccountGone
from academy.features.videos.errors import TooManyLooseFiles, VideoNotAllowed, VideoNotFound, VideoNotReady
from academy.features.videos.model import FileKind, StoredFile, Video, VideoStatus
from academy.features.videos.stages import PROBE_VIDEO, ProbeVideo
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.media.errors import BrokenMedia
from academy.infrastructure.media.images import Shape
from academy.infrastructure.media.sniffing import FileRefused
from academy.infrastructure.security.principal import Principal, Role
from academy.infrastructure.storage.base import ObjectTooLarge
from academy.kit.errors import NotFoundError
from academy.kit.ids import new_id
from tests.academies import hostile
from tests.academies.media import PDF, make_picture, stream
from tests.unit.features.videos.academy_of_videos import VideoAcademy


async def test_an_upload_is_checked_and_can_be_watched(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    video = await academy.videos.upload(
        owner, "../My film.MP4", "video/mp4", stream(film), course_id="course", attach=attached(academy)
    )
    assert (video.status, video.file_name, video.size) == (VideoStatus.CHECKING, "My film.MP4", len(film))
    assert video.sha256 == hashlib.sha256(film).hexdigest()
    with pytest.raises(VideoNotReady, match="being checked"):
        await academy.videos.playback(owner, video.id)
    await academy.worker.drain(long_jobs=False)
    ready = await academy.videos.get(owner, video.id)
    assert (ready.status, ready.width, ready.height) == (VideoStatus.CONVERTING, 960, 540)
    assert ready.duration_seconds == pytest.approx(2, abs=0.1)
    assert academy.told == [("attached", 0), (video.id, ready.duration_seconds)]
    playback = await academy.videos.playback(owner, video.id)
    address = urlsplit(playback.url)
    assert address.path == f"/media/{video.key}"
    assert academy.signer.verify(address.path, dict(parse_qsl(address.query)))
    assert playback.poster_url
    assert playback.poster_url.startswith(f"/media/videos/{video.id}/poster.webp?expires="), "private like the video"
    poster = b"".join([chunk async for chunk in academy.storage.read(f"videos/{video.id}/poster.webp")])
    with Image.open(BytesIO(poster)) as image:
        assert (image.format, image.size) == ("WEBP", (960, 540))


def attached(academy: VideoAcademy):  # type: ignore[no-untyped-def]
    async def attach(video: Video) -> None:
        academy.told.append(("attached", 0))

    return attach


async def test_running_the_check_again_changes_nothing(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    video = await academy.videos.upload(owner, "a.mp4", "", stream(film), course_id="course")
    await academy.worker.drain(long_jobs=False)
    first = await academy.videos.get(owner, video.id)
    for _ in range(2):
        await academy.queue.enqueue(PROBE_VIDEO, ProbeVideo(video_id=video.id))
    await academy.queue.enqueue(PROBE_VIDEO, ProbeVideo(video_id=new_id()))
    await academy.worker.drain(long_jobs=False)
    assert await academy.videos.get(owner, video.id) == first
    assert len(academy.told) == 1


async def test_a_broken_video_fails_with_a_reason(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    broken = await academy.videos.upload(owner, "a.mp4", "video/mp4", stream(film[:1000] + b"\0" * 9000))
    gone = await academy.videos.upload(owner, "b.mp4", "video/mp4", stream(film))
    await academy.storage.delete(gone.key)
    await academy.worker.drain(long_jobs=False)
    for video, reason in ((broken, "again"), (gone, "The uploaded file is gone")):
        failed = await academy.videos.get(owner, video.id)
        assert failed.status is VideoStatus.FAILED
        assert reason in failed.failure
        with pytest.raises(VideoNotReady, match="cannot be shown"):
            await academy.videos.playback(owner, video.id)
    assert academy.told == []


async def test_a_check_that_kills_its_workers_ends_as_failed(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    video = await academy.videos.upload(owner, "a.mp4", "video/mp4", stream(film), course_id="course")
    for _ in range(PROBE_VIDEO.max_attempts):
        claimed = await academy.queue.claim("a worker that dies")
        assert claimed
        assert claimed.kind == PROBE_VIDEO.name
        academy.clock.move(minutes=3)
    assert (await academy.videos.get(owner, video.id)).status is VideoStatus.CHECKING
    await academy.worker.drain(long_jobs=False)
    failed = await academy.videos.get(owner, video.id)
    assert (failed.status, failed.failure) == (
        VideoStatus.FAILED,
        "This video could not be checked, although it was tried several times. Upload it again.",
    )


async def test_a_video_of_a_course_is_discarded_for_any_of_its_makers(academy: VideoAcademy, film: bytes) -> None:
    video = await academy.videos.upload(await academy.person(), "a.mp4", "video/mp4", stream(film), course_id="course")
    await academy.videos.discard("another course", video.id)
    assert await academy.keys() == [video.key]
    await academy.videos.discard("course", video.id)
    await academy.videos.discard("course", video.id)
    assert await academy.keys() == []


async def test_only_those_who_may_watch_get_an_address(academy: VideoAcademy, film: bytes) -> None:
    owner, learner, admin = await academy.person(), await academy.person(Role.LEARNER), await academy.person(Role.ADMIN)
    video = await academy.videos.upload(owner, "a.mp4", "", stream(film))
    await academy.worker.drain(long_jobs=False)
    for stranger in (None, learner, await academy.person()):
        with pytest.raises(VideoNotAllowed):
            await academy.videos.playback(stranger, video.id)
    academy.watchers.add(learner.user_id)
    for watcher in (learner, owner, admin):
        assert (await academy.videos.playback(watcher, video.id)).content_type == "video/mp4"
    with pytest.raises(VideoNotFound):
        await academy.videos.playback(owner, new_id())


async def test_refused_uploads_leave_nothing(academy: VideoAcademy, film: bytes) -> None:
    async def breaks_off() -> AsyncIterator[bytes]:
        yield film[:10_000]
        raise ConnectionResetError

    async def no_lesson(_: Video) -> None:
        raise NotFoundError("the lesson is gone")

    owner, videos = await academy.person(), academy.videos
    with pytest.raises(FileRefused):
        await videos.upload(owner, "a.mp4", "video/mp4", stream(b"text" * 5000))
    with pytest.raises(FileRefused):
        await videos.upload(owner, "a.mov", "video/x-flv", stream(film))
    with pytest.raises(FileRefused):
        await videos.upload(owner, "a.mp4", "", stream(b""))
    with pytest.raises(ObjectTooLarge):
        await videos.upload(owner, "a.mp4", "", stream(film + b"\0" * (3 << 20)))
    with pytest.raises(ConnectionResetError):
        await videos.upload(owner, "a.mp4", "", breaks_off())
    with pytest.raises(NotFoundError):
        await videos.upload(owner, "a.mp4", "", stream(film), attach=no_lesson)
    assert await academy.keys() == []
    assert (await videos.list_mine(owner)).items == []
    assert await academy.database.collection(Job).count({"kind": "probe_video"}) == 0


async def test_videos_are_listed_and_seen_by_their_owner_only(academy: VideoAcademy, film: bytes) -> None:
    owner, other = await academy.person(), await academy.person()
    mine = [await academy.videos.upload(owner, f"{n}.mp4", "", stream(film)) for n in range(3)]
    await academy.videos.upload(other, "other.mp4", "", stream(film))
    first = await academy.videos.list_mine(owner, limit=2)
    second = await academy.videos.list_mine(owner, limit=2, cursor=first.next_cursor)
    assert {video.id for video in first.items + second.items} == {video.id for video in mine}
    with pytest.raises(VideoNotFound):
        await academy.videos.get(other, mine[0].id)
    with pytest.raises(VideoNotFound):
        await academy.videos.delete(other, mine[0].id)
    assert (await academy.videos.get(await academy.person(Role.ADMIN), mine[0].id)).id == mine[0].id


async def test_a_deleted_video_is_gone_with_its_poster(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    video = await academy.videos.upload(owner, "a.mp4", "", stream(film), course_id="course")
    await academy.worker.drain(long_jobs=False)
    await academy.videos.delete(owner, video.id)
    assert await academy.keys() == []
    assert academy.told[-1] == (video.id, 0.0)
    with pytest.raises(VideoNotFound):
        await academy.videos.get(owner, video.id)


async def test_a_video_deleted_during_its_check_stays_deleted(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    video = await academy.videos.upload(owner, "a.mp4", "", stream(film), course_id="course")
    check = asyncio.create_task(academy.worker.drain(long_jobs=False))
    await academy.videos.delete(owner, video.id)
    await check
    with pytest.raises(VideoNotFound):
        await academy.videos.get(owner, video.id)
    assert all(seconds == 0 for _, seconds in academy.told)


async def test_what_no_course_has_goes_with_its_owner(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    own = await academy.videos.upload(owner, "own.mp4", "", stream(film))
    taught = await academy.videos.upload(owner, "taught.mp4", "", stream(film), course_id="course")
    others = await academy.videos.upload(await academy.person(), "other.mp4", "", stream(film))
    await academy.worker.drain(long_jobs=False)
    exported = (await academy.videos.export(owner.user_id))["videos"]
    details = [
        {"name": video.file_name, "size": len(film), "type": "video/mp4", "created_at": video.created_at}
        for video in (taught, own)
    ]
    assert exported == details

    async def breaks_off() -> None:
        await academy.videos.forget_owner(owner.user_id)
        raise NotFoundError("not deleted after all")

    before = await academy.keys()
    with pytest.raises(NotFoundError):
        await academy.database.transaction(breaks_off)
    assert await academy.keys() == before
    await academy.database.transaction(lambda: academy.videos.forget_owner(owner.user_id))
    assert {key.split("/")[1] for key in await academy.keys()} == {taught.id, others.id}
    assert [video.id for video in (await academy.videos.list_mine(owner)).items] == [taught.id]


async def test_images_are_cleaned_and_public(academy: VideoAcademy) -> None:
    file = await academy.videos.files.store_image(
        await academy.person(), "Cover.JPG", "image/jpeg", stream(make_picture()), Shape.COVER
    )
    assert (file.kind, file.content_type) == (FileKind.IMAGE, "image/webp")
    assert academy.videos.file_url(file.key) == f"/media/{file.key}"
    content = b"".join([chunk async for chunk in academy.storage.read(file.key)])
    assert hashlib.sha256(content).hexdigest() == file.sha256
    with Image.open(BytesIO(content)) as image:
        assert (image.format, image.size) == ("WEBP", (1280, 720))
    await academy.videos.files.delete(file.key)
    await academy.videos.files.delete(file.key)
    assert await academy.keys() == []


async def test_documents_and_archives_are_kept_as_they_are(academy: VideoAcademy) -> None:
    files = academy.videos.files
    owner, zipped = await academy.person(), hostile.tarred({"code.py": b"print()" * 99}, "w:gz")
    document = await files.store(owner, "a/Plan.pdf", "application/pdf", stream(PDF))
    archive = await files.store(owner, "code.tar.gz", "application/gzip", stream(zipped))
    assert (document.kind, document.file_name, archive.kind) == (FileKind.DOCUMENT, "Plan.pdf", FileKind.ARCHIVE)
    assert b"".join([chunk async for chunk in academy.storage.read(document.key)]) == PDF
    address = urlsplit(academy.videos.file_url(document.key, "Plan.pdf"))
    assert dict(parse_qsl(address.query))["name"] == "Plan.pdf"


async def test_refused_files_leave_nothing(academy: VideoAcademy, film: bytes) -> None:
    files = academy.videos.files
    for name, content in (("a.mp4", film), ("a.exe", b"MZ"), ("a.pdf", b"MZ"), ("a.png", PDF), ("", PDF)):
        with pytest.raises(FileRefused):
            await files.store(await academy.person(), name, "", stream(content))
    with pytest.raises(ObjectTooLarge):
        await files.store(await academy.person(), "a.pdf", "", stream(PDF * 10))
    with pytest.raises(ObjectTooLarge):
        await files.store(await academy.person(), "a.jpg", "", stream(b"\xff\xd8\xff" + b"\0" * (3 << 20)))
    with pytest.raises(BrokenMedia):
        await files.store(await academy.person(), "a.jpg", "", stream(b"\xff\xd8\xff" + b"\0" * 5000))
    assert await academy.keys() == []


async def loose_file(academy: VideoAcademy, owner: Principal, size: int) -> None:
    """A file of no course, as far as the database knows."""
    now, file_id = academy.clock.now(), new_id()
    file = StoredFile(
        id=file_id,
        created_at=now,
        updated_at=now,
        owner_id=owner.user_id,
        kind=FileKind.ARCHIVE,
        file_name="a.zip",
        content_type="application/zip",
        key=f"files/{file_id}/file.zip",
        size=size,
        sha256="",
    )
    await academy.database.collection(StoredFile).insert(file)


async def test_an_account_has_a_hundred_files_of_no_course_at_most(academy: VideoAcademy) -> None:
    files, owner = academy.videos.files, await academy.person()
    for _ in range(98):
        await loose_file(academy, owner, 1)
    sent = [files.store(owner, "a.pdf", "", stream(PDF)) for _ in range(6)]
    results = await asyncio.gather(*sent, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["StoredFile"] * 2 + ["TooManyLooseFiles"] * 4
    assert len(await academy.keys()) == 2, "what is refused leaves nothing"
    with pytest.raises(TooManyLooseFiles, match="100 files, of 500 MB"):
        await files.store(owner, "a.jpg", "", stream(make_picture()))
    await files.store_file(owner, "a.pdf", "", stream(PDF), course_id="course")
    await files.store_image(owner, "a.jpg", "", stream(make_picture()), Shape.AVATAR)
    await files.store(await academy.person(), "a.pdf", "", stream(PDF))


async def test_an_account_has_500_mb_of_files_of_no_course_at_most(academy: VideoAcademy) -> None:
    files, owner = academy.videos.files, await academy.person()
    await loose_file(academy, owner, 500_000_000 - len(PDF))
    await files.store(owner, "a.pdf", "", stream(PDF))
    with pytest.raises(TooManyLooseFiles):
        await files.store(owner, "a.pdf", "", stream(PDF))


async def test_whoever_has_no_account_any_more_stores_nothing(academy: VideoAcademy, film: bytes) -> None:
    gone = await academy.person()
    await academy.delete_person(gone)
    for sent in (
        academy.videos.upload(gone, "a.mp4", "", stream(film), course_id="course"),
        academy.videos.files.store(gone, "a.pdf", "", stream(PDF)),
        academy.videos.files.store_image(gone, "a.jpg", "", stream(make_picture()), Shape.AVATAR),
    ):
        with pytest.raises(AccountGone):
            await sent
    assert await academy.keys() == []
