"""The academy's mail on a real database and queue, with a provider that fails when it is told to."""

import msgspec

from academy.infrastructure.database.base import Collection
from academy.infrastructure.email.base import EmailMessage, LogicalEmailError, TechnicalEmailError
from academy.infrastructure.email.inbox import InboxProvider
from academy.infrastructure.email.model import InboxMail, Mail
from academy.infrastructure.email.rendering import Branding, MailRenderer
from academy.infrastructure.email.service import SEND_MAIL, EmailService
from academy.infrastructure.email.settings import EmailSettings
from tests.contracts.jobs.workshop import StandingClock, Workshop

BRANDING = Branding(
    name="Rtech Academy",
    accent="#3d5afe",
    logo_url="",
    support_email="support@rtechacademy.com",
    url="https://rtechacademy.com",
)


class UnreliableProvider:
    """Delivers to the local inbox, unless it is down or does not like the address."""

    def __init__(self, inbox: InboxProvider) -> None:
        self._inbox = inbox
        self.offered: list[EmailMessage] = []
        self.is_down = False
        self.refused: set[str] = set()

    @property
    def name(self) -> str:
        return "unreliable"

    async def send(self, message: EmailMessage) -> None:
        self.offered.append(message)
        if self.is_down:
            raise TechnicalEmailError("The server does not answer.")
        if message.to in self.refused:
            raise LogicalEmailError("There is no such mailbox.")
        await self._inbox.send(message)

    async def health_check(self) -> str:
        return "The server does not answer." if self.is_down else ""


class PostOffice:
    """Mail, its log, and the inbox it ends in."""

    def __init__(self, workshop: Workshop, clock: StandingClock) -> None:
        self.workshop = workshop
        self.clock = clock
        self.inbox = InboxProvider(workshop.database, clock, production=False)
        self.provider = UnreliableProvider(self.inbox)
        self.mails: Collection[Mail] = workshop.database.collection(Mail)
        self.email = EmailService(
            workshop.database,
            workshop.queue,
            self.provider,
            MailRenderer(BRANDING),
            clock,
            EmailSettings(sender="post@mail.example"),
            academy_name=BRANDING.name,
        )
        workshop.queue.register(SEND_MAIL, self.email.handle_send_mail, when_dead=self.email.handle_given_up)

    async def open(self) -> None:
        await self.workshop.database.create_indexes([Mail, InboxMail])

    async def work(self, *, hours: int = 0) -> None:
        """Sends what is due, now and in the next hours."""
        await self.workshop.worker.drain()
        for _ in range(hours):
            self.clock.move(hours=1)
            await self.workshop.worker.drain()

    async def only_mail(self) -> Mail:
        """Returns the one mail there is, as it is stored."""
        (mail,) = await self.mails.find({})
        return mail

    async def stored_text(self) -> str:
        """Returns everything that is stored about mails and jobs."""
        mails = await self.mails.find({})
        return msgspec.json.encode([mails, await self.workshop.all_jobs()]).decode()
