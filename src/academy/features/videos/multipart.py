"""Reads an uploaded file out of a `multipart/form-data` body (RFC 7578) while it arrives; the body is never held."""

from collections.abc import AsyncIterable, AsyncIterator

import msgspec
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from academy.features.videos.content import NewFile
from academy.kit.errors import InvalidError

_LONGEST_FIELD = 16_384
_MOST_PARTS = 20
# Bytes of a body that are not those of the file: preamble, heads, fields, what follows.
_LARGEST_REST = 1 << 20


class MalformedUpload(InvalidError):
    """The body is no form with a file in it, or it broke off."""

    code = "malformed_upload"


class FilePart(NewFile, frozen=True, kw_only=True):
    """A file in a form. Reading its bytes raises MalformedUpload when the body breaks off.

    Attributes:
        field: name of the form field.
        fields: the text fields that came before the file.
    """

    field: str
    fields: dict[str, str]


async def read_file_part(content_type: str, body: AsyncIterable[bytes]) -> FilePart:
    """Returns the first file of a form, with the text fields before it.

    Args:
        content_type: the request's header.
        body: the request's body as it arrives.

    Raises:
        MalformedUpload: the body is no `multipart/form-data`, is malformed, or holds no file.
    """
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise MalformedUpload("Send the file as multipart/form-data, in a field called `file`.")
    try:
        parser = PushMultipartParser(options["boundary"], max_segment_count=_MOST_PARTS)
    except MultipartError as error:
        raise _malformed(error) from error
    events = _events(parser, body)
    fields: dict[str, str] = {}
    async for event in events:
        if not isinstance(event, _Head):
            continue
        if event.file_name is not None:
            return FilePart(
                field=event.field,
                file_name=event.file_name,
                content_type=event.content_type,
                fields=fields,
                chunks=_until_end(events),
            )
        fields[event.field] = await _text(events)
    raise MalformedUpload("The form has no file in it. Choose a file.", fields={"file": "Choose a file."})


class _Head(msgspec.Struct, frozen=True):
    field: str
    file_name: str | None
    content_type: str


class _End(msgspec.Struct, frozen=True):
    pass


async def _events(parser: PushMultipartParser, body: AsyncIterable[bytes]) -> AsyncIterator[_Head | bytes | _End]:
    """Yields the head of each part, then its bytes, then its end."""
    rest = 0
    try:
        async for chunk in body:
            rest += len(chunk)
            for event in parser.parse(chunk) if chunk else ():
                if event is None:
                    yield _End()
                elif isinstance(event, MultipartSegment):
                    yield _Head(event.name or "", event.filename, event.content_type or "")
                else:
                    rest -= len(event)
                    yield bytes(event)
            _check_rest(rest)
        parser.close()
    except MultipartError as error:
        raise _malformed(error) from error


async def _until_end(events: AsyncIterator[_Head | bytes | _End]) -> AsyncIterator[bytes]:
    """Yields the bytes of the present part. The rest of the body is read too: it must be complete."""
    ended = False
    dropped = 0
    async for event in events:
        if not isinstance(event, bytes):
            ended = True
        elif ended:
            dropped += len(event)
            _check_rest(dropped)
        else:
            yield event


def _check_rest(length: int) -> None:
    if length > _LARGEST_REST:
        raise MalformedUpload("The form holds more than one file. Upload one at a time.")


async def _text(events: AsyncIterator[_Head | bytes | _End]) -> str:
    content = bytearray()
    async for event in events:
        if not isinstance(event, bytes):
            break
        content += event
        if len(content) > _LONGEST_FIELD:
            raise MalformedUpload("A text field of the form is too long.")
    return content.decode("utf-8", "replace")


def _malformed(error: MultipartError) -> MalformedUpload:
    return MalformedUpload(f"The upload is incomplete or malformed ({error}). Upload the file again.")
