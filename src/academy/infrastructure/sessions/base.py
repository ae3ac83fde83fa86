"""The door of the sessions: who is signed in, from where.

The promise
-----------
A session is kept under its id, found by the hash of its cookie's secret, and listed under its account. What is told to
be created, updated or destroyed is so for every process that shares the store, at once.

Living. Only sessions that live are returned. When a session ends is written in it (`expires_at`), and judged by the
clock of the academy that asks: a store may forget what has ended, it never returns it, and its own clock decides
nothing. Whoever uses a session moves its end (`Session.used`), never beyond the absolute limit.

Secrets. A session is found by the hash of its present secret, and by the one before it for `model.GRACE`. Of a rotated
secret that time is all that is left.

Races. `update_session` replaces the session that was read, and only that: when another one was quicker, or when the
session was destroyed meanwhile, nothing is written. So no update undoes another, and none brings back what is gone.

Durability. `database`: as every document; a call joins the open transaction. `redis`: as Redis keeps data (see its
`appendonly`); a call knows no transaction, so callers await it before or after theirs. A session that Redis lost has to
sign in again. That an account ended its sessions is written in its own document, so that no session that Redis kept,
or kept too long, outlives it (`User.admits`).

Failure. When the store cannot be asked: SessionsUnavailable (`redis`), after one short wait, and none after that until
it is back; DatabaseUnavailable (`database`). Neither ever means that somebody is signed in, or is not. A call that
failed may have been done, or half of it: then the session leads nowhere, and ends by itself.
"""

from typing import Protocol

from academy.infrastructure.sessions.model import Session
from academy.kit.errors import UnavailableError

MOST_LISTED = 200
_RETRY_SECONDS = 5


class SessionsUnavailable(UnavailableError):
    """Sessions cannot be asked for at the moment."""

    code = "sessions_unavailable"

    def __init__(self) -> None:
        text = (
            "Your sign-in cannot be checked at the moment. Nobody is signed out by this, and this page stays where it "
            "is: try again in a few seconds."
        )
        super().__init__(text, retry_after=_RETRY_SECONDS)


class SessionStore(Protocol):
    """Keeps sessions. See the module's promise for what every method guarantees and raises."""

    @property
    def joins_transactions(self) -> bool:
        """Whether calls belong to the open transaction of the database; else they are not to be made inside one."""
        ...

    async def connect(self) -> None:
        """Opens the connections; what cannot be reached now is tried again later."""
        ...

    async def disconnect(self) -> None:
        """Closes the connections. Safe to call twice."""
        ...

    async def check_writable(self) -> None:
        """Makes sure that a session could be kept now: raises what `create_session` would. Not in a transaction.

        For callers who use something up (a one-time code) that is to open a session. A store that fails after this
        still costs them that.
        """
        ...

    async def create_session(self, session: Session) -> None:
        """Keeps a new session."""
        ...

    async def get_session(self, user_id: str, session_id: str) -> Session | None:
        """Returns a living session of an account by id."""
        ...

    async def get_session_by_token(self, token_hash: str) -> Session | None:
        """Returns the living session of a cookie."""
        ...

    async def update_session(self, session: Session) -> bool:
        """Keeps a changed session in place of the one that was read; False when that one is changed or gone."""
        ...

    async def destroy_session(self, user_id: str, session_id: str) -> bool:
        """Ends a session of an account; False when it has no such one."""
        ...

    async def sessions_of(self, user_id: str) -> list[Session]:
        """Returns an account's living sessions (at most 200), last used first."""
        ...

    async def destroy_all(self, user_id: str, *, but: str = "") -> None:
        """Ends all sessions of an account, except one."""
        ...

    async def health_check(self) -> str:
        """Returns "" when well, else what is wrong and what to do. Never raises."""
        ...
