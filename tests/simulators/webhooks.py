"""Webhooks as they come in, and how vendors deliver them."""

from collections.abc import Callable

import httpx
import msgspec


class Webhook(msgspec.Struct, frozen=True):
    """One delivery as it comes in, with header names in lower case."""

    body: bytes
    headers: dict[str, str]


async def delivered(url: str, signed: Callable[[], Webhook], *, attempts: int = 1) -> list[int]:
    """Posts a webhook until it is taken, at most `attempts` times, and signs it anew each time.

    Returns the statuses of all answers; 0 where there was none. Vendors wait longer and longer between their attempts,
    for days; here they do not wait.
    """
    statuses: list[int] = []
    async with httpx.AsyncClient() as client:
        while len(statuses) < attempts and not (statuses and httpx.codes.is_success(statuses[-1])):
            webhook = signed()
            try:
                answer = await client.post(url, content=webhook.body, headers=webhook.headers)
                statuses.append(answer.status_code)
            except httpx.TransportError:
                statuses.append(0)
    return statuses
