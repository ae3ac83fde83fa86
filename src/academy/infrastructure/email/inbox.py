"""The local inbox: mail stays in the academy's database and can be read at /dev/mail.

It shows mail, codes and all, to everybody who can open that page: there is none in production.
"""

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.email.base import Capabilities, EmailMessage, InboxMessage
from academy.infrastructure.email.model import InboxMail
from academy.kit.clock import Clock

_KEPT = 200


class InboxProvider:
    """An EmailProvider that delivers to the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._mails = database.collection(InboxMail)
        self._clock = clock

    @property
    def name(self) -> str:
        """Name as in EMAIL_PROVIDER."""
        return "inbox"

    @property
    def capabilities(self) -> Capabilities:
        """It takes everything that the database can hold."""
        return Capabilities(
            keeps_message_id=True, non_ascii_mailboxes=True, reports_bounces=False, largest_message=8 << 20
        )

    async def send(self, message: EmailMessage) -> None:
        """Keeps the message; sending it again keeps one."""
        now = self._clock.now()
        mail = InboxMail(
            message_id=message.message_id,
            to=message.to,
            subject=message.subject,
            text=message.text,
            html=message.html,
            created_at=now,
            updated_at=now,
        )
        try:
            await self._mails.insert(mail)
        except UniqueViolation:
            return
        await self._forget_old()

    async def _forget_old(self) -> None:
        excess = await self._mails.count({}) - _KEPT
        if excess > 0:
            oldest = await self._mails.find({}, sort=("created_at",), limit=excess)
            await self._mails.delete_many({"id": {"$in": [mail.id for mail in oldest]}})

    async def verify(self) -> str:
        """The inbox is well when the database is, and that is checked elsewhere."""
        return ""

    async def close(self) -> None:
        """There is no connection of its own."""

    async def messages(self) -> list[InboxMessage]:
        """Returns the kept messages, newest first."""
        found = await self._mails.find({}, sort=("-created_at",), limit=_KEPT)
        return [InboxMessage(to=m.to, subject=m.subject, text=m.text, html=m.html, sent_at=m.created_at) for m in found]
