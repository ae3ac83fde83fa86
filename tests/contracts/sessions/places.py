"""The stores that the contract is proven on, and how several academies open the same one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec

from academy.infrastructure.redis.settings import RedisSettings
from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.base import SessionStore
from academy.infrastructure.sessions.factory import make_session_store
from academy.infrastructure.sessions.model import Session
from academy.infrastructure.sessions.settings import SessionSettings
from academy.kit.clock import Clock
from academy.kit.ids import new_id, new_token
from tests.contracts.cache.places import StandingClock
from tests.contracts.database.places import Place as DatabasePlace

KINDS = ["sqlite", "mongodb", "redis", "cluster"]
IDLE, LONGEST = timedelta(days=14), timedelta(days=90)


class Place(msgspec.Struct, frozen=True):
    """Where the sessions of a test are: a Redis, or else the database."""

    database: DatabasePlace
    redis: RedisSettings | None = None

    @asynccontextmanager
    async def opened(self, clock: Clock) -> AsyncIterator[SessionStore]:
        """A connected store, as one academy has it."""
        database = self.database.database()
        settings = SessionSettings(store="database" if self.redis is None else "redis")
        store = make_session_store(settings, self.redis or RedisSettings(), database, clock)
        if self.redis is None:
            await database.connect()
            await database.create_indexes([Session])
        await store.connect()
        try:
            yield store
        finally:
            await store.disconnect()
            await database.disconnect()


def begun(
    clock: StandingClock, *, user_id: str = "", token_hash: str | None = None, begun_at: datetime | None = None
) -> Session:
    """A session that somebody has just begun."""
    now = begun_at or clock.now()
    session = Session(
        user_id=user_id or new_id(),
        token_hash=token_hash or new_token(),
        role=Role.INSTRUCTOR,
        generation=3,
        device="Chrome · Linux",
        address="203.0.113.9",
        last_used_at=now,
        expires_at=now,
        created_at=now,
        updated_at=now,
    )
    return session.used(now, idle=IDLE, longest=LONGEST)


def used(session: Session, clock: StandingClock) -> Session:
    """A session as it is when it is used now."""
    return session.used(clock.now(), idle=IDLE, longest=LONGEST)
