"""The jobs that send what was written down: one mail, or a batch of them."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.batches import update_in_batches
from academy.infrastructure.database.completion import completed
from academy.infrastructure.email.base import EmailMessage, LogicalEmailError, Taken, TechnicalEmailError
from academy.infrastructure.email.batch_register import BatchRegister
from academy.infrastructure.email.chain import ProviderChain, TurnLater
from academy.infrastructure.email.model import Mail, MailState
from academy.infrastructure.email.objections import Objections
from academy.infrastructure.email.rendering import MailKind, MailRenderer
from academy.infrastructure.jobs.base import JobKind, JobQueue, PutBack
from academy.kit.clock import Clock

# With the pauses of ten minutes, a mail is tried for about a day.
_ATTEMPTS, _LONGEST_PAUSE = 150, timedelta(minutes=10)
# Mails of a batch under way at the same time, and those that could be sent twice when the process dies.
_AT_ONCE = 50
_BROKE_OFF = "Every try to send it broke off."


class SendMail(msgspec.Struct, frozen=True):
    """Payload of the job that sends a mail."""

    mail_id: str


class SendBatch(msgspec.Struct, frozen=True):
    """Payload of the job that sends all mails of a batch, and of the one that notes that it has failed."""

    batch_id: str


SEND_MAIL = JobKind("send_mail", SendMail, max_attempts=_ATTEMPTS, longest_pause=_LONGEST_PAUSE)
SEND_BATCH = JobKind("send_batch", SendBatch, max_attempts=_ATTEMPTS, longest_pause=_LONGEST_PAUSE)
GIVE_UP_BATCH = JobKind("give_up_batch", SendBatch)


class Outcome(msgspec.Struct, frozen=True):
    """How a try ended; equal outcomes are noted together.

    QUEUED: another try is due. With `turn_at` it was no try: our own rate limit has no turn before then.
    """

    state: MailState
    provider: str = ""
    error: str = ""
    about_recipient: bool = False
    turn_at: datetime | None = None


class MailSender:
    """Hands mails over to the providers and notes what became of them.

    A mail leaves at least once: it is noted as sent after the provider has taken it, and a process that dies between
    the two sends it again under the same Message-ID.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        chain: ProviderChain,
        renderer: MailRenderer,
        objections: Objections,
        register: BatchRegister,
        clock: Clock,
        *,
        sender: str,
        sender_name: str,
    ) -> None:
        self._mails = database.collection(Mail)
        self._queue = queue
        self._chain = chain
        self._renderer = renderer
        self._objections = objections
        self._register = register
        self._clock = clock
        self._sender = sender
        self._sender_name = sender_name

    async def handle_mail(self, job: SendMail) -> None:
        """Sends one mail. Raises TechnicalEmailError so that the job is tried again; a refusal ends the mail.

        Raises PutBack when our own rate limit has no turn for it yet: no job waits here for that.
        """
        mail = await self._mails.get(job.mail_id)
        if mail is None or not _is_sendable(mail):
            return
        (outcome,) = await self._send([mail], keeps_turn=True)
        if outcome.turn_at is not None:
            raise PutBack(outcome.turn_at)
        if outcome.state is MailState.QUEUED:
            raise TechnicalEmailError(outcome.error)

    async def handle_batch(self, job: SendBatch) -> None:
        """Sends the mails of a batch that are not sent yet. Raises TechnicalEmailError when no provider can be had.

        Goes over those that failed again for as long as others get through.
        """
        given_up = {"batch_id": job.batch_id, "state": MailState.FAILED, "given_up": True}
        again = {"$set": {"state": MailState.QUEUED, "given_up": False}}
        await update_in_batches(self._mails, given_up, again, sort=("created_at",))
        while True:
            ended, waiting = await self._go_over(job.batch_id)
            if not waiting:
                return
            if not ended:
                raise TechnicalEmailError(waiting)

    async def _go_over(self, batch_id: str) -> tuple[int, str]:
        """Tries every mail of a batch that waits, once, or until no provider can be had.

        Returns how many ended, and why others wait ("" when none does). What is on its way when the worker stops is
        sent and noted first: else it would be sent twice. No page is read ahead: a batch may be dropped meanwhile.
        """
        query = {"batch_id": batch_id, "state": MailState.QUEUED}
        ended, waiting, cursor = 0, "", None
        while not await self._register.is_dropped(batch_id):
            page = await self._mails.page(query, sort=("created_at",), limit=_AT_ONCE, cursor=cursor)
            outcomes = await self._send_in_turn(page.items)
            failures = [outcome for outcome in outcomes if outcome.state is MailState.QUEUED]
            ended += len(outcomes) - len(failures)
            waiting = failures[0].error if failures else waiting
            is_stuck = (
                bool(failures) and len(failures) == len(outcomes) and not any(one.about_recipient for one in failures)
            )
            cursor = page.next_cursor
            if is_stuck or cursor is None:
                return ended, waiting
        return 0, ""

    async def _send_in_turn(self, mails: Sequence[Mail]) -> list[Outcome]:
        """Tries some mails of a batch, each when our own rate limit has a turn for it, however long that takes."""
        ended: list[Outcome] = []
        while mails:
            outcomes = await completed(asyncio.create_task(self._send(mails, keeps_turn=False)))
            ended += [outcome for outcome in outcomes if outcome.turn_at is None]
            turns = {
                mail.id: outcome.turn_at
                for mail, outcome in zip(mails, outcomes, strict=True)
                if outcome.turn_at is not None
            }
            if not turns:
                break
            await self._chain.wait_until(min(turns.values()))
            # They may have been dropped meanwhile.
            mails = await self._mails.find({"id": {"$in": list(turns)}, "state": MailState.QUEUED})
        return ended

    async def send_now(self, mail: Mail) -> Taken:
        """Sends a mail that is not stored, and returns who took it and who could not.

        Raises TechnicalEmailError, LogicalEmailError.
        """
        return await self._chain.send(self._message(mail))

    async def handle_mail_given_up(self, job: SendMail) -> None:
        """Notes that a mail failed: its job is dead. Part of the transaction that says so."""
        query, failed = {"id": job.mail_id, "state": MailState.QUEUED}, self._given_up()
        await self._mails.update_one({**query, "last_error": ""}, {"$set": {"last_error": _BROKE_OFF}})
        await self._mails.update_one({**query, "secret": True}, {"$set": {**failed, "given_up": False, "values": {}}})
        await self._mails.update_one(query, {"$set": failed})

    async def handle_batch_given_up(self, job: SendBatch) -> None:
        """Has it noted that the rest of a batch failed. Part of the transaction that says that its job is dead.

        By a job of its own: thousands of mails in this transaction would keep all others who write waiting.
        """
        await self._queue.enqueue(GIVE_UP_BATCH, job, key=job.batch_id)

    async def handle_rest_of_batch(self, job: SendBatch) -> None:
        """Notes that the mails of a batch that still wait have failed."""
        query, failed = {"batch_id": job.batch_id, "state": MailState.QUEUED}, self._given_up()
        untold = {"$set": {**failed, "last_error": _BROKE_OFF}}
        await update_in_batches(self._mails, {**query, "last_error": ""}, untold, sort=("created_at",))
        await update_in_batches(self._mails, query, {"$set": failed}, sort=("created_at",))

    def _given_up(self) -> dict[str, object]:
        return {"state": MailState.FAILED, "given_up": True, "updated_at": self._clock.now()}

    async def _send(self, mails: Sequence[Mail], *, keeps_turn: bool) -> list[Outcome]:
        """Tries to send some mails, all at once, and notes how it ended for each. `keeps_turn`: see the chain."""
        objections = await self._objections.among(mails)
        tries = (self._try(mail, objections.get(mail.id, ""), keeps_turn=keeps_turn) for mail in mails)
        outcomes = await asyncio.gather(*tries)
        together: dict[tuple[Outcome, bool], list[str]] = defaultdict(list)
        for mail, outcome in zip(mails, outcomes, strict=True):
            if outcome.turn_at is None:
                together[outcome, mail.secret].append(mail.id)
        for (outcome, is_secret), ids in together.items():
            await self._note(outcome, ids, forget=is_secret and outcome.state is not MailState.QUEUED)
        return outcomes

    async def _try(self, mail: Mail, objection: str, *, keeps_turn: bool) -> Outcome:
        if objection:
            return Outcome(MailState.SUPPRESSED, error=objection)
        if mail.expires_at is not None and mail.expires_at <= self._clock.now():
            return Outcome(
                MailState.FAILED, error=f"It was of no more use by the time it could be sent. {mail.last_error}".strip()
            )
        try:
            taken = await self._chain.send(self._message(mail), keeps_turn=keeps_turn)
        except LogicalEmailError as error:
            return Outcome(MailState.FAILED, error=error.message)
        except TechnicalEmailError as error:
            turn = error.turn_at if isinstance(error, TurnLater) else None
            return Outcome(MailState.QUEUED, error=error.message, about_recipient=error.about_recipient, turn_at=turn)
        except Exception as error:  # noqa: BLE001 - one mail that cannot be made must not keep the others unnoted
            structlog.get_logger().exception("mail_failed", mail=mail.id)
            return Outcome(MailState.QUEUED, error=f"It could not be sent: {type(error).__name__}.")
        return Outcome(MailState.SENT, provider=taken.provider)

    def _message(self, mail: Mail) -> EmailMessage:
        rendered = self._renderer.render(
            MailKind(mail.kind), mail.language, mail.values, unsubscribe_url=mail.unsubscribe_url
        )
        return EmailMessage(
            mail_id=mail.id,
            message_id=mail.message_id,
            sender=self._sender,
            sender_name=self._sender_name,
            to=mail.to,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            unsubscribe_url=mail.unsubscribe_url,
        )

    async def _note(self, outcome: Outcome, ids: list[str], *, forget: bool) -> None:
        """Notes an outcome. A report that a mail bounced may be quicker than this note, and stands.

        A mail that was dropped while it was on its way has left all the same, unless its try failed.
        """
        now = self._clock.now()
        fields: dict[str, object] = {"state": outcome.state, "last_error": outcome.error, "updated_at": now}
        open_states = [MailState.QUEUED, MailState.FAILED]
        if outcome.state is MailState.SENT:
            fields |= {"provider": outcome.provider, "sent_at": now}
            open_states.append(MailState.DROPPED)
        query = {"id": {"$in": ids}, "state": {"$in": open_states}}
        tries = 0 if outcome.state is MailState.SUPPRESSED else 1
        await self._mails.update_many(query, {"$set": fields, "$inc": {"attempts": tries}})
        if forget:
            await self._mails.update_many({"id": {"$in": ids}}, {"$set": {"values": {}}})


def _is_sendable(mail: Mail) -> bool:
    """Whether a mail is still to be sent: it waits, or was given up and its job is tried again by hand."""
    return mail.state is MailState.QUEUED or (mail.state is MailState.FAILED and mail.given_up)
