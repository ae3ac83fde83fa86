"""Files on their way in, from the studio and over the API alike."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from litestar.exceptions import InternalServerException
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from academy.features.courses.errors import LessonNotFound
from academy.features.courses.model import Course, Lesson, LessonKind
from academy.features.courses.service import CourseService
from academy.features.videos.model import StoredFile, Video
from academy.features.videos.multipart import FilePart, MalformedUpload, read_file_part
from academy.features.videos.service import VideoService
from academy.infrastructure.media.images import Shape
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.requests import PageRequest

_MOST_DROPPED = 32 << 20


class Place(msgspec.Struct, frozen=True):
    """Where in a course a file is for: a lesson, or with `lesson_id` "" the course itself."""

    course: Course
    lesson_id: str

    def lesson(self, kind: LessonKind) -> Lesson:
        """Returns the lesson. Raises LessonNotFound when there is none of this kind."""
        lesson = self.course.lesson(self.lesson_id)
        if lesson is None or lesson.kind is not kind:
            raise LessonNotFound
        return lesson


@asynccontextmanager
async def sent_file(request: PageRequest) -> AsyncIterator[FilePart]:
    """Gives the file in the request's form while it arrives. Raises MalformedUpload.

    When the file is refused, what is still coming is read and dropped, as far as it is not too much: a client that is
    cut off while it sends never sees the answer.
    """
    body = _body(request)
    try:
        yield await read_file_part(request.headers.get("content-type", ""), body)
    except AcademyError:
        dropped = 0
        async for chunk in body:
            dropped += len(chunk)
            if dropped > _MOST_DROPPED:
                break
        raise


async def _body(request: PageRequest) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException as error:  # the framework's word for a client that went away
        raise MalformedUpload("The upload broke off. Upload the file again.") from error


async def named_place(part: FilePart, principal: Principal, courses: CourseService) -> Place | None:
    """Returns the place that the fields `course` (slug) and `lesson_id` before the file name, None without them.

    Raises CourseNotFound, NotYourCourse.
    """
    slug, lesson_id = part.fields.get("course", ""), part.fields.get("lesson_id", "")
    if not slug and not lesson_id:
        return None
    return Place(await courses.for_editing(principal, slug), lesson_id)


async def put_video(
    part: FilePart, principal: Principal, courses: CourseService, videos: VideoService, place: Place | None
) -> Video:
    """Stores a video and gives it to the lesson, when there is one. Raises LessonNotFound and what uploads raise."""
    if place is None:
        return await videos.upload(principal, part.file_name, part.content_type, part.chunks)
    course, lesson_id = place.course, place.lesson(LessonKind.VIDEO).id

    async def attach(video: Video) -> None:
        await courses.set_lesson_video(course.id, lesson_id, video.id, 0)

    return await videos.upload(
        principal, part.file_name, part.content_type, part.chunks, course_id=course.id, attach=attach
    )


async def put_file(
    part: FilePart, principal: Principal, courses: CourseService, videos: VideoService, place: Place
) -> StoredFile:
    """Stores a document or archive and gives it to the lesson. Raises LessonNotFound and what uploads raise."""
    lesson = place.lesson(LessonKind.FILE)
    file = await videos.files.store_file(
        principal, part.file_name, part.content_type, part.chunks, course_id=place.course.id
    )

    def with_file(now: Lesson) -> Lesson:
        return msgspec.structs.replace(now, file_key=file.key, file_name=file.file_name)

    await courses.edit_lesson(principal, place.course.slug, lesson.id, with_file)
    return file


async def put_cover(
    part: FilePart, principal: Principal, courses: CourseService, videos: VideoService, course: Course
) -> StoredFile:
    """Stores a picture, cut to 16:9, as the course's cover and deletes the one before. Raises what uploads raise."""
    image = await videos.files.store_image(
        principal, part.file_name, part.content_type, part.chunks, Shape.COVER, course_id=course.id
    )
    await courses.set_cover(principal, course.slug, image.key)
    if course.cover_key:
        await videos.files.delete(course.cover_key)
    return image


@dataclass
class FileUploadOperation(Operation):
    """Tells the API's document what the body of an upload holds, since its handler reads it as it arrives."""

    def __post_init__(self) -> None:
        form = Schema(
            type=OpenAPIType.OBJECT,
            required=["file"],
            properties={
                "course": Schema(type=OpenAPIType.STRING, description="Slug of the course; stands before the file."),
                "lesson_id": Schema(type=OpenAPIType.STRING, description="The lesson; stands before the file."),
                "file": Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream"),
            },
        )
        self.request_body = RequestBody({"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)
