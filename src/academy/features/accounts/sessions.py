"""Sessions: browsers with a cookie, API clients with an access token and rotating refresh tokens."""

from datetime import datetime, timedelta

import msgspec

from academy.features.accounts.audit import AuditLog
from academy.features.accounts.errors import InvalidRefreshToken, WrongCredentials
from academy.features.accounts.model import AuditAction, RefreshToken, Session, User, UserStatus
from academy.features.accounts.repository import AccountRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.security.tokens import AccessTokens, hash_token
from academy.kit.clock import Clock
from academy.kit.errors import NotFoundError
from academy.kit.ids import new_token

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

    Attributes:
        longest_life: after which every session ends, however much it is used.
    """

    def __init__(
        self,
        database: Database,
        repository: AccountRepository,
        clock: Clock,
        settings: SecuritySettings,
        access_tokens: AccessTokens,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._repository = repository
        self._clock = clock
        self._access_tokens = access_tokens
        self._audit = audit
        self._browser_life = timedelta(days=settings.session_days)
        self._api_life = timedelta(days=settings.refresh_token_days)
        self.longest_life = timedelta(days=settings.session_max_days)

    # --- beginning ---

    async def begin_browser(self, user: User, client: Client) -> str:
        """Signs a browser in; returns the secret for its cookie, of which only the hash is kept.

        Raises WrongCredentials when the account was shut, or got another password, since `user` proved who they are.
        """
        token = new_token()
        session = self._session(user, client, self._browser_life)
        session.token_hash = hash_token(token)

        async def work() -> None:
            await self._admit(user)
            await self._repository.insert_session(session)

        await self._database.transaction(work)
        return token

    async def begin_api(self, user: User, client: Client) -> Tokens:
        """Signs an API client in. Raises WrongCredentials, as `begin_browser` does."""
        session = self._session(user, client, self._api_life)

        async def work() -> Tokens:
            admitted = await self._admit(user)
            await self._repository.insert_session(session)
            return await self._tokens(admitted, session.id)

        return await self._database.transaction(work)

    async def _admit(self, user: User) -> User:
        """Notes the sign-in on the account, which makes it wait for a change of the account that is going on."""
        admitted = await self._repository.admit_user(user.id, user.password_hash, self._clock.now())
        if admitted is None:
            raise WrongCredentials
        return admitted

    def _session(self, user: User, client: Client, life: timedelta) -> Session:
        now = self._clock.now()
        return Session(
            user_id=user.id,
            device=client.device[:_LONGEST_DEVICE],
            address=client.address,
            last_used_at=now,
            expires_at=self._end(now, life, begun=now),
            created_at=now,
            updated_at=now,
        )

    def _end(self, now: datetime, life: timedelta, *, begun: datetime) -> datetime:
        """Returns until when a session lives that is used now."""
        return min(now + life, begun + self.longest_life)

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
            access_token=self._access_tokens.issue(user.id, session_id),
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

        async def work() -> Tokens | None:
            now = self._clock.now()
            used = await self._repository.use_token(token_hash, now)
            if used is None:
                return None
            user = await self._repository.user(used.user_id)
            session = await self._repository.session(used.session_id)
            if user is None or session is None or user.status is not UserStatus.ACTIVE or session.expires_at <= now:
                return None
            end = self._end(now, self._api_life, begun=session.created_at)
            await self._repository.touch_session(session.id, now, end)
            return await self._tokens(user, session.id)

        tokens = await self._database.transaction(work)
        if tokens is None:
            await self._end_family_of(token_hash, is_theft=True)
            raise InvalidRefreshToken
        return tokens

    async def principal_of_session(self, token: str) -> Principal | None:
        """Returns who holds a browser cookie, None when the session is over. Slides its end while it is used."""
        session = await self._repository.session_by_token(hash_token(token))
        return await self._principal(session, self._browser_life)

    async def principal_of_access_token(self, token: str) -> Principal | None:
        """Returns who holds an access token, None when it is not valid or its session was ended."""
        found = self._access_tokens.session_of(token)
        if found is None:
            return None
        session = await self._repository.session(found[1])
        if session is None or session.user_id != found[0]:
            return None
        return await self._principal(session, self._api_life)

    async def _principal(self, session: Session | None, life: timedelta) -> Principal | None:
        now = self._clock.now()
        if session is None or session.expires_at <= now:
            return None
        user = await self._repository.user(session.user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            return None
        if now - session.last_used_at >= _TOUCH_EVERY:
            await self._repository.touch_session(session.id, now, self._end(now, life, begun=session.created_at))
        return principal_of(user, session.id)

    async def list_of(self, principal: Principal) -> list[Session]:
        """Returns the account's living sessions, last used first."""
        return await self._repository.sessions_of(principal.user_id, self._clock.now())

    # --- ending ---

    async def end(self, principal: Principal, session_id: str) -> None:
        """Signs one of the account's clients out. Raises NotFoundError."""
        if not await self._database.transaction(lambda: self._repository.end_session(session_id, principal.user_id)):
            raise NotFoundError("There is no such session.")

    async def end_others(self, principal: Principal) -> None:
        """Signs all other clients of the account out."""

        async def work() -> None:
            await self._repository.end_sessions_of(principal.user_id, but=principal.session_id)
            await self._audit.note(AuditAction.SESSIONS_ENDED, principal.user_id)

        await self._database.transaction(work)

    async def end_api(self, refresh_token: str) -> None:
        """Signs the API client of a refresh token out; an unknown one changes nothing."""
        await self._end_family_of(hash_token(refresh_token))

    async def _end_family_of(self, token_hash: str, *, is_theft: bool = False) -> None:
        async def work() -> None:
            token = await self._repository.token(token_hash)
            if token is None:
                return
            ended = await self._repository.end_session(token.session_id, token.user_id)
            if is_theft and ended and token.used_at is not None:
                await self._audit.note(AuditAction.REFRESH_TOKEN_REUSED, token.user_id)

        await self._database.transaction(work)


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
