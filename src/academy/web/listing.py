"""Lists of the API: `{items, next_cursor}`."""

from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import Parameter

T = TypeVar("T")

Limit = Annotated[int, Parameter(ge=1, le=100, description="Most items to answer.", required=False)]
Cursor = Annotated[
    str | None, Parameter(max_length=2000, description="`next_cursor` of the page before.", required=False)
]


class Listing(msgspec.Struct, Generic[T], kw_only=True):
    """One page of a list; `next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None
