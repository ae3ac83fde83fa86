"""Sessions in Redis: one server, the master of a sentinel set, or a cluster.

All keys of an account have its id as their hash tag, so that they are in one slot of a cluster, and a session and the
account's index change together in one script:

- `academy-sessions:{ACCOUNT}:SESSION` is the session in JSON, and lives as long as it;
- `academy-sessions:{ACCOUNT}` is the index: a sorted set of session ids by their end;
- `academy-sessions:token:HASH` leads from the hash of a secret to account and session. It is written before the session
  names it, and counts only while the session does. So it may stay behind, and leads nowhere until it ends;
- `academy-sessions:probe` is written to see whether anything can be, and gone at once.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from academy.infrastructure.redis.link import RedisAway, RedisLink
from academy.infrastructure.redis.settings import RedisSettings
from academy.infrastructure.sessions.base import MOST_LISTED, SessionsUnavailable
from academy.infrastructure.sessions.model import GRACE, Session
from academy.kit.clock import Clock

_PREFIX = "academy-sessions"
_PROBE_KEY = f"{_PREFIX}:probe"
# Well below the most values that Lua passes to one function.
_BATCH = 500

_CREATE = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
return 1
"""
_UPDATE = f"""
local held = redis.call('GET', KEYS[1])
if not held or cjson.decode(held).version ~= tonumber(ARGV[6]) then return 0 end
{_CREATE}
"""
_DESTROY = """
redis.call('ZREM', KEYS[1], unpack(ARGV))
return redis.call('UNLINK', unpack(KEYS, 2))
"""


class RedisSessionStore:
    """Keeps the promise of `base.py`."""

    joins_transactions = False

    def __init__(self, settings: RedisSettings, clock: Clock) -> None:
        self._link = RedisLink(settings, name="sessions")
        self._clock = clock

    async def connect(self) -> None:
        """See SessionStore."""
        await self._link.connect()

    async def disconnect(self) -> None:
        """See SessionStore."""
        await self._link.close()

    async def check_writable(self) -> None:
        """See SessionStore. Writes, because a full Redis answers, and so does a replica."""
        await self._command("SET", _PROBE_KEY, "", "PX", 1)

    async def create_session(self, session: Session) -> None:
        """See SessionStore."""
        now = self._clock.now()
        await self._point_to(session, now)
        await self._script(_CREATE, _keys(session), *_written(session, now))

    async def get_session(self, user_id: str, session_id: str) -> Session | None:
        """See SessionStore."""
        session = _decoded(await self._command("GET", _key(user_id, session_id)))
        return session if session is not None and session.lives(self._clock.now()) else None

    async def get_session_by_token(self, token_hash: str) -> Session | None:
        """See SessionStore."""
        pointer = await self._command("GET", _token_key(token_hash))
        if pointer is None:
            return None
        user_id, _, session_id = pointer.decode().partition(" ")
        session = await self.get_session(user_id, session_id)
        return session if session is not None and session.is_opened_by(token_hash, self._clock.now()) else None

    async def update_session(self, session: Session) -> bool:
        """See SessionStore."""
        now = self._clock.now()
        await self._point_to(session, now)
        newer = msgspec.structs.replace(session, version=session.version + 1)
        return bool(await self._script(_UPDATE, _keys(session), *_written(newer, now), session.version))

    async def destroy_session(self, user_id: str, session_id: str) -> bool:
        """See SessionStore."""
        return await self._destroy(user_id, [session_id]) == 1

    async def sessions_of(self, user_id: str) -> list[Session]:
        """See SessionStore. Of more than 200, those are listed that end last."""
        ids = await self._ids_of(user_id, MOST_LISTED)
        if not ids:
            return []
        values = await self._command("MGET", *(_key(user_id, one) for one in ids))
        if gone := [one for one, value in zip(ids, values, strict=True) if value is None]:
            await self._command("ZREM", _index_key(user_id), *gone)
        now = self._clock.now()
        living = [session for value in values if (session := _decoded(value)) is not None and session.lives(now)]
        return sorted(living, key=lambda session: session.last_used_at, reverse=True)

    async def destroy_all(self, user_id: str, *, but: str = "") -> None:
        """See SessionStore."""
        ids = [one for one in await self._ids_of(user_id) if one != but]
        for start in range(0, len(ids), _BATCH):
            await self._destroy(user_id, ids[start : start + _BATCH])

    async def health_check(self) -> str:
        """See SessionStore."""
        try:
            await self._link.check()
        except RedisAway as error:
            return f"{error} Nobody can sign in, and who is signed in has to wait, until it is back."
        return ""

    async def _ids_of(self, user_id: str, most: int = 0) -> list[str]:
        """Returns ids of sessions, those that end last first; with `most` not more than these."""
        return [one.decode() for one in await self._command("ZREVRANGE", _index_key(user_id), 0, most - 1)]

    async def _destroy(self, user_id: str, ids: list[str]) -> int:
        keys = [_index_key(user_id), *(_key(user_id, one) for one in ids)]
        return int(await self._script(_DESTROY, keys, *ids))

    async def _point_to(self, session: Session, now: datetime) -> None:
        """Lets the session's present secret lead to it for as long as it lives, and the one before for its grace."""
        place = f"{session.user_id} {session.id}"
        if session.token_hash is not None:
            await self._command("SET", _token_key(session.token_hash), place, "PX", _left(session.expires_at, now))
        if session.former_token_hash is not None:
            grace = GRACE // timedelta(milliseconds=1)
            await self._command("PEXPIRE", _token_key(session.former_token_hash), grace)

    async def _script(self, script: str, keys: list[str], *arguments: str | bytes | int) -> Any:
        return await self._command("EVAL", script, len(keys), *keys, *arguments)

    async def _command(self, *parts: str | bytes | int) -> Any:
        try:
            return await self._link.command(*parts)
        except RedisAway as error:
            raise SessionsUnavailable from error


def _key(user_id: str, session_id: str) -> str:
    return f"{_index_key(user_id)}:{session_id}"


def _index_key(user_id: str) -> str:
    return f"{_PREFIX}:{{{user_id}}}"


def _token_key(token_hash: str) -> str:
    return f"{_PREFIX}:token:{token_hash}"


def _keys(session: Session) -> list[str]:
    return [_key(session.user_id, session.id), _index_key(session.user_id)]


def _written(session: Session, now: datetime) -> tuple[bytes, int, int, str, int]:
    """What the scripts take: the session, its life, its end, its id, the present moment; times in milliseconds."""
    end, present = (round(moment.timestamp() * 1000) for moment in (session.expires_at, now))
    return msgspec.json.encode(session), _left(session.expires_at, now), end, session.id, present


def _left(end: datetime, now: datetime) -> int:
    """Milliseconds until then; Redis takes no life of none."""
    return max(1, (end - now) // timedelta(milliseconds=1))


def _decoded(raw: bytes | None) -> Session | None:
    """Returns the session that the bytes are; what is none of this version's is none at all."""
    try:
        return None if raw is None else msgspec.json.decode(raw, type=Session)
    except msgspec.DecodeError:
        return None
