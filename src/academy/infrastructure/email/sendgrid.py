"""Mail by Twilio SendGrid: the Mail Send endpoint of its v3 API.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send says what goes in,
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors what can come back.
"""

import asyncio
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from academy.infrastructure.email.base import Capabilities, EmailMessage, LogicalEmailError, TechnicalEmailError
from academy.infrastructure.email.mime import envelope_address, extra_headers
from academy.infrastructure.email.settings import SendGridSettings
from academy.infrastructure.http.bodies import UNREADABLE, beginning_of
from academy.kit.text import is_one_line

# Enough for 150 mails a second at 100 ms each. httpx looks at all its connections several times for every request:
# with more of them it sends fewer mails.
_CONNECTIONS = 16
# SendGrid's web servers close a quiet connection themselves; one that was closed on the way costs a second try.
_QUIET_SECONDS = 30.0
# https://docs.sendgrid.com/api-reference/mail-send/limitations
_LARGEST_MESSAGE = 30_000_000
_LONGEST_WAIT = 3600
_HIGHEST_PORT = 65_535
# Its answers have some hundred bytes; what stands behind SENDGRID_URL may be something else.
_LARGEST_ANSWER = 64 * 1024
_LONGEST_QUOTE = 300

# SendGrid would count opens and clicks through links of its own, and add a footer. Our mails arrive as they are.
_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}
_MAIL_SETTINGS = {"footer": {"enable": False}, "sandbox_mode": {"enable": False}}
_ADVICE: dict[int, str] = {
    httpx.codes.OK: "SendGrid looked at the mail and will not send it: its sandbox mode is on.",
    httpx.codes.UNAUTHORIZED: "SendGrid does not let us in. Look at SENDGRID_API_KEY and at the account's credits.",
    httpx.codes.FORBIDDEN: "SendGrid forbids it. The key needs the permission Mail Send, EMAIL_FROM a verified sender.",
}
# What the errors of a mail that is refused for good are about.
_ABOUT_THE_MAIL = frozenset({"personalizations", "subject", "content"})


class _Answer(msgspec.Struct, frozen=True):
    """An answer, with the beginning of its body."""

    status: int
    headers: httpx.Headers
    body: bytes


class _Error(msgspec.Struct):
    message: str
    field: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error] = []


class _Scopes(msgspec.Struct):
    scopes: list[str]


class SendGridProvider:
    """An EmailProvider that speaks to SendGrid. It connects when it is first used."""

    def __init__(self, settings: SendGridSettings, timeout_seconds: float) -> None:
        """`timeout_seconds`: how long one call may take, from looking up the server to the end of its answer."""
        self._key = settings.api_key
        self._url = settings.url
        self._timeout = timeout_seconds
        self._client: httpx.AsyncClient | None = None
        # Who waits for one of our own connections does not wait for SendGrid: that is no failure of it.
        self._free = asyncio.Semaphore(_CONNECTIONS)

    @property
    def name(self) -> str:
        """Name as in EMAIL_PROVIDER."""
        return "sendgrid"

    @property
    def capabilities(self) -> Capabilities:
        """What SendGrid can do; it takes ASCII before the `@` only."""
        return Capabilities(
            keeps_message_id=True,
            non_ascii_mailboxes=False,
            reports_bounces=True,
            largest_message=_LARGEST_MESSAGE,
            at_once=_CONNECTIONS,
        )

    async def send(self, message: EmailMessage) -> None:
        """Hands the message over: SendGrid answers 202 when it has queued it. Raises as `EmailProvider.send` does."""
        answer = await self._ask("POST", "/v3/mail/send", _request(message))
        if answer.status != httpx.codes.ACCEPTED:
            raise _failure(answer)

    async def verify(self) -> str:
        """Returns "" when the key may send mail, else what is wrong and what to do. Never raises."""
        try:
            answer = await self._ask("GET", "/v3/scopes")
            if answer.status != httpx.codes.OK:
                return _failure(answer).message
            scopes = msgspec.json.decode(answer.body, type=_Scopes).scopes
        except TechnicalEmailError as error:
            return error.message
        except UNREADABLE:
            return "SendGrid did not answer as its API says. Look at SENDGRID_URL."
        if "mail.send" in scopes:
            return ""
        return "SENDGRID_API_KEY may not send mail. Give the key the permission Mail Send at SendGrid."

    async def close(self) -> None:
        """Closes the kept connections. Safe to call twice; the next message opens them again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> _Answer:
        """Returns SendGrid's answer, whatever it says. Raises TechnicalEmailError when there is none in time."""
        try:
            async with (
                self._free,
                asyncio.timeout(self._timeout),
                self._opened().stream(method, path, content=body) as answer,
            ):
                return _Answer(answer.status_code, answer.headers, await beginning_of(answer, _LARGEST_ANSWER))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TechnicalEmailError(f"SendGrid did not answer within {self._timeout:g} s.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = f"{type(error).__name__} {error}".strip()[:_LONGEST_QUOTE]
            raise TechnicalEmailError(f"SendGrid cannot be reached: {reason}") from error

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            # The HTTP library quotes a header that it cannot send, and this one is secret.
            if not self._key.isascii() or not self._key.isprintable() or " " in self._key:
                raise TechnicalEmailError("SENDGRID_API_KEY has characters that no API key has. Copy it anew.")
            if (httpx.URL(self._url).port or 0) > _HIGHEST_PORT:
                raise TechnicalEmailError("SENDGRID_URL has a port that cannot be.")
            limits = httpx.Limits(
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_CONNECTIONS,
                keepalive_expiry=_QUIET_SECONDS,
            )
            headers = {
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "Accept-Encoding": "identity",
            }
            self._client = httpx.AsyncClient(base_url=self._url, headers=headers, limits=limits, timeout=self._timeout)
        return self._client


def _request(message: EmailMessage) -> bytes:
    """Returns the body of the call. Raises LogicalEmailError for what no header can hold."""
    headers = extra_headers(message)
    if not all(is_one_line(text) for text in [message.subject, message.sender_name, *headers.values()]):
        raise LogicalEmailError("The mail has a header with a line break or a control character.")
    if not all(value.isascii() for value in headers.values()):
        raise LogicalEmailError("The mail has a header beyond ASCII that cannot be written.")
    sender = {"email": envelope_address(message.sender)}
    if message.sender_name:
        sender["name"] = message.sender_name
    return msgspec.json.encode(
        {
            "personalizations": [{"to": [{"email": envelope_address(message.to)}]}],
            "from": sender,
            "subject": message.subject,
            "content": [
                {"type": "text/plain", "value": message.text},
                {"type": "text/html", "value": message.html},
            ],
            "headers": headers,
            "custom_args": {"mail_id": message.mail_id},
            "tracking_settings": _TRACKING,
            "mail_settings": _MAIL_SETTINGS,
        }
    )


def _failure(answer: _Answer) -> TechnicalEmailError | LogicalEmailError:
    """Returns the error that an answer other than "taken" is."""
    status, errors = answer.status, _errors(answer)
    quoted = " · ".join(" ".join(error.message.split()) for error in errors)[:_LONGEST_QUOTE]
    said = f"{status} {quoted}".strip()
    if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        return LogicalEmailError(f"The mail is too large for SendGrid: {said}")
    if status == httpx.codes.BAD_REQUEST and errors and all(_subject_of(error) in _ABOUT_THE_MAIL for error in errors):
        return LogicalEmailError(f"SendGrid refused the mail: {said}")
    if status == httpx.codes.TOO_MANY_REQUESTS:
        wait = _seconds_until_reset(answer)
        return TechnicalEmailError(f"SendGrid's rate limit is reached: {said}", throttled=True, retry_after=wait)
    if status == httpx.codes.BAD_REQUEST and any(_subject_of(error) == "from" for error in errors):
        return TechnicalEmailError(f"SendGrid does not take the sender. Look at EMAIL_FROM. {said}")
    return TechnicalEmailError(f"{_ADVICE.get(status, 'SendGrid could not take the mail:')} {said}")


def _errors(answer: _Answer) -> list[_Error]:
    try:
        return msgspec.json.decode(answer.body, type=_Errors).errors
    except UNREADABLE:
        return []


def _subject_of(error: _Error) -> str:
    """Returns the first part of an error's field, such as `personalizations` of `personalizations.0.to.0.email`."""
    return (error.field or "").partition(".")[0]


def _seconds_until_reset(answer: _Answer) -> int | None:
    """Returns when calls are free again, by SendGrid's own clock; None when it does not say.

    https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits: X-RateLimit-Reset is
    a Unix time.
    """
    try:
        reset = int(answer.headers["X-RateLimit-Reset"])
        now = int(parsedate_to_datetime(answer.headers["Date"]).timestamp())
    except (KeyError, ValueError):
        return None
    return min(max(reset - now, 1), _LONGEST_WAIT)
