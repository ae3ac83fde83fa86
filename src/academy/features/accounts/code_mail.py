"""Mails one-time codes by a job, so that asking for one takes as long for an unknown address as for a known one."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from academy.features.accounts.codes import CodeDesk
from academy.features.accounts.errors import TooManyCodes
from academy.features.accounts.model import CodePurpose, User, UserStatus
from academy.features.accounts.repository import AccountRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.email.base import Recipient
from academy.infrastructure.jobs.base import JobKind, JobQueue


class Occasion(StrEnum):
    """Why somebody is to get a code."""

    REGISTRATION = "registration"
    SIGN_IN = "sign_in"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - an occasion


class SendCode(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of the job: whose code, and why. Without a user nobody gets one: the address has no account."""

    user_id: str
    occasion: Occasion


SEND_CODE = JobKind("send_code", SendCode)

# The sentence for somebody who registers with an address that has an account; the other ones are named by the purpose.
_REGISTERED = "registered"


class AccountMail(Protocol):
    """The mails of the accounts; each call joins the open transaction."""

    async def send_otp(self, to: Recipient, *, code: str, purpose: str, minutes: int) -> None:
        """Sends a one-time code."""
        ...

    async def send_welcome(self, to: Recipient) -> None:
        """Welcomes someone."""
        ...

    async def log_of(self, user_id: str) -> list[dict[str, object]]:
        """Returns what is known of the mails to an account, as plain values."""
        ...

    async def forget(self, user_id: str, addresses: Sequence[str]) -> None:
        """Removes the mails of an account, and what is noted of its addresses."""
        ...


class CodeMail:
    """Orders and sends the mails with codes."""

    def __init__(
        self,
        database: Database,
        repository: AccountRepository,
        codes: CodeDesk,
        mail: AccountMail,
        queue: JobQueue,
        minutes: int,
    ) -> None:
        self._database = database
        self._repository = repository
        self._codes = codes
        self._mail = mail
        self._queue = queue
        self._minutes = minutes

    async def order(self, user: User | None, occasion: Occasion) -> None:
        """Has a code sent to the account, if there is one; joins the open transaction."""
        await self._queue.enqueue(SEND_CODE, SendCode(user_id=user.id if user else "", occasion=occasion))

    async def handle(self, job: SendCode) -> None:
        """Works the job off. Nobody hears of it when the account is shut, or has had enough codes."""

        async def work() -> None:
            user = await self._repository.user(job.user_id) if job.user_id else None
            if user is None or user.status is UserStatus.SUSPENDED:
                return
            purpose = CodePurpose.RESET_PASSWORD
            if job.occasion is not Occasion.PASSWORD_RESET:
                purpose = sign_in_purpose(user)
            known_already = job.occasion is Occasion.REGISTRATION and purpose is CodePurpose.SIGN_IN
            await self.send(user, purpose, sentence=_REGISTERED if known_already else "")

        try:
            await self._database.transaction(work)
        except TooManyCodes:
            return

    async def send(self, user: User, purpose: CodePurpose, *, to: str = "", sentence: str = "") -> None:
        """Sends a fresh code, to another address when it shall become the account's; joins the open transaction.

        `sentence` names the mail's sentence that says what the code is for, when it is not the purpose's. Raises
        TooManyCodes.
        """
        code = await self._codes.issue(user, purpose, new_email=to or None)
        recipient = user.as_recipient(to)
        await self._mail.send_otp(recipient, code=code, purpose=sentence or purpose, minutes=self._minutes)


def sign_in_purpose(user: User) -> CodePurpose:
    """Returns what a code must be for to sign the account in: the first one also proves its address."""
    return CodePurpose.VERIFY_EMAIL if user.status is UserStatus.UNVERIFIED else CodePurpose.SIGN_IN
