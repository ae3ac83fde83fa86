"""How long a client may take to send a request: one that dawdles must not hold a connection and memory for ever."""

import asyncio

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_408_REQUEST_TIMEOUT
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from academy.web.requests import body_limit

_PART_SECONDS = 30.0
_WHOLE_SECONDS = 60.0
# Bytes per second; slower than any line that a video is uploaded through.
_LEAST_RATE = 1024


class DeadlineMiddleware:
    """Gives the body of a request 60 seconds, and each wait for more of it 30.

    An upload has a second more for each KiB that came. Only waiting for the client counts, not what the academy does
    meanwhile. Who is slower is answered with 408 (RFC 9110, section 15.5.9).

    Args:
        part_seconds: the longest wait for more of a body.
        whole_seconds: the longest wait for a body as a whole.
    """

    def __init__(
        self, app: ASGIApp, *, part_seconds: float = _PART_SECONDS, whole_seconds: float = _WHOLE_SECONDS
    ) -> None:
        self._app = app
        self._part_seconds = part_seconds
        self._whole_seconds = whole_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, with a `receive` that raises HTTPException (408) when the client is too slow."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        is_upload = body_limit(scope) is None
        left = self._whole_seconds
        is_whole = False

        async def receive_in_time() -> HTTPReceiveMessage:
            nonlocal left, is_whole
            if is_whole:  # what is awaited now is that the client goes away
                return await receive()  # type: ignore[return-value]
            clock = asyncio.get_running_loop().time
            began = clock()
            try:
                async with asyncio.timeout(min(left, self._part_seconds)):
                    message: HTTPReceiveMessage = await receive()  # type: ignore[assignment]
            except TimeoutError as error:
                raise _too_slow() from error
            left -= clock() - began
            if message["type"] == "http.request":
                left += len(message["body"]) / _LEAST_RATE if is_upload else 0
                is_whole = not message["more_body"]
            return message

        await self._app(scope, receive_in_time, send)


def _too_slow() -> HTTPException:
    return HTTPException(
        status_code=HTTP_408_REQUEST_TIMEOUT, detail="The request took too long to arrive. Send it once more."
    )
