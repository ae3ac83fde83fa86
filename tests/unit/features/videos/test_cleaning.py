"""What the daily cleaning removes, and what it leaves alone."""

import msgspec
import pytest

from academy.features.courses.model import Course, Lesson, LessonKind
from academy.features.videos.errors import VideoNotFound
from academy.infrastructure.media.images import Shape
from academy.infrastructure.security.principal import Principal
from academy.kit.ids import new_id
from tests.academies.media import PDF, make_picture, sizes_of, stream
from tests.unit.features.videos.academy_of_videos import VideoAcademy

WIDTHS = (320, 640, 960, 1280)


async def test_the_daily_cleaning_removes_only_what_nobody_knows(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    video = await academy.videos.upload(owner, "a.mp4", "", stream(film))
    file = await academy.videos.files.store(owner, "a.pdf", "", stream(PDF))
    await academy.worker.drain(long_jobs=False)
    kept = await academy.keys()
    assert {video.key, file.key} < set(kept)
    orphans = [f"videos/{new_id()}/original.mp4", f"files/{new_id()}/file.pdf", f"videos/{new_id()}/poster.webp"]
    others = ["videos/by-hand/original.mp4", "backups/1"]
    for key in orphans + others:
        await academy.storage.upload(key, stream(b"x"), limit=1, content_type="x/y")
    await academy.worker.drain(long_jobs=False)
    assert await academy.keys() == sorted(kept + orphans + others), "young objects may be uploads in progress"
    academy.clock.move(days=2)
    await academy.worker.drain(long_jobs=False)
    assert await academy.keys() == sorted(kept + others)


async def test_what_has_no_course_and_no_owner_any_more_goes_after_a_day(academy: VideoAcademy, film: bytes) -> None:
    gone, owner = await academy.person(), await academy.person()
    for each in (gone, owner):
        await academy.videos.upload(each, "a.mp4", "", stream(film))
        await academy.videos.files.store(each, "a.pdf", "", stream(PDF))
    await academy.worker.drain(long_jobs=False)
    await academy.delete_person(gone)
    await academy.worker.drain(long_jobs=False)
    assert len(await academy.keys()) == 6
    academy.clock.move(days=2)
    await academy.worker.drain(long_jobs=False)
    assert len(await academy.keys()) == 3, "the owner's file, video and its poster"


async def attach_video(academy: VideoAcademy, owner: Principal, course: Course, film: bytes) -> str:
    """Uploads a video for the first lesson, has it checked, and returns its id."""
    lesson = course.lessons()[0]
    video = await academy.videos.upload(owner, "a.mp4", "", stream(film), course_id=course.id)
    await academy.courses.set_lesson_video(course.id, lesson.id, video.id, 0)
    await academy.worker.drain(long_jobs=False)
    await academy.courses.set_video_duration(course.id, video.id, 2)
    return video.id


async def attach_file(academy: VideoAcademy, owner: Principal, course: Course) -> str:
    file = await academy.videos.files.store_file(owner, "a.pdf", "", stream(PDF), course_id=course.id)

    def with_file(lesson: Lesson) -> Lesson:
        return msgspec.structs.replace(lesson, file_key=file.key, file_name=file.file_name)

    await academy.courses.edit_lesson(owner, course.slug, course.lessons()[1].id, with_file)
    return file.key


async def attach_cover(academy: VideoAcademy, owner: Principal, course: Course) -> str:
    cover = await academy.videos.files.store_image(
        owner, "a.jpg", "", stream(make_picture()), Shape.COVER, course_id=course.id
    )
    await academy.courses.set_cover(owner, course.slug, cover.key)
    return cover.key


async def test_what_a_course_no_longer_uses_goes_after_a_day(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    course = await academy.course(owner, LessonKind.VIDEO, LessonKind.FILE)
    old = [
        await attach_video(academy, owner, course, film),
        await attach_file(academy, owner, course),
        await attach_cover(academy, owner, course),
    ]
    new_video = await attach_video(academy, owner, course, film)
    new_file = await attach_file(academy, owner, course)
    new_cover = await attach_cover(academy, owner, course)
    mine = await academy.videos.upload(owner, "of-no-course.mp4", "", stream(film))
    await academy.worker.drain(long_jobs=False)
    assert len(await academy.keys()) == 8 + 2 * len(sizes_of(new_cover, *WIDTHS)), (
        "replaced a moment ago: somebody may be watching"
    )
    academy.clock.move(days=2)
    await academy.worker.drain(long_jobs=False)
    kept = [f"videos/{video}/{name}" for video in (new_video, mine.id) for name in ("original.mp4", "poster.webp")]
    assert await academy.keys() == sorted([*kept, new_file, *sizes_of(new_cover, *WIDTHS)])
    with pytest.raises(VideoNotFound):
        await academy.videos.get(owner, old[0])


async def test_a_video_that_waits_to_take_the_place_of_another_is_in_use(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    course = await academy.course(owner, LessonKind.VIDEO)
    shown = await attach_video(academy, owner, course, film)
    waiting = await academy.videos.upload(owner, "b.mp4", "", stream(film), course_id=course.id)
    await academy.courses.set_lesson_video(course.id, course.lessons()[0].id, waiting.id, 0)
    academy.clock.move(days=2)
    await academy.worker.drain(long_jobs=False)
    assert {key.split("/")[1] for key in await academy.keys()} == {shown, waiting.id}


async def test_a_deleted_course_takes_its_media_with_it(academy: VideoAcademy, film: bytes) -> None:
    owner = await academy.person()
    course, other = [await academy.course(owner, LessonKind.VIDEO, LessonKind.FILE) for _ in range(2)]
    for each in (course, other):
        await attach_video(academy, owner, each, film)
        await attach_file(academy, owner, each)
        await attach_cover(academy, owner, each)
    of_each = 3 + 2 * len(WIDTHS)  # a video with its poster, a file, a cover in two formats
    assert len(await academy.keys()) == 2 * of_each
    await academy.courses.delete(owner, course.slug)
    assert len(await academy.keys()) == of_each
    assert {video.course_id for video in (await academy.videos.list_mine(owner)).items} == {other.id}
