"""Use cases of the accounts: becoming someone here, proving it, changing it, leaving."""

import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from zoneinfo import available_timezones

import msgspec
from email_validator import EmailNotValidError, validate_email

from academy.features.accounts.codes import CodeDesk
from academy.features.accounts.errors import (
    AccountSuspended,
    EmailTaken,
    NotVerified,
    TooManyCodes,
    WrongCode,
    WrongCredentials,
)
from academy.features.accounts.model import CodePurpose, Preferences, Profile, Session, User, UserStatus
from academy.features.accounts.repository import AccountRepository
from academy.features.accounts.sessions import Client, SessionDesk, Tokens
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.security.passwords import PasswordHasher
from academy.infrastructure.security.principal import Principal, Role
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.security.tokens import AccessTokens
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError, NotFoundError

LONGEST_NAME = 80
THEMES = ("auto", "light", "dark")
LANGUAGES = ("en",)

ExportPart = Callable[[str], Awaitable[Mapping[str, object]]]
"""A higher feature's part of a data export: user id -> plain values."""

AccountDeleted = Callable[[str], Awaitable[None]]
"""A higher feature's clean-up for a deleted account, in the same transaction: user id."""

_PURPOSES = {
    CodePurpose.VERIFY_EMAIL: "Enter this code to confirm your e-mail address:",
    CodePurpose.SIGN_IN: "Enter this code to sign in:",
    CodePurpose.RESET_PASSWORD: "Enter this code to choose a new password:",
    CodePurpose.CHANGE_EMAIL: "Enter this code to confirm your new e-mail address:",
}
_REGISTERED_ALREADY = "Someone tried to register with your address, but you have an account. This code signs you in:"


class AccountMail(Protocol):
    """The mails of the accounts; each joins the open transaction."""

    async def send_otp(self, to: str, name: str, code: str, purpose: str, minutes: int) -> None:
        """Sends a one-time code."""
        ...

    async def send_welcome(self, to: str, name: str) -> None:
        """Welcomes someone."""
        ...


def email_key(email: str) -> str:
    """Returns an address in the form used for comparing: NFC, without case."""
    return unicodedata.normalize("NFC", email.strip()).casefold()


def checked_email(email: str, field: str = "email") -> str:
    """Returns the address in its normal form. Raises InvalidError naming `field` for one that cannot exist."""
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        text = f"This is not an e-mail address: {error}"
        raise InvalidError(text, fields={field: text}) from error


def checked_name(name: str) -> str:
    """Returns the name without outer and doubled spaces. Raises InvalidError for an empty, long or unprintable one."""
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > LONGEST_NAME or not cleaned.isprintable():
        text = f"Give a name of 1 to {LONGEST_NAME} characters."
        raise InvalidError(text, fields={"name": text})
    return cleaned


class AccountService:
    """Accounts, as their owners use them."""

    def __init__(
        self,
        database: Database,
        mail: AccountMail,
        clock: Clock,
        settings: SecuritySettings,
        passwords: PasswordHasher,
        access_tokens: AccessTokens,
        secret: bytes,
        *,
        export_parts: Sequence[ExportPart] = (),
        on_deleted: Sequence[AccountDeleted] = (),
    ) -> None:
        self._database = database
        self._mail = mail
        self._clock = clock
        self._settings = settings
        self._passwords = passwords
        self._export_parts = export_parts
        self._on_deleted = on_deleted
        self._repository = AccountRepository(database)
        self._codes = CodeDesk(database, self._repository, clock, settings, secret)
        self._sessions = SessionDesk(database, self._repository, clock, settings, access_tokens)

    # --- registering and proving the address ---

    async def register(self, email: str, name: str, password: str) -> None:
        """Makes an unproven account and sends a code. The caller learns nothing about whether the address was known.

        Raises InvalidError, WeakPassword; TooManyCodes only while the address is being registered again and again.
        """
        address, cleaned = checked_email(email), checked_name(name)
        self._passwords.check_rules(password)
        password_hash = await self._passwords.hash(password)
        try:
            await self._database.transaction(lambda: self._register_now(address, cleaned, password_hash))
        except UniqueViolation:
            # Another registration of this address was first by a moment; its code is on the way.
            return
        except TooManyCodes:
            # Said aloud, this would tell that the address is known.
            return

    async def _register_now(self, address: str, name: str, password_hash: str) -> None:
        now = self._clock.now()
        user = await self._repository.user_by_email(email_key(address))
        if user is None:
            user = User(
                email=address,
                email_key=email_key(address),
                name=name,
                password_hash=password_hash,
                created_at=now,
                updated_at=now,
            )
            await self._repository.insert_user(user)
        elif user.status is UserStatus.UNVERIFIED:
            # Nobody has proven this address: the latest registration counts.
            fields: dict[str, object] = {"name": name, "password_hash": password_hash, "updated_at": now}
            user = await self._repository.change_user(user.id, fields) or user
        elif user.status is UserStatus.ACTIVE:
            await self._send_code(user, CodePurpose.SIGN_IN, _REGISTERED_ALREADY)
            return
        else:
            return
        await self._send_code(user, CodePurpose.VERIFY_EMAIL)

    async def _send_code(self, user: User, purpose: CodePurpose, sentence: str = "") -> None:
        code = await self._codes.issue(user, purpose)
        await self._mail.send_otp(
            user.email, user.name, code, sentence or _PURPOSES[purpose], self._settings.code_minutes
        )

    async def resend(self, email: str) -> None:
        """Sends the code for an unproven address again. Silent about addresses that need none.

        Raises TooManyCodes: it is raised for unknown addresses, too, never earlier than for known ones.
        """
        key = email_key(email)

        async def work() -> None:
            user = await self._repository.user_by_email(key)
            if user is not None and user.status is UserStatus.UNVERIFIED:
                await self._send_code(user, CodePurpose.VERIFY_EMAIL)
            elif user is not None and user.status is UserStatus.ACTIVE:
                await self._send_code(user, CodePurpose.SIGN_IN)

        try:
            await self._database.transaction(work)
        except TooManyCodes:
            return

    async def verify(self, email: str, code: str) -> User:
        """Proves an address with its code: the account becomes active and is welcomed. Raises WrongCode.

        A code that was sent because a known address registered again signs in.
        """
        key = email_key(email)
        user = await self._repository.user_by_email(key)
        if user is None or user.status is UserStatus.SUSPENDED:
            raise WrongCode
        if user.status is UserStatus.ACTIVE:
            await self._codes.accept(key, CodePurpose.SIGN_IN, code)
            return user
        await self._codes.accept(key, CodePurpose.VERIFY_EMAIL, code)

        async def work() -> User:
            now = self._clock.now()
            fields: dict[str, object] = {"status": UserStatus.ACTIVE.value, "verified_at": now, "updated_at": now}
            changed = await self._repository.change_user(user.id, fields)
            if changed is None:
                raise WrongCode
            await self._mail.send_welcome(changed.email, changed.name)
            return changed

        return await self._database.transaction(work)

    # --- signing in and out ---

    async def sign_in(self, email: str, password: str) -> User:
        """Returns the account of an address and password. Raises WrongCredentials, NotVerified, AccountSuspended.

        An address without an account takes as long as one with a wrong password. An unproven account gets its code
        again with NotVerified.
        """
        user = await self._repository.user_by_email(email_key(email))
        if not await self._passwords.verify(password, user.password_hash if user else None) or user is None:
            raise WrongCredentials
        if user.status is UserStatus.SUSPENDED:
            raise AccountSuspended
        if user.status is UserStatus.UNVERIFIED:
            await self.resend(email)
            raise NotVerified
        if user.password_hash and self._passwords.needs_rehash(user.password_hash):
            await self._repository.change_user(user.id, {"password_hash": await self._passwords.hash(password)})
        return user

    async def send_sign_in_code(self, email: str) -> None:
        """Sends a code for signing in, if the address has an active account. The caller learns nothing."""
        await self._send_quietly(email, CodePurpose.SIGN_IN)

    async def check_sign_in_code(self, email: str, code: str) -> User:
        """Returns the account of an address and a code for signing in. Raises WrongCode."""
        user = await self._repository.user_by_email(email_key(email))
        if user is None or user.status is not UserStatus.ACTIVE:
            raise WrongCode
        await self._codes.accept(user.email_key, CodePurpose.SIGN_IN, code)
        return user

    async def begin_browser_session(self, user: User, client: Client) -> str:
        """Signs a browser in; returns the secret for its cookie."""
        return await self._sessions.begin_browser(user, client)

    async def begin_api_session(self, user: User, client: Client) -> Tokens:
        """Signs an API client in."""
        return await self._sessions.begin_api(user, client)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchanges a refresh token; one that was used before ends its whole family. Raises InvalidRefreshToken."""
        return await self._sessions.refresh(refresh_token)

    async def end_api_session(self, refresh_token: str) -> None:
        """Signs the API client of a refresh token out."""
        await self._sessions.end_api(refresh_token)

    async def principal_of_session(self, token: str) -> Principal | None:
        """Returns who holds a browser cookie."""
        return await self._sessions.principal_of_session(token)

    async def principal_of_access_token(self, token: str) -> Principal | None:
        """Returns who holds an access token."""
        return await self._sessions.principal_of_access_token(token)

    async def sessions(self, principal: Principal) -> list[Session]:
        """Returns the account's sessions, last used first."""
        return await self._repository.sessions_of(principal.user_id)

    async def end_session(self, principal: Principal, session_id: str) -> None:
        """Signs one of the account's clients out. Raises NotFoundError."""

        async def work() -> bool:
            return await self._repository.end_session(session_id, principal.user_id)

        if not await self._database.transaction(work):
            raise NotFoundError("There is no such session.")

    async def end_other_sessions(self, principal: Principal) -> None:
        """Signs all other clients of the account out."""

        async def work() -> None:
            await self._repository.end_sessions_of(principal.user_id, but=principal.session_id)

        await self._database.transaction(work)

    # --- forgotten and changed passwords, another address ---

    async def forgot_password(self, email: str) -> None:
        """Sends a code for a new password, if the address has an active account. The caller learns nothing."""
        await self._send_quietly(email, CodePurpose.RESET_PASSWORD)

    async def _send_quietly(self, email: str, purpose: CodePurpose) -> None:
        async def work() -> None:
            user = await self._repository.user_by_email(email_key(email))
            if user is not None and user.status is UserStatus.ACTIVE:
                await self._send_code(user, purpose)

        try:
            await self._database.transaction(work)
        except TooManyCodes:
            return

    async def reset_password(self, email: str, code: str, password: str) -> User:
        """Sets a new password with a code and ends all sessions. Raises WrongCode, WeakPassword."""
        self._passwords.check_rules(password)
        user = await self._repository.user_by_email(email_key(email))
        if user is None or user.status is not UserStatus.ACTIVE:
            raise WrongCode
        await self._codes.accept(user.email_key, CodePurpose.RESET_PASSWORD, code)
        return await self._set_password(user, password)

    async def change_password(self, principal: Principal, current: str, password: str) -> None:
        """Sets a new password and ends all other sessions. Raises InvalidError, WeakPassword."""
        self._passwords.check_rules(password)
        user = await self.user(principal.user_id)
        if user.password_hash and not await self._passwords.verify(current, user.password_hash):
            text = "This is not your present password."
            raise InvalidError(text, fields={"current_password": text})
        await self._set_password(user, password, keep=principal.session_id)

    async def _set_password(self, user: User, password: str, *, keep: str = "") -> User:
        password_hash = await self._passwords.hash(password)

        async def work() -> User:
            fields: dict[str, object] = {"password_hash": password_hash, "updated_at": self._clock.now()}
            changed = await self._repository.change_user(user.id, fields)
            await self._repository.end_sessions_of(user.id, but=keep)
            return changed or user

        return await self._database.transaction(work)

    async def ask_for_email_change(self, principal: Principal, email: str) -> None:
        """Sends a code to a new address; the old one stays until the code comes back. Raises InvalidError."""
        address = checked_email(email)
        user = await self.user(principal.user_id)

        async def work() -> None:
            if await self._repository.user_by_email(email_key(address)) is not None:
                return
            code = await self._codes.issue(user, CodePurpose.CHANGE_EMAIL, new_email=address)
            sentence = _PURPOSES[CodePurpose.CHANGE_EMAIL]
            await self._mail.send_otp(address, user.name, code, sentence, self._settings.code_minutes)

        await self._database.transaction(work)

    async def confirm_email_change(self, principal: Principal, code: str) -> None:
        """Changes the address with the code that was sent to it. Raises WrongCode, EmailTaken."""
        user = await self.user(principal.user_id)
        held = await self._codes.accept(user.email_key, CodePurpose.CHANGE_EMAIL, code)
        address = held.new_email or user.email
        fields: dict[str, object] = {
            "email": address,
            "email_key": email_key(address),
            "updated_at": self._clock.now(),
        }
        try:
            await self._repository.change_user(user.id, fields)
        except UniqueViolation as error:
            raise EmailTaken from error

    # --- what the account holds ---

    async def user(self, user_id: str) -> User:
        """Returns an account. Raises NotFoundError."""
        user = await self._repository.user(user_id)
        if user is None:
            raise NotFoundError("There is no such account.")
        return user

    async def change_profile(self, principal: Principal, name: str, profile: Profile) -> User:
        """Changes what others see. The avatar stays; see `set_avatar`. Raises InvalidError."""
        links = [link.strip() for link in profile.links if link.strip()]
        if any(not link.startswith(("https://", "http://")) for link in links):
            text = "A link begins with https:// or http://."
            raise InvalidError(text, fields={"links": text})
        fields: dict[str, object] = {
            "name": checked_name(name),
            "profile.headline": profile.headline.strip(),
            "profile.bio": profile.bio.strip(),
            "profile.links": links,
            "updated_at": self._clock.now(),
        }
        return await self._repository.change_user(principal.user_id, fields) or await self.user(principal.user_id)

    async def set_avatar(self, principal: Principal, key: str | None) -> None:
        """Puts a stored image on the account, or takes it off."""
        fields: dict[str, object] = {"profile.avatar_key": key, "updated_at": self._clock.now()}
        await self._repository.change_user(principal.user_id, fields)

    async def change_preferences(self, principal: Principal, preferences: Preferences) -> None:
        """Changes how the academy looks and writes to the account. Raises InvalidError."""
        wrong: dict[str, str] = {}
        if preferences.theme not in THEMES:
            wrong["theme"] = "Choose one of the options."
        if preferences.language not in LANGUAGES:
            wrong["language"] = "Choose one of the options."
        if preferences.time_zone not in available_timezones():
            wrong["time_zone"] = "Choose one of the time zones."
        if wrong:
            raise InvalidError("Some fields need another look.", fields=wrong)
        fields: dict[str, object] = {
            "preferences": msgspec.to_builtins(preferences),
            "updated_at": self._clock.now(),
        }
        await self._repository.change_user(principal.user_id, fields)

    async def export(self, principal: Principal) -> dict[str, object]:
        """Returns everything the academy keeps about the account, as plain values."""
        user = await self.user(principal.user_id)
        parts: dict[str, object] = {
            "account": {
                "id": user.id,
                "email": user.email,
                "name": user.name,
                "role": user.role.value,
                "created_at": user.created_at,
                "verified_at": user.verified_at,
                "profile": msgspec.to_builtins(user.profile),
                "preferences": msgspec.to_builtins(user.preferences),
            },
            "sessions": [
                {"device": s.device, "address": s.address, "created_at": s.created_at, "last_used_at": s.last_used_at}
                for s in await self.sessions(principal)
            ],
        }
        for part in self._export_parts:
            parts |= await part(user.id)
        return parts

    async def delete(self, principal: Principal, password: str) -> None:
        """Deletes the account and what belongs to it, in one transaction. Raises InvalidError for a wrong password."""
        user = await self.user(principal.user_id)
        if user.password_hash and not await self._passwords.verify(password, user.password_hash):
            text = "This is not your password."
            raise InvalidError(text, fields={"password": text})
        if principal.role is Role.ADMIN and await self._repository.active_admins() == 1:
            raise InvalidError("You are the last admin. Make another account admin before you leave.")

        async def work() -> None:
            for clean_up in self._on_deleted:
                await clean_up(user.id)
            await self._repository.delete_codes_of(user.id)
            await self._repository.end_sessions_of(user.id)
            await self._repository.delete_user(user.id)

        await self._database.transaction(work)
