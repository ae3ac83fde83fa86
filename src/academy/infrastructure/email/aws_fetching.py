"""Gets small public files of AWS, such as the certificates that SNS signs with."""

import asyncio

import httpx

from academy.infrastructure.email.bodies import beginning_of
from academy.kit.errors import UnavailableError

_SECONDS, _LARGEST_ANSWER = 10.0, 64 * 1024


class AwsFiles:
    """Fetches over one HTTP client, which is made when it is first needed: to make one takes 60 ms."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def fetch(self, url: str) -> bytes:
        """Returns the body behind an address; follows no redirect and reads at most 64 KiB, for at most 10 s.

        Raises UnavailableError when there is no such answer.
        """
        client = await self._opened()
        try:
            async with asyncio.timeout(_SECONDS), client.stream("GET", url) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise UnavailableError(f"SNS answers with {answer.status_code}.")
                body = await beginning_of(answer, _LARGEST_ANSWER + 1)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise UnavailableError("SNS cannot be reached.") from error
        if len(body) > _LARGEST_ANSWER:
            raise UnavailableError("The answer of SNS is too large.")
        return body

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
