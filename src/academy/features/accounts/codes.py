"""One-time codes: sent to an address, good for one purpose, once, for a few minutes and a few tries."""

import hmac
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from academy.features.accounts.errors import CodesPaused, TooManyCodes, WrongCode
from academy.features.accounts.model import CodePurpose, CodeTry, OneTimeCode, User
from academy.features.accounts.repository import AccountRepository
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.security.tokens import hash_code
from academy.kit.clock import Clock
from academy.kit.ids import new_code, new_id

_WINDOW = timedelta(hours=1)

# NIST SP 800-63B, section 5.2.2, allows 100 failed tries in a row on one account; here it is 100 a day, with pauses.
_TRIES_A_DAY, _DAY = 100, timedelta(days=1)
_TRIES_BEFORE_PAUSE, _PAUSE = 20, timedelta(hours=1)


class CheckedCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code that was typed right; it is still to be used up."""

    code: OneTimeCode
    address_hash: str
    tried: CodeTry


class CodeDesk:
    """Issues and accepts one-time codes.

    A stranger can burn the codes of an address by typing wrong ones, and make them pause. That never touches signing in
    with a password. An account that has none waits until the stranger gives up: the price for codes of six digits.
    """

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

    async def check(self, user: User | None, email_key: str, purpose: CodePurpose, code: str) -> CheckedCode:
        """Returns the code of an address if it is the given one; it is still to be used up.

        Every try counts, also a right one, before it is compared. What is counted and looked up is the same when the
        address has no account (`user` is None): time and answer tell nothing. Not to be called in a transaction: one
        that fails would take the count back. Raises WrongCode, CodesPaused.
        """
        now = self._clock.now()
        address_hash = self._address_hash(email_key, purpose)
        known = await self._repository.tries(address_hash)
        self._refuse_too_many(known.tries if known else [], now)
        tried = CodeTry(id=new_id(), purpose=purpose, at=now)
        counted = await self._repository.count_try(address_hash, tried, _TRIES_A_DAY + 1, now + _DAY)
        before = counted.tries[:-1]
        self._refuse_too_many(before, now)
        held = await self._repository.code(email_key, purpose)
        given = self._hash(email_key, purpose, "".join(code.split()))
        if user is None or held is None or held.user_id != user.id or held.expires_at <= now:
            raise WrongCode
        tries_of_code = sum(1 for one in before if one.purpose is purpose and one.at >= held.created_at)
        if tries_of_code >= self._settings.code_tries or not hmac.compare_digest(held.code_hash, given):
            raise WrongCode
        return CheckedCode(code=held, address_hash=address_hash, tried=tried)

    def _refuse_too_many(self, tries: Sequence[CodeTry], now: datetime) -> None:
        until = pause_of([one.at for one in tries], now)
        if until is not None:
            raise CodesPaused(math.ceil((until - now).total_seconds()))

    async def use_up(self, checked: CheckedCode) -> None:
        """Uses a checked code up, in the transaction that does what it opens. Raises WrongCode: another one did."""
        if not await self._repository.delete_code(checked.code.id):
            raise WrongCode
        await self._repository.forgive_try(checked.address_hash, checked.tried)

    def _address_hash(self, email_key: str, purpose: CodePurpose) -> str:
        """Returns whose tries they are; codes for a new address need a session: strangers' tries do not count there."""
        kind = purpose.value if purpose is CodePurpose.CHANGE_EMAIL else ""
        return hash_code(self._secret, f"tries:{kind}", email_key)

    def _hash(self, email_key: str, purpose: CodePurpose, code: str) -> str:
        return hash_code(self._secret, f"{purpose.value}:{email_key}", code)


def pause_of(tries: Sequence[datetime], now: datetime) -> datetime | None:
    """Returns until when no more codes may be tried, None when one may be. `tries`: when wrong ones were, in order.

    After each twenty within a day comes an hour's pause; after a hundred, one until the first of them is a day old.
    """
    recent = [at for at in tries if now - at < _DAY]
    if len(recent) >= _TRIES_A_DAY:
        return recent[-_TRIES_A_DAY] + _DAY
    whole = len(recent) // _TRIES_BEFORE_PAUSE * _TRIES_BEFORE_PAUSE
    until = recent[whole - 1] + _PAUSE if whole else now
    return until if until > now else None
