"""Captions for tests: small files, and videos that have them."""

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import Course, LessonKind
from academy.features.videos.captions_model import TrackKind
from academy.features.videos.model import Video, VideoStatus
from academy.infrastructure.media.webvtt import Cue, read_captions
from academy.infrastructure.security.principal import Principal
from academy.kit.ids import new_id
from tests.academies.in_process import TestAcademy

ENGLISH = """WEBVTT

00:00:01.000 --> 00:00:03.500
Welcome to the lesson about <i>loops</i>.

00:00:04.000 --> 00:00:07.000
A loop repeats what stands in it.

00:01:35.000 --> 00:01:38.250
Café owners count their croissants in a loop.
"""
HINDI = """WEBVTT

00:00:01.000 --> 00:00:03.000
नमस्ते, आज हम पाइथन सीखेंगे

00:00:20.000 --> 00:00:23.000
लूप बार बार चलता है
"""


def cues(text: str = ENGLISH) -> list[Cue]:
    """The cues of a file."""
    return read_captions(text)


async def stored_video(academy: TestAcademy, owner: Principal, course: Course | None = None) -> Video:
    """A video of two minutes that is ready, in the database alone: nobody can look at it."""
    now = academy.clock.now()
    video = Video(
        id=new_id(),
        created_at=now,
        updated_at=now,
        owner_id=owner.user_id,
        course_id=course.id if course else None,
        file_name="film.mp4",
        content_type="video/mp4",
        key=f"videos/{new_id()}/original.mp4",
        size=1,
        sha256="0" * 64,
        status=VideoStatus.READY,
        duration_seconds=120.0,
    )
    await academy.academy.database.collection(Video).insert(video)
    return video


async def film_lessons(
    academy: TestAcademy, teacher: Principal, course: Course, *titles: str, free_preview: bool = False
) -> tuple[Course, list[Video]]:
    """Gives a course video lessons of these titles in place of what it had, each with a video as `stored_video`."""
    courses = academy.academy.courses
    lessons = [LessonDraft(title=title, kind=LessonKind.VIDEO, free_preview=free_preview) for title in titles]
    changed = await courses.set_curriculum(teacher, course.slug, [SectionDraft(title="Films", lessons=lessons)])
    videos = [await stored_video(academy, teacher, course) for _ in titles]
    for lesson, video in zip(changed.lessons(), videos, strict=True):
        await courses.set_lesson_video(course.id, lesson.id, video.id, 120)
    return await courses.for_editing(teacher, course.slug), videos


async def captioned(academy: TestAcademy, video: Video, text: str = ENGLISH, language: str = "en") -> None:
    """Gives a video captions."""
    await academy.academy.captions.add(video, TrackKind.CAPTIONS, language, cues(text))
