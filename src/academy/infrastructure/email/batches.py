"""One text to many people, each with their own variables in it."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from academy.infrastructure.database.base import Database
from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.batch_register import BatchRegister
from academy.infrastructure.email.model import Mail, MailBatch
from academy.infrastructure.email.rendering import MailKind
from academy.infrastructure.email.sending import SEND_BATCH, SendBatch
from academy.infrastructure.email.writing import MailWriter
from academy.infrastructure.jobs.base import JobQueue
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError
from academy.kit.text import email_key

_PLACE = re.compile(r"\{\{\s*(.+?)\s*\}\}")
LONGEST_TITLE = 150
# A unit of this many mails is written in some milliseconds, so that others who write do not wait.
_WRITTEN_AT_ONCE = 200


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch tells. Title and message may have places such as `{{ name }}`; a blank line parts paragraphs.

    Raises InvalidError for a part that is empty.
    """

    title: str
    message: str
    action: str
    action_url: str

    def __post_init__(self) -> None:
        parts = {"title": self.title, "message": self.message, "action": self.action, "action_url": self.action_url}
        if empty := {part: "It is empty." for part, text in parts.items() if not text.strip()}:
            raise InvalidError("An announcement needs a title, a text and a button.", fields=empty)


class BatchRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient of a batch.

    Attributes:
        variables: name -> text, for the places in the text; `name` and `email` are known anyway.
        unsubscribe_url: where this recipient can decline such mails.
    """

    to: Recipient
    variables: Mapping[str, str] = {}
    unsubscribe_url: str


class Batches:
    """Writes the mails of a batch, in as many parts as it takes, and then has all of them sent.

    An address gets one mail of a batch, however often it comes. Nothing is sent before `start`, so that a batch that
    was stopped half-way can be written again with the same id; one that was dropped cannot.
    """

    def __init__(
        self, database: Database, queue: JobQueue, writer: MailWriter, register: BatchRegister, clock: Clock
    ) -> None:
        self._database = database
        self._queue = queue
        self._writer = writer
        self._register = register
        self._clock = clock
        self._mails = database.collection(Mail)

    async def write(self, batch_id: str, announcement: Announcement, recipients: Sequence[BatchRecipient]) -> None:
        """Writes the mails to some recipients.

        Raises InvalidError for a place in the text that has no value and for a title of more than `LONGEST_TITLE`
        characters, since mail clients show the beginning only; ConflictError when the batch was dropped.
        """
        wanted = {_cause(batch_id, one): one for one in recipients}
        mails = [self._mail(batch_id, cause, announcement, one) for cause, one in wanted.items()]
        for start in range(0, len(mails), _WRITTEN_AT_ONCE):
            await self._write(batch_id, mails[start : start + _WRITTEN_AT_ONCE])

    async def _write(self, batch_id: str, mails: Sequence[Mail]) -> None:
        async def work() -> None:
            await self._register.change(batch_id)
            query = {"cause": {"$in": [mail.cause for mail in mails]}}
            written = {mail.cause for mail in await self._mails.find(query, sort=("cause",))}
            if missing := [mail for mail in mails if mail.cause not in written]:
                await self._mails.insert_many(missing)

        await self._database.transaction(work)

    async def missing(self, batch_id: str, recipients: Sequence[BatchRecipient]) -> list[BatchRecipient]:
        """Returns those of some recipients for whom the batch has no mail yet, each once."""
        wanted = {_cause(batch_id, one): one for one in recipients}
        causes = list(wanted)
        for start in range(0, len(causes), _WRITTEN_AT_ONCE):
            query = {"cause": {"$in": causes[start : start + _WRITTEN_AT_ONCE]}}
            for mail in await self._mails.find(query, sort=("cause",)):
                wanted.pop(mail.cause or "", None)
        return list(wanted.values())

    def _mail(self, batch_id: str, cause: str, announcement: Announcement, one: BatchRecipient) -> Mail:
        title = _filled(announcement.title, one)
        if len(title) > LONGEST_TITLE:
            told = f"The title has {len(title):,} characters for {one.to.address}; make it {LONGEST_TITLE} at most."
            raise InvalidError(told, fields={"title": told})
        values = {
            "name": one.to.name,
            "title": title,
            "message": _filled(announcement.message, one),
            "action": announcement.action,
            "action_url": announcement.action_url,
        }
        return self._writer.mail(
            MailKind.NOTIFICATION, one.to, values, cause=cause, batch_id=batch_id, unsubscribe_url=one.unsubscribe_url
        )

    def subject(self, announcement: Announcement, one: BatchRecipient) -> str:
        """Returns the subject of the mail that somebody would get. Raises as `write` does; writes nothing."""
        return self._mail("", "", announcement, one).subject

    async def get(self, batch_id: str) -> MailBatch | None:
        """Returns a batch, if there is one."""
        return await self._register.get(batch_id)

    async def check(self, batch_id: str) -> None:
        """Raises NotFoundError when there is no batch to go on with, ConflictError when it was dropped."""
        await self._register.check(batch_id)

    async def start(self, batch_id: str) -> None:
        """Has all mails of the batch sent. Raises ConflictError when it was dropped."""

        async def work() -> None:
            await self._register.change(batch_id, started_at=self._clock.now())
            await self._queue.enqueue(SEND_BATCH, SendBatch(batch_id=batch_id), key=batch_id)

        await self._database.transaction(work)

    async def drop(self, batch_id: str) -> int:
        """Takes back what has not left of a batch, whether it is being sent or not. Returns how many mails that were.

        Mails that a worker has on their way at this moment, up to fifty, may leave yet; they are noted as sent then,
        and only then. Raises NotFoundError when there is no such batch.
        """
        return await self._register.drop(batch_id)


def _cause(batch_id: str, one: BatchRecipient) -> str:
    return f"batch:{batch_id}:{email_key(one.to.address)}"


def _filled(text: str, one: BatchRecipient) -> str:
    """Returns the text with its places filled in. Raises InvalidError."""
    variables = {"name": one.to.name, "email": one.to.address, **one.variables}

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in variables:
            raise InvalidError(f"The text has a place {{{{ {name} }}}}, but {one.to.address} has no value for it.")
        return variables[name]

    return _PLACE.sub(value, text)
