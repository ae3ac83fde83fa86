"""A published course of text lessons, and how its teacher edits it."""

from collections.abc import Sequence

import msgspec

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import Course, CourseDetails, Lesson, LessonKind
from academy.features.videos.model import Video
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.in_process import TestAcademy
from tests.academies.media import PDF, stream

FREE = Money(amount=0, currency="INR")
PAID = Money(amount=49_900, currency="INR")


class Taught:
    """A course and its teacher."""

    def __init__(self, academy: TestAcademy, teacher: Principal, course: Course) -> None:
        self.academy = academy
        self.teacher = teacher
        self.course = course
        self.slug = course.slug

    def lesson(self, title: str) -> Lesson:
        """The lesson with this title."""
        return next(lesson for lesson in self.course.lessons() if lesson.title == title)

    def ids(self, *titles: str) -> list[str]:
        """The ids of the lessons with these titles."""
        return [self.lesson(title).id for title in titles]

    async def arrange(self, *sections: Sequence[str], renamed: dict[str, str] | None = None) -> None:
        """Gives the course these sections of lessons, named by title; unknown titles are new lessons."""
        known = {lesson.title: lesson for lesson in self.course.lessons()}
        drafts = [
            SectionDraft(title=f"Part {number}", lessons=[_draft(known.get(title), title, renamed) for title in titles])
            for number, titles in enumerate(sections, 1)
        ]
        texts = [[None if title in known else f"# {title}\n\nRead me." for title in titles] for titles in sections]
        self.course = await self.academy.academy.courses.set_curriculum(self.teacher, self.slug, drafts, texts=texts)

    async def preview(self, title: str) -> None:
        """Opens a lesson to everybody."""
        outline = [
            SectionDraft(
                id=section.id,
                title=section.title,
                lessons=[
                    LessonDraft(id=x.id, title=x.title, kind=x.kind, free_preview=x.free_preview or x.title == title)
                    for x in section.lessons
                ],
            )
            for section in self.course.curriculum
        ]
        self.course = await self.academy.academy.courses.set_curriculum(self.teacher, self.slug, outline)

    async def learner(self) -> Principal:
        """A new account that is enrolled."""
        learner = await self.academy.person()
        await self.academy.academy.enrolments.grant(learner, self.course)
        return learner


def _draft(known: Lesson | None, title: str, renamed: dict[str, str] | None) -> LessonDraft:
    if known is None:
        return LessonDraft(title=title, kind=LessonKind.TEXT)
    return LessonDraft(id=known.id, title=(renamed or {}).get(title, title), kind=known.kind)


async def published_course(academy: TestAcademy, *sections: Sequence[str], price: Money = FREE) -> Taught:
    """Makes a published course of text lessons in these sections."""
    await academy.academy.courses.add_category("programming", "Programming", 0)
    teacher = await academy.person(Role.INSTRUCTOR, name="Maya Iyer")
    details = CourseDetails(
        title=f"Course {new_id()[-6:]}",
        subtitle="About something",
        description="More about it.",
        category="programming",
        price=price,
    )
    course = await academy.academy.courses.create(teacher, details)
    taught = Taught(academy, teacher, course)
    await taught.arrange(*(sections or (("One", "Two", "Three"),)))
    taught.course = await academy.academy.courses.publish(teacher, course.slug)
    return taught


async def course_of_everything(academy: TestAcademy, film: bytes) -> Taught:
    """A lesson of each kind: "Watch" (a free preview), "Read", "File", "Tube"; the video is still being checked."""
    taught = await published_course(academy, ["Read"])
    read = taught.lesson("Read")
    lessons = [
        LessonDraft(title="Watch", kind=LessonKind.VIDEO, free_preview=True),
        LessonDraft(id=read.id, title="Read", kind=LessonKind.TEXT),
        LessonDraft(title="File", kind=LessonKind.FILE),
        LessonDraft(title="Tube", kind=LessonKind.YOUTUBE, youtube_id="dQw4w9WgXcQ"),
    ]
    courses, videos = academy.academy.courses, academy.academy.videos
    text = "Now <script>alert(1)</script> and\n\n```\ncode\n```"
    taught.course = await courses.set_curriculum(
        taught.teacher, taught.slug, [SectionDraft(title="All", lessons=lessons)], texts=[[None, text, None, None]]
    )
    watch, file = taught.lesson("Watch").id, taught.lesson("File").id

    async def attach(video: Video) -> None:
        await courses.set_lesson_video(taught.course.id, watch, video.id, 0)

    await videos.upload(taught.teacher, "a.mp4", "", stream(film), course_id=taught.course.id, attach=attach)
    stored = await videos.files.store(taught.teacher, "Plan.pdf", "application/pdf", stream(PDF))

    def with_file(lesson: Lesson) -> Lesson:
        return msgspec.structs.replace(lesson, file_key=stored.key, file_name=stored.file_name)

    taught.course = await courses.edit_lesson(taught.teacher, taught.slug, file, with_file)
    return taught
