"""The mail log: every mail the academy wrote, and what became of it."""

from datetime import timedelta

import msgspec

from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.database.batches import delete_in_batches
from academy.infrastructure.email.batch_register import BatchRegister
from academy.infrastructure.email.mime import new_message_id
from academy.infrastructure.email.model import Mail, MailState
from academy.infrastructure.email.objections import Objections
from academy.infrastructure.email.rendering import MailKind, MailRenderer, RenderedMail
from academy.infrastructure.email.sending import SEND_BATCH, SEND_MAIL, SendBatch, SendMail
from academy.infrastructure.jobs.base import JobQueue
from academy.kit.clock import Clock
from academy.kit.errors import ConflictError, NotFoundError
from academy.kit.text import email_key


class MailFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which mails to list; what is None does not matter."""

    state: MailState | None = None
    kind: MailKind | None = None
    to: str | None = None
    batch_id: str | None = None

    def query(self) -> dict[str, object]:
        """Returns the database's query."""
        wanted = {
            "state": self.state,
            "kind": self.kind,
            "to_key": email_key(self.to) if self.to else None,
            "batch_id": self.batch_id,
        }
        return {field: value for field, value in wanted.items() if value is not None}


class MailLog:
    """Lists, shows, resends and in the end forgets mails."""

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        renderer: MailRenderer,
        objections: Objections,
        register: BatchRegister,
        clock: Clock,
        *,
        sender: str,
    ) -> None:
        self._database = database
        self._queue = queue
        self._renderer = renderer
        self._objections = objections
        self._register = register
        self._clock = clock
        self._sender = sender
        self._mails = database.collection(Mail)

    async def page(self, wanted: MailFilter, *, limit: int = 50, cursor: str | None = None) -> Page[Mail]:
        """Returns mails, newest first, without the values of secret ones. Raises InvalidCursor."""
        page = await self._mails.page(wanted.query(), sort=("-created_at",), limit=limit, cursor=cursor)
        return Page([_shown(mail) for mail in page.items], page.next_cursor)

    async def get(self, mail_id: str) -> Mail:
        """Returns a mail, without the values of a secret one. Raises NotFoundError."""
        mail = await self._mails.get(mail_id)
        if mail is None:
            raise NotFoundError("There is no such mail. The log keeps mails for a while only.")
        return _shown(mail)

    def preview(self, mail: Mail) -> RenderedMail | None:
        """Returns a mail as its recipient sees it; None for one with a one-time code."""
        if mail.secret:
            return None
        return self._renderer.render(
            MailKind(mail.kind), mail.language, mail.values, unsubscribe_url=mail.unsubscribe_url
        )

    async def resend(self, mail_id: str) -> None:
        """Sends a mail again; one that was sent leaves as a new message, so that it is not taken for a copy.

        Raises NotFoundError; ConflictError for a one-time code, for a mail that waits to be sent, for one whose
        batch was dropped, and for one that would not leave.
        """

        async def work() -> None:
            mail = await self.get(mail_id)
            if mail.secret:
                raise ConflictError("A one-time code is not sent twice; its owner can ask for a new one.")
            if mail.state is MailState.QUEUED:
                raise ConflictError("This mail waits to be sent already.")
            if objection := (await self._objections.among([mail])).get(mail.id):
                raise ConflictError(f"This mail is not sent again. {objection}")
            if mail.batch_id is not None:
                await self._register.change(mail.batch_id)
            fields: dict[str, object] = {"state": MailState.QUEUED, "last_error": "", "updated_at": self._clock.now()}
            if mail.sent_at is not None:
                fields["message_id"] = new_message_id(self._sender)
            await self._mails.update_one({"id": mail_id}, {"$set": {**fields, "given_up": False}})
            if mail.batch_id is None:
                await self._queue.enqueue(SEND_MAIL, SendMail(mail_id=mail_id), key=mail_id)
            else:  # by the job that sends its batch: one sender for each mail
                await self._queue.enqueue(SEND_BATCH, SendBatch(batch_id=mail.batch_id), key=mail.batch_id)

        await self._database.transaction(work)

    async def of_user(self, user_id: str) -> list[dict[str, object]]:
        """Returns what is known of the latest 200 mails to an account, as plain values."""
        mails = await self._mails.find({"user_id": user_id}, sort=("-created_at",))
        fields = ("to", "kind", "subject", "state", "created_at", "sent_at")
        return [{field: getattr(mail, field) for field in fields} for mail in mails]

    async def forget_user(self, user_id: str) -> None:
        """Removes the mails of an account from the log; joins the open transaction."""
        await self._mails.delete_many({"user_id": user_id})

    async def states_of_batch(self, batch_id: str) -> dict[MailState, int]:
        """Counts the mails of a batch by their state; states without mails are left out."""
        groups = await self._mails.group({"batch_id": batch_id}, by="state")
        return {MailState(str(group.key)): group.count for group in groups}

    async def delete_old(self, retention_days: int) -> int:
        """Removes mails that were written longer ago and do not wait to be sent. Returns how many."""
        before = self._clock.now() - timedelta(days=retention_days)
        query = {"created_at": {"$lt": before}, "state": {"$ne": MailState.QUEUED}}
        return await delete_in_batches(self._mails, query, sort=("created_at",))


def _shown(mail: Mail) -> Mail:
    return msgspec.structs.replace(mail, values={}) if mail.secret else mail
