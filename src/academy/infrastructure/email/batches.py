"""One text to many people, each with their own variables in it."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from academy.infrastructure.database.base import Database
from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.model import Mail
from academy.infrastructure.email.rendering import MailKind
from academy.infrastructure.email.sending import SEND_BATCH, SendBatch
from academy.infrastructure.email.writing import MailWriter
from academy.infrastructure.jobs.base import JobQueue
from academy.kit.errors import InvalidError
from academy.kit.text import email_key

_PLACE = re.compile(r"\{\{\s*(.+?)\s*\}\}")
# A unit of this many mails is written in some milliseconds, so that others who write do not wait.
_WRITTEN_AT_ONCE = 200


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch tells. Title and message may have places such as `{{ name }}`; a blank line parts paragraphs."""

    title: str
    message: str
    action: str
    action_url: str


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
    was stopped half-way can be written again with the same id.
    """

    def __init__(self, database: Database, queue: JobQueue, writer: MailWriter) -> None:
        self._database = database
        self._queue = queue
        self._writer = writer
        self._mails = database.collection(Mail)

    async def write(self, batch_id: str, announcement: Announcement, recipients: Sequence[BatchRecipient]) -> None:
        """Writes the mails to some recipients. Raises InvalidError for a place in the text that has no value."""
        wanted = {f"batch:{batch_id}:{email_key(one.to.address)}": one for one in recipients}
        mails = [self._mail(batch_id, cause, announcement, one) for cause, one in wanted.items()]
        for start in range(0, len(mails), _WRITTEN_AT_ONCE):
            await self._write(mails[start : start + _WRITTEN_AT_ONCE])

    async def _write(self, mails: Sequence[Mail]) -> None:
        async def work() -> None:
            query = {"cause": {"$in": [mail.cause for mail in mails]}}
            written = {mail.cause for mail in await self._mails.find(query, sort=("cause",))}
            if missing := [mail for mail in mails if mail.cause not in written]:
                await self._mails.insert_many(missing)

        await self._database.transaction(work)

    def _mail(self, batch_id: str, cause: str, announcement: Announcement, one: BatchRecipient) -> Mail:
        values = {
            "name": one.to.name,
            "title": _filled(announcement.title, one),
            "message": _filled(announcement.message, one),
            "action": announcement.action,
            "action_url": announcement.action_url,
        }
        return self._writer.mail(
            MailKind.NOTIFICATION, one.to, values, cause=cause, batch_id=batch_id, unsubscribe_url=one.unsubscribe_url
        )

    async def start(self, batch_id: str) -> None:
        """Has all mails of the batch sent."""
        await self._queue.enqueue(SEND_BATCH, SendBatch(batch_id=batch_id), key=batch_id)


def _filled(text: str, one: BatchRecipient) -> str:
    """Returns the text with its places filled in. Raises InvalidError."""
    variables = {"name": one.to.name, "email": one.to.address, **one.variables}

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in variables:
            raise InvalidError(f"The text has a place {{{{ {name} }}}}, but {one.to.address} has no value for it.")
        return variables[name]

    return _PLACE.sub(value, text)
