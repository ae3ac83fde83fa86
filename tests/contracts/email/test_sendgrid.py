"""Mail by SendGrid, against a server that answers as its API says."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from academy.infrastructure.email.sendgrid import SendGridProvider
from academy.infrastructure.email.settings import SendGridSettings
from tests.contracts.email.sent_mails import mail, refusal, technical_error
from tests.simulators.local_server import Answer, Trouble, running
from tests.simulators.sendgrid import API_KEY, Fault, SendGrid, running_sendgrid

SECONDS = 15.0


def provider_of(url: str, key: str = API_KEY, seconds: float = SECONDS) -> SendGridProvider:
    return SendGridProvider(SendGridSettings(api_key=key, url=url), seconds)


@pytest.fixture
def sendgrid() -> Iterator[SendGrid]:
    with running_sendgrid() as sendgrid:
        yield sendgrid


@pytest.fixture
async def provider(sendgrid: SendGrid) -> AsyncIterator[SendGridProvider]:
    provider = provider_of(sendgrid.url)
    yield provider
    await provider.close()


@pytest.fixture
async def hasty(sendgrid: SendGrid) -> AsyncIterator[SendGridProvider]:
    """A provider that does not wait long."""
    provider = provider_of(sendgrid.url, seconds=0.3)
    yield provider
    await provider.close()


async def test_the_message_arrives_whole_with_its_headers_and_tags(
    sendgrid: SendGrid, provider: SendGridProvider
) -> None:
    message = mail()
    await provider.send(message)
    (taken,) = sendgrid.mails
    assert (taken.to, taken.mail.subject, taken.text, taken.html) == (
        message.to,
        message.subject,
        message.text,
        message.html,
    )
    assert (taken.mail.sender.email, taken.mail.sender.name) == (message.sender, message.sender_name)
    assert taken.mail.headers == {
        "Message-ID": message.message_id,
        "Auto-Submitted": "auto-generated",
        "List-Unsubscribe": f"<{message.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert taken.mail.custom_args == {"mail_id": message.mail_id}


async def test_nothing_is_tracked_or_added(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    await provider.send(mail())
    settings = sendgrid.mails[0].mail
    kinds = {"click_tracking", "open_tracking", "subscription_tracking", "ganalytics"}
    assert set(settings.tracking_settings) == kinds
    assert set(settings.mail_settings) == {"footer", "sandbox_mode"}
    switches = [*settings.tracking_settings.values(), *settings.mail_settings.values()]
    assert not any(value for switch in switches for value in switch.values())


async def test_a_mail_that_cannot_be_declined_offers_no_unsubscribing(
    sendgrid: SendGrid, provider: SendGridProvider
) -> None:
    await provider.send(mail(unsubscribe_url=""))
    assert set(sendgrid.mails[0].mail.headers) == {"Message-ID", "Auto-Submitted"}


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ('O\'Neill, "the, Academy"; <x@y.example>', 'Say "hello"; {{name}} <b>'),
        ("राष्ट्रीय अकादमी", "स्वागत है 🎉"),
        ("", "A subject of one sender without a name"),
    ],
)
async def test_names_and_subjects_of_every_kind_arrive_as_they_are(
    sendgrid: SendGrid, provider: SendGridProvider, name: str, subject: str
) -> None:
    await provider.send(mail(sender_name=name, subject=subject, text="नमस्ते 🎉", html="<p>नमस्ते &amp; 🎉</p>"))
    (taken,) = sendgrid.mails
    assert (taken.mail.sender.name, taken.mail.subject) == (name, subject)
    assert (taken.text, taken.html) == ("नमस्ते 🎉", "<p>नमस्ते &amp; 🎉</p>")


@pytest.mark.parametrize("field", ["sender_name", "subject", "message_id", "unsubscribe_url"])
@pytest.mark.parametrize("broken", ["a\r\nBcc: eve@example.com", "a\nb", "a\rb", "a\0b", "a\x85b", "a\u2028b"])
async def test_a_line_break_never_gets_into_a_header(
    sendgrid: SendGrid, provider: SendGridProvider, field: str, broken: str
) -> None:
    assert "line break" in await refusal(provider, mail(**{field: broken}))
    assert sendgrid.server.requests == 0


async def test_a_domain_beyond_ascii_is_written_as_servers_know_it(
    sendgrid: SendGrid, provider: SendGridProvider
) -> None:
    await provider.send(mail("asha@bücher.example"))
    assert sendgrid.mails[0].to == "asha@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "changed",
    [
        {"to": "no address"},
        {"to": "asha@"},
        {"to": "asha@nowhere"},
        {"to": "asha@exa_mple.com"},
        {"to": "आशा@example.com"},
        {"subject": ""},
        {"text": ""},
    ],
)
async def test_a_bad_recipient_or_content_is_refused_for_good(
    sendgrid: SendGrid, provider: SendGridProvider, changed: dict[str, str]
) -> None:
    await refusal(provider, mail(**changed))
    assert sendgrid.mails == []


async def test_a_mail_that_is_too_large_is_refused_for_good(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    sendgrid.largest_body = 5_000
    assert "too large" in await refusal(provider, mail(text="x" * 5_000))


async def test_a_sender_that_is_no_address_to_sendgrid_is_the_academys_fault(
    sendgrid: SendGrid, provider: SendGridProvider
) -> None:
    error = await technical_error(provider, mail(sender="post@mail"))
    assert "EMAIL_FROM" in error.message
    assert "valid address" in error.message


async def test_an_unverified_sender_is_the_academys_fault(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    error = await technical_error(provider, mail(sender="post@other.example"))
    assert not error.throttled
    assert "EMAIL_FROM" in error.message
    assert "verified Sender Identity" in error.message


async def test_a_mistake_of_the_program_does_not_cost_the_mail(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    error = await technical_error(provider, mail(mail_id="x" * 20_000))
    assert "10,000 bytes" in error.message


async def test_a_wrong_key_says_what_to_do(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    sendgrid.api_key = "SG.another"
    error = await technical_error(provider)
    assert "SENDGRID_API_KEY" in error.message
    assert "invalid, expired, or revoked" in error.message
    assert await provider.verify() == error.message


async def test_used_up_credits_are_told(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    sendgrid.credits_are_used_up = True
    assert "Maximum credits exceeded" in (await technical_error(provider)).message


async def test_a_key_without_the_permission_says_what_to_do(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    sendgrid.scopes = ["alerts.read"]
    assert "Mail Send" in (await technical_error(provider)).message
    assert "Mail Send" in await provider.verify()


async def test_verify_is_content_with_a_good_key_and_sends_nothing(
    sendgrid: SendGrid, provider: SendGridProvider
) -> None:
    assert await provider.verify() == ""
    assert sendgrid.mails == []


async def test_the_rate_limit_is_told_with_the_time_it_ends(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    sendgrid.most_requests = 2
    await provider.send(mail())
    await provider.send(mail())
    error = await technical_error(provider)
    assert error.throttled
    assert error.retry_after is not None
    assert 1 <= error.retry_after <= 60
    assert len(sendgrid.mails) == 2


@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.ERROR_503, Fault.NO_JSON, Fault.ANOTHER_JSON, Fault.SANDBOX])
async def test_a_faulty_sendgrid_costs_only_the_try(
    sendgrid: SendGrid, provider: SendGridProvider, fault: Fault
) -> None:
    sendgrid.fault = fault
    error = await technical_error(provider)
    assert not error.throttled
    assert fault is Fault.SANDBOX or await provider.verify()
    sendgrid.fault = Fault.NONE
    await provider.send(mail())
    assert len(sendgrid.mails) == 1


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("body", [b'{"errors":[{"message":"\xff","field":"content"}]}', b'{"x":' + b"[" * 60_000])
async def test_an_answer_that_cannot_be_read_costs_only_the_try(status: int, body: bytes) -> None:
    with running(lambda _: Answer(status, body)) as server:
        provider = provider_of(server.url)
        await technical_error(provider)
        assert await provider.verify()
        await provider.close()


async def test_of_a_huge_answer_only_the_beginning_is_read(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    sendgrid.scopes = ["mail.send", "x" * 1_000_000]
    assert "SENDGRID_URL" in await provider.verify()
    sendgrid.scopes = ["mail.send"]
    assert await provider.verify() == ""


async def test_a_mail_that_was_taken_with_many_words_is_taken() -> None:
    with running(lambda _: Answer(202, b"x" * 1_000_000)) as server:
        provider = provider_of(server.url)
        await provider.send(mail())
        await provider.send(mail())
        await provider.close()


@pytest.mark.parametrize("trouble", [Trouble.DROP_BEFORE, Trouble.CUT])
async def test_a_broken_connection_costs_only_the_try(
    sendgrid: SendGrid, provider: SendGridProvider, trouble: Trouble
) -> None:
    sendgrid.server.trouble = trouble
    await technical_error(provider)
    assert "cannot be reached" in await provider.verify()
    sendgrid.server.trouble = Trouble.NONE
    await provider.send(mail())


async def test_a_mail_whose_answer_was_lost_comes_twice_with_one_message_id(
    sendgrid: SendGrid, provider: SendGridProvider
) -> None:
    message = mail()
    sendgrid.server.trouble = Trouble.DROP_AFTER
    await technical_error(provider, message)
    sendgrid.server.trouble = Trouble.NONE
    await provider.send(message)
    first, second = sendgrid.mails
    assert first.mail.headers["Message-ID"] == second.mail.headers["Message-ID"] == message.message_id
    assert sendgrid.server.requests == 2, "the provider itself never sends twice"


async def test_a_server_that_hangs_is_left_after_the_time_out(sendgrid: SendGrid, hasty: SendGridProvider) -> None:
    sendgrid.server.trouble = Trouble.HANG
    begun = asyncio.get_running_loop().time()
    error = await technical_error(hasty)
    assert "0.3 s" in error.message
    assert asyncio.get_running_loop().time() - begun < 3
    assert "0.3 s" in await hasty.verify()


async def test_a_slow_server_is_waited_for(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    sendgrid.server.trouble, sendgrid.server.delay = Trouble.SLOW, 0.2
    await provider.send(mail())
    assert len(sendgrid.mails) == 1


async def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        provider = provider_of(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        assert "cannot be reached" in (await technical_error(provider)).message
        assert "cannot be reached" in await provider.verify()
    await provider.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:999999", "http://[::1", "http://"])
async def test_an_impossible_address_is_told(url: str) -> None:
    provider = provider_of(url)
    await technical_error(provider)
    assert await provider.verify()
    await provider.close()


async def test_two_hundred_at_once_all_arrive_over_kept_connections(
    sendgrid: SendGrid, provider: SendGridProvider
) -> None:
    messages = [mail(f"student{number}@example.com") for number in range(200)]
    await asyncio.gather(*(provider.send(message) for message in messages))
    assert {taken.mail.custom_args["mail_id"] for taken in sendgrid.mails} == {m.mail_id for m in messages}
    assert len(sendgrid.mails) == 200
    assert sendgrid.server.connections <= 16
    before = sendgrid.server.connections
    await provider.send(mail())
    assert sendgrid.server.connections == before


async def test_waiting_for_a_free_connection_is_no_time_out(sendgrid: SendGrid) -> None:
    provider = provider_of(sendgrid.url, seconds=2.5)
    sendgrid.server.trouble, sendgrid.server.delay = Trouble.SLOW, 1.0
    await asyncio.gather(*(provider.send(mail()) for _ in range(48)))
    assert len(sendgrid.mails) == 48, "three rounds of a second each"
    await provider.close()


async def test_a_send_that_is_broken_off_gives_its_connection_back(sendgrid: SendGrid) -> None:
    provider = provider_of(sendgrid.url)
    sendgrid.server.trouble = Trouble.HANG
    sends = [asyncio.create_task(provider.send(mail())) for _ in range(20)]
    async with asyncio.timeout(10):
        while sendgrid.server.requests < 16:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.01)
    for send in sends:
        send.cancel()
    await asyncio.gather(*sends, return_exceptions=True)
    sendgrid.server.trouble = Trouble.NONE
    await asyncio.gather(*(provider.send(mail()) for _ in range(20)))
    assert len(sendgrid.mails) == 20
    await provider.close()


async def test_a_closed_provider_hangs_up_and_opens_again(sendgrid: SendGrid, provider: SendGridProvider) -> None:
    await provider.send(mail())
    await provider.close()
    await provider.close()
    async with asyncio.timeout(5):
        while sendgrid.server.open_connections:  # noqa: ASYNC110 - the server is in another thread
            await asyncio.sleep(0.01)
    await provider.send(mail())
    assert len(sendgrid.mails) == 2


async def test_the_key_is_in_no_error_and_in_no_log(sendgrid: SendGrid, caplog: pytest.LogCaptureFixture) -> None:
    secret = "SG.do-not-tell.this-to-anybody"
    provider = provider_of(sendgrid.url, secret, seconds=0.3)
    told: list[object] = []
    with caplog.at_level(logging.DEBUG):
        for trouble in Trouble:
            sendgrid.server.trouble, sendgrid.server.delay = trouble, 1.0
            told += [await technical_error(provider), await provider.verify()]
        await provider.close()
    assert secret not in f"{told!r} {[str(line) for line in told]} {caplog.text}"
    assert caplog.records, "the HTTP library does log"


@pytest.mark.parametrize("key", ["SG.secret\n", "SG.secret\r\nX-Evil: 1", "SG.se cret", "SG.sécret", "SG.secret\0"])
async def test_a_key_that_no_header_can_hold_is_told_without_it(
    sendgrid: SendGrid, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = provider_of(sendgrid.url, key)
    error = await technical_error(provider)
    assert "SENDGRID_API_KEY" in error.message
    assert "cret" not in f"{error!r} {caplog.text}"
    assert "SENDGRID_API_KEY" in await provider.verify()
    assert sendgrid.server.requests == 0


async def test_what_sendgrid_cannot_do_is_said() -> None:
    capabilities = provider_of("https://api.sendgrid.com").capabilities
    assert capabilities.keeps_message_id
    assert capabilities.reports_bounces
    assert not capabilities.non_ascii_mailboxes
