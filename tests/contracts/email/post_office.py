"""The academy's mail on a real database and queue, with providers that fail when they are told to."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from academy.infrastructure.database.base import Collection
from academy.infrastructure.email.base import (
    Capabilities,
    EmailMessage,
    EmailProvider,
    LogicalEmailError,
    Recipient,
    TechnicalEmailError,
)
from academy.infrastructure.email.chain import ProviderChain
from academy.infrastructure.email.delivery_reports import DeliveryReports
from academy.infrastructure.email.inbox import InboxProvider
from academy.infrastructure.email.jobs import register_jobs
from academy.infrastructure.email.model import InboxMail, Mail, MailBatch, Suppression
from academy.infrastructure.email.rendering import Branding, MailRenderer
from academy.infrastructure.email.service import EmailService
from academy.infrastructure.email.settings import EmailSettings, SendGridSettings, SesSettings
from tests.contracts.database.places import Place
from tests.contracts.jobs.workshop import StandingClock, Workshop, opened_workshop

BRANDING = Branding(
    name="Rtech Academy",
    accent="#3d5afe",
    logo_url="",
    support_email="support@rtechacademy.com",
    url="https://rtechacademy.com",
)
ASHA = Recipient(address="asha@example.com", name="Asha", user_id="01900000-0000-7000-8000-00000000a5a5")


class UnreliableProvider:
    """Delivers to the local inbox, unless it is down or does not like the address."""

    def __init__(self, inbox: EmailProvider, name: str = "unreliable") -> None:
        self._inbox = inbox
        self._name = name
        self.offered: list[EmailMessage] = []
        self.is_down = False
        self.is_throttled = False
        self.refused: set[str] = set()
        self.full: set[str] = set()
        self.choking: set[str] = set()
        self.capabilities = Capabilities(
            keeps_message_id=True, non_ascii_mailboxes=True, reports_bounces=False, largest_message=1 << 20
        )

    @property
    def name(self) -> str:
        return self._name

    async def send(self, message: EmailMessage) -> None:
        self.offered.append(message)
        if self.is_down:
            raise TechnicalEmailError("The server does not answer.")
        if self.is_throttled:
            raise TechnicalEmailError("Too many mails.", throttled=True)
        if message.to in self.full:
            raise TechnicalEmailError("The mailbox is full.", about_recipient=True)
        if message.to in self.choking:
            raise RuntimeError("nobody thought of this")
        if message.to in self.refused:
            raise LogicalEmailError("There is no such mailbox.")
        await self._inbox.send(message)

    async def verify(self) -> str:
        return "The server does not answer." if self.is_down else ""

    async def close(self) -> None:
        """Holds no connection."""


class PostOffice:
    """Mail, its log, and the inbox it ends in; `unwanted` says who is to get none any more: address -> why.

    `rate`: most mails a second, by a clock that moves on when somebody waits.
    """

    def __init__(self, workshop: Workshop, clock: StandingClock, rate: float = 0) -> None:
        self.workshop = workshop
        self.clock = clock
        self.inbox = InboxProvider(workshop.database, clock)
        self.provider = UnreliableProvider(self.inbox)
        self.mails: Collection[Mail] = workshop.database.collection(Mail)
        self.unwanted: dict[str, str] = {}
        self.asked_about: list[int] = []
        settings = EmailSettings(sender="post@mail.example")
        self.email = EmailService(
            workshop.database,
            workshop.queue,
            ProviderChain([self.provider], {self.provider.name: rate}, clock, sleep=clock.sleep),
            MailRenderer(BRANDING),
            clock,
            settings,
            self._unwanted,
            academy_name=BRANDING.name,
            academy_url=BRANDING.url,
        )
        reports = DeliveryReports(workshop.queue, self.email.suppressions, SendGridSettings(), SesSettings(), clock)
        register_jobs(workshop.queue, self.email, reports, settings)

    async def _unwanted(self, mails: Sequence[Mail]) -> Mapping[str, str]:
        self.asked_about.append(len(mails))
        return {mail.id: self.unwanted[mail.to] for mail in mails if mail.to in self.unwanted}

    async def open(self) -> None:
        await self.workshop.database.create_indexes([Mail, MailBatch, Suppression, InboxMail])

    async def work(self, *, minutes: int = 0) -> None:
        """Sends what is due, now and every ten minutes for a while."""
        await self.workshop.worker.drain()
        for _ in range(minutes // 10):
            self.clock.move(minutes=10)
            await self.workshop.worker.drain()

    async def only_mail(self) -> Mail:
        """Returns the one mail there is, as it is stored."""
        (mail,) = await self.mails.find({})
        return mail

    async def stored_text(self) -> str:
        """Returns everything that is stored about mails and jobs."""
        mails = await self.mails.find({})
        return msgspec.json.encode([mails, await self.workshop.all_jobs()]).decode()


@asynccontextmanager
async def opened_office(place: Place, *, rate: float = 0) -> AsyncIterator[PostOffice]:
    """Opens a post office on a database and closes it at the end; see PostOffice for `rate`."""
    clock = StandingClock()
    async with opened_workshop(place, clock) as workshop:
        office = PostOffice(workshop, clock, rate)
        await office.open()
        yield office
