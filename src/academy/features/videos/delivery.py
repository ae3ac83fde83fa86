"""Sends stored files: `/media/{key}`, with byte ranges, entity tags and signatures.

Private objects need an address made by `MediaAddresses`; public ones (covers, avatars) are for everybody and never
change. Files on this machine's disk are sent from here; where the server can do that itself (ASGI's pathsend), without
a copy. What lies in a bucket is fetched from there: a request that may have it is sent on to an address that the bucket
accepts for as long as the signature here would have held, or to the content delivery network.
"""

import os
import stat
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, quote

import anyio
import structlog
from litestar.handlers import ASGIRouteHandler, asgi
from litestar.types import Receive as LitestarReceive
from litestar.types import Scope as LitestarScope
from litestar.types import Send as LitestarSend
from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from academy.features.videos.addresses import MEDIA_PATH, covered, signed_text
from academy.features.videos.kinds import PUBLIC, content_type_of
from academy.features.videos.playlists import LISTS, with_token
from academy.features.videos.ranges import effective_range
from academy.infrastructure.storage.base import Storage, StorageUnavailable
from academy.infrastructure.storage.signing import UrlSigner
from academy.kit.errors import NotFoundError
from academy.web.guards import anyone

_YEAR = 31_536_000
_PRIVATE_SECONDS = 3600
# How long a bucket's address of a public object holds, and browsers may remember it: in any case while it holds.
_PUBLIC_HOLD = timedelta(hours=2)
_REMEMBERED_SECONDS = 3600
_PARTIAL_CONTENT = 206
_MOST_FIELDS = 10
_INLINE = ("video/", "image/")


class _File(FileResponse):
    # Four times Starlette's: fewer trips to a thread for each part of a video.
    chunk_size = 256 * 1024


class MediaDelivery:
    """The ASGI app below `/media/`. Answers 404 for unknown keys and 403 for wrong or expired signatures.

    A bucket answers for unknown keys itself: asking it first would cost every request another one.
    """

    def __init__(self, storage: Storage, signer: UrlSigner, cdn_url: str = "") -> None:
        """`cdn_url`: where a content delivery network shows the bucket's public objects; "" when there is none."""
        self._storage = storage
        self._signer = signer
        self._cdn_url = cdn_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        response = await self._respond(scope)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method not allowed.", 405, {"Allow": "GET, HEAD"})
        # Mounted, the path comes without the prefix and with a slash at its end.
        key = scope["path"].removeprefix(MEDIA_PATH).strip("/")
        query = _query(scope)
        name = query.get("name", "")
        if not key.startswith(PUBLIC) and not self._signer.verify(signed_text(covered(key), name), query):
            return PlainTextResponse(
                "This address is not valid (any more). Reload the page that led here.",
                403,
                {"Cache-Control": "no-store"},
            )
        if key.endswith(LISTS):
            return await self._list(key, query)
        try:
            if self._storage.address:
                return await self._sent_on(scope["method"], key, _headers(key, name), query)
            path = self._storage.local_path(key)
            found = await anyio.to_thread.run_sync(os.stat, path) if path else None
        except (ValueError, OSError):
            path = found = None
        if path is None or found is None or not stat.S_ISREG(found.st_mode):
            return _no_such_file()
        return _answer(scope, path, found, _headers(key, name))

    async def _list(self, key: str, query: dict[str, str]) -> Response:
        """Answers with a playlist or track, the signature added to every address in it."""
        try:
            text = b"".join([chunk async for chunk in self._storage.read(key)]).decode()
        except (ValueError, NotFoundError):
            return _no_such_file()
        except StorageUnavailable as error:
            return _unavailable(key, error)
        content = with_token(text, f"expires={query['expires']}&signature={query['signature']}")
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": f"private, max-age={_PRIVATE_SECONDS}"}
        return Response(content, headers=headers, media_type=content_type_of(key))

    async def _sent_on(self, method: str, key: str, headers: dict[str, str], query: dict[str, str]) -> Response:
        """Answers for an object in a bucket. Raises ValueError."""
        try:
            if method == "HEAD":
                # The bucket's addresses are signed for GET only.
                size = str(await self._storage.size(key))
                return Response(headers={**headers, "Content-Length": size, "Accept-Ranges": "bytes"})
            url = await self._address_in_bucket(key, headers, query)
        except NotFoundError:
            return _no_such_file()
        except StorageUnavailable as error:
            return _unavailable(key, error)
        remembered = f"public, max-age={_REMEMBERED_SECONDS}" if key.startswith(PUBLIC) else "no-store"
        return Response(status_code=HTTPStatus.FOUND, headers={"Location": url, "Cache-Control": remembered})

    async def _address_in_bucket(self, key: str, headers: dict[str, str], query: dict[str, str]) -> str:
        is_public = key.startswith(PUBLIC)
        url = await self._storage.get_file_url(
            key,
            expires_in=_PUBLIC_HOLD if is_public else self._signer.remaining(query),
            content_type=headers["Content-Type"],
            disposition=headers.get("Content-Disposition", ""),
        )
        return f"{self._cdn_url}/{key}" if is_public and self._cdn_url else url or ""


def _no_such_file() -> Response:
    return PlainTextResponse("There is no such file.", HTTPStatus.NOT_FOUND, {"Cache-Control": "no-store"})


def _unavailable(key: str, error: StorageUnavailable) -> Response:
    structlog.get_logger().warning("unavailable", path=MEDIA_PATH + key, code=error.code, reason=error.detail)
    again = {"Retry-After": str(error.retry_after), "Cache-Control": "no-store"}
    return PlainTextResponse(error.message, HTTPStatus.SERVICE_UNAVAILABLE, again)


def _query(scope: Scope) -> dict[str, str]:
    try:
        return dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=_MOST_FIELDS, errors="replace"))
    except ValueError:  # more fields than any address of ours has
        return {}


def _headers(key: str, name: str) -> dict[str, str]:
    headers = {
        "Content-Type": content_type_of(key),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": f"public, max-age={_YEAR}, immutable"
        if key.startswith(PUBLIC)
        else f"private, max-age={_PRIVATE_SECONDS}",
    }
    if not headers["Content-Type"].startswith(_INLINE):
        # Whatever a document contains, it cannot act as this site.
        headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        headers["Content-Disposition"] = "attachment"
    if name:
        disposition = headers.get("Content-Disposition", "inline")
        headers["Content-Disposition"] = f"{disposition}; filename*=utf-8''{quote(name, safe='')}"
    return headers


def _answer(scope: Scope, path: Path, found: os.stat_result, headers: dict[str, str]) -> Response:
    request = Headers(raw=list(scope["headers"]))
    response = _File(path, headers=headers, media_type=headers["Content-Type"], stat_result=found)
    validators = {name: response.headers[name] for name in ("etag", "last-modified")}
    if _is_fresh(request, validators["etag"]):
        return Response(status_code=304, headers={**validators, "Cache-Control": headers["Cache-Control"]})
    wanted = _range(scope["method"], request, validators, found.st_size)
    if wanted == f"bytes=0-{found.st_size - 1}":
        # What browsers ask first for a video. As a plain 206 it can be sent by the server itself, without a copy.
        content_range = {"Content-Range": f"bytes 0-{found.st_size - 1}/{found.st_size}"}
        return _File(path, _PARTIAL_CONTENT, {**headers, **content_range}, headers["Content-Type"], stat_result=found)
    others = [(field, value) for field, value in scope["headers"] if field not in {b"range", b"if-range"}]
    scope["headers"] = [*others, (b"range", wanted.encode())] if wanted else others
    return response


def _is_fresh(request: Headers, etag: str) -> bool:
    known = request.get("if-none-match", "")
    return known.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}


def _range(method: str, request: Headers, validators: dict[str, str], size: int) -> str | None:
    """Returns the Range header that counts: only for GET, and only while the file is the one that If-Range means."""
    header, condition = request.get("range"), request.get("if-range")
    if header is None or method != "GET" or (condition is not None and condition not in validators.values()):
        return None
    return effective_range(header, size)


def media_handler(storage: Storage, signer: UrlSigner, cdn_url: str = "") -> ASGIRouteHandler:
    """Returns the route that serves stored files below `/media/`; `cdn_url` as in MediaDelivery."""
    delivery = MediaDelivery(storage, signer, cdn_url)

    @asgi(MEDIA_PATH, is_mount=True, copy_scope=True, guards=[anyone])
    async def media(scope: LitestarScope, receive: LitestarReceive, send: LitestarSend) -> None:
        # Both frameworks speak ASGI; they only name its types differently.
        await delivery(cast("Scope", scope), cast("Receive", receive), cast("Send", send))

    return media
