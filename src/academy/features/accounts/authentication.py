"""Becoming someone here, and proving it: registration, passwords, one-time codes."""

from academy.features.accounts.audit import AuditLog
from academy.features.accounts.code_mail import AccountMail, CodeMail, Occasion, sign_in_purpose
from academy.features.accounts.codes import CodeDesk
from academy.features.accounts.errors import AccountSuspended, NotVerified, WrongCode, WrongCredentials
from academy.features.accounts.model import AuditAction, CodePurpose, User, UserStatus
from academy.features.accounts.repository import AccountRepository
from academy.features.accounts.session_ends import SessionEnds
from academy.features.accounts.validation import check_all, checked_email, checked_name
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.rate_limits.addresses import counted_address
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.security.passwords import PasswordHasher
from academy.infrastructure.sessions.base import SessionStore
from academy.kit.clock import Clock
from academy.kit.text import email_key


class Authentication:
    """Finds out who someone is. Sessions begin afterwards, see `SessionDesk`."""

    def __init__(
        self,
        database: Database,
        repository: AccountRepository,
        clock: Clock,
        passwords: PasswordHasher,
        limiter: RateLimiter,
        codes: CodeDesk,
        code_mail: CodeMail,
        mail: AccountMail,
        audit: AuditLog,
        session_ends: SessionEnds,
        sessions: SessionStore,
    ) -> None:
        self._database = database
        self._repository = repository
        self._clock = clock
        self._passwords = passwords
        self._limiter = limiter
        self._codes = codes
        self._code_mail = code_mail
        self._mail = mail
        self._audit = audit
        self._session_ends = session_ends
        self._sessions = sessions

    # --- registering ---

    async def register(self, email: str, name: str, password: str) -> None:
        """Makes an unproven account and has a code sent. The caller learns nothing about whether the address is known.

        An unproven address that is registered again with another password keeps none of them: whoever receives the
        code shall not confirm a password that somebody else chose. They set one after signing in.

        Raises InvalidError, WeakPassword.
        """
        check_all(
            lambda: checked_email(email), lambda: checked_name(name), lambda: self._passwords.check_rules(password)
        )
        address, cleaned = checked_email(email), checked_name(name)
        while not await self._registered(address, cleaned, password):
            # Another registration of this address was first by a moment: now the address is known.
            pass

    async def _registered(self, address: str, name: str, password: str) -> bool:
        """Registers an address; False, and nothing is done, when another registration of it came in between."""
        known = await self._repository.user_by_email(email_key(address))
        held_hash = known.password_hash if known and known.status is UserStatus.UNVERIFIED else None
        # Both are done for every address, so that the time they take tells nothing.
        is_same = await self._passwords.verify(password, held_hash)
        password_hash = await self._passwords.hash(password)

        async def work() -> bool:
            user = await self._repository.user_by_email(email_key(address))
            now = self._clock.now()
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
                if user.password_hash != held_hash:
                    return False
                kept = held_hash if is_same else None
                await self._repository.change_user(user.id, {"name": name, "password_hash": kept, "updated_at": now})
            await self._code_mail.order(user, Occasion.REGISTRATION)
            return True

        try:
            return await self._database.transaction(work)
        except UniqueViolation:
            return False

    # --- signing in ---

    async def sign_in(self, email: str, password: str, client_address: str) -> User:
        """Returns the account of an address and password. Raises WrongCredentials, NotVerified, AccountSuspended.

        An address without an account takes as long as one with a wrong password. An unproven account gets its code
        again with NotVerified. Tries are counted for each account and network address together, and then for the
        account alone: many addresses shall not guess more than one. Who is held up by the tries of strangers signs in
        by a code. Raises TooManyTries.
        """
        account = email_key(email)
        await self._limiter.check(Rule.SIGN_IN_ACCOUNT, account, counted_address(client_address))
        await self._limiter.check(Rule.SIGN_IN_ANYWHERE, account, instead="sign in by a code")
        user = await self._repository.user_by_email(account)
        if not await self._passwords.verify(password, user.password_hash if user else None) or user is None:
            raise WrongCredentials
        if user.status is UserStatus.SUSPENDED:
            raise AccountSuspended
        if user.status is UserStatus.UNVERIFIED:
            await self.send_code(email)
            raise NotVerified
        if user.password_hash and self._passwords.needs_rehash(user.password_hash):
            fresh, now = await self._passwords.hash(password), self._clock.now()
            return await self._repository.replace_password(user.id, user.password_hash, fresh, now) or user
        return user

    async def send_code(self, email: str) -> None:
        """Has a code for signing in sent, if the address has an account. The caller learns nothing."""
        await self._order(email, Occasion.SIGN_IN)

    async def sign_in_by_code(self, email: str, code: str) -> User:
        """Returns the account of an address and its code. Raises WrongCode, CodesPaused, SessionsUnavailable.

        As long as no session could begin, no code is used up, and no try counted.

        The first code proves the address: the account becomes active and is welcomed. The password of its registration
        is dropped then: whoever signs in like this did not just register, and so may never have chosen it.
        """
        return await self._by_code(email, code, keep_password=False)

    async def verify(self, email: str, code: str) -> User:
        """Returns the account of an address that was just registered, and its code. Raises as `sign_in_by_code` does.

        It is the same but for the password of the registration, which stays. Protected is an owner who registers
        themselves, or signs in by code, or chooses a new password, after a stranger registered the address. Not
        protected is one who confirms, here, a registration that they did not make: the mail says what its code is for.
        """
        return await self._by_code(email, code, keep_password=True)

    async def _by_code(self, email: str, code: str, *, keep_password: bool) -> User:
        await self._sessions.check_writable()
        user = await self._open_account(email)
        purpose = sign_in_purpose(user) if user else CodePurpose.SIGN_IN
        checked = await self._codes.check(user, email_key(email), purpose, code)
        if user is None:
            raise WrongCode

        async def work() -> User:
            await self._codes.use_up(checked)
            return await self._activated(user, keep_password=keep_password)

        return await self._database.transaction(work)

    async def _open_account(self, email: str) -> User | None:
        """Returns the account of an address; a shut one is as good as none."""
        user = await self._repository.user_by_email(email_key(email))
        return None if user is None or user.status is UserStatus.SUSPENDED else user

    async def _activated(self, user: User, *, keep_password: bool) -> User:
        """Returns the account, active if it was unproven; joins the open transaction. Raises WrongCode."""
        if user.status is UserStatus.ACTIVE:
            return user
        active = await self._repository.activate_user(user.id, self._clock.now(), keep_password=keep_password)
        if active is None:
            # It was shut while its owner typed.
            raise WrongCode
        await self._audit.note(AuditAction.EMAIL_VERIFIED, user.id)
        await self._mail.send_welcome(active.as_recipient())
        return active

    # --- forgotten passwords ---

    async def forgot_password(self, email: str) -> None:
        """Has a code for a new password sent, if the address has an account. The caller learns nothing."""
        await self._order(email, Occasion.PASSWORD_RESET)

    async def _order(self, email: str, occasion: Occasion) -> None:
        user = await self._repository.user_by_email(email_key(email))
        await self._database.transaction(lambda: self._code_mail.order(user, occasion))

    async def reset_password(self, email: str, code: str, password: str) -> User:
        """Sets a new password with a code and ends all sessions. The code proves the address, too.

        Raises WrongCode, CodesPaused, WeakPassword, SessionsUnavailable: then nothing is changed, as `sign_in_by_code`.
        """
        self._passwords.check_rules(password)
        await self._sessions.check_writable()
        user = await self._open_account(email)
        checked = await self._codes.check(user, email_key(email), CodePurpose.RESET_PASSWORD, code)
        if user is None:
            raise WrongCode
        password_hash = await self._passwords.hash(password)

        async def work() -> User:
            await self._codes.use_up(checked)
            active = await self._activated(user, keep_password=False)
            fields: dict[str, object] = {"password_hash": password_hash, "updated_at": self._clock.now()}
            changed = await self._repository.change_user(active.id, fields)
            await self._session_ends.of_all(active.id)
            await self._audit.note(AuditAction.PASSWORD_RESET, active.id)
            return changed or active

        return await self._database.transaction(work)
