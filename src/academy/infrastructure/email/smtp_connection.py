"""One connection to a mail server, and the mail transactions on it (RFC 5321, section 3.3), pipelined (RFC 2920).

aiosmtplib does what happens once: greeting, EHLO, TLS, AUTH (see `smtp_opening`). It takes one command at a time and
drops what arrives without one, so the transactions do without it: its transport gets a stream of ours as its protocol.
That is the same under asyncio and uvloop, with TLS and without.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from academy.infrastructure.email.base import LogicalEmailError, TechnicalEmailError
from academy.infrastructure.email.smtp_answers import (
    LONGEST_LINE,
    Answer,
    ConnectionBroken,
    check_order,
    our_fault,
    read_answer,
    refused,
)

# Servers end a connection after so many messages, often 100, and not all of them politely.
_MOST_TRANSACTIONS = 100
_LONGEST_FAREWELL = 2.0
_DATA, _RESET, _END = b"DATA\r\n", b"RSET\r\n", b".\r\n"

EmailError = TechnicalEmailError | LogicalEmailError
T = TypeVar("T")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server offered after EHLO.

    Attributes:
        pipelining: whether commands may follow each other without waiting (RFC 2920).
        utf8: whether mailboxes may have characters beyond ASCII (RFC 6531).
        largest_message: bytes of a message (RFC 1870); 0: not told.
    """

    pipelining: bool
    utf8: bool
    largest_message: int


class Delivery:
    """One message on its way to one recipient.

    Attributes:
        outcome: done when the server took the message; else TechnicalEmailError, LogicalEmailError. Who waits for it
            may cancel it: the transaction goes on to its end, so that the connection stays usable.
        is_begun: whether a connection was found for it.
        is_content_sent: whether the server may have the message.
        is_second_try: whether a connection broke before the content was sent on it.
    """

    def __init__(self, sender: str, recipient: str, mime: bytes) -> None:
        """Takes the addresses of the envelope, their domains in ASCII, and the message."""
        # Whatever ended a line: a lone CR or LF must not be sent (RFC 5321, section 2.3.8).
        content = mime.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        self.needs_utf8 = not (sender + recipient).isascii()
        self.size = len(content)
        # RFC 6531, section 3.4: then the headers have characters beyond ASCII, too.
        options = " SMTPUTF8 BODY=8BITMIME" if self.needs_utf8 else ""
        self.mail_command = f"MAIL FROM:<{sender}>{options}\r\n".encode()
        self.rcpt_command = f"RCPT TO:<{recipient}>\r\n".encode()
        self.content = dot_stuffed(content) + _END
        self.is_begun = False
        self.is_content_sent = False
        self.is_second_try = False
        self.outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, error: EmailError | None) -> None:
        """Says how it ended; the first word counts."""
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(None)
        else:
            self.outcome.set_exception(error)

    def impossible_for(self, offer: Offer) -> LogicalEmailError | None:
        """Returns why a server with this offer cannot take it, if so."""
        if self.needs_utf8 and not offer.utf8:
            return LogicalEmailError(
                "The mail server takes only addresses whose part before the @ is ASCII (it does not offer SMTPUTF8)."
            )
        if 0 < offer.largest_message < self.size:
            return LogicalEmailError(
                f"The message has {self.size:,} bytes, and the mail server takes {offer.largest_message:,} at most."
            )
        return None


def dot_stuffed(content: bytes) -> bytes:
    """Returns lines that are ended by CRLF so that none looks like the end of the message (RFC 5321, 4.5.2)."""
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    return (b"." if content.startswith(b".") else b"") + content.replace(b"\r\n.", b"\r\n..")


class SmtpConnection:
    """Carries one message after the other. Not to be used by two tasks at a time."""

    def __init__(self, transport: asyncio.Transport, offer: Offer, timeout_seconds: float) -> None:
        """Takes a connection over that is encrypted and signed in as it should be; no answer may be due on it."""
        self.offer = offer
        self._timeout = timeout_seconds
        self._transport = transport
        self._reader = asyncio.StreamReader(limit=LONGEST_LINE)
        protocol = asyncio.StreamReaderProtocol(self._reader)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        self._writer = asyncio.StreamWriter(transport, protocol, self._reader, asyncio.get_running_loop())
        self._transactions = 0
        self._needs_reset = False
        self._begun: Delivery | None = None

    @property
    def begun(self) -> Delivery | None:
        """The delivery whose envelope is under way."""
        return self._begun

    @property
    def is_in_first_transaction(self) -> bool:
        """Whether no delivery but the one under way was ever begun on it."""
        return self._transactions <= 1

    @property
    def is_used_up(self) -> bool:
        """Whether it is time for another one."""
        return self._transactions >= _MOST_TRANSACTIONS or self._transport.is_closing()

    async def transact(self, delivery: Delivery, following: Callable[[], Delivery | None]) -> Delivery | None:
        """Carries a delivery and settles it; returns the one that was begun behind it, which has to come next.

        Args:
            delivery: what the call before returned; any that this server's offer allows when that was None.
            following: gives another one that waits and that the offer allows, if there is one.

        Raises ConnectionBroken; then the connection is of no use, and `delivery` may not be settled.
        """
        if self._begun is not delivery:
            await self._begin(delivery)
        refusal, wants_content = await self._envelope(delivery)
        self._begun = None
        if refusal is not None:
            delivery.settle(refusal)
        if not wants_content:
            self._needs_reset = True
            return None
        group = b""
        if self.offer.pipelining and not self.is_used_up and (behind := following()) is not None:
            self._begun = behind
            group = self._group(behind)
        delivery.is_content_sent = refusal is None
        # Nobody gets a mail without a recipient: the lone dot ends what the server waits for (RFC 2920, section 3.1).
        await self._write((delivery.content if refusal is None else _END) + group)
        final = await self._answer()
        if final.is_negative:
            delivery.settle(refused("the message", final))
        else:
            check_order(final)
            delivery.settle(None)
        return self._begun

    async def noop(self) -> None:
        """Asks whether the server is there. Raises ConnectionBroken, TechnicalEmailError."""
        reply = await self._command(b"NOOP\r\n")
        if reply.is_negative:
            raise our_fault("a command that does nothing", reply)

    async def until_it_speaks(self) -> None:
        """Returns when the server closes the connection or says something that nobody asked for."""
        with contextlib.suppress(OSError):
            await self._reader.read(1)

    async def quit(self) -> None:
        """Takes leave and closes the connection; the server has two seconds for it."""
        try:
            async with asyncio.timeout(_LONGEST_FAREWELL):
                await self._command(b"QUIT\r\n")
                self._writer.close()
                await self._writer.wait_closed()
        except (OSError, ConnectionBroken):
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Closes the connection without a word."""
        self._transport.abort()

    async def _begin(self, delivery: Delivery) -> None:
        self._begun = delivery
        group = self._group(delivery)
        if self.offer.pipelining:
            await self._write(group)

    def _group(self, delivery: Delivery) -> bytes:
        """Returns the commands that one write may hold; DATA has to be the last of them (RFC 2920, section 3.1)."""
        self._transactions += 1
        reset = _RESET if self._needs_reset else b""
        return reset + delivery.mail_command + delivery.rcpt_command + _DATA

    async def _envelope(self, delivery: Delivery) -> tuple[EmailError | None, bool]:
        """Returns why the delivery was refused, if so, and whether the server waits for content; it may do both.

        After a refusal the next commands are pointless; but with pipelining they are on their way.
        """
        if self._needs_reset:
            reset = check_order(await self._reply(_RESET))
            if reset.is_negative:
                raise ConnectionBroken(f"it would not forget the mail before: {reset}")
            self._needs_reset = False
        mail = check_order(await self._reply(delivery.mail_command))
        refusal: EmailError | None = our_fault("the sender", mail) if mail.is_negative else None
        if refusal is None or self.offer.pipelining:
            rcpt = check_order(await self._reply(delivery.rcpt_command))
            if rcpt.is_negative:
                refusal = refusal or refused("the recipient", rcpt)
        if refusal is not None and not self.offer.pipelining:
            return refusal, False
        data = check_order(await self._reply(_DATA), intermediate=True)
        if data.is_negative:
            return refusal or refused("the message", data), False
        if mail.is_negative:
            raise ConnectionBroken(f"it wants a mail whose sender it refused: {mail}")
        return refusal, True

    async def _reply(self, command: bytes) -> Answer:
        """Returns the answer to a command, which is on its way already when the server lets us pipeline."""
        return await (self._answer() if self.offer.pipelining else self._command(command))

    async def _command(self, command: bytes) -> Answer:
        await self._write(command)
        return await self._answer()

    async def _write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._in_time(self._writer.drain())
        except RuntimeError as error:  # uvloop, for a transport that is closed
            raise ConnectionBroken("it closed the connection", by_server=True) from error

    async def _answer(self) -> Answer:
        return await self._in_time(read_answer(self._reader))

    async def _in_time(self, step: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._timeout):
                return await step
        except TimeoutError as error:
            raise ConnectionBroken(f"it did not answer within {self._timeout:g} seconds") from error
        except OSError as error:
            raise ConnectionBroken("it closed the connection", by_server=True) from error
