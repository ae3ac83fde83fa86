"""One connection at the mail server of the tests: aiosmtpd, with the behaviour of the moment."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.smtp_folder import Closed, Folder, Heard, Kept, Opened, Options, Step

COMMANDS: tuple[Step, ...] = ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT")
USERNAME, PASSWORD = "academy", "correct horse battery staple"
CREDENTIALS = LoginPassword(USERNAME.encode(), PASSWORD.encode())
NOBODY = ""


class _Handler:
    """Keeps mail, unless the behaviour says otherwise."""

    def __init__(self, folder: Folder, options: Options) -> None:
        self._folder = folder
        self._options = options

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if self._options.pipelining:
            responses.insert(1, "250-PIPELINING")
        return [line for line in responses if self._options.offers_auth or "AUTH" not in line]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._options.wants_auth and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._folder.behaviour().recipients.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: "SmtpSession", session: Session, envelope: Envelope) -> str:  # noqa: N802
        if answer := await server.instead_of("content"):
            return answer
        if envelope.rcpt_tos == [NOBODY]:
            return "554 5.5.1 No valid recipients"
        assert isinstance(envelope.content, bytes)
        self._folder.note(
            Kept(
                connection=server.number,
                sender=envelope.mail_from or "",
                recipients=[str(recipient) for recipient in envelope.rcpt_tos],
                options=list(envelope.mail_options),
                content=envelope.content,
                username=USERNAME if session.authenticated else "",
                encrypted=server.is_encrypted,
            )
        )
        return await server.instead_of("kept") or "250 2.0.0 Taken"


class SmtpSession(SMTP):
    """aiosmtpd's server with the behaviour of the moment."""

    def __init__(self, folder: Folder, options: Options, number: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            _Handler(folder, options),
            data_size_limit=options.size,
            enable_SMTPUTF8=options.utf8,
            hostname="mail.example",
            tls_context=tls if options.security == "starttls" else None,
            auth_require_tls=False,
            authenticator=_authenticate,
        )
        self._folder = folder
        self._options = options
        self._messages = 0
        self._in_content = False
        self.number = number
        for step in COMMANDS:
            self._smtp_methods[step] = partial(self._carry_out, step, self._smtp_methods[step])

    @property
    def is_encrypted(self) -> bool:
        return self.transport is not None and self.transport.get_extra_info("sslcontext") is not None

    async def instead_of(self, step: Step) -> str:
        """Misbehaves as told; returns what is to be said instead of carrying the step out, or ""."""
        behaviour = self._folder.behaviour()
        await asyncio.sleep(behaviour.pauses.get(step, 0))
        if step in behaviour.drops:
            self.abort()
        if step in behaviour.hangs | behaviour.drops:
            # The end of the connection cancels it.
            await asyncio.Event().wait()
        if step == "MAIL" and 0 < behaviour.messages_per_connection <= self._messages:
            return "421 4.7.0 Too many messages on this connection"
        return behaviour.answers.get(step, "")

    async def _carry_out(self, step: Step, method: Callable[[str], Awaitable[None]], arg: str) -> None:
        if answer := await self.instead_of(step):
            await self.push(answer)
            return
        if step == "DATA" and self._folder.behaviour().wants_data_for_nobody and self.envelope:
            self.envelope.rcpt_tos = self.envelope.rcpt_tos or [NOBODY]
        self._messages += step == "DATA"
        await method(arg)

    async def _handle_client(self) -> None:
        if answer := await self.instead_of("greeting"):
            await self.push(answer)
        else:
            await super()._handle_client()

    def abort(self) -> None:
        """Closes the connection without a word."""
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()

    def take_leave(self, farewell: str) -> None:
        """Closes the connection, after a last word if one is given."""
        if self.transport is not None:
            if farewell:
                self._writer.write(farewell.encode() + b"\r\n")
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._original_transport is None:
            self._folder.note(Opened(self.number))
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._folder.note(Closed(self.number))

    def eof_received(self) -> bool | None:
        super().eof_received()
        return False  # closes: who has nothing more to say wants no answer either

    def data_received(self, data: bytes) -> None:
        if self._options.notes_commands:
            self._note_commands(data)
        super().data_received(data)

    def _note_commands(self, data: bytes) -> None:
        lines = data.split(b"\r\n")
        if self._in_content:
            self._in_content = b"." not in lines
            lines = [] if self._in_content else lines[lines.index(b".") + 1 :]
        if commands := [line.decode("utf-8", "replace").split(" ")[0] for line in lines if line]:
            self._folder.note(Heard(self.number, commands))

    async def push(self, status: str | bytes) -> None:
        """Sends an answer, over a long line if there is one; a 421 is the last one."""
        data = status if isinstance(status, bytes) else status.encode()
        self._in_content = data.startswith(b"354")
        if latency := self._folder.behaviour().latency:
            self.loop.call_later(latency, self._writer.write, data + b"\r\n")
        else:
            await super().push(data)
        if data.startswith(b"421") and self.transport is not None:
            self.transport.close()


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, credentials: LoginPassword
) -> AuthResult:
    return AuthResult(success=credentials == CREDENTIALS, handled=False, auth_data=credentials)
