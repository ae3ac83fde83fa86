"""Where in a course a new file goes, and putting it there: the same for every way in which files come."""

from collections.abc import Awaitable, Callable

import msgspec

from academy.features.courses.attachments import with_attachment, without_attachment
from academy.features.courses.errors import LessonNotFound
from academy.features.courses.model import Attachment, Course, Lesson, LessonKind
from academy.features.courses.service import CourseService
from academy.features.videos.content import NewFile
from academy.features.videos.model import FileKind, StoredFile, Video
from academy.features.videos.service import VideoService
from academy.infrastructure.media.images import Shape
from academy.infrastructure.security.principal import Principal

# Runs in the transaction that stores the file.
Also = Callable[[], Awaitable[None]]
ATTACHED = (FileKind.DOCUMENT, FileKind.ARCHIVE)
_KINDS_OF_LESSON = {LessonKind.VIDEO: (FileKind.VIDEO,), LessonKind.FILE: ATTACHED}


async def _nothing() -> None:
    return


class Place(msgspec.Struct, frozen=True):
    """Where in a course a file is for: a lesson, or with `lesson_id` "" the course itself.

    With `is_attachment` the file is one of those beside the lesson, not what the lesson shows.
    """

    course: Course
    lesson_id: str
    is_attachment: bool = False

    def lesson(self, kind: LessonKind) -> Lesson:
        """Returns the lesson. Raises LessonNotFound when there is none of this kind."""
        lesson = self.course.lesson(self.lesson_id)
        if lesson is None or lesson.kind is not kind:
            raise LessonNotFound
        return lesson

    @property
    def kinds(self) -> tuple[FileKind, ...]:
        """The kinds of files that are taken here. Raises LessonNotFound."""
        if not self.lesson_id:
            return (FileKind.IMAGE,)
        lesson = self.course.lesson(self.lesson_id)
        if lesson is not None and self.is_attachment:
            return ATTACHED
        if lesson is None or lesson.kind not in _KINDS_OF_LESSON:
            raise LessonNotFound
        return _KINDS_OF_LESSON[lesson.kind]


class Placing:
    """Stores new files and gives them to their places, both in one transaction.

    What every method takes: the file, who sends it, its place, `also` (runs in that transaction) and the id that the
    video or file gets ("": a new one). What every method raises: FileRefused, BrokenMedia, ObjectTooLarge,
    StorageUnavailable, AccountGone, LessonNotFound.
    """

    def __init__(self, courses: CourseService, videos: VideoService) -> None:
        self._courses = courses
        self._videos = videos

    async def put_video(
        self, file: NewFile, principal: Principal, place: Place | None, *, also: Also = _nothing, video_id: str = ""
    ) -> Video:
        """Stores a video and gives it to the lesson, when there is one."""
        course_id = place.course.id if place else None
        lesson_id = place.lesson(LessonKind.VIDEO).id if place else ""

        async def attach(video: Video) -> None:
            if course_id:
                await self._courses.set_lesson_video(course_id, lesson_id, video.id, 0)
            await also()

        return await self._videos.upload(
            principal,
            file.file_name,
            file.content_type,
            file.chunks,
            course_id=course_id,
            attach=attach,
            video_id=video_id,
        )

    async def put_file(
        self, file: NewFile, principal: Principal, place: Place, *, also: Also = _nothing, file_id: str = ""
    ) -> StoredFile:
        """Stores a document or archive and gives it to the lesson, or puts it beside it. Raises TooManyAttachments."""
        if FileKind.DOCUMENT not in place.kinds:
            raise LessonNotFound

        async def attach(stored: StoredFile) -> None:
            def with_file(now: Lesson) -> Lesson:
                if place.is_attachment:
                    named = Attachment(id=stored.id, key=stored.key, name=stored.file_name, size=stored.size)
                    return with_attachment(now, named)
                return msgspec.structs.replace(now, file_key=stored.key, file_name=stored.file_name)

            await self._courses.edit_lesson(principal, place.course.slug, place.lesson_id, with_file)
            await also()

        return await self._videos.files.store_file(
            principal,
            file.file_name,
            file.content_type,
            file.chunks,
            course_id=place.course.id,
            attach=attach,
            file_id=file_id,
        )

    async def remove_attachment(self, principal: Principal, place: Place, attachment_id: str) -> None:
        """Takes an attachment off its lesson and deletes it. Raises LessonNotFound, AttachmentNotFound."""
        removed: list[str] = []

        def without(now: Lesson) -> Lesson:
            removed[:] = [one.key for one in now.attachments if one.id == attachment_id]
            return without_attachment(now, attachment_id)

        await self._courses.edit_lesson(principal, place.course.slug, place.lesson_id, without)
        for key in removed:
            await self._videos.files.delete(key)

    async def put_cover(
        self, file: NewFile, principal: Principal, course: Course, *, also: Also = _nothing, file_id: str = ""
    ) -> StoredFile:
        """Stores a picture, cut to 16:9, as the course's cover and deletes the one before."""

        async def attach(image: StoredFile) -> None:
            await self._courses.set_cover(principal, course.slug, image.key)
            await also()

        image = await self._videos.files.store_image(
            principal,
            file.file_name,
            file.content_type,
            file.chunks,
            Shape.COVER,
            course_id=course.id,
            attach=attach,
            file_id=file_id,
        )
        if course.cover_key:
            await self._videos.files.delete(course.cover_key)
        return image

    async def put_loose(
        self, file: NewFile, principal: Principal, *, also: Also = _nothing, file_id: str = ""
    ) -> StoredFile:
        """Stores an image, document or archive that belongs to no course. Raises TooManyLooseFiles, too."""

        async def attach(_: StoredFile) -> None:
            await also()

        return await self._videos.files.store(
            principal, file.file_name, file.content_type, file.chunks, attach=attach, file_id=file_id
        )
