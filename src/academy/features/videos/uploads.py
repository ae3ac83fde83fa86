"""Files on their way in, from the studio and over the API alike."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from litestar.exceptions import InternalServerException
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from academy.features.courses.service import CourseService
from academy.features.videos.multipart import FilePart, MalformedUpload, read_file_part
from academy.features.videos.placing import Place
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.requests import PageRequest

_MOST_DROPPED = 32 << 20


@asynccontextmanager
async def sent_file(request: PageRequest) -> AsyncIterator[FilePart]:
    """Gives the file in the request's form while it arrives. Raises MalformedUpload.

    When the file is refused, what is still coming is read and dropped, as far as it is not too much: a client that is
    cut off while it sends never sees the answer.
    """
    async with arriving_body(request) as body:
        yield await read_file_part(request.headers.get("content-type", ""), body)


@asynccontextmanager
async def arriving_body(request: PageRequest) -> AsyncIterator[AsyncIterator[bytes]]:
    """Gives the request's body while it arrives. When it is refused, the rest is dropped as `sent_file` says."""
    body = _body(request)
    try:
        yield body
    except AcademyError:
        dropped = 0
        async for chunk in body:
            dropped += len(chunk)
            if dropped > _MOST_DROPPED:
                break
        raise


async def _body(request: PageRequest) -> AsyncIterator[bytes]:
    """Yields the body. Raises MalformedUpload when it breaks off."""
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException as error:  # the framework's word for a client that went away
        raise MalformedUpload("The upload broke off. Upload the file again.") from error


async def named_place(fields: Mapping[str, str], principal: Principal, courses: CourseService) -> Place | None:
    """Returns the place that the fields `course` (slug), `lesson_id` and `attachment` name, None without them.

    `attachment` is `true` for a file beside the lesson.

    Raises CourseNotFound, NotYourCourse.
    """
    slug, lesson_id = fields.get("course", ""), fields.get("lesson_id", "")
    if not slug and not lesson_id:
        return None
    course = await courses.for_editing(principal, slug)
    return Place(course, lesson_id, is_attachment=fields.get("attachment", "") == "true")


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
                "attachment": Schema(
                    type=OpenAPIType.STRING,
                    enum=["true", "false"],
                    description="Whether the file is one beside the lesson; stands before the file.",
                ),
                "file": Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream"),
            },
        )
        self.request_body = RequestBody({"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)
