"""Mail by SMTP: encryption, certificates and signing in. Every failure is the academy's, so it is technical."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import trustme
import uvloop

from academy.infrastructure.email.base import TechnicalEmailError
from tests.contracts.email.smtp_post import IMPATIENT, SmtpPost, message, smtp_post
from tests.servers.smtp_folder import Behaviour, Options, Step
from tests.servers.smtp_session import PASSWORD, USERNAME

Security = Literal["starttls", "tls"]
ENCRYPTED = pytest.mark.parametrize("security", ["starttls", "tls"])


async def complaint(post: SmtpPost) -> str:
    """Returns what sending complains of; verifying says the same. Nothing is sent."""
    with pytest.raises(TechnicalEmailError) as raised:
        await post.provider.send(message())
    assert not raised.value.throttled
    assert await post.provider.verify() == raised.value.message
    assert not post.server.messages()
    await post.until(lambda: not post.server.still_open())
    return raised.value.message


@ENCRYPTED
async def test_a_certificate_of_an_unknown_authority_is_refused(security: Security) -> None:
    async with smtp_post(Options(security=security), ca_file="") as post:
        said = await complaint(post)
    assert "is not to be trusted" in said
    assert "SMTP_CA_FILE" in said


@ENCRYPTED
async def test_a_certificate_of_another_authority_is_refused(security: Security, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    async with smtp_post(Options(security=security), ca_file=str(other)) as post:
        assert "is not to be trusted" in await complaint(post)


@ENCRYPTED
async def test_a_certificate_of_another_host_is_refused(security: Security) -> None:
    async with smtp_post(Options(security=security, certified_for="mail.example")) as post:
        assert "is not to be trusted: IP address mismatch" in await complaint(post)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_wrong_ca_file_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "authority.pem"
    if content:
        file.write_text(content)
    async with smtp_post(Options(security="tls"), ca_file=str(file)) as post:
        assert "SMTP_CA_FILE cannot be read" in await complaint(post)
        assert post.server.opened() == 0


async def test_without_starttls_nothing_is_said_in_the_open() -> None:
    options = Options(notes_commands=True)
    async with smtp_post(options, security="starttls", username=USERNAME, password=PASSWORD) as post:
        assert "does not offer STARTTLS" in await complaint(post)
        assert {command for commands in post.server.heard() for command in commands} == {"EHLO"}


@pytest.mark.parametrize("answer", ["454 4.7.0 TLS not available", "502 Not implemented"])
async def test_a_refused_starttls_ends_it(answer: str) -> None:
    async with smtp_post(Options(security="starttls", notes_commands=True)) as post:
        post.say("STARTTLS", answer)
        assert answer in await complaint(post)
        assert "MAIL" not in {command for commands in post.server.heard() for command in commands}


async def test_tls_to_a_server_that_speaks_plain_is_a_complaint() -> None:
    async with smtp_post(Options(), security="tls", seconds=2) as post:
        assert "speaks no TLS there" in await complaint(post)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("step", ["STARTTLS", "AUTH"])
def test_silence_while_it_is_set_up_ends_in_time(loop: Callable[[], asyncio.AbstractEventLoop], step: Step) -> None:
    async def check() -> None:
        options = Options(security="starttls")
        async with smtp_post(options, seconds=2 * IMPATIENT, username=USERNAME, password=PASSWORD) as post:
            post.server.behave(Behaviour(hangs=frozenset({step})))
            assert "did not answer within 0.6 seconds" in await complaint(post)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(check())


async def test_signing_in() -> None:
    options = Options(security="starttls", wants_auth=True)
    async with smtp_post(options, username=USERNAME, password=PASSWORD) as post:
        await post.provider.send(message())
        (kept,) = post.server.messages()
        assert (kept.username, kept.encrypted) == (USERNAME, True)
    async with smtp_post(options) as post:
        with pytest.raises(TechnicalEmailError, match=r"refused the sender: 530 5\.7\.0 Authentication required"):
            await post.provider.send(message())


async def test_a_wrong_password_is_named_but_not_shown() -> None:
    async with smtp_post(Options(security="tls"), username=USERNAME, password="wrong horse") as post:
        said = await complaint(post)
    assert said == (
        "The mail server refused SMTP_USERNAME and SMTP_PASSWORD: 535 5.7.8 Authentication credentials invalid"
    )


async def test_a_server_where_nobody_can_sign_in() -> None:
    options = Options(security="tls", offers_auth=False)
    async with smtp_post(options, username=USERNAME, password=PASSWORD) as post:
        assert "lets nobody sign in" in await complaint(post)


async def test_a_password_travels_in_the_open_on_this_machine_only() -> None:
    async with smtp_post(Options(wants_auth=True), username=USERNAME, password=PASSWORD) as post:
        await post.provider.send(message())
        assert [kept.username for kept in post.server.messages()] == [USERNAME]
    async with smtp_post(host="mail.example", username=USERNAME, password=PASSWORD) as post:
        said = await complaint(post)
        assert "SMTP_SECURITY=none would show SMTP_PASSWORD" in said
        assert "Use starttls or tls" in said


@pytest.mark.parametrize("step", ["greeting", "EHLO", "STARTTLS", "AUTH"])
async def test_a_server_that_hangs_up_while_it_is_set_up(step: Step) -> None:
    async with smtp_post(Options(security="starttls"), username=USERNAME, password=PASSWORD) as post:
        post.server.behave(Behaviour(drops=frozenset({step})))
        assert "cannot be reached" in await complaint(post)
