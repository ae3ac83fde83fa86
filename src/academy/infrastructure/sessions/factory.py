"""Chooses where sessions are kept: the only place that knows both stores."""

from academy.infrastructure.database.base import Database
from academy.infrastructure.redis.settings import RedisSettings
from academy.infrastructure.sessions.base import SessionStore
from academy.infrastructure.sessions.database import DatabaseSessionStore
from academy.infrastructure.sessions.redis import RedisSessionStore
from academy.infrastructure.sessions.settings import SessionSettings
from academy.kit.clock import Clock


def make_session_store(
    settings: SessionSettings, redis: RedisSettings, database: Database, clock: Clock
) -> SessionStore:
    """Returns the store, not connected yet."""
    if settings.store == "redis":
        return RedisSessionStore(redis, clock)
    return DatabaseSessionStore(database, clock)
