"""Sends the academy's mails: each is written down with its cause, and sent by a job."""

from collections.abc import Sequence

import msgspec

from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.email.base import EmailMessage, EmailProvider, LogicalEmailError, TechnicalEmailError
from academy.infrastructure.email.model import Mail, MailState
from academy.infrastructure.email.rendering import MailRenderer, RenderedMail
from academy.infrastructure.email.settings import EmailSettings
from academy.infrastructure.jobs.base import JobKind, JobQueue
from academy.kit.clock import Clock
from academy.kit.errors import ConflictError, NotFoundError
from academy.kit.ids import new_id

_FORGOTTEN = "(This mail held a one-time code, which is not kept.)"


class SendMail(msgspec.Struct, frozen=True):
    """Payload of the job that sends a mail."""

    mail_id: str


SEND_MAIL = JobKind("send_mail", SendMail)


class EmailService:
    """Every kind of mail the academy sends, and the log of all of them.

    Each `send_…` joins the open transaction: the mail exists exactly when its cause does.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        provider: EmailProvider,
        renderer: MailRenderer,
        clock: Clock,
        settings: EmailSettings,
        *,
        academy_name: str,
    ) -> None:
        self._queue = queue
        self._provider = provider
        self._renderer = renderer
        self._clock = clock
        self._settings = settings
        self._academy_name = academy_name
        self._database = database
        self._mails = database.collection(Mail)

    async def send_otp(self, to: str, name: str, code: str, purpose: str, minutes: int) -> None:
        """Sends a one-time code; `purpose` is a sentence that says what it is for, `minutes` how long it holds."""
        subject = f"{code} is your code for {self._academy_name}"
        mail = self._renderer.render(
            "code", subject, name=name, code=code, purpose=purpose, minutes=minutes, preview=f"Your code is {code}."
        )
        await self._write("code", to, mail, secret=True)

    async def send_welcome(self, to: str, name: str) -> None:
        """Welcomes someone whose address is proven."""
        subject = f"Welcome to {self._academy_name}"
        mail = self._renderer.render("welcome", subject, name=name, preview="Your account is ready.")
        await self._write("welcome", to, mail)

    async def send_enrolment_confirmation(self, to: str, name: str, course_title: str, course_url: str) -> None:
        """Confirms an enrolment and links to the course."""
        subject = f"You are enrolled: {' '.join(course_title.split())}"
        mail = self._renderer.render(
            "enrolment",
            subject,
            name=name,
            course_title=course_title,
            course_url=course_url,
            preview=f"{course_title} is open to you now.",
        )
        await self._write("enrolment", to, mail)

    async def send_notification(
        self, to: str, name: str, title: str, message: str, action: str, action_url: str
    ) -> None:
        """Tells something in one paragraph, with one link."""
        mail = self._renderer.render(
            "notice", title, name=name, message=message, action=action, action_url=action_url, preview=message
        )
        await self._write("notice", to, mail)

    async def _write(self, template: str, to: str, rendered: RenderedMail, *, secret: bool = False) -> None:
        now = self._clock.now()
        mail = Mail(
            template=template,
            to=to,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            secret=secret,
            message_id=self._new_message_id(),
            created_at=now,
            updated_at=now,
        )

        async def work() -> None:
            await self._mails.insert(mail)
            await self._queue.enqueue(SEND_MAIL, SendMail(mail_id=mail.id))

        await self._database.transaction(work)

    def _new_message_id(self) -> str:
        return f"<{new_id()}@{self._settings.sender.rpartition('@')[2]}>"

    async def handle_send_mail(self, payload: SendMail) -> None:
        """Sends one mail. Raises TechnicalEmailError so that the job is tried again; a refusal ends the mail."""
        mail = await self._mails.get(payload.mail_id)
        if mail is None or mail.state is MailState.SENT or (mail.secret and mail.state is MailState.FAILED):
            return
        await self._note(mail, {"provider": self._provider.name}, tries=1)
        message = EmailMessage(
            message_id=mail.message_id,
            sender=self._settings.sender,
            sender_name=self._settings.sender_name or self._academy_name,
            to=mail.to,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
        )
        try:
            await self._provider.send(message)
        except LogicalEmailError as error:
            await self._end(mail, MailState.FAILED, {"last_error": error.message})
        except TechnicalEmailError as error:
            await self._note(mail, {"last_error": error.message})
            raise
        else:
            await self._end(mail, MailState.SENT, {"sent_at": self._clock.now(), "last_error": ""})

    async def handle_given_up(self, payload: SendMail) -> None:
        """Notes that a mail failed: its job is dead. Part of the transaction that says so."""
        mail = await self._mails.get(payload.mail_id)
        if mail is not None and mail.state is MailState.QUEUED:
            await self._end(
                mail, MailState.FAILED, {"last_error": mail.last_error or "Every try to send it broke off."}
            )

    async def _end(self, mail: Mail, state: MailState, fields: dict[str, object]) -> None:
        """Notes how sending ended, and forgets a one-time code."""
        forgotten = {"subject": self._shown_subject(mail), "text": _FORGOTTEN, "html": ""} if mail.secret else {}
        await self._note(mail, {"state": state, **fields, **forgotten})

    async def _note(self, mail: Mail, fields: dict[str, object], *, tries: int = 0) -> None:
        change: dict[str, dict[str, object]] = {"$set": {**fields, "updated_at": self._clock.now()}}
        if tries:
            change["$inc"] = {"attempts": tries}
        await self._mails.update_one({"id": mail.id}, change)

    def _shown_subject(self, mail: Mail) -> str:
        return f"Your code for {self._academy_name}" if mail.secret else mail.subject

    async def health_check(self) -> str:
        """Returns "" when mail can be sent, else what is wrong."""
        return await self._provider.health_check()

    async def list_mail(
        self, *, state: MailState | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Mail]:
        """Returns the mail log, newest first, without the one-time codes that are still to be sent.

        Raises InvalidCursor.
        """
        query = {"state": state.value} if state else {}
        page = await self._mails.page(query, sort=("-created_at",), limit=limit, cursor=cursor)
        return Page([self._shown(mail) for mail in page.items], page.next_cursor)

    def _shown(self, mail: Mail) -> Mail:
        if not mail.secret:
            return mail
        return msgspec.structs.replace(mail, subject=self._shown_subject(mail), text=_FORGOTTEN, html="")

    async def log_of(self, to: str) -> list[dict[str, object]]:
        """Returns what is known of the latest 200 mails to an address, as plain values."""
        mails = await self._mails.find({"to": to}, sort=("-created_at",))
        return [{"subject": self._shown_subject(m), "state": m.state, "created_at": m.created_at} for m in mails]

    async def forget(self, to: Sequence[str]) -> None:
        """Removes the mails to some addresses from the log; joins the open transaction."""
        await self._mails.delete_many({"to": {"$in": list(to)}})

    async def resend(self, mail_id: str) -> None:
        """Sends a mail again; one that was sent leaves as a new message, so that it is not taken for a copy.

        Raises NotFoundError; ConflictError for a one-time code and for a mail that waits to be sent.
        """

        async def work() -> None:
            mail = await self._mails.get(mail_id)
            if mail is None:
                raise NotFoundError("There is no such mail.")
            if mail.secret:
                raise ConflictError("A one-time code is not sent twice; its owner can ask for a new one.")
            if mail.state is MailState.QUEUED:
                raise ConflictError("This mail waits to be sent already.")
            fresh = {"message_id": self._new_message_id()} if mail.state is MailState.SENT else {}
            await self._note(mail, {"state": MailState.QUEUED, "last_error": "", **fresh})
            await self._queue.enqueue(SEND_MAIL, SendMail(mail_id=mail_id))

        await self._database.transaction(work)
