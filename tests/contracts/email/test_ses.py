"""Mail by Amazon SES: taken by moto, and refused by a server that knows the errors of the API."""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes
from email.policy import SMTP
from email.utils import parsedate_to_datetime

import msgspec
import pytest

from academy.infrastructure.email.base import LogicalEmailError
from academy.infrastructure.email.ses import SesProvider
from academy.infrastructure.email.settings import SesSettings
from academy.kit.ids import new_id
from tests.contracts.email.sent_mails import mail, refusal, technical_error
from tests.contracts.jobs.workshop import StandingClock
from tests.servers.moto import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Moto, running_moto
from tests.simulators.local_server import Answer, Trouble
from tests.simulators.ses import Ses, running_ses

SECONDS = 30.0


def settings_of(url: str, **fields: str) -> SesSettings:
    settings = SesSettings(
        region=REGION, access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY, endpoint_url=url
    )
    return msgspec.structs.replace(settings, **fields)


def provider_of(url: str, *, seconds: float = SECONDS, sender: str = "", **fields: str) -> SesProvider:
    return SesProvider(settings_of(url, **fields), seconds, StandingClock(), sender)


def new_address() -> str:
    return f"{new_id()}@example.com"


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    with running_moto() as moto:
        moto.verify_identity("mail.example")
        yield moto


@pytest.fixture
async def moto_provider(moto: Moto) -> AsyncIterator[SesProvider]:
    provider = provider_of(moto.url)
    yield provider
    await provider.close()


@pytest.fixture
def ses() -> Iterator[Ses]:
    with running_ses() as ses:
        yield ses


@pytest.fixture
async def provider(ses: Ses) -> AsyncIterator[SesProvider]:
    provider = provider_of(ses.url, sender="post@mail.example")
    yield provider
    await provider.close()


async def test_the_message_arrives_whole(moto: Moto, moto_provider: SesProvider) -> None:
    message = mail(new_address(), sender_name='राष्ट्रीय, "Academy"', subject="स्वागत है 🎉", text="नमस्ते\n🎉")
    await moto_provider.send(message)
    (taken,) = moto.ses_mails_to(message.to)
    arrived = taken.message
    assert (arrived["To"], arrived["Subject"]) == (message.to, message.subject)
    (sender,) = arrived["From"].addresses
    assert (sender.addr_spec, sender.display_name) == (message.sender, message.sender_name)
    assert arrived["Message-ID"] == message.message_id
    assert arrived["List-Unsubscribe"] == f"<{message.unsubscribe_url}>"
    text, html = arrived.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().splitlines() == message.text.splitlines()
    assert html.get_content().strip() == message.html


async def test_a_domain_beyond_ascii_is_written_as_servers_know_it(moto: Moto, moto_provider: SesProvider) -> None:
    name = new_id()
    await moto_provider.send(mail(f"{name}@bücher.example"))
    assert len(moto.ses_mails_to(f"{name}@xn--bcher-kva.example")) == 1


async def test_two_hundred_at_once_all_arrive(moto: Moto, moto_provider: SesProvider) -> None:
    address = new_address()
    messages = [mail(address) for _ in range(200)]
    await asyncio.gather(*(moto_provider.send(message) for message in messages))
    arrived = [taken.message["Message-ID"] for taken in moto.ses_mails_to(address)]
    assert sorted(arrived) == sorted(message.message_id for message in messages)


async def test_the_mail_carries_its_tag_and_the_configuration_set(ses: Ses) -> None:
    message = mail()
    provider = provider_of(ses.url, configuration_set="mail-events")
    await provider.send(message)
    await provider.close()
    (taken,) = ses.mails
    assert [(tag.name, tag.value) for tag in taken.email_tags] == [("mail_id", message.mail_id)]
    assert taken.configuration_set_name == "mail-events"
    assert taken.destination == {"ToAddresses": [message.to]}


async def test_without_a_configuration_set_none_is_named(ses: Ses, provider: SesProvider) -> None:
    await provider.send(mail())
    assert ses.mails[0].configuration_set_name == ""


async def test_the_date_is_the_clocks(ses: Ses, provider: SesProvider) -> None:
    await provider.send(mail())
    arrived = message_from_bytes(ses.mails[0].content.raw.mime, policy=SMTP)
    assert parsedate_to_datetime(arrived["Date"]) == StandingClock().now().replace(microsecond=0)


@pytest.mark.parametrize("field", ["sender_name", "subject", "message_id", "unsubscribe_url"])
@pytest.mark.parametrize("broken", ["a\r\nBcc: eve@example.com", "a\nb", "a\rb"])
async def test_a_line_break_makes_no_header(ses: Ses, provider: SesProvider, field: str, broken: str) -> None:
    """Whether the header is refused or encoded: nothing after the break begins a line."""
    try:
        await provider.send(mail(**{field: broken}))
    except LogicalEmailError:
        assert ses.mails == []
        return
    arrived = message_from_bytes(ses.mails[0].content.raw.mime, policy=SMTP)
    assert "Bcc" not in arrived
    assert arrived["To"] == "asha@example.com"


@pytest.mark.parametrize(
    "address", ["no address", "@example.com", "a b@example.com", "asha@example.com\r\nBcc: eve@x.example"]
)
async def test_what_is_no_address_is_refused_for_good(ses: Ses, provider: SesProvider, address: str) -> None:
    await refusal(provider, mail(address))
    assert ses.asked == []


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (400, "MessageRejected", "Transaction failed: Duplicate header 'Subject'."),
        (400, "BadRequestException", "Domain contains illegal character"),
        (400, "BadRequestException", "Missing final '@domain'"),
        (413, "RequestEntityTooLargeException", ""),
    ],
)
async def test_a_refused_mail_is_refused_for_good(
    ses: Ses, provider: SesProvider, status: int, code: str, text: str
) -> None:
    ses.error = (status, code, text)
    assert text in await refusal(provider)


@pytest.mark.parametrize(
    ("status", "code", "text", "advice"),
    [
        (
            400,
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region AP-SOUTH-1: x@y.z",
            "EMAIL_FROM",
        ),
        (400, "MessageRejected", "Sending paused for this account.", "paused"),
        (400, "BadRequestException", "Configuration set <x> does not exist.", "SES_CONFIGURATION_SET"),
        (400, "BadRequestException", "Email address is not verified.", "EMAIL_FROM"),
        (400, "BadRequestException", "Email sending is paused for this account.", "account"),
        (400, "MailFromDomainNotVerifiedException", "Mail from domain not verified", "MX record"),
        (400, "AccountSuspendedException", "Account suspended", "AWS support"),
        (400, "SendingPausedException", "Sending paused", "Resume"),
        (404, "NotFoundException", "Configuration set <x> does not exist.", "SES_CONFIGURATION_SET"),
        (403, "UnrecognizedClientException", "The security token is invalid.", "AWS_ACCESS_KEY_ID"),
        (403, "InvalidSignatureException", "The signature does not match.", "AWS_SECRET_ACCESS_KEY"),
        (403, "ExpiredTokenException", "The security token is expired.", "AWS_ACCESS_KEY_ID"),
        (403, "AccessDeniedException", "is not authorized to perform: ses:SendEmail", "permission"),
        (500, "InternalServiceErrorException", "", "could not take"),
        (503, "ServiceUnavailable", "", "could not take"),
        (400, "SomethingNewException", "what is new", "what is new"),
    ],
)
async def test_what_is_not_the_mails_fault_costs_only_the_try_and_says_what_to_do(
    ses: Ses, provider: SesProvider, status: int, code: str, text: str, advice: str
) -> None:
    ses.error = (status, code, text)
    error = await technical_error(provider)
    assert advice in error.message
    assert not error.throttled
    assert len(ses.asked) == 1, "the library does not try again by itself"
    assert advice in await provider.verify()


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (429, "TooManyRequestsException", "Maximum sending rate exceeded."),
        (400, "ThrottlingException", "Daily message quota exceeded."),
        (400, "Throttling", "Maximum sending rate exceeded."),
        (400, "LimitExceededException", "Too many."),
        (429, "", ""),
    ],
)
async def test_a_reached_limit_is_told_as_such(
    ses: Ses, provider: SesProvider, status: int, code: str, text: str
) -> None:
    ses.error = (status, code, text)
    error = await technical_error(provider)
    assert error.throttled
    assert text in error.message
    assert len(ses.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>Welcome to the hotel</html>", {"Content-Type": "text/html"}),
        Answer(200, b"[]", {"Content-Type": "application/json"}),
        Answer(200, b"{}", {"Content-Type": "application/json"}),
        Answer(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}),
        Answer(400, b'{"message": [', {"Content-Type": "application/json"}),
        Answer(200, b"\xff", {"Content-Type": "application/json"}),
        Answer(200, b'{"x":' + b"[" * 60_000, {"Content-Type": "application/json"}),
        Answer(302, b"", {"Location": "https://example.com/"}),
        Answer(204),
    ],
)
async def test_an_answer_that_is_none_costs_only_the_try(ses: Ses, provider: SesProvider, answer: Answer) -> None:
    ses.answer_instead = answer
    await technical_error(provider)
    assert await provider.verify()


@pytest.mark.parametrize("trouble", [Trouble.DROP_BEFORE, Trouble.DROP_AFTER, Trouble.CUT])
async def test_a_broken_connection_costs_only_the_try(ses: Ses, provider: SesProvider, trouble: Trouble) -> None:
    ses.server.trouble = trouble
    await technical_error(provider)
    assert "cannot be reached" in await provider.verify()
    ses.server.trouble = Trouble.NONE
    await provider.send(mail())


async def test_a_server_that_hangs_is_left_after_the_time_out(ses: Ses) -> None:
    provider = provider_of(ses.url, seconds=0.5)
    await provider.verify()
    ses.server.trouble = Trouble.HANG
    begun = asyncio.get_running_loop().time()
    assert "0.5 s" in (await technical_error(provider)).message
    assert asyncio.get_running_loop().time() - begun < 3
    assert "0.5 s" in await provider.verify()
    await provider.close()


async def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        provider = provider_of(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        assert "cannot be reached" in (await technical_error(provider)).message
        await provider.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"endpoint_url": "http://127.0.0.1:999999"},
        {"endpoint_url": "http://[::1"},
        {"endpoint_url": "nonsense"},
        {"region": ""},
        {"region": "no region!"},
        {"secret_access_key": ""},
    ],
)
async def test_settings_that_do_not_work_are_told(fields: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    settings = settings_of(fields.pop("endpoint_url", "http://127.0.0.1:1"), **fields)
    provider = SesProvider(settings, SECONDS, StandingClock())
    await technical_error(provider)
    assert await provider.verify()
    await provider.close()


async def test_credentials_that_come_later_are_found(ses: Ses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    provider = provider_of(ses.url, access_key_id="", secret_access_key="")
    assert "AWS credentials" in (await technical_error(provider)).message
    assert "AWS credentials" in await provider.verify()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAROLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    await provider.send(mail())
    await provider.close()
    assert "AKIAROLE" in ses.authorizations[0]


async def test_verify_is_content_with_a_verified_domain_and_sends_nothing(ses: Ses, provider: SesProvider) -> None:
    assert await provider.verify() == ""
    assert ses.mails == []


@pytest.mark.parametrize(
    ("sender", "verified"),
    [
        ("post@mail.example", {"post@mail.example"}),
        ("post@news.mail.example", {"mail.example"}),
        ("post@news.mail.example", {"news.mail.example"}),
    ],
)
async def test_verify_knows_what_covers_a_sender(ses: Ses, sender: str, verified: set[str]) -> None:
    ses.verified = verified
    provider = provider_of(ses.url, sender=sender)
    assert await provider.verify() == ""
    await provider.close()


async def test_verify_tells_of_an_unverified_sender(ses: Ses, provider: SesProvider) -> None:
    ses.verified = {"other.example", "example"}
    told = await provider.verify()
    assert "post@mail.example" in told


async def test_verify_tells_of_the_sandbox(ses: Ses, provider: SesProvider) -> None:
    ses.account["ProductionAccessEnabled"] = False
    assert "sandbox" in await provider.verify()


async def test_verify_tells_when_sending_is_off(ses: Ses, provider: SesProvider) -> None:
    ses.account["SendingEnabled"] = False
    assert "not enabled" in await provider.verify()


async def test_many_at_once_share_kept_connections(ses: Ses, provider: SesProvider) -> None:
    await asyncio.gather(*(provider.send(mail()) for _ in range(200)))
    assert len(ses.mails) == 200
    assert ses.server.connections <= 50


async def test_a_closed_provider_hangs_up_and_opens_again(ses: Ses, provider: SesProvider) -> None:
    await provider.send(mail())
    await provider.close()
    await provider.close()
    async with asyncio.timeout(5):
        while ses.server.open_connections:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.01)
    await provider.send(mail())
    assert len(ses.mails) == 2


async def test_the_secret_is_in_no_error_and_in_no_log(ses: Ses, caplog: pytest.LogCaptureFixture) -> None:
    provider = provider_of(ses.url)
    told: list[object] = []
    with caplog.at_level(logging.DEBUG):
        for status, code in [(403, "InvalidSignatureException"), (400, "Throttling"), (500, "")]:
            ses.error = (status, code, "")
            told += [await technical_error(provider), await provider.verify()]
    await provider.close()
    assert SECRET_ACCESS_KEY not in f"{told!r} {[str(line) for line in told]} {caplog.text}"
    assert caplog.records, "botocore does log"


async def test_what_ses_cannot_do_is_said(provider: SesProvider) -> None:
    assert not provider.capabilities.keeps_message_id
    assert not provider.capabilities.non_ascii_mailboxes
    assert provider.capabilities.reports_bounces


def test_importing_the_provider_imports_no_botocore() -> None:
    check = "import sys, academy.infrastructure.email.ses; print([m for m in sys.modules if 'boto' in m])"
    shown = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
