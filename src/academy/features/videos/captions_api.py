"""REST handlers of the captions, and the delivery of their files to players."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, FromQuery, HeaderParameter
from litestar.status_codes import HTTP_201_CREATED

from academy.features.videos.captions import CAPTIONS_PATH, CaptionService
from academy.features.videos.captions_model import CaptionTrack, TrackKind
from academy.features.videos.errors import TrackNotFound
from academy.features.videos.languages import language_label
from academy.features.videos.multipart import FilePart
from academy.features.videos.service import VideoService
from academy.features.videos.uploads import sent_file
from academy.infrastructure.media.webvtt import LARGEST_FILE, Cue, read_captions
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.storage.signing import UrlSigner
from academy.kit.errors import InvalidError
from academy.web.guards import anyone, instructors
from academy.web.listing import Listing
from academy.web.preconditions import if_unchanged, revision_of
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest

WEBVTT = "text/vtt"
# A file in a form, with the fields beside it.
LARGEST_FORM = LARGEST_FILE + (64 << 10)
_PRIVATE = "private, max-age=3600"

ETag = Annotated[str | None, HeaderParameter(name="If-Match", description="`ETag` of the captions as you read them.")]


class CaptionsAnswer(msgspec.Struct, kw_only=True):
    """Captions of a video. `label` is what speakers of the language call it; `default`: shown without being asked."""

    id: str
    kind: TrackKind
    language: str
    label: str
    default: bool
    cue_count: int
    updated_at: datetime


def _answer(track: CaptionTrack) -> CaptionsAnswer:
    return CaptionsAnswer(
        id=track.id,
        kind=track.kind,
        language=track.language,
        label=language_label(track.language),
        default=track.is_default,
        cue_count=track.cue_count,
        updated_at=track.updated_at,
    )


def _etag(track: CaptionTrack) -> dict[str, str]:
    return {"ETag": f'"{track.revision}"'}


@dataclass
class CaptionsUploadOperation(Operation):
    """Tells the API's document what the body holds, since its handler reads it as it arrives."""

    def __post_init__(self) -> None:
        form = Schema(
            type=OpenAPIType.OBJECT,
            required=["language", "file"],
            properties={
                "language": Schema(type=OpenAPIType.STRING, description="Language tag; stands before the file."),
                "kind": Schema(type=OpenAPIType.STRING, enum=list(TrackKind), description="Stands before the file."),
                "default": Schema(type=OpenAPIType.STRING, enum=["true", "false"]),
                "file": Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream"),
            },
        )
        self.request_body = RequestBody({"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)


@dataclass
class CaptionsFileOperation(Operation):
    """The same for a body that is the file itself."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            {WEBVTT: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))}, required=True
        )


async def sent_cues(part: FilePart) -> list[Cue]:
    """Returns the cues of an uploaded file. Raises UnreadableCaptions."""
    content = bytearray()
    async for chunk in part.chunks:
        # What is too long is told by the one who reads it.
        content += chunk[: LARGEST_FILE + 1 - len(content)]
    # A long file takes half a second.
    return await asyncio.to_thread(read_captions, bytes(content))


def _kind(text: str) -> TrackKind:
    try:
        return TrackKind(text or TrackKind.CAPTIONS)
    except ValueError as error:
        reason = "Choose one of captions, subtitles and chapters."
        raise InvalidError(reason, fields={"kind": reason}) from error


@get("/api/v1/videos/{video_id:str}/captions", guards=[instructors], tags=["files"], summary="Captions of my video")
async def list_captions(
    video_id: FromPath[str],
    principal: NamedDependency[Principal],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
) -> Listing[CaptionsAnswer]:
    """Returns all captions, subtitles and chapters of a video to its owner and to admins; 404 for others."""
    video = await videos.get(principal, video_id)
    return Listing(items=[_answer(track) for track in await captions.tracks(video.id)], next_cursor=None)


@post(
    "/api/v1/videos/{video_id:str}/captions",
    guards=[instructors],
    tags=["files"],
    summary="Add captions to my video (multipart/form-data, field `file`: WebVTT or SubRip)",
    operation_class=CaptionsUploadOperation,
    opt={RATE_LIMIT: Rule.UPLOADS},
    request_max_body_size=LARGEST_FORM,
    status_code=HTTP_201_CREATED,
)
async def add_captions(
    request: PageRequest,
    video_id: FromPath[str],
    principal: NamedDependency[Principal],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
) -> Response[CaptionsAnswer]:
    """Adds captions in a new language; 409 when there are some in this language already."""
    video = await videos.get(principal, video_id)
    async with sent_file(request) as part:
        kind, language = _kind(part.fields.get("kind", "")), part.fields.get("language", "")
        is_default = part.fields.get("default") == "true"
        track = await captions.add(video, kind, language, await sent_cues(part), is_default=is_default)
    return Response(_answer(track), headers=_etag(track))


@get(
    "/api/v1/videos/{video_id:str}/captions/{language:str}",
    guards=[instructors],
    tags=["files"],
    summary="The WebVTT file of captions",
    media_type=WEBVTT,
    responses={200: ResponseSpec(data_container=str, media_type=WEBVTT, description="The file")},
)
async def get_captions(
    video_id: FromPath[str],
    language: FromPath[str],
    principal: NamedDependency[Principal],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
    kind: FromQuery[TrackKind] = TrackKind.CAPTIONS,
) -> Response[str]:
    """Returns the captions in a language as WebVTT, with their `ETag`."""
    video = await videos.get(principal, video_id)
    track, text = await captions.file((await captions.track(video.id, kind, language)).id)
    return Response(text, media_type=WEBVTT, headers=_etag(track))


@put(
    "/api/v1/videos/{video_id:str}/captions/{language:str}",
    guards=[instructors],
    tags=["files"],
    summary="Add or replace captions (the body is the WebVTT or SubRip file)",
    operation_class=CaptionsFileOperation,
    responses={201: ResponseSpec(CaptionsAnswer, description="There were none in this language before")},
    request_max_body_size=LARGEST_FORM,
)
async def put_captions(
    request: PageRequest,
    video_id: FromPath[str],
    language: FromPath[str],
    principal: NamedDependency[Principal],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
    kind: FromQuery[TrackKind] = TrackKind.CAPTIONS,
    if_match: ETag = None,
) -> Response[CaptionsAnswer]:
    """Stores the captions in a language; with `If-Match`, only if nobody changed them since."""
    video = await videos.get(principal, video_id)
    cues = await asyncio.to_thread(read_captions, await request.body())
    try:
        held = await captions.track(video.id, kind, language)
    except TrackNotFound:
        if if_match is not None:
            raise
        track = await captions.add(video, kind, language, cues)
        return Response(_answer(track), status_code=HTTP_201_CREATED, headers=_etag(track))
    track = await if_unchanged(
        captions.edit(video, held, cues, revision=revision_of(if_match, "the captions")), if_match
    )
    return Response(_answer(track), headers=_etag(track))


@delete(
    "/api/v1/videos/{video_id:str}/captions/{language:str}",
    guards=[instructors],
    tags=["files"],
    summary="Delete captions",
)
async def delete_captions(
    video_id: FromPath[str],
    language: FromPath[str],
    principal: NamedDependency[Principal],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
    kind: FromQuery[TrackKind] = TrackKind.CAPTIONS,
) -> None:
    """Deletes the captions in a language."""
    video = await videos.get(principal, video_id)
    await captions.delete(await captions.track(video.id, kind, language))


@get(f"{CAPTIONS_PATH}{{name:str}}", guards=[anyone], include_in_schema=False)
async def deliver_captions(
    request: PageRequest,
    name: FromPath[str],
    captions: NamedDependency[CaptionService],
    media_signer: NamedDependency[UrlSigner],
) -> Response[str]:
    """The WebVTT file behind an address that a player was given: 403 when it is wrong or has run out."""
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), errors="replace"))
    if not media_signer.verify(f"{CAPTIONS_PATH}{name}", query):
        text = "This address is not valid (any more). Reload the page that led here."
        return Response(text, status_code=403, media_type="text/plain", headers={"Cache-Control": "no-store"})
    track, text = await captions.file(name.removesuffix(".vtt"))
    headers = {"ETag": f'"{track.id}-{track.revision}"', "Cache-Control": _PRIVATE}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response("", status_code=304, headers=headers)
    return Response(text, media_type=WEBVTT, headers=headers)


handlers = [list_captions, add_captions, get_captions, put_captions, delete_captions, deliver_captions]
