"""Sessions as documents of the database: they outlive every restart."""

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import VersionConflict
from academy.infrastructure.sessions.base import MOST_LISTED
from academy.infrastructure.sessions.model import Session
from academy.kit.clock import Clock


class DatabaseSessionStore:
    """Keeps the promise of `base.py`. What has ended is swept by a job."""

    joins_transactions = True

    def __init__(self, database: Database, clock: Clock) -> None:
        self._sessions = database.collection(Session)
        self._clock = clock

    async def connect(self) -> None:
        """See SessionStore: the database has its own connections."""

    async def disconnect(self) -> None:
        """See SessionStore."""

    async def check_writable(self) -> None:
        """See SessionStore: the caller writes to the same database, so that its own writes find out."""

    async def create_session(self, session: Session) -> None:
        """See SessionStore."""
        await self._sessions.insert(session)

    async def get_session(self, user_id: str, session_id: str) -> Session | None:
        """See SessionStore."""
        session = await self._sessions.get(session_id)
        if session is None or session.user_id != user_id:
            return None
        return session if session.lives(self._clock.now()) else None

    async def get_session_by_token(self, token_hash: str) -> Session | None:
        """See SessionStore."""
        session = await self._sessions.find_one({"token_hash": token_hash})
        if session is None:
            session = await self._sessions.find_one({"former_token_hash": token_hash})
        now = self._clock.now()
        if session is None or not session.is_opened_by(token_hash, now):
            return None
        return session if session.lives(now) else None

    async def update_session(self, session: Session) -> bool:
        """See SessionStore."""
        try:
            await self._sessions.replace(session)
        except VersionConflict:
            return False
        return True

    async def destroy_session(self, user_id: str, session_id: str) -> bool:
        """See SessionStore."""
        return await self._sessions.delete_one({"id": session_id, "user_id": user_id})

    async def sessions_of(self, user_id: str) -> list[Session]:
        """See SessionStore."""
        query = {"user_id": user_id, "expires_at": {"$gt": self._clock.now()}}
        return await self._sessions.find(query, sort=("-last_used_at",), limit=MOST_LISTED)

    async def destroy_all(self, user_id: str, *, but: str = "") -> None:
        """See SessionStore."""
        await self._sessions.delete_many({"user_id": user_id, "id": {"$ne": but}})

    async def health_check(self) -> str:
        """See SessionStore: the database is checked by itself."""
        return ""
