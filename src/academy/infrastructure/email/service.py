"""The academy's mail: every kind of mail it sends, and what it promises about them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from academy.infrastructure.database.base import Database
from academy.infrastructure.email.base import Recipient, Taken
from academy.infrastructure.email.batch_register import BatchRegister
from academy.infrastructure.email.batches import Announcement, Batches, BatchRecipient
from academy.infrastructure.email.chain import ProviderChain
from academy.infrastructure.email.log import MailLog
from academy.infrastructure.email.mime import envelope_address
from academy.infrastructure.email.model import Mail
from academy.infrastructure.email.objections import Objections, UnwantedMails
from academy.infrastructure.email.rendering import MailKind, MailRenderer
from academy.infrastructure.email.sending import SEND_MAIL, MailSender, SendMail
from academy.infrastructure.email.settings import EmailSettings
from academy.infrastructure.email.suppressions import SuppressionList
from academy.infrastructure.email.writing import MailWriter
from academy.infrastructure.jobs.base import JobQueue
from academy.kit.clock import Clock
from academy.kit.ids import new_id
from academy.kit.text import email_key

_VERIFIED_EVERY = timedelta(minutes=5)


class EmailService:
    """Writes mails down with their cause, and has them sent by jobs.

    Whom mail is for is asked of `unwanted` again right before it leaves.

    Each `send_…` joins the open transaction: the mail exists exactly when its cause does. With a `cause` such as
    `enrolment:ID`, a mail is written once, however often it is asked for.

    Attributes:
        sender: handles the jobs.
        batches: mails to many, in parts.
        log: what became of every mail.
        suppressions: the addresses that get none.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        chain: ProviderChain,
        renderer: MailRenderer,
        clock: Clock,
        settings: EmailSettings,
        unwanted: UnwantedMails,
        *,
        academy_name: str,
        academy_url: str,
    ) -> None:
        self._database = database
        self._queue = queue
        self._chain = chain
        self._clock = clock
        self._academy_name = academy_name
        self._academy_url = academy_url
        self._mails = database.collection(Mail)
        self._verdicts: dict[str, str] = {}
        self._watching: asyncio.Task[None] | None = None
        self.suppressions = SuppressionList(database, clock)
        register = BatchRegister(database, clock)
        objections = Objections(self.suppressions, unwanted)
        self.sender = MailSender(
            database,
            queue,
            chain,
            renderer,
            objections,
            register,
            clock,
            sender=settings.sender,
            sender_name=settings.sender_name or academy_name,
        )
        self._writer = MailWriter(renderer, clock, sender=settings.sender)
        self.batches = Batches(database, queue, self._writer, register, clock)
        self.log = MailLog(database, queue, renderer, objections, register, clock, sender=settings.sender)

    async def initialize(self) -> None:
        """Looks every five minutes, in the background, whether the providers could send, and logs what is wrong."""
        self._watching = asyncio.create_task(self._watch(), name="email-verify")

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:  # noqa: BLE001 - one odd answer must not end the watch for as long as the process lives
                structlog.get_logger().exception("email_watch_failed")
            await asyncio.sleep(_VERIFIED_EVERY.total_seconds())

    async def _look(self) -> None:
        for provider, trouble in (await self.verify()).items():
            if trouble:
                structlog.get_logger().warning("email_provider_troubled", provider=provider, trouble=trouble)

    async def send_otp(self, to: Recipient, *, code: str, purpose: str, minutes: int) -> None:
        """Sends a one-time code that is good for `minutes`; `purpose` is one of the sentences of the template."""
        values = {"name": to.name, "code": code, "purpose": purpose, "minutes": str(minutes)}
        void_at = self._clock.now() + timedelta(minutes=minutes)
        await self.send(MailKind.CODE, to, values, secret=True, expires_at=void_at)

    async def send_welcome(self, to: Recipient) -> None:
        """Welcomes someone whose address is proven."""
        await self.send(MailKind.WELCOME, to, {"name": to.name})

    async def send_enrolment_confirmation(
        self, to: Recipient, *, course_title: str, course_url: str, cause: str
    ) -> None:
        """Confirms an enrolment and links to the course."""
        values = {"name": to.name, "course_title": course_title, "course_url": course_url}
        await self.send(MailKind.ENROLMENT, to, values, cause=cause)

    async def send_payment_receipt(self, to: Recipient, receipt: Mapping[str, str], *, cause: str) -> None:
        """Sends the receipt of a payment.

        `receipt` holds the texts `transaction_id course_title course_url amount invoice_number date receipt_url`, as
        they are to be read.
        """
        await self.send(MailKind.RECEIPT, to, {"name": to.name, **receipt}, cause=cause)

    async def send_notification(
        self,
        to: Recipient,
        *,
        title: str,
        message: str,
        action: str,
        action_url: str,
        unsubscribe_url: str,
        cause: str | None = None,
    ) -> None:
        """Tells something, with one link; its recipient can decline such mails at `unsubscribe_url`, if it is set."""
        values = {"name": to.name, "title": title, "message": message, "action": action, "action_url": action_url}
        await self.send(MailKind.NOTIFICATION, to, values, cause=cause, unsubscribe_url=unsubscribe_url)

    async def send(
        self,
        kind: MailKind,
        to: Recipient,
        values: Mapping[str, str],
        *,
        cause: str | None = None,
        secret: bool = False,
        expires_at: datetime | None = None,
        unsubscribe_url: str = "",
    ) -> str | None:
        """Writes a mail down, to be sent by a job. Returns its id; None when its cause was told already.

        `secret`: the values are forgotten as soon as it is sent. `expires_at`: it is not sent any more after that.
        Raises InvalidError for a subject that is not one line.
        """
        if cause is not None and await self._mails.find_one({"cause": cause}) is not None:
            return None
        mail = self._writer.mail(kind, to, values, cause=cause, unsubscribe_url=unsubscribe_url)
        mail.secret, mail.expires_at = secret, expires_at

        async def work() -> None:
            await self._mails.insert(mail)
            await self._queue.enqueue(SEND_MAIL, SendMail(mail_id=mail.id), key=mail.id)

        await self._database.transaction(work)
        return mail.id

    async def send_batch(
        self, recipients: Sequence[BatchRecipient], announcement: Announcement, *, batch_id: str | None = None
    ) -> str:
        """Writes one notification for each recipient, with their variables filled in, and has all of them sent.

        Returns the id under which `log.page` and `log.states_of_batch` tell how each of them fares. What was stopped
        half-way can be called again with the same `batch_id`, and goes on; see `Batches`, which takes recipients in
        parts. Not to be called in a transaction. Raises InvalidError for a place in the text that has no value.
        """
        batch = batch_id or new_id()
        await self.batches.write(batch, announcement, recipients)
        await self.batches.start(batch)
        return batch

    async def send_now(self, to: Recipient) -> Taken:
        """Sends a test message at once, with no job and no line in the log. Returns who took it, and who could not.

        Raises TechnicalEmailError, and LogicalEmailError, also for what is no address, whoever would take it.
        """
        envelope_address(to.address)
        values = {
            "name": to.name,
            "title": f"{self._academy_name} can send mail",
            "message": "Somebody who runs the academy sent this to try its mail. It arrived.",
            "action": "Open the academy",
            "action_url": self._academy_url,
        }
        return await self.sender.send_now(self._writer.mail(MailKind.NOTIFICATION, to, values))

    # --- how mail fares ---

    async def verify(self) -> dict[str, str]:
        """Asks every provider with our credentials: name -> "" when it could send now, else what is wrong.

        Sends nothing.
        """
        self._verdicts = await self._chain.verify()
        return self._verdicts

    async def health_check(self) -> str:
        """Returns "" when mail can be sent, as far as is known, else what is wrong. Asks nobody, so never waits."""
        troubles = {name: text for name, text in self._verdicts.items() if text}
        troubles |= dict.fromkeys(self._chain.troubled(), "left alone for a while, after several failures")
        return " · ".join(f"{name}: {text}" for name, text in troubles.items())

    async def close(self) -> None:
        """Closes the connections to the providers. Safe to call twice, and without `initialize`."""
        if self._watching is not None:
            self._watching.cancel()
        await self._chain.close()

    # --- for the owner of an account ---

    async def log_of(self, user_id: str) -> list[dict[str, object]]:
        """Returns what is known of the latest 200 mails to an account, as plain values."""
        return await self.log.of_user(user_id)

    async def forget(self, user_id: str, addresses: Sequence[str]) -> None:
        """Removes the mails of an account, and its addresses from the list of the suppressed; joins the transaction."""
        await self.log.forget_user(user_id)
        await self.suppressions.forget([email_key(address) for address in addresses])
