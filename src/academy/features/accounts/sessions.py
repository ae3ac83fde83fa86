"""Sessions: browsers with a cookie, API clients with an access token and rotating refresh tokens."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import msgspec

from academy.features.accounts.audit import AuditLog
from academy.features.accounts.errors import InvalidRefreshToken, WrongCredentials
from academy.features.accounts.model import AuditAction, RefreshToken, User
from academy.features.accounts.repository import AccountRepository
from academy.features.accounts.session_ends import SessionEnds
from academy.infrastructure.database.base import Database
from academy.infrastructure.security.principal import Principal, Recognised
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.security.tokens import AccessTokens, hash_token
from academy.infrastructure.sessions.base import SessionStore, SessionsUnavailable
from academy.infrastructure.sessions.model import Session
from academy.kit.clock import Clock
from academy.kit.errors import NotFoundError
from academy.kit.ids import new_token

T = TypeVar("T")

_TOUCH_EVERY = timedelta(minutes=1)
_LONGEST_DEVICE = 120


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """From where someone signs in: a short description of the browser, and the network address."""

    device: str = ""
    address: str = ""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What an API client gets: `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: User


class SessionDesk:
    """Begins, recognises and ends sessions.

    A store that is no part of the database is asked before or after a transaction, never in it. Every method that asks
    it raises SessionsUnavailable when it cannot.

    Attributes:
        longest_life: after which every session ends, however much it is used.
    """

    def __init__(
        self,
        database: Database,
        repository: AccountRepository,
        store: SessionStore,
        clock: Clock,
        settings: SecuritySettings,
        access_tokens: AccessTokens,
        audit: AuditLog,
        session_ends: SessionEnds,
    ) -> None:
        self._database = database
        self._repository = repository
        self._store = store
        self._clock = clock
        self._access_tokens = access_tokens
        self._audit = audit
        self._session_ends = session_ends
        self._browser_life = timedelta(days=settings.session_days)
        self._api_life = timedelta(days=settings.refresh_token_days)
        self.longest_life = timedelta(days=settings.session_max_days)

    # --- beginning ---

    async def begin_browser(self, user: User, client: Client) -> str:
        """Signs a browser in; returns the secret for its cookie, of which only the hash is kept.

        Raises WrongCredentials when the account was shut, or got another password, since `user` proved who they are.
        """
        token = new_token()
        session = self._session(client, self._browser_life, user)
        session.token_hash = hash_token(token)

        async def grant(admitted: User) -> str:
            return token

        return await self._begin(user, session, grant)

    async def begin_api(self, user: User, client: Client) -> Tokens:
        """Signs an API client in. Raises WrongCredentials, as `begin_browser` does."""
        session = self._session(client, self._api_life, user)
        return await self._begin(user, session, lambda admitted: self._tokens(admitted, session.id))

    async def _begin(self, user: User, session: Session, grant: Callable[[User], Awaitable[T]]) -> T:
        """Keeps a session and returns what was granted in the transaction that admits the user.

        A change of the account that is going on is waited for; what ends its sessions later ends this one, too.
        """

        async def work() -> T:
            admitted = await self._repository.admit_user(user.id, user.password_hash, self._clock.now())
            if admitted is None:
                raise WrongCredentials
            session.role, session.generation = admitted.role, admitted.session_generation
            if self._store.joins_transactions:
                await self._store.create_session(session)
            return await grant(admitted)

        granted = await self._database.transaction(work)
        if not self._store.joins_transactions:
            await self._store.create_session(session)
        return granted

    def _session(self, client: Client, life: timedelta, user: User) -> Session:
        now = self._clock.now()
        begun = Session(
            user_id=user.id,
            device=client.device[:_LONGEST_DEVICE],
            address=client.address,
            last_used_at=now,
            expires_at=now,
            created_at=now,
            updated_at=now,
        )
        return begun.used(now, idle=life, longest=self.longest_life)

    async def _tokens(self, user: User, session_id: str) -> Tokens:
        now = self._clock.now()
        refresh = new_token()
        token = RefreshToken(
            token_hash=hash_token(refresh),
            session_id=session_id,
            user_id=user.id,
            expires_at=now + self._api_life,
            created_at=now,
            updated_at=now,
        )
        await self._repository.insert_token(token)
        return Tokens(
            access_token=self._access_tokens.issue(user.id, session_id, user.role),
            refresh_token=refresh,
            expires_in=self._access_tokens.lifetime_seconds,
            user=user,
        )

    # --- going on ---

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchanges a refresh token for new tokens. One that comes a second time was stolen: its session ends.

        Raises InvalidRefreshToken.
        """
        token_hash = hash_token(refresh_token)
        held = await self._repository.token(token_hash)
        session = await self._store.get_session(held.user_id, held.session_id) if held else None
        user = await self._user_of(session)
        if session is None or user is None:
            raise InvalidRefreshToken
        # Before the token is used up: whoever has to come again, because the store is away, comes with a good one.
        await self._touch(session, self._api_life)

        async def work() -> Tokens | None:
            if await self._repository.use_token(token_hash, self._clock.now()) is None:
                return None
            return await self._tokens(user, session.id)

        tokens = await self._database.transaction(work)
        if tokens is None:
            used = await self._repository.token(token_hash)
            await self._end(session.user_id, session.id, is_theft=used is not None and used.used_at is not None)
            raise InvalidRefreshToken
        return tokens

    async def recognise(self, token: str) -> Recognised | None:
        """Returns who holds a browser's cookie, None when the session is over. Slides its end while it is used.

        When the account has another role than the cookie's secret was made for, the cookie gets a fresh secret (OWASP
        Session Management Cheat Sheet, "renew the session ID after any privilege level change").
        """
        token_hash = hash_token(token)
        session = await self._store.get_session_by_token(token_hash)
        user = await self._user_of(session)
        if session is None or user is None:
            return None
        principal = principal_of(user, session.id)
        if session.role is user.role or session.token_hash != token_hash:
            await self._touch(session, self._browser_life)
            return Recognised(principal)
        fresh, now = new_token(), self._clock.now()
        used = session.used(now, idle=self._browser_life, longest=self.longest_life)
        try:
            is_rotated = await self._store.update_session(
                used.rotated(now, token_hash=hash_token(fresh), role=user.role)
            )
        except SessionsUnavailable:
            # It was known a moment ago who asks; the next request has a fresh secret made.
            return Recognised(principal)
        # Else a parallel request was quicker, or the session has just ended.
        return Recognised(principal, fresh) if is_rotated else await self.recognise(token)

    async def principal_of_access_token(self, token: str) -> Principal | None:
        """Returns who holds an access token, None when it is not valid (any more) or its session was ended.

        One that was made for another role than the account has now is not: the refresh token gets a new one.
        """
        grant = self._access_tokens.grant_of(token)
        if grant is None:
            return None
        session = await self._store.get_session(grant.user_id, grant.session_id)
        user = await self._user_of(session)
        if session is None or user is None or user.role is not grant.role:
            return None
        await self._touch(session, self._api_life)
        return principal_of(user, session.id)

    async def _user_of(self, session: Session | None) -> User | None:
        """Returns the account of a session, if it may go on."""
        user = await self._repository.user(session.user_id) if session else None
        return user if user is not None and session is not None and user.admits(session) else None

    async def _touch(self, session: Session, life: timedelta) -> None:
        """Slides the end of a session that is used, once a minute. That it cannot be done stops nobody."""
        now = self._clock.now()
        if now - session.last_used_at >= _TOUCH_EVERY:
            with suppress(SessionsUnavailable):
                await self._store.update_session(session.used(now, idle=life, longest=self.longest_life))

    async def list_of(self, principal: Principal) -> list[Session]:
        """Returns the account's living sessions, last used first."""
        user = await self._repository.user(principal.user_id)
        sessions = await self._store.sessions_of(principal.user_id)
        return [session for session in sessions if user is not None and user.admits(session)]

    # --- ending ---

    async def end(self, principal: Principal, session_id: str) -> None:
        """Signs one of the account's clients out. Raises NotFoundError."""
        if not await self._end(principal.user_id, session_id):
            raise NotFoundError("There is no such session.")

    async def end_others(self, principal: Principal) -> None:
        """Signs all other clients of the account out."""

        async def work() -> None:
            await self._session_ends.of_all(principal.user_id, but=principal.session_id)
            await self._audit.note(AuditAction.SESSIONS_ENDED, principal.user_id)

        await self._database.transaction(work)

    async def end_api(self, refresh_token: str) -> None:
        """Signs the API client of a refresh token out; an unknown one changes nothing."""
        token = await self._repository.token(hash_token(refresh_token))
        if token is not None:
            await self._end(token.user_id, token.session_id)

    async def _end(self, user_id: str, session_id: str, *, is_theft: bool = False) -> bool:
        """Ends a session with its refresh tokens; False, and nothing changes, when the account has no such one."""
        joins = self._store.joins_transactions
        if not joins and not await self._store.destroy_session(user_id, session_id):
            return False

        async def work() -> bool:
            if joins and not await self._store.destroy_session(user_id, session_id):
                return False
            await self._repository.delete_tokens_of_session(session_id)
            if is_theft:
                await self._audit.note(AuditAction.REFRESH_TOKEN_REUSED, user_id)
            return True

        return await self._database.transaction(work)


def principal_of(user: User, session_id: str) -> Principal:
    """Returns the account as every feature knows it."""
    key = user.profile.avatar_key
    return Principal(
        user_id=user.id,
        session_id=session_id,
        email=user.email,
        name=user.name,
        role=user.role,
        avatar_url=f"/media/{key}" if key else None,
        language=user.preferences.language,
        time_zone=user.preferences.time_zone,
        theme=user.preferences.theme,
    )
