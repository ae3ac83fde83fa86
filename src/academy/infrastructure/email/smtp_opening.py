"""How a connection to the mail server is set up: greeting, EHLO, TLS, AUTH; by aiosmtplib."""

import asyncio
import ipaddress
import socket
import ssl
from typing import cast

import aiosmtplib

from academy.infrastructure.email.base import TechnicalEmailError
from academy.infrastructure.email.settings import SmtpSettings
from academy.infrastructure.email.smtp_answers import answer, our_fault
from academy.infrastructure.email.smtp_connection import Offer, SmtpConnection


class SmtpOpener:
    """Opens connections as the settings say."""

    def __init__(self, settings: SmtpSettings, timeout_seconds: float) -> None:
        self._settings = settings
        self._timeout = timeout_seconds
        self._tls: ssl.SSLContext | None = None

    async def open(self) -> SmtpConnection:
        """Returns a connection that is encrypted and signed in; no step takes longer than the time-out.

        Raises TechnicalEmailError, which says what to do.
        """
        settings = self._settings
        if settings.username and settings.security == "none" and not _is_this_machine(settings.host):
            raise TechnicalEmailError(
                "SMTP_SECURITY=none would show SMTP_PASSWORD to everybody on the way. Use starttls or tls."
            )
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.server_port,
            username=settings.username or None,
            password=settings.password if settings.username else None,
            local_hostname=_own_name(),
            timeout=self._timeout,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=await self._tls_context(),
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
            return self._taken_over(client)
        except BaseException as error:
            client.close()
            if isinstance(error, aiosmtplib.SMTPException | OSError | ValueError):
                raise self._explained(error) from error
            raise

    def _taken_over(self, client: aiosmtplib.SMTP) -> SmtpConnection:
        if not client.is_connected:
            raise aiosmtplib.SMTPServerDisconnected("it closed the connection")
        size = client.esmtp_extensions.get("size", "")
        offer = Offer(
            pipelining=client.supports_extension("pipelining"),
            utf8=client.supports_extension("smtputf8"),
            largest_message=int(size) if size.isascii() and size.isdigit() else 0,
        )
        # A cast: uvloop's transports are no subclasses of asyncio's.
        return SmtpConnection(cast("asyncio.Transport", client.transport), offer, self._timeout)

    async def _tls_context(self) -> ssl.SSLContext | None:
        """Certificates are always checked: against SMTP_CA_FILE, or what the system trusts."""
        if self._settings.security == "none":
            return None
        if self._tls is None:
            try:
                # Reading the system's authorities takes some ten milliseconds.
                self._tls = await asyncio.to_thread(ssl.create_default_context, cafile=self._settings.ca_file or None)
            except OSError as error:
                raise TechnicalEmailError(f"SMTP_CA_FILE cannot be read: {error}") from error
        return self._tls

    def _explained(self, error: Exception) -> TechnicalEmailError:
        """Returns what went wrong and what to do; nothing of it is the recipient's fault."""
        where = f"{self._settings.host}:{self._settings.server_port}"
        reason = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return _refusal(error)
        if isinstance(error, TimeoutError):
            message = f"The mail server {where} did not answer within {self._timeout:g} seconds."
        elif isinstance(reason, ssl.SSLCertVerificationError):
            message = (
                f"The certificate of the mail server {where} is not to be trusted: {reason.verify_message}. If an "
                f"authority of your own signed it, name that by SMTP_CA_FILE."
            )
        elif isinstance(reason, ssl.SSLError):
            message = f"The mail server {where} speaks no TLS there ({reason.reason}). Check SMTP_PORT, SMTP_SECURITY."
        elif "STARTTLS" in str(error):
            message = f"The mail server {where} does not offer STARTTLS. Check SMTP_PORT and SMTP_SECURITY."
        elif "AUTH" in str(error) or "authentication" in str(error):
            message = f"The mail server {where} lets nobody sign in by user name and password. Check SMTP_USERNAME."
        else:
            message = f"The mail server {where} cannot be reached: {error}. Check SMTP_HOST and SMTP_PORT."
        return TechnicalEmailError(message)


def _refusal(error: aiosmtplib.SMTPResponseException) -> TechnicalEmailError:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            what = "SMTP_USERNAME and SMTP_PASSWORD"
        case aiosmtplib.SMTPConnectResponseError():
            what = "the connection"
        case _:
            what = "to begin"
    return our_fault(what, answer(error.code, error.message))


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _own_name() -> str:
    """Returns what EHLO says: a full name, or else an address in brackets (RFC 5321, section 4.1.4)."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
