"""Changes that a client asks for only if nobody else changed the thing since: `If-Match` (RFC 9110, section 13.1.1)."""

from collections.abc import Awaitable
from typing import TypeVar

from litestar.exceptions import ClientException
from litestar.status_codes import HTTP_412_PRECONDITION_FAILED

from academy.infrastructure.database.errors import VersionConflict
from academy.kit.errors import InvalidError

T = TypeVar("T")

_MOST_DIGITS = 9


def revision_of(if_match: str | None, thing: str) -> int | None:
    """Returns the revision that an `If-Match` header names, None for any; `thing` is what has such ETags.

    Raises InvalidError for a header that holds none of them.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    # `isdigit` alone also takes digits that are no numbers, such as a raised two.
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
        raise InvalidError(f"If-Match must hold the ETag of {thing}.", fields={"If-Match": "Send the ETag you read."})
    return int(text)


async def if_unchanged(changing: Awaitable[T], if_match: str | None) -> T:
    """Awaits a change; answers 412 when `If-Match` names another revision than the present one."""
    try:
        return await changing
    except VersionConflict as error:
        if if_match is None:
            raise
        raise ClientException(error.message, status_code=HTTP_412_PRECONDITION_FAILED) from error
