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

_REGISTERED_ALREADY = "Someone tried to register with your address, but you have an account. This code signs you in:"
_SENTENCES = {
    CodePurpose.VERIFY_EMAIL: "Enter this code to confirm your e-mail address:",
    CodePurpose.SIGN_IN: "Enter this code to sign in:",
    CodePurpose.RESET_PASSWORD: "Enter this code to choose a new password:",
    CodePurpose.CHANGE_EMAIL: "Enter this code to confirm your new e-mail address:",
}


class AccountMail(Protocol):
    """The mails of the accounts; each call joins the open transaction."""

    async def send_otp(self, to: str, name: str, code: str, purpose: str, minutes: int) -> None:
        """Sends a one-time code."""
        ...

    async def send_welcome(self, to: str, name: str) -> None:
        """Welcomes someone."""
        ...

    async def log_of(self, to: str) -> list[dict[str, object]]:
        """Returns what is known of the mails to an address, as plain values."""
        ...

    async def forget(self, to: Sequence[str]) -> None:
        """Removes the mails to some addresses from the log."""
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
            await self.send(user, purpose, sentence=_REGISTERED_ALREADY if known_already else "")

        try:
            await self._database.transaction(work)
        except TooManyCodes:
            return

    async def send(self, user: User, purpose: CodePurpose, *, to: str = "", sentence: str = "") -> None:
        """Sends a fresh code, to another address when it shall become the account's; joins the open transaction.

        Raises TooManyCodes.
        """
        code = await self._codes.issue(user, purpose, new_email=to or None)
        await self._mail.send_otp(to or user.email, user.name, code, sentence or _SENTENCES[purpose], self._minutes)


def sign_in_purpose(user: User) -> CodePurpose:
    """Returns what a code must be for to sign the account in: the first one also proves its address."""
    return CodePurpose.VERIFY_EMAIL if user.status is UserStatus.UNVERIFIED else CodePurpose.SIGN_IN
