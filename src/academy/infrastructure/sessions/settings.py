"""Settings of the sessions' place; how long they live is set beside the other rules of accounts."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class SessionSettings(Struct, frozen=True, kw_only=True):
    """Where it is kept who is signed in."""

    store: Annotated[
        Literal["database", "redis"],
        Meta(
            title="SESSION_STORE",
            description="Where sessions are kept: `database`, as durable as all else, or `redis` (REDIS_URL and what "
            "follows it), which spares the database a query a request; what Redis loses has to sign in again.",
        ),
    ] = "database"
