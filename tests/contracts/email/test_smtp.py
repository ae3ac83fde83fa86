"""Mail by SMTP: what arrives, over which connections, and how."""

import asyncio
import email
from collections.abc import Callable
from email.policy import default
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.email.base import LogicalEmailError, TechnicalEmailError
from academy.infrastructure.email.chain import ProviderChain
from academy.infrastructure.email.settings import SmtpSettings
from academy.infrastructure.email.smtp import SmtpProvider
from academy.infrastructure.email.smtp_connection import Delivery
from academy.infrastructure.email.smtp_opening import SmtpOpener
from academy.kit.clock import SystemClock
from tests.contracts.email.smtp_post import IMPATIENT, address, message, settings_for, smtp_post
from tests.servers.smtp import SmtpServer, running_smtp
from tests.servers.smtp_folder import Behaviour, Options
from tests.servers.smtp_session import PASSWORD, USERNAME
from tests.waiting import wait_for

GROUP = ["MAIL", "RCPT", "DATA"]
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
PIPELINING = pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "one by one"])


async def test_a_message_arrives_as_it_was_sent() -> None:
    async with smtp_post() as post:
        await post.provider.send(message(7, unsubscribe_url="https://academy.example/u/7"))
        (kept,) = post.server.messages()
    assert (kept.sender, kept.recipients, kept.options) == ("post@mail.example", ["7@example.com"], [])
    parsed = email.message_from_bytes(kept.content, policy=default)
    assert parsed["Message-ID"] == "<7@mail.example>"
    assert parsed["Subject"] == "Lesson 7"
    assert parsed["List-Unsubscribe"] == "<https://academy.example/u/7>"
    text = parsed.get_body(["plain"])
    assert text is not None
    assert text.get_content().splitlines() == ["Hello 7.", ".", "..", ".hidden", "Bye"]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@PIPELINING
def test_every_way_works_on_every_loop(
    loop: str, security: Literal["none", "starttls", "tls"], pipelining: bool
) -> None:
    async def check() -> None:
        options = Options(security=security, pipelining=pipelining, wants_auth=True)
        async with smtp_post(options, username=USERNAME, password=PASSWORD, connections=2) as post:
            assert await post.provider.verify() == ""
            assert await post.send(*range(20)) == [None] * 20
            assert sorted(post.arrived()) == sorted(map(address, range(20)))
            encrypted = {kept.encrypted for kept in post.server.messages()}
            assert encrypted == {security != "none"}
            await post.provider.close()
            await post.until(lambda: not post.server.still_open())

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(check())


@PIPELINING
async def test_many_at_once_arrive_once_each_over_few_connections(pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining)) as post:
        assert await post.send(*range(200)) == [None] * 200
        assert sorted(post.arrived()) == sorted(map(address, range(200)))
        assert post.server.opened() <= 4
        bodies = {kept.recipients[0]: kept.content for kept in post.server.messages()}
        assert all(f"Hello {n}.".encode() in bodies[address(n)] for n in range(200)), "none got another one's mail"


@PIPELINING
async def test_a_refused_one_among_many_harms_no_other(pipelining: bool) -> None:
    bad = range(0, 200, 7)
    async with smtp_post(Options(pipelining=pipelining)) as post:
        post.server.behave(Behaviour(recipients={address(n): f"550 5.1.1 No {n} here" for n in bad}))
        outcomes = await post.send(*range(200))
        for number, outcome in enumerate(outcomes):
            assert (outcome is None) is (number not in bad)
            if outcome is not None:
                assert isinstance(outcome, LogicalEmailError)
                assert outcome.message == f"The mail server refused the recipient: 550 5.1.1 No {number} here"
        assert sorted(post.arrived()) == sorted(address(n) for n in range(200) if n not in bad)
        assert post.server.opened() <= 4


@PIPELINING
async def test_large_messages_arrive_whole(pipelining: bool) -> None:
    text = "A line of a long lesson.\r\n" * 30_000
    async with smtp_post(Options(pipelining=pipelining), connections=2) as post:
        await asyncio.gather(*(post.provider.send(message(number, text=text)) for number in range(4)))
        assert [kept.content.count(b"A line of a long lesson.\r\n") for kept in post.server.messages()] == [30_000] * 4


async def test_the_commands_of_a_mail_go_out_together() -> None:
    async with smtp_post(Options(notes_commands=True), connections=1) as post:
        await post.send(1)
        await post.send(2)
        assert post.server.heard() == [["EHLO"], GROUP, GROUP]


async def test_the_next_mail_follows_the_content_of_the_one_before() -> None:
    async with smtp_post(Options(notes_commands=True), connections=1, seconds=IMPATIENT) as post:
        post.server.behave(Behaviour(hangs=frozenset({"content"})))
        sending = asyncio.create_task(post.send(1, 2))
        await post.until(lambda: post.server.heard() == [["EHLO"], GROUP, GROUP])
        assert not post.server.messages(), "the second was begun before the first was answered"
        assert all(isinstance(error, TechnicalEmailError) for error in await sending)


async def test_without_pipelining_every_command_waits_for_its_answer() -> None:
    async with smtp_post(Options(pipelining=False, notes_commands=True), connections=1) as post:
        await post.send(1, 2)
        assert post.server.heard() == [["EHLO"], ["MAIL"], ["RCPT"], ["DATA"], ["MAIL"], ["RCPT"], ["DATA"]]


@PIPELINING
async def test_after_a_refusal_the_connection_is_reset(pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining, notes_commands=True)) as post:
        post.server.behave(Behaviour(recipients={address(1): "550 5.1.1 No such user"}))
        for number in (1, 2, 3):
            await post.send(number)
        assert post.arrived() == [address(2), address(3)]
        assert post.server.opened() == 1
        assert sum(commands.count("RSET") for commands in post.server.heard()) == 1


async def test_a_server_that_wants_content_for_nobody_gets_none() -> None:
    async with smtp_post() as post:
        recipients = {address(1): "550 5.1.1 No such user"}
        post.server.behave(Behaviour(recipients=recipients, wants_data_for_nobody=True))
        (error, *others) = await post.send(1, 2, 3)
        assert isinstance(error, LogicalEmailError)
        assert "550 5.1.1 No such user" in error.message
        assert others == [None, None]
        assert sorted(post.arrived()) == [address(2), address(3)]


LINES = st.binary(max_size=80).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))
CONTENTS = st.lists(st.sampled_from([b".", b"..", b"", b".\t", b". "]) | LINES).map(b"\r\n".join)


@given(st.lists(CONTENTS | st.binary(max_size=60), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_any_content_arrives_as_it_was(tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]) -> None:
    async def send_all(where: SmtpSettings) -> None:
        connection = await SmtpOpener(where, 10).open()
        for content in contents:
            delivery = Delivery("post@mail.example", "asha@example.com", content)
            await connection.transact(delivery, lambda: None)
            await delivery.outcome
        await connection.quit()

    with running_smtp(tmp_path_factory.mktemp("any-content") / "smtp") as server:
        asyncio.run(send_all(settings_for(server)))
        arrived = [kept.content for kept in server.messages()]
    # A lone CR or LF is no end of a line in SMTP (RFC 5321, section 2.3.8): it becomes one.
    lines = [b"\r\n".join(c.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")) for c in contents]
    assert arrived == [text if text.endswith(b"\r\n") else text + b"\r\n" for text in lines]


@given(st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=25, deadline=None)
def test_any_text_arrives_as_it_was(text: str, html: str) -> None:
    async def check() -> None:
        async with smtp_post() as post:
            await post.provider.send(message(text=text, html=html))
            (kept,) = post.server.messages()
        assert all(len(line) <= 998 for line in kept.content.split(b"\r\n"))
        parsed = email.message_from_bytes(kept.content, policy=default)
        bodies = [part.get_payload(decode=True) for part in parsed.iter_parts()]
        assert bodies == [
            body.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode() for body in (text, html)
        ]

    asyncio.run(check())


async def test_a_connection_is_kept_and_renewed_after_a_hundred_mails() -> None:
    async with smtp_post(connections=1) as post:
        for number in range(5):
            await post.send(number)
        assert post.server.opened() == 1
        assert await post.send(*range(5, 205)) == [None] * 200
        assert post.server.opened() == 3
        assert sorted(post.arrived()) == sorted(map(address, range(205)))


async def test_a_connection_without_work_is_closed_and_one_is_opened_again() -> None:
    async with smtp_post(Options(notes_commands=True), idle_seconds=0.05) as post:
        await post.send(1)
        await post.until(lambda: not post.server.still_open())
        assert post.server.heard()[-1] == ["QUIT"]
        assert await post.send(2) == [None]
        assert post.server.opened() == 2


@pytest.mark.parametrize("security", ["none", "tls"])
@pytest.mark.parametrize("farewell", ["", "421 4.4.2 Idle for too long"])
async def test_a_connection_that_the_server_closed_is_given_up(farewell: str, security: Literal["none", "tls"]) -> None:
    async with smtp_post(Options(security=security)) as post:
        for number in range(3):
            assert await post.send(number) == [None]
            post.server.close_connections(farewell)
            await post.until(lambda: not post.server.still_open())
        assert post.server.opened() == len(post.arrived()) == 3


@pytest.mark.parametrize("farewell", ["", "421 4.4.2 Idle for too long"])
@PIPELINING
async def test_a_connection_that_closes_in_the_same_moment_is_replaced(farewell: str, pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining)) as post:
        for number in range(3):
            assert await post.send(number) == [None]
            post.server.close_connections(farewell)
            # Holds the provider's loop as well: it has not heard of it when it sends the next one.
            assert wait_for(lambda: not post.server.still_open())
        assert post.server.opened() == len(post.arrived()) == 3


@PIPELINING
async def test_a_server_that_ends_connections_early_gets_all_mail_once(pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining)) as post:
        post.server.behave(Behaviour(messages_per_connection=7))
        for number in range(10):
            assert await post.send(number) == [None]
        assert await post.send(*range(10, 110)) == [None] * 100
        assert sorted(post.arrived()) == sorted(map(address, range(110)))


@PIPELINING
async def test_a_cancelled_call_leaves_the_connection_in_order(pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining, notes_commands=True), connections=1) as post:
        post.server.behave(Behaviour(pauses={"MAIL": 0.2}))
        under_way, in_line = (asyncio.create_task(post.provider.send(message(n))) for n in (1, 2))
        await post.until(lambda: any("MAIL" in commands for commands in post.server.heard()))
        for task in (under_way, in_line):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        post.recover()
        assert await post.send(3) == [None]
        assert post.arrived() == [address(1), address(3)], "what was begun goes on, what waited does not begin"
        assert post.server.opened() == 1


async def test_nobody_waits_for_a_connection_longer_than_the_time_out() -> None:
    async with smtp_post(Options(pipelining=False), connections=1, seconds=IMPATIENT) as post:
        post.server.behave(Behaviour(hangs=frozenset({"content"})))
        first, second = await post.send(1, 2)
        assert isinstance(first, TechnicalEmailError)
        assert (first.message, first.throttled) == (
            "The mail server broke off: it did not answer within 0.3 seconds.",
            False,
        )
        assert isinstance(second, TechnicalEmailError)
        assert second.throttled, "the server may be well, it is only too slow for so many"
        post.recover()
        assert await post.send(3) == [None]


async def test_a_closed_provider_opens_again() -> None:
    async with smtp_post() as post:
        await post.provider.close()
        await post.send(1)
        await post.provider.close()
        await post.provider.close()
        await post.until(lambda: not post.server.still_open())
        assert await post.send(2) == [None]


async def test_closing_lets_end_what_is_under_way_and_refuses_what_waits() -> None:
    async with smtp_post(Options(pipelining=False), connections=1) as post:
        post.server.behave(Behaviour(pauses={"content": 0.2}))
        sending = asyncio.create_task(post.send(1, 2))
        await post.until(post.server.opened)
        await post.provider.close()
        first, second = await sending
        assert first is None
        assert isinstance(second, TechnicalEmailError)
        assert post.arrived() == [address(1)]


async def test_closing_does_not_wait_for_a_dead_server() -> None:
    async with smtp_post(seconds=IMPATIENT) as post:
        await post.send(1)
        post.server.behave(Behaviour(hangs=frozenset({"QUIT"})))
        async with asyncio.timeout(5):
            await post.provider.close()
        await post.until(lambda: not post.server.still_open())


async def test_closing_gives_up_what_does_not_end() -> None:
    async with smtp_post(
        connections=1,
        seconds=IMPATIENT,
    ) as post:
        post.server.behave(Behaviour(pauses={"RCPT": 0.1}, hangs=frozenset({"content"})))
        sending = asyncio.create_task(post.send(1, 2))
        await post.until(post.server.opened)
        post.server.behave(Behaviour(hangs=frozenset({"greeting", "content"})))
        await post.provider.close()
        lost, begun_behind = await sending
        assert isinstance(lost, TechnicalEmailError)
        assert isinstance(begun_behind, TechnicalEmailError)
        await post.until(lambda: not post.server.still_open())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("security", ["none", "tls"])
def test_a_loop_that_ends_without_closing_leaves_nothing_behind(loop: str, security: Literal["none", "tls"]) -> None:
    async def begin(server: SmtpServer) -> None:
        provider = SmtpProvider(settings_for(server), 10, SystemClock())
        await provider.send(message(1))
        server.behave(Behaviour(hangs=frozenset({"content"})))
        sending = asyncio.create_task(provider.send(message(2)))
        await asyncio.to_thread(wait_for, lambda: ["MAIL", "RCPT", "DATA"] in server.heard()[2:])
        assert not sending.done()

    options = Options(security=security, notes_commands=True)
    with TemporaryDirectory() as name, running_smtp(Path(name) / "smtp", options) as server:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(begin(server))
        assert wait_for(lambda: not server.still_open())


async def test_the_chain_sends_by_smtp() -> None:
    async with smtp_post() as post:
        chain = ProviderChain([post.provider], {}, SystemClock())
        assert (await chain.send(message(1))).provider == "smtp"
        assert (await chain.send(message(2, to="\u0906\u0936\u093e@example.com"))).provider == "smtp"
        assert await chain.verify() == {"smtp": ""}
