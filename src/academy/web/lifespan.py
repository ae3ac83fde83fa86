"""Starting and stopping with the server (ASGI, lifespan protocol)."""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from academy.kit.errors import AcademyError


class LifespanMiddleware:
    """Runs `start` before the first request and `stop` after the last.

    When `start` raises an AcademyError, the server is told in a sentence that there will be no service, and ends.
    """

    def __init__(self, app: ASGIApp, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> None:
        self._app = app
        self._start = start
        self._stop = stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the server's questions about the lifespan, and passes requests on."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        try:
            await self._start()
        except AcademyError as error:
            reason = getattr(error, "detail", "") or error.message
            await send({"type": "lifespan.startup.failed", "message": f"The academy did not start. {reason}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})
