"""An SmtpProvider and the server that it sends to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from academy.infrastructure.email.base import EmailMessage
from academy.infrastructure.email.settings import SmtpSettings
from academy.infrastructure.email.smtp import SmtpProvider
from academy.kit.clock import SystemClock
from tests.servers.smtp import SmtpClient, SmtpServer, running_smtp
from tests.servers.smtp_folder import HOST, Behaviour, Options, Step
from tests.waiting import wait_for

SECONDS = 10.0
IMPATIENT = 0.3


class SmtpPost:
    """A provider and its server."""

    def __init__(self, provider: SmtpProvider, server: SmtpServer) -> None:
        self.provider = provider
        self.server = server

    async def send(self, *numbers: int) -> list[BaseException | None]:
        """Sends messages at once; returns what each of them raised."""
        return await asyncio.gather(*(self.provider.send(message(n)) for n in numbers), return_exceptions=True)

    def arrived(self) -> list[str]:
        """Returns the recipients in the order in which mail was taken for them."""
        return [kept.recipients[0] for kept in self.server.messages()]

    def say(self, step: Step, answer: str) -> None:
        """From now on the server answers so at a step."""
        self.server.behave(Behaviour(answers={step: answer}))

    def recover(self) -> None:
        """From now on the server is well."""
        self.server.behave(Behaviour())

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for something at the server, while the provider works."""
        assert await asyncio.to_thread(wait_for, condition)


def settings_for(server: SmtpClient, **changes: str | int) -> SmtpSettings:
    """Returns settings that fit the server; nobody signs in."""
    is_open = server.options.security == "none"
    settings = SmtpSettings(
        host=HOST,
        port=server.port,
        security=server.options.security,
        ca_file="" if is_open else str(server.folder.authority),
    )
    return msgspec.structs.replace(settings, **changes)


@asynccontextmanager
async def smtp_post(
    options: Options | None = None, *, seconds: float = SECONDS, idle_seconds: float = 30.0, **changes: str | int
) -> AsyncIterator[SmtpPost]:
    """Gives a provider with a server of its own; `changes` are those of its settings."""
    with TemporaryDirectory() as name, running_smtp(Path(name) / "smtp", options) as server:
        provider = SmtpProvider(settings_for(server, **changes), seconds, SystemClock(), idle_seconds=idle_seconds)
        try:
            yield SmtpPost(provider, server)
        finally:
            await provider.close()


def address(number: int) -> str:
    """Returns the recipient of a message."""
    return f"{number}@example.com"


def message(number: int = 1, **changes: str) -> EmailMessage:
    """Returns one of many messages."""
    made = EmailMessage(
        mail_id=f"mail-{number}",
        message_id=f"<{number}@mail.example>",
        sender="post@mail.example",
        sender_name="Academy",
        to=address(number),
        subject=f"Lesson {number}",
        text=f"Hello {number}.\n.\n..\n.hidden\nBye",
        html=f"<p>Hello {number}</p>",
    )
    return msgspec.structs.replace(made, **changes)
