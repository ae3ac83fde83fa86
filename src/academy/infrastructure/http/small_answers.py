"""Gets small answers from other servers without trusting them: bounded in bytes and time, no redirect is followed."""

import asyncio
from collections.abc import Mapping

import httpx
from msgspec import Struct

from academy.infrastructure.http.bodies import beginning_of
from academy.kit.errors import UnavailableError

_SECONDS, _LARGEST_ANSWER = 10.0, 64 * 1024


class SmallAnswer(Struct, frozen=True):
    """The status and the whole body of an answer."""

    status: int
    body: bytes


class SmallAnswers:
    """Asks over one HTTP client, which is made when it is first needed: to make one takes 60 ms."""

    def __init__(self, server: str) -> None:
        """`server`: what the other side is called in messages."""
        self._server = server
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def get(
        self, url: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> SmallAnswer:
        """Returns the answer of an address, whatever its status; reads at most 64 KiB, for at most 10 s.

        Raises UnavailableError when there is none, or a larger one.
        """
        client = await self._opened()
        try:
            async with (
                asyncio.timeout(_SECONDS),
                client.stream("GET", url, params=query, headers=headers) as answer,
            ):
                body = await beginning_of(answer, _LARGEST_ANSWER + 1)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise UnavailableError(f"{self._server} cannot be reached.") from error
        if len(body) > _LARGEST_ANSWER:
            raise UnavailableError(f"The answer of {self._server} is too large.")
        return SmallAnswer(answer.status_code, body)

    async def close(self) -> None:
        """Closes the kept connections. Safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _opened(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                # In a thread: it reads and parses the certificates of all authorities.
                context = await asyncio.to_thread(httpx.create_ssl_context)
                self._client = httpx.AsyncClient(
                    verify=context, follow_redirects=False, headers={"Accept-Encoding": "identity"}
                )
            return self._client
