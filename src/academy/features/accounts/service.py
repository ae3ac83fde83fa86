"""Use cases of somebody's own account: what it shows, its password and address, its data, its end."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from academy.features.accounts.audit import AuditLog
from academy.features.accounts.authentication import Authentication
from academy.features.accounts.code_mail import AccountMail, CodeMail
from academy.features.accounts.codes import CodeDesk
from academy.features.accounts.errors import AccountGone, EmailTaken, LastAdmin
from academy.features.accounts.model import (
    AuditAction,
    CodePurpose,
    Preferences,
    Profile,
    Topic,
    User,
    UserStatus,
    person_tag,
)
from academy.features.accounts.repository import AccountRepository
from academy.features.accounts.session_ends import SessionEnds
from academy.features.accounts.sessions import SessionDesk
from academy.features.accounts.validation import (
    check_preferences,
    checked_email,
    checked_name,
    checked_profile,
)
from academy.infrastructure.cache.base import Cache
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.jobs.base import JobQueue
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.security.passwords import PasswordHasher
from academy.infrastructure.security.principal import Principal, Role
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.security.tokens import AccessTokens
from academy.infrastructure.sessions.base import SessionStore
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError, NotFoundError
from academy.kit.text import email_key

ExportPart = Callable[[str], Awaitable[Mapping[str, object]]]
"""A higher feature's part of a data export: user id -> plain values."""

AccountDeleted = Callable[[str], Awaitable[None]]
"""A higher feature's clean-up for a deleted account, in the same transaction: user id."""

DiscardImage = Callable[[str], Awaitable[None]]
"""Deletes the stored image with this key, which no account shows any more."""


class AccountService:
    """Accounts, as their owners use them.

    Attributes:
        authentication: registering and proving who one is.
        sessions: being signed in.
        code_mail: handles the jobs that mail one-time codes.
        password_min_length: least characters of a new password.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        mail: AccountMail,
        clock: Clock,
        settings: SecuritySettings,
        passwords: PasswordHasher,
        limiter: RateLimiter,
        access_tokens: AccessTokens,
        sessions: SessionStore,
        secret: bytes,
        cache: Cache,
        *,
        discard_image: DiscardImage,
        export_parts: Sequence[ExportPart] = (),
        on_deleted: Sequence[AccountDeleted] = (),
    ) -> None:
        self._database = database
        self._mail = mail
        self._clock = clock
        self._passwords = passwords
        self._limiter = limiter
        self._discard_image = discard_image
        self._cache = cache
        self._export_parts = export_parts
        self._on_deleted = on_deleted
        self._repository = repository = AccountRepository(database)
        self._audit = audit = AuditLog(repository, clock)
        self._codes = codes = CodeDesk(repository, clock, settings, secret)
        self._session_ends = session_ends = SessionEnds(database, repository, sessions)
        self.code_mail = CodeMail(database, repository, codes, mail, queue, settings.code_minutes)
        self.authentication = Authentication(
            database, repository, clock, passwords, limiter, codes, self.code_mail, mail, audit, session_ends, sessions
        )
        self.sessions = SessionDesk(database, repository, sessions, clock, settings, access_tokens, audit, session_ends)
        self.password_min_length = settings.password_min_length

    async def user(self, user_id: str) -> User:
        """Returns an account. Raises NotFoundError."""
        user = await self._repository.user(user_id)
        if user is None:
            raise NotFoundError("There is no such account.")
        return user

    async def has_admin(self) -> bool:
        """Whether anybody leads this academy yet."""
        return await self._repository.has_admin()

    # --- what others see, and how the academy looks ---

    async def change(
        self,
        principal: Principal,
        *,
        name: str | None = None,
        profile: Profile | None = None,
        preferences: Preferences | None = None,
    ) -> User:
        """Changes what is given, all of it or nothing; the avatar stays, see `set_avatar`. Raises InvalidError."""
        fields: dict[str, object] = {"updated_at": self._clock.now()}
        if name is not None:
            fields["name"] = checked_name(name)
        if profile is not None:
            checked = checked_profile(profile)
            fields |= {f"profile.{part}": getattr(checked, part) for part in ("headline", "bio", "links")}
        if preferences is not None:
            check_preferences(preferences)
            fields["preferences"] = msgspec.to_builtins(preferences)

        async def work() -> User:
            user = await self._repository.change_user(principal.user_id, fields) or await self.user(principal.user_id)
            if name is not None or profile is not None:
                self._announce_person(user.id)
            return user

        return await self._database.transaction(work)

    async def decline(self, user_id: str, topic: Topic) -> None:
        """Ends mails about a topic to an account; no matter if they ended before, or the account is gone."""
        await self._repository.decline(user_id, topic, self._clock.now())

    async def set_avatar(self, principal: Principal, key: str | None) -> None:
        """Puts a stored image on the account, or takes it off; the one before is deleted. Raises NotFoundError."""

        async def work() -> None:
            user = await self.user(principal.user_id)
            fields: dict[str, object] = {"profile.avatar_key": key, "updated_at": self._clock.now()}
            await self._repository.change_user(user.id, fields)
            self._discard_avatar(user)
            self._announce_person(user.id)

        await self._database.transaction(work)

    def _announce_person(self, user_id: str) -> None:
        """Called in a transaction that changes what others see of a person."""
        self._database.after_commit(lambda: self._cache.invalidate_tags([person_tag(user_id)]))

    def _discard_avatar(self, user: User) -> None:
        """Deletes the avatar's file as soon as the open transaction has taken it off the account."""
        key = user.profile.avatar_key
        if key is not None:
            self._database.after_commit(lambda: self._discard_image(key))

    # --- password and address ---

    async def change_password(self, principal: Principal, current: str, password: str) -> None:
        """Sets a new password and ends all other sessions. Raises InvalidError, WeakPassword, TooManyTries."""
        self._passwords.check_rules(password)
        user = await self.user(principal.user_id)
        await self._check_password(principal, user, current, "current_password")
        password_hash = await self._passwords.hash(password)

        async def work() -> None:
            now = self._clock.now()
            if await self._repository.replace_password(user.id, user.password_hash, password_hash, now) is None:
                raise _wrong_password("current_password")
            await self._session_ends.of_all(user.id, but=principal.session_id)
            await self._audit.note(AuditAction.PASSWORD_CHANGED, user.id)

        await self._database.transaction(work)

    async def _check_password(self, principal: Principal, user: User, password: str, field: str) -> None:
        """Asks for the password again, if the account has one. Raises InvalidError naming `field`, TooManyTries.

        Tries are counted for each session: whoever holds a stolen one cannot guess on and on, nor shut the owner out,
        who signs in anew. None of them can begin another session without the password.
        """
        if user.password_hash is None:
            return
        await self._limiter.check(Rule.SIGN_IN_ACCOUNT, user.id, principal.session_id)
        if not await self._passwords.verify(password, user.password_hash):
            raise _wrong_password(field)

    async def ask_for_email_change(self, principal: Principal, email: str, password: str) -> None:
        """Sends a code to a new address; the old one stays until the code comes back.

        The caller learns nothing about whether somebody else has the address: then no mail is sent.

        Raises InvalidError, TooManyCodes, TooManyTries.
        """
        address = checked_email(email)
        user = await self.user(principal.user_id)
        if address == user.email:
            text = "This is your address already."
            raise InvalidError(text, fields={"email": text})
        await self._check_password(principal, user, password, "account_password")

        async def work() -> None:
            holder = await self._repository.user_by_email(email_key(address))
            if holder is None or holder.id == user.id:
                await self.code_mail.send(user, CodePurpose.CHANGE_EMAIL, to=address)
            else:
                # Counts like one that is sent.
                await self._codes.issue(user, CodePurpose.CHANGE_EMAIL, new_email=address)

        await self._database.transaction(work)

    async def confirm_email_change(self, principal: Principal, code: str) -> None:
        """Changes the address with the code that was sent to it. Raises WrongCode, CodesPaused, EmailTaken."""
        user = await self.user(principal.user_id)
        checked = await self._codes.check(user, user.email_key, CodePurpose.CHANGE_EMAIL, code)
        address = checked.code.new_email or user.email

        async def work() -> None:
            await self._codes.use_up(checked)
            fields: dict[str, object] = {
                "email": address,
                "email_key": email_key(address),
                "former_emails": [*user.former_emails, user.email],
                "updated_at": self._clock.now(),
            }
            await self._repository.change_user(user.id, fields)
            await self._repository.delete_codes_of(user.id)
            await self._audit.note(AuditAction.EMAIL_CHANGED, user.id)

        try:
            await self._database.transaction(work)
        except UniqueViolation as error:
            raise EmailTaken from error

    # --- what the academy keeps ---

    async def export(self, principal: Principal) -> dict[str, object]:
        """Returns everything the academy keeps about the account, as plain values."""
        user = await self.user(principal.user_id)
        account = ("id", "email", "former_emails", "name", "role", "created_at", "verified_at", "last_sign_in_at")
        session = ("device", "address", "created_at", "last_used_at")
        parts: dict[str, object] = {
            "account": {
                **{name: getattr(user, name) for name in account},
                "profile": msgspec.to_builtins(user.profile),
                "preferences": msgspec.to_builtins(user.preferences),
            },
            "sessions": [{name: getattr(s, name) for name in session} for s in await self.sessions.list_of(principal)],
            "security_log": [
                {"action": entry.action, "at": entry.created_at, **entry.details}
                for entry in await self._repository.audit_of(user.id)
            ],
            "mails": await self._mail.log_of(user.id),
        }
        for part in self._export_parts:
            parts |= await part(user.id)
        return parts

    async def delete(self, principal: Principal, password: str) -> None:
        """Deletes the account and what belongs to it, in one transaction.

        Raises InvalidError for a wrong password, TooManyTries, LastAdmin.
        """
        await self._check_password(principal, await self.user(principal.user_id), password, "password")

        async def work() -> None:
            user = await self.user(principal.user_id)
            is_admin = user.role is Role.ADMIN and user.status is UserStatus.ACTIVE
            if is_admin and not await self._repository.hold_other_admin(user.id):
                raise LastAdmin
            for clean_up in self._on_deleted:
                await clean_up(user.id)
            await self._repository.delete_codes_of(user.id)
            await self._session_ends.of_all(user.id)
            await self._mail.forget(user.id, await self._addresses_of(user))
            await self._repository.delete_user(user.id)
            await self._audit.note(AuditAction.ACCOUNT_DELETED, user.id)
            self._discard_avatar(user)
            self._announce_person(user.id)

        await self._database.transaction(work)

    async def _addresses_of(self, user: User) -> list[str]:
        """Returns the address of an account and its former ones, without those that are somebody else's by now."""
        addresses = [user.email]
        for former in dict.fromkeys(user.former_emails):
            if former != user.email:
                holder = await self._repository.user_by_email(email_key(former))
                if holder is None or holder.id == user.id:
                    addresses.append(former)
        return addresses


async def hold_account(database: Database, user_id: str) -> None:
    """Makes sure that an account is in use, and stays so until the open transaction is over.

    For higher features that write something of an account down: what its deletion does not see would stay for ever.
    Raises AccountGone.
    """
    if not await AccountRepository(database).hold_active(user_id):
        raise AccountGone


def _wrong_password(field: str) -> InvalidError:
    text = "This is not your password."
    return InvalidError(text, fields={field: text})
