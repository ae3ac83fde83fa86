"""Razorpay's REST API over HTTP: what it is asked, what it answers, and what its errors mean.

https://razorpay.com/docs/api/ says what goes in and out, https://razorpay.com/docs/errors/ what can go wrong. The
official SDK blocks its thread for every call, so it is not used for them.
"""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import httpx
import msgspec

from academy.infrastructure.gateways.base import GatewayRefused, GatewayUnavailable
from academy.infrastructure.gateways.settings import RazorpaySettings
from academy.infrastructure.http.bodies import UNREADABLE

LABEL = "Razorpay"

_LONGEST_QUOTE = 300
_LONGEST_WAIT = 3600
_HIGHEST_PORT = 65_535
# Not about the call: https://razorpay.com/docs/errors/common/. The documentation gives them the status 400, too.
_ABOUT_THE_ACCOUNT = ("authentication failed", "api key", "key/secret", "access denied")
# One of the two things that 409 means: https://razorpay.com/docs/api/refunds/normal-refunds-idempotent/.
_ANOTHER_REFUND_HAS_THE_KEY = "different request"

T = TypeVar("T")


class OrderEntity(msgspec.Struct, frozen=True):
    """https://razorpay.com/docs/api/orders/entity/; notes are a list when there are none."""

    id: str
    amount: int
    currency: str
    created_at: int = 0
    receipt: str | None = None
    notes: dict[str, object] | list[object] = {}

    def note(self, name: str) -> str:
        """Returns one of the notes; "" when it is not there."""
        value = self.notes.get(name) if isinstance(self.notes, dict) else None
        return value if isinstance(value, str) else ""


class PaymentEntity(msgspec.Struct, frozen=True):
    """https://razorpay.com/docs/api/payments/entity/; an attempt to pay, whatever became of it."""

    id: str
    amount: int
    currency: str
    status: str
    created_at: int = 0
    captured: bool | None = None
    order_id: str | None = None
    amount_refunded: int | None = None
    error_description: str | None = None

    @property
    def came_in(self) -> bool:
        """Whether the money came in. A payment that was never captured is `refunded`, too, once it went back."""
        return self.captured is True and self.status in {"captured", "refunded"}


class RefundEntity(msgspec.Struct, frozen=True):
    """https://razorpay.com/docs/api/refunds/entity/."""

    id: str
    amount: int
    currency: str
    payment_id: str
    status: str
    receipt: str | None = None


class DisputeEntity(msgspec.Struct, frozen=True):
    """https://razorpay.com/docs/api/disputes/entity/."""

    id: str
    payment_id: str
    amount: int
    currency: str
    status: str
    reason_code: str | None = None
    reason_description: str | None = None


class Orders(msgspec.Struct, frozen=True):
    """A page of orders."""

    items: list[OrderEntity]


class Payments(msgspec.Struct, frozen=True):
    """The attempts to pay an order."""

    items: list[PaymentEntity]


class Refunds(msgspec.Struct, frozen=True):
    """A page of refunds."""

    items: list[RefundEntity]


class _Error(msgspec.Struct, frozen=True):
    code: str | None = None
    description: str | None = None


class _Errors(msgspec.Struct, frozen=True):
    error: _Error


class RazorpayApi:
    """Makes calls with our credentials. It connects when it is first used."""

    def __init__(self, settings: RazorpaySettings, timeout_seconds: float) -> None:
        """`timeout_seconds`: how long one call may take, from looking up the server to the end of its answer."""
        self._settings = settings
        self._timeout = timeout_seconds
        self._client: httpx.AsyncClient | None = None

    async def get(self, path: str, answered: type[T], query: Mapping[str, str] | None = None) -> T:
        """Returns what Razorpay tells. Raises GatewayUnavailable, GatewayRefused."""
        return self._read(await self._ask("GET", path, params=query), answered)

    async def post(
        self, path: str, answered: type[T], body: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> T:
        """Asks for something to be done, and returns what came of it. Raises GatewayUnavailable, GatewayRefused."""
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", **(headers or {})}
        return self._read(await self._ask("POST", path, content=content, headers=headers), answered)

    async def close(self) -> None:
        """Closes the kept connections. Safe to call twice; the next call opens them again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Returns Razorpay's answer, whatever it says. Raises GatewayUnavailable when there is none in time."""
        if self._client is None:
            if (httpx.URL(self._settings.url).port or 0) > _HIGHEST_PORT:
                raise GatewayUnavailable(LABEL, "RAZORPAY_URL has a port that cannot be.")
            credentials = httpx.BasicAuth(self._settings.key_id, self._settings.key_secret)
            self._client = httpx.AsyncClient(base_url=self._settings.url, auth=credentials, timeout=self._timeout)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._client.request(method, path, params=params, content=content, headers=headers)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise GatewayUnavailable(LABEL, f"No answer within {self._timeout:g} s.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GatewayUnavailable(LABEL, f"{type(error).__name__} {error}".strip()[:_LONGEST_QUOTE]) from error

    def _read(self, answer: httpx.Response, answered: type[T]) -> T:
        if not answer.is_success:
            raise _failure(answer)
        try:
            return msgspec.json.decode(answer.content, type=answered)
        except UNREADABLE as error:
            detail = "The answer is not what its API says. Look at RAZORPAY_URL."
            raise GatewayUnavailable(LABEL, detail) from error


def _failure(answer: httpx.Response) -> GatewayUnavailable | GatewayRefused:
    """Returns the error that an answer other than success is.

    `BAD_REQUEST_ERROR` is about what was asked, `GATEWAY_ERROR` and `SERVER_ERROR` are not; neither are rate limits and
    credentials, which come as a `BAD_REQUEST_ERROR`, too.
    """
    code, description = _error(answer)
    said = f"{answer.status_code} {description}".strip()
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return GatewayUnavailable(LABEL, said, retry_after=_seconds_to_wait(answer))
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN} or any(
        words in description.lower() for words in _ABOUT_THE_ACCOUNT
    ):
        return GatewayUnavailable(LABEL, f"Look at RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET. {said}")
    # The same refund is being made by another call at this moment.
    if answer.status_code == httpx.codes.CONFLICT and not description.lower().startswith(_ANOTHER_REFUND_HAS_THE_KEY):
        return GatewayUnavailable(LABEL, said, retry_after=1)
    if answer.is_client_error and code == "BAD_REQUEST_ERROR":
        return GatewayRefused(LABEL, description)
    return GatewayUnavailable(LABEL, said)


def _error(answer: httpx.Response) -> tuple[str, str]:
    """Returns the code and the description of an error; "" where the answer has none."""
    try:
        error = msgspec.json.decode(answer.content, type=_Errors).error
    except UNREADABLE:
        return "", ""
    return (error.code or "").upper(), " ".join((error.description or "").split())[:_LONGEST_QUOTE]


def _seconds_to_wait(answer: httpx.Response) -> int:
    """Returns what Retry-After says (RFC 9110, section 10.2.3); Razorpay promises none, so usually a few seconds."""
    seconds = answer.headers.get("Retry-After", "")
    return min(max(int(seconds), 1), _LONGEST_WAIT) if seconds.isdecimal() else 5
