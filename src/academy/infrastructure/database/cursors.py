"""Paging cursors: the sort values and id of a page's last document, opaque to clients."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from academy.infrastructure.database.errors import InvalidCursor
from academy.kit.clock import to_milliseconds

_LONGEST = 4_000


class _Time(msgspec.Struct, tag="time", array_like=True, frozen=True):
    value: datetime


def write(list_name: str, values: Sequence[object], last_id: str) -> str:
    """Returns a cursor that `read` accepts for the same list only."""
    parts = [msgspec.to_builtins(_Time(v)) if isinstance(v, datetime) else v for v in values]
    body = msgspec.json.encode([_digest(list_name), parts, last_id])
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def read(cursor: str, list_name: str, length: int) -> tuple[list[object], str]:
    """Returns the values and the id. Raises InvalidCursor for a cursor of another list, or an altered or broken one."""
    if len(cursor) > _LONGEST:
        raise InvalidCursor
    try:
        body = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, parts, last_id = msgspec.json.decode(body, type=tuple[str, list[object], str])
        values = [to_milliseconds(msgspec.convert(v, _Time).value) if isinstance(v, list) else v for v in parts]
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidCursor from error
    plain = all(v is None or isinstance(v, str | int | float | bool | datetime) for v in values)
    if digest != _digest(list_name) or len(values) != length or not plain:
        raise InvalidCursor
    return values, last_id


def _digest(list_name: str) -> str:
    return hashlib.blake2b(list_name.encode(), digest_size=6).hexdigest()
