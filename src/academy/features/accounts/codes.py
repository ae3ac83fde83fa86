"""One-time codes: sent to an address, good for one purpose, once, for a few minutes and a few tries."""

import hmac
from datetime import timedelta

from academy.features.accounts.errors import TooManyCodes, WrongCode
from academy.features.accounts.model import CodePurpose, OneTimeCode, User
from academy.features.accounts.repository import AccountRepository
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.security.tokens import hash_code
from academy.kit.clock import Clock
from academy.kit.ids import new_code

_WINDOW = timedelta(hours=1)


class CodeDesk:
    """Issues and accepts one-time codes."""

    def __init__(self, repository: AccountRepository, clock: Clock, settings: SecuritySettings, secret: bytes) -> None:
        self._repository = repository
        self._clock = clock
        self._settings = settings
        self._secret = secret

    async def issue(self, user: User, purpose: CodePurpose, *, new_email: str | None = None) -> str:
        """Returns a fresh code in place of the one before; joins the open transaction.

        Raises TooManyCodes when the account got one a moment ago, or too many within an hour.
        """
        now = self._clock.now()
        held = await self._repository.code(user.email_key, purpose)
        sent_count, window_started_at = 1, now
        if held is not None:
            pause = held.created_at + timedelta(seconds=self._settings.code_resend_seconds) - now
            if pause > timedelta(0):
                raise TooManyCodes(max(1, round(pause.total_seconds())))
            if now - held.window_started_at < _WINDOW:
                if held.sent_count >= self._settings.codes_per_hour:
                    raise TooManyCodes(round((held.window_started_at + _WINDOW - now).total_seconds()) + 1)
                sent_count, window_started_at = held.sent_count + 1, held.window_started_at
        code = new_code()
        fresh = OneTimeCode(
            email_key=user.email_key,
            user_id=user.id,
            purpose=purpose,
            code_hash=self._hash(user.email_key, purpose, code),
            expires_at=now + timedelta(minutes=self._settings.code_minutes),
            sent_count=sent_count,
            window_started_at=window_started_at,
            new_email=new_email,
            created_at=now,
            updated_at=now,
        )
        try:
            await self._repository.put_code(fresh)
        except UniqueViolation as error:
            # Two requests at once: the other one's code is on its way.
            raise TooManyCodes(max(1, self._settings.code_resend_seconds)) from error
        return code

    async def check(self, user: User, purpose: CodePurpose, code: str) -> OneTimeCode:
        """Returns the account's code if it is the given one; it is still to be used up. Raises WrongCode.

        Every try counts, also a right one, before it is compared. Not to be called in a transaction: one that fails
        would take the count back.
        """
        held = await self._repository.code(user.email_key, purpose)
        if held is None or held.user_id != user.id or held.expires_at <= self._clock.now():
            raise WrongCode
        counted = await self._repository.count_try(held.id, self._settings.code_tries)
        given = self._hash(user.email_key, purpose, "".join(code.split()))
        if counted is None or not hmac.compare_digest(counted.code_hash, given):
            raise WrongCode
        return counted

    async def use_up(self, code: OneTimeCode) -> None:
        """Uses a checked code up, in the transaction that does what it opens. Raises WrongCode: another one did."""
        if not await self._repository.delete_code(code.id):
            raise WrongCode

    def _hash(self, email_key: str, purpose: CodePurpose, code: str) -> str:
        return hash_code(self._secret, f"{purpose.value}:{email_key}", code)
