"""Uploads straight to the bucket: for programs under `/api/v1/uploads`, for scripts under `/studio/uploads`.

The form goes to the bucket; only its making and what becomes of the file are asked of the academy.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from msgspec import Meta

from academy.features.courses.service import CourseService
from academy.features.videos.direct import FORM_HOLDS, DirectUploadService
from academy.features.videos.resumable import NewUpload
from academy.features.videos.tus_api import API_UPLOADS, STUDIO_UPLOADS, UploadAnswer, problems, refusal, upload_answer
from academy.features.videos.uploads import named_place
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal
from academy.web.guards import instructors
from academy.web.rate_limits import RATE_LIMIT


class DirectUploadRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The file that is to be sent, and the place that it is for.

    `content_type` is "" when it is not known; `sha256`, in hex, is checked when it is told. `course` is a slug, with
    the id of a lesson or alone for the cover; with `attachment` the file is one beside the lesson.
    """

    file_name: Annotated[str, Meta(min_length=1, max_length=500)]
    content_type: Annotated[str, Meta(max_length=200)] = ""
    size: Annotated[int, Meta(ge=1)]
    sha256: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""
    course: str = ""
    lesson_id: str = ""
    attachment: bool = False


class DirectUploadAnswer(msgspec.Struct, kw_only=True):
    """A form of the bucket: POST `fields` and then the field `file` to `url`, as `multipart/form-data`.

    It takes that one file until `expires_at`.
    """

    id: str
    url: str
    fields: Mapping[str, str]
    expires_at: datetime


@post(
    "/direct",
    guards=[instructors],
    tags=["files"],
    summary="Begin an upload straight to the bucket (S3, Google Cloud Storage)",
    responses=problems(404, 409, 413, 422),
    opt={RATE_LIMIT: Rule.UPLOADS},
    status_code=HTTP_201_CREATED,
)
async def begin_direct_upload(
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    direct_uploads: NamedDependency[DirectUploadService],
    data: JSONBody[DirectUploadRequest],
) -> DirectUploadAnswer:
    """Answers the form that takes the file. When it is sent, ask for its `completion`.

    409 (`no_direct_uploads`) where the academy keeps files elsewhere. The same upload takes its bytes by tus, too.
    """
    fields = {"course": data.course, "lesson_id": data.lesson_id, "attachment": "true" if data.attachment else ""}
    place = await named_place(fields, principal, courses)
    new = NewUpload(
        file_name=data.file_name, content_type=data.content_type, length=data.size, metadata="", sha256=data.sha256
    )
    begun = await direct_uploads.begin(principal, new, place)
    return DirectUploadAnswer(
        id=begun.upload.id,
        url=begun.form.url,
        fields=begun.form.fields,
        expires_at=begun.upload.created_at + FORM_HOLDS,
    )


@post(
    "/{upload_id:str}/completion",
    guards=[instructors],
    tags=["files"],
    summary="Take on what was sent straight to the bucket",
    responses=problems(404, 409, 410, 422),
    status_code=HTTP_200_OK,
)
async def complete_direct_upload(
    upload_id: FromPath[str],
    principal: NamedDependency[Principal],
    direct_uploads: NamedDependency[DirectUploadService],
) -> UploadAnswer:
    """Looks at what arrived and makes the video or file of it, as with every upload; `GET uploads/{id}` tells how far.

    409 (`file_not_arrived`) while the bucket does not have it; 422 when it is not what was announced, and nothing of it
    is kept. Asking again changes nothing.
    """
    return upload_answer(await direct_uploads.complete(principal, upload_id))


_HANDLERS = [begin_direct_upload, complete_direct_upload]
handlers = [
    Router(API_UPLOADS, route_handlers=_HANDLERS, exception_handlers={Exception: refusal}),
    Router(STUDIO_UPLOADS, route_handlers=_HANDLERS, exception_handlers={Exception: refusal}, include_in_schema=False),
]
