"""Mail by Amazon SES: the SendEmail call of its v2 API, with the whole message as MIME.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html says what goes in,
https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html what the errors mean.
"""

import asyncio
import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus

from academy.infrastructure.email.base import Capabilities, EmailMessage, LogicalEmailError, TechnicalEmailError
from academy.infrastructure.email.mime import as_mime, envelope_address
from academy.infrastructure.email.settings import SesSettings
from academy.kit.clock import Clock

# As many as a batch has mails under way.
_CONNECTIONS = 50
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html: 40 MB after base64, which makes four bytes of three.
_LARGEST_MESSAGE = 30_000_000
_LONGEST_QUOTE = 300

# "Throttling" is how the first API calls it; the daily quota comes under the same names.
_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "LimitExceededException",
    }
)
_ADVICE = {
    "MailFromDomainNotVerifiedException": "The MAIL FROM domain is not verified. Set its MX record, then look at SES.",
    "AccountSuspendedException": "The account may not send any more. Ask the AWS support.",
    "SendingPausedException": "Sending is paused for the account or the configuration set. Resume it in SES.",
    "AccessDeniedException": "The AWS credentials lack a permission.",
    "MessageRejected": "The sender is not verified, or the account is in the sandbox or paused. Look at EMAIL_FROM.",
    "BadRequestException": "A setting does not fit. Look at SES_CONFIGURATION_SET, EMAIL_FROM and the account in SES.",
    "NotFoundException": "SES does not know what was named. Look at SES_CONFIGURATION_SET and AWS_REGION.",
}
# Both are what SES says about the content or an address, and also about the account, the sender and the configuration
# set: https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html names these texts, and
# https://docs.aws.amazon.com/ses/latest/dg/managing-configuration-sets.html the "bad request" for a set that is gone.
_REFUSALS = frozenset({"MessageRejected", "BadRequestException"})
_FAULT_OF_THE_SETTINGS = re.compile(
    r"not verified|paused|suspended|sandbox|configuration ?set|not enabled|not authorized", re.IGNORECASE
)


class _Refused(Exception):
    """SES answered with an error."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(f"{status} {code} {text}")
        self.status = status
        self.code = code
        self.text = " ".join(text.split())[:_LONGEST_QUOTE]

    @property
    def quoted(self) -> str:
        """What SES said, in one line."""
        return f"{self.code}: {self.text}"


class SesProvider:
    """An EmailProvider that speaks to Amazon SES. It connects when it is first used."""

    def __init__(self, settings: SesSettings, timeout_seconds: float, clock: Clock, sender: str = "") -> None:
        """`timeout_seconds`: how long one call may take, from looking up the server to the end of its answer.

        `sender`: the address that mail comes from; `verify` asks whether SES knows it, unless it is empty.
        """
        self._settings = settings
        self._timeout = timeout_seconds
        self._clock = clock
        self._sender = sender
        self._client: object | None = None
        self._connection = AsyncExitStack()
        self._opening = asyncio.Lock()
        # Who waits for one of our own connections does not wait for SES: that is no failure of it.
        self._free = asyncio.Semaphore(_CONNECTIONS)

    @property
    def name(self) -> str:
        """Name as in EMAIL_PROVIDER."""
        return "ses"

    @property
    def capabilities(self) -> Capabilities:
        """What SES can do; it writes a Message-ID of its own, and takes ASCII before the `@` only."""
        return Capabilities(
            keeps_message_id=False,
            non_ascii_mailboxes=False,
            reports_bounces=True,
            largest_message=_LARGEST_MESSAGE,
            at_once=_CONNECTIONS,
        )

    async def send(self, message: EmailMessage) -> None:
        """Hands the message over: SES answers with an id when it has it. Raises as `EmailProvider.send` does."""
        parameters: dict[str, object] = {
            "Destination": {"ToAddresses": [envelope_address(message.to)]},
            "Content": {"Raw": {"Data": as_mime(message, self._clock.now())}},
            "EmailTags": [{"Name": "mail_id", "Value": message.mail_id}],
        }
        if self._settings.configuration_set:
            parameters["ConfigurationSetName"] = self._settings.configuration_set
        try:
            answer = await self._call("send_email", **parameters)
        except _Refused as error:
            raise _failure(error) from error
        if not answer.get("MessageId"):
            raise TechnicalEmailError("SES did not answer as its API says. Look at SES_ENDPOINT_URL.")

    async def verify(self) -> str:
        """Returns "" when mail could be sent now, else what is wrong and what to do. Never raises.

        It needs the permissions ses:GetAccount and ses:GetEmailIdentity.
        """
        try:
            account = await self._call("get_account")
            if not account.get("SendingEnabled"):
                return "Sending is not enabled for the account in this region. Look at the account's page in SES."
            if not account.get("ProductionAccessEnabled"):
                return (
                    "The account is in the SES sandbox: it sends to verified addresses only. Ask for production access."
                )
            if self._sender and not await self._is_verified(envelope_address(self._sender)):
                return f"SES has verified neither {self._sender} nor its domain in this region. Verify one of them."
        except _Refused as error:
            return _failure(error).message
        except (TechnicalEmailError, LogicalEmailError) as error:
            return error.message
        return ""

    async def close(self) -> None:
        """Closes the kept connections. Safe to call twice; the next message opens them again."""
        async with self._opening:
            self._client = None
            await self._connection.aclose()

    async def _is_verified(self, sender: str) -> bool:
        """Whether SES sends for an address: it knows the address, its domain, or a domain above that."""
        for identity in _identities(sender):
            try:
                found = await self._call("get_email_identity", EmailIdentity=identity)
            except _Refused as error:
                if error.code != "NotFoundException":
                    raise
                continue
            if found.get("VerifiedForSendingStatus"):
                return True
        return False

    async def _call(self, operation: str, **parameters: object) -> Mapping[str, object]:
        """Returns SES's answer. Raises _Refused for an error, TechnicalEmailError when there is no answer in time."""
        try:
            async with self._free, asyncio.timeout(self._timeout):
                client = await self._opened()
                return await _answer(client, operation, parameters)
        except TimeoutError as error:
            raise TechnicalEmailError(f"SES did not answer within {self._timeout:g} s.") from error

    async def _opened(self) -> object:
        async with self._opening:
            if self._client is None:
                # botocore takes a third of a second to import: whoever sends no mail by SES need not wait for it.
                await asyncio.to_thread(_import_botocore)
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> object:
        from aiobotocore.config import AioConfig  # type: ignore[import-untyped]  # it ships no types
        from aiobotocore.session import get_session  # type: ignore[import-untyped]  # it ships no types
        from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]  # it ships no types

        settings = self._settings
        config = AioConfig(
            max_pool_connections=_CONNECTIONS,
            connect_timeout=self._timeout,
            read_timeout=self._timeout,
            # The queue of mails tries again, and knows when.
            retries={"total_max_attempts": 1},
        )
        session = get_session()
        try:
            # A client without credentials would never look for them again.
            if not settings.access_key_id and await session.get_credentials() is None:
                raise TechnicalEmailError(
                    "There are no AWS credentials. Set AWS_ACCESS_KEY_ID or give the machine a role."
                )
            client: object = await self._connection.enter_async_context(
                session.create_client(
                    "sesv2",
                    region_name=settings.region,
                    endpoint_url=settings.endpoint_url or None,
                    aws_access_key_id=settings.access_key_id or None,
                    aws_secret_access_key=settings.secret_access_key or None,
                    config=config,
                )
            )
        except (BotoCoreError, ValueError) as error:
            raise TechnicalEmailError(f"The settings of SES do not work: {_short(error)}") from error
        return client


def _import_botocore() -> None:
    importlib.import_module("aiobotocore.session")


async def _answer(client: object, operation: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
    """Calls one operation. Raises _Refused, TechnicalEmailError."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]  # it ships no types

    try:
        answer: Mapping[str, object] = await getattr(client, operation)(**parameters)
    except ClientError as error:
        said = error.response["Error"]
        status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        raise _Refused(status, str(said.get("Code", "")), str(said.get("Message", ""))) from error
    except (BotoCoreError, ResponseParserError, AttributeError, RecursionError, TypeError, ValueError) as error:
        # The last four: botocore stumbles over an answer of another shape, and over an address that cannot be.
        raise TechnicalEmailError(f"SES cannot be reached: {_short(error)}") from error
    return answer


def _failure(refused: _Refused) -> TechnicalEmailError | LogicalEmailError:
    """Returns the error that a refusal is."""
    if refused.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return LogicalEmailError("The mail is too large for SES.")
    if refused.code in _REFUSALS and not _FAULT_OF_THE_SETTINGS.search(refused.text):
        return LogicalEmailError(f"SES refused the mail. {refused.quoted}")
    if refused.code in _THROTTLED or refused.status == HTTPStatus.TOO_MANY_REQUESTS:
        return TechnicalEmailError(f"SES's rate or quota is reached. {refused.quoted}", throttled=True)
    if refused.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and "AccessDenied" not in refused.code:
        # The text of these repeats what was signed.
        what = "Look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the clock of this machine."
        return TechnicalEmailError(f"AWS does not accept the credentials ({refused.code}). {what}")
    advice = _ADVICE.get(refused.code, f"SES could not take the mail ({refused.status}).")
    return TechnicalEmailError(f"{advice} {refused.quoted}")


def _identities(address: str) -> Iterator[str]:
    """Gives an address, its domain and the domains above: a verified domain covers those below it.

    https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
    """
    yield address
    domain = address.rpartition("@")[2]
    while "." in domain:
        yield domain
        domain = domain.partition(".")[2]


def _short(error: Exception) -> str:
    return f"{type(error).__name__} {error}"[:_LONGEST_QUOTE]
