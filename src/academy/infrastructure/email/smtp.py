"""Mail by SMTP (RFC 5321) to a server that takes it for everybody (RFC 6409).

The parts: `smtp_pool` hands the messages to connections, `smtp_opening` sets one up, `smtp_connection` speaks on it,
`smtp_answers` judges what comes back.
"""

from academy.infrastructure.email.base import Capabilities, EmailMessage, TechnicalEmailError
from academy.infrastructure.email.mime import as_mime, envelope_address
from academy.infrastructure.email.settings import SmtpSettings
from academy.infrastructure.email.smtp_answers import ConnectionBroken
from academy.infrastructure.email.smtp_connection import Delivery
from academy.infrastructure.email.smtp_opening import SmtpOpener
from academy.infrastructure.email.smtp_pool import SmtpPool
from academy.kit.clock import Clock

_IDLE_SECONDS = 30.0


class SmtpProvider:
    """An EmailProvider that speaks SMTP, over SMTP_CONNECTIONS connections at most."""

    def __init__(
        self, settings: SmtpSettings, timeout_seconds: float, clock: Clock, *, idle_seconds: float = _IDLE_SECONDS
    ) -> None:
        """Opens nothing yet. `idle_seconds`: how long a connection is kept without work."""
        self._settings = settings
        self._timeout = timeout_seconds
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._opener = SmtpOpener(settings, timeout_seconds)
        self._pool: SmtpPool | None = None

    @property
    def name(self) -> str:
        """Name as in EMAIL_PROVIDER."""
        return "smtp"

    @property
    def capabilities(self) -> Capabilities:
        """What servers in general can do; what this one cannot, such as a size, it says when it is asked."""
        return Capabilities(
            keeps_message_id=True, non_ascii_mailboxes=True, reports_bounces=False, largest_message=25 << 20
        )

    async def send(self, message: EmailMessage) -> None:
        """Hands the message over; see the promise in `base`.

        A kept connection that the server closed meanwhile is replaced, as long as the content was not sent on it. A
        call that is cancelled leaves open whether the message goes out. Raises TechnicalEmailError, LogicalEmailError.
        """
        mime = as_mime(message, self._clock.now())
        delivery = Delivery(envelope_address(message.sender), envelope_address(message.to), mime)
        if self._pool is None:
            self._pool = SmtpPool(self._opener, self._settings.connections, self._timeout, self._idle_seconds)
        await self._pool.deliver(delivery)

    async def verify(self) -> str:
        """Connects, signs in and says goodbye, on a connection of its own."""
        try:
            connection = await self._opener.open()
        except TechnicalEmailError as error:
            return error.message
        try:
            await connection.noop()
        except TechnicalEmailError as error:
            return error.message
        except ConnectionBroken as broken:
            return broken.as_error().message
        finally:
            await connection.quit()
        return ""

    async def close(self) -> None:
        """Lets end what is under way, within the time-out, and closes all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
