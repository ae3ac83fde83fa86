"""Uploads in parts by tus 1.0: for programs under `/api/v1/uploads`, for the studio's scripts under `/studio/uploads`.

The same handlers at both: they differ in who asks, which is told by a bearer token there and a session with a CSRF
token here.
"""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import msgspec
from litestar import Response, Router, delete, get, patch, post, route
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, Parameter, RequestBody, Schema
from litestar.params import FromPath
from litestar.status_codes import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from academy.features.courses.service import CourseService
from academy.features.videos import tus
from academy.features.videos.errors import ChecksumMismatch
from academy.features.videos.model import FileKind, Upload, UploadState
from academy.features.videos.resumable import UploadService
from academy.features.videos.uploads import arriving_body, named_place
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal
from academy.web.guards import anyone, instructors
from academy.web.listing import Cursor, Limit, Listing
from academy.web.problems import Problem, problem_document
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest

# The protocol's own status for bytes whose checksum is another one.
_CHECKSUM_MISMATCH = 460
_STATUS_OF = {
    tus.MalformedHeader: HTTPStatus.BAD_REQUEST.value,
    tus.OtherVersion: HTTPStatus.PRECONDITION_FAILED.value,
    tus.OtherContentType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE.value,
    ChecksumMismatch: _CHECKSUM_MISMATCH,
}


class UploadAnswer(msgspec.Struct, kw_only=True):
    """An upload in parts as its owner sees it; sizes in bytes.

    `state` turns from `receiving` into `assembling` with the last byte, and then into `done`, when `result_id` names
    the video or file that it became, or into `refused`, when `failure` says why.
    """

    id: str
    state: UploadState
    kind: FileKind
    file_name: str
    length: int
    offset: int
    failure: str
    course_id: str | None
    lesson_id: str
    is_attachment: bool
    result_id: str
    last_modified: str
    created_at: datetime
    expires_at: datetime


def upload_answer(upload: Upload) -> UploadAnswer:
    """Returns an upload as its owner sees it."""
    return UploadAnswer(
        id=upload.id,
        state=upload.state,
        kind=upload.kind,
        file_name=upload.file_name,
        length=upload.length,
        offset=upload.offset,
        failure=upload.failure,
        course_id=upload.course_id,
        lesson_id=upload.lesson_id,
        is_attachment=upload.is_attachment,
        result_id=upload.result_id if upload.state is UploadState.DONE else "",
        last_modified=tus.metadata_of(upload.metadata).get("lastmodified", ""),
        created_at=upload.created_at,
        expires_at=upload.expires_at,
    )


def refusal(request: PageRequest, error: Exception) -> Response[bytes]:
    """Answers any failure with a problem document, to the scripts of pages, too, and the protocol's headers."""
    answer = problem_document(request, error, status=_STATUS_OF.get(type(error)))
    answer.headers["Tus-Resumable"] = tus.VERSION
    if isinstance(error, tus.OtherVersion):
        answer.headers["Tus-Version"] = tus.VERSION
    return answer


@dataclass
class TusOperation(Operation):
    """Tells the API's document which headers an operation of the protocol takes, since its handler reads them."""

    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or []), _header("Tus-Resumable", "Version of the protocol: 1.0.0.")]


@dataclass
class CreationOperation(TusOperation):
    """The same for the creation of an upload."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.parameters = [
            *(self.parameters or []),
            _header("Upload-Length", "Bytes that the file has."),
            _header(
                "Upload-Metadata",
                "`filename`, and if wanted `filetype`, `course`, `lesson_id` and `attachment`, in base64.",
            ),
        ]


@dataclass
class AppendOperation(TusOperation):
    """The same for the bytes of an upload."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.parameters = [
            *(self.parameters or []),
            _header("Upload-Offset", "Where the bytes belong: behind those that are stored."),
            _header("Upload-Checksum", "sha1 or sha256 of the bytes, in base64.", is_required=False),
        ]
        octets = Schema(type=OpenAPIType.STRING, content_media_type=tus.CONTENT_TYPE)
        self.request_body = RequestBody({tus.CONTENT_TYPE: OpenAPIMediaType(schema=octets)}, required=True)


def _header(name: str, text: str, *, is_required: bool = True) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING)
    return Parameter(name=name, param_in="header", description=text, required=is_required, schema=schema)


_CHECKSUM_MISMATCH_TEXT = "The bytes do not have the announced checksum; none of them were kept."


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Describes problems that an operation may answer beyond those that every one may."""
    return {
        status: ResponseSpec(Problem, description=_CHECKSUM_MISMATCH_TEXT, generate_examples=False)
        for status in statuses
    }


# No limit on the body, here and below: its bytes are counted while they are stored.
@post(
    "/",
    guards=[instructors],
    tags=["files"],
    summary="Begin an upload in parts (tus 1.0: creation, creation-with-upload)",
    operation_class=CreationOperation,
    responses=problems(400, 404, 412, 413, 415, 422, _CHECKSUM_MISMATCH),
    opt={RATE_LIMIT: Rule.UPLOADS},
    request_max_body_size=None,
    status_code=HTTP_201_CREATED,
)
async def begin_upload(
    request: PageRequest,
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    uploads: NamedDependency[UploadService],
) -> Response[UploadAnswer]:
    """Begins the upload of a file; `Location` tells its address, to which the bytes are sent by PATCH.

    The first bytes may come along. `course` and `lesson_id` in the metadata name the place as in `POST /files` and
    `POST /videos`.
    """
    async with arriving_body(request) as body:
        tus.check_version(request.headers)
        new, metadata = tus.new_upload_of(request.headers)
        checksum = tus.checksum_of(request.headers)
        announced = tus.announced_of(request.headers)
        if announced and not tus.has_bytes(request.headers):
            raise tus.OtherContentType
        upload = await uploads.begin(principal, new, await named_place(metadata, principal, courses))
        if tus.has_bytes(request.headers):
            upload = await uploads.append(principal, upload.id, 0, body, announced=announced, checksum=checksum)
    location = f"{request.scope['path'].rstrip('/')}/{upload.id}"
    return Response(upload_answer(upload), headers={**tus.standing(upload), "Location": location})


@get("/", guards=[instructors], tags=["files"], summary="My uploads in parts that are not done, newest first")
async def list_uploads(
    principal: NamedDependency[Principal],
    uploads: NamedDependency[UploadService],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[UploadAnswer]:
    """Returns one page of the caller's uploads that are on their way or were refused."""
    page = await uploads.list_not_done(principal, limit=limit, cursor=cursor)
    return Listing(items=[upload_answer(upload) for upload in page.items], next_cursor=page.next_cursor)


@get(
    "/{upload_id:str}",
    guards=[instructors],
    tags=["files"],
    summary="How far an upload in parts is; HEAD answers as tus has it",
    responses=problems(410, 412),
)
async def show_upload(
    request: PageRequest,
    upload_id: FromPath[str],
    principal: NamedDependency[Principal],
    uploads: NamedDependency[UploadService],
) -> Response[UploadAnswer]:
    """Tells how many bytes are stored (also in `Upload-Offset`) and what becomes of them."""
    tus.check_version(request.headers, is_needed=False)  # people and programs may look without speaking tus
    upload = await uploads.get(principal, upload_id)
    return Response(upload_answer(upload), headers=tus.description(upload))


@patch(
    "/{upload_id:str}",
    guards=[instructors],
    tags=["files"],
    summary="Send bytes of an upload in parts (tus 1.0)",
    operation_class=AppendOperation,
    responses=problems(400, 410, 412, _CHECKSUM_MISMATCH),
    request_max_body_size=None,
    status_code=HTTP_204_NO_CONTENT,
)
async def append_to_upload(
    request: PageRequest,
    upload_id: FromPath[str],
    principal: NamedDependency[Principal],
    uploads: NamedDependency[UploadService],
) -> Response[None]:
    """Stores the bytes; what came of a request that breaks off is kept. With the last byte the upload is complete."""
    async with arriving_body(request) as body:
        tus.check_version(request.headers)
        tus.check_content_type(request.headers)
        upload = await uploads.append(
            principal,
            upload_id,
            tus.offset_of(request.headers),
            body,
            announced=tus.announced_of(request.headers),
            checksum=tus.checksum_of(request.headers),
        )
    return Response(None, headers=tus.standing(upload))


@delete(
    "/{upload_id:str}",
    guards=[instructors],
    tags=["files"],
    summary="Take an upload in parts back (tus 1.0: termination)",
    operation_class=TusOperation,
    responses=problems(412),
)
async def terminate_upload(
    request: PageRequest,
    upload_id: FromPath[str],
    principal: NamedDependency[Principal],
    uploads: NamedDependency[UploadService],
) -> Response[None]:
    """Removes the upload with its bytes. A video or file that it became already stays."""
    tus.check_version(request.headers)
    await uploads.terminate(principal, upload_id)
    return Response(None, headers={"Tus-Resumable": tus.VERSION})


@route(
    ["/", "/{upload_id:str}"],
    http_method=["OPTIONS"],
    guards=[anyone],
    include_in_schema=False,
    status_code=HTTP_204_NO_CONTENT,
)
async def describe_uploads(uploads: NamedDependency[UploadService]) -> Response[None]:
    """What this server can of the protocol."""
    return Response(None, headers=tus.capabilities(uploads.largest))


API_UPLOADS, STUDIO_UPLOADS = "/api/v1/uploads", "/studio/uploads"
# The first one first: the framework answers OPTIONS itself where no handler is known yet.
_HANDLERS = [describe_uploads, begin_upload, list_uploads, show_upload, append_to_upload, terminate_upload]
handlers = [
    Router(API_UPLOADS, route_handlers=_HANDLERS, exception_handlers={Exception: refusal}),
    Router(STUDIO_UPLOADS, route_handlers=_HANDLERS, exception_handlers={Exception: refusal}, include_in_schema=False),
]
