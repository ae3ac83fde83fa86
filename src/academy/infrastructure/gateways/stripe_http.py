"""How Stripe's SDK reaches Stripe: over httpx, without blocking the event loop.

The SDK has a client over httpx, too; that one hands bodies over in a way that httpx no longer wants.
"""

import asyncio
from collections.abc import Mapping

import httpx
import stripe

# Enough for 100 calls a second at 300 ms each.
_CONNECTIONS = 32
# Stripe's servers close a quiet connection themselves; one that was closed on the way costs a second try.
_QUIET_SECONDS = 30.0


class StripeHttpClient(stripe.HTTPClient):
    """An HTTP client as the SDK wants it; it repeats what fails, with the idempotency key that a request has."""

    name = "httpx"

    def __init__(self, timeout_seconds: float) -> None:
        """`timeout_seconds`: how long each step of a request may take."""
        super().__init__()
        limits = httpx.Limits(
            max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=_QUIET_SECONDS
        )
        self._client = httpx.AsyncClient(limits=limits, timeout=timeout_seconds)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Returns the body, the status and the headers of an answer. Raises stripe.APIConnectionError."""
        try:
            answer = await self._client.request(method, url, headers=headers, content=post_data)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = f"{type(error).__name__} {error}".strip()
            raise stripe.APIConnectionError(reason, should_retry=True) from error  # type: ignore[no-untyped-call]
        return answer.content, answer.status_code, answer.headers

    async def sleep_async(self, secs: float) -> None:
        """Waits before a repeat."""
        await asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Closes the kept connections. Safe to call twice."""
        await self._client.aclose()
