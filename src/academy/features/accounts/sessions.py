"""Sessions: browsers with a cookie, API clients with an access token and rotating refresh tokens."""

from datetime import timedelta

import msgspec

from academy.features.accounts.errors import InvalidRefreshToken
from academy.features.accounts.model import RefreshToken, Session, User, UserStatus
from academy.features.accounts.repository import AccountRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.security.tokens import AccessTokens, hash_token
from academy.kit.clock import Clock
from academy.kit.ids import new_token

_TOUCH_EVERY = timedelta(minutes=1)


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
    """Begins, recognises and ends sessions."""

    def __init__(
        self,
        database: Database,
        repository: AccountRepository,
        clock: Clock,
        settings: SecuritySettings,
        access_tokens: AccessTokens,
    ) -> None:
        self._database = database
        self._repository = repository
        self._clock = clock
        self._settings = settings
        self._access_tokens = access_tokens

    async def begin_browser(self, user: User, client: Client) -> str:
        """Begins a browser session and returns the cookie's secret; only its hash is kept."""
        token = new_token()
        session = self._session(user, client, timedelta(days=self._settings.session_days))
        session.token_hash = hash_token(token)
        await self._repository.insert_session(session)
        return token

    async def begin_api(self, user: User, client: Client) -> Tokens:
        """Begins an API session; joins the open transaction."""
        session = self._session(user, client, timedelta(days=self._settings.refresh_token_days))

        async def work() -> Tokens:
            await self._repository.insert_session(session)
            return await self._tokens(user, session.id)

        return await self._database.transaction(work)

    def _session(self, user: User, client: Client, life: timedelta) -> Session:
        now = self._clock.now()
        return Session(
            user_id=user.id,
            device=client.device[:120],
            address=client.address,
            last_used_at=now,
            expires_at=now + life,
            created_at=now,
            updated_at=now,
        )

    async def _tokens(self, user: User, session_id: str) -> Tokens:
        now = self._clock.now()
        refresh = new_token()
        token = RefreshToken(
            token_hash=hash_token(refresh),
            session_id=session_id,
            user_id=user.id,
            expires_at=now + timedelta(days=self._settings.refresh_token_days),
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
            if user is None or session is None or user.status is not UserStatus.ACTIVE:
                return None
            expires_at = now + timedelta(days=self._settings.refresh_token_days)
            await self._repository.touch_session(session.id, now, expires_at)
            return await self._tokens(user, session.id)

        tokens = await self._database.transaction(work)
        if tokens is None:
            await self._end_family_of(token_hash)
            raise InvalidRefreshToken
        return tokens

    async def _end_family_of(self, token_hash: str) -> None:
        async def work() -> None:
            token = await self._repository.token(token_hash)
            if token is not None:
                await self._repository.end_session(token.session_id, token.user_id)

        await self._database.transaction(work)

    async def end_api(self, refresh_token: str) -> None:
        """Ends the session of a refresh token; an unknown one changes nothing."""
        await self._end_family_of(hash_token(refresh_token))

    async def principal_of_session(self, token: str) -> Principal | None:
        """Returns who holds a browser cookie, None when the session is over. Slides its end while it is used."""
        session = await self._repository.session_by_token(hash_token(token))
        return await self._principal(session, timedelta(days=self._settings.session_days))

    async def principal_of_access_token(self, token: str) -> Principal | None:
        """Returns who holds an access token, None when it is not valid or its session was ended."""
        found = self._access_tokens.session_of(token)
        if found is None:
            return None
        session = await self._repository.session(found[1])
        if session is None or session.user_id != found[0]:
            return None
        return await self._principal(session, timedelta(days=self._settings.refresh_token_days))

    async def _principal(self, session: Session | None, life: timedelta) -> Principal | None:
        now = self._clock.now()
        if session is None or session.expires_at <= now:
            return None
        user = await self._repository.user(session.user_id)
        if user is None or user.status is not UserStatus.ACTIVE:
            return None
        if now - session.last_used_at >= _TOUCH_EVERY:
            last = session.created_at + timedelta(days=self._settings.session_max_days)
            await self._repository.touch_session(session.id, now, min(now + life, last))
        return principal_of(user, session.id)


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
