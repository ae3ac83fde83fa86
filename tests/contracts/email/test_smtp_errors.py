"""Mail by SMTP: what a refusal, a silence or a lost connection means for the message; the next one goes out."""

import asyncio
import time

import pytest

from academy.infrastructure.email.base import LogicalEmailError, TechnicalEmailError
from tests.contracts.email.smtp_post import IMPATIENT, SmtpPost, address, message, smtp_post
from tests.servers.mongodb import free_port
from tests.servers.smtp_folder import HOST, Behaviour, Options, Step

TECHNICAL, THROTTLED, LOGICAL = "technical", "throttled", "logical"
PIPELINING = pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "one by one"])

REFUSALS: list[tuple[Step, str, str]] = [
    ("greeting", "554 5.7.1 Your network is not welcome", TECHNICAL),
    ("greeting", "421 4.7.0 Too many connections from you", THROTTLED),
    ("greeting", "421 4.3.2 Going down", TECHNICAL),
    ("EHLO", "550 5.7.1 Who are you", TECHNICAL),
    ("EHLO", "451 4.3.0 Not now", TECHNICAL),
    ("MAIL", "553 5.1.8 Unknown sender domain", TECHNICAL),
    ("MAIL", "530 5.7.0 Authentication required", TECHNICAL),
    ("MAIL", "450 4.7.1 Message rate exceeded", THROTTLED),
    ("MAIL", "454 Throttling failure: Maximum sending rate exceeded.", THROTTLED),
    ("MAIL", "452 4.3.1 System storage limit reached", TECHNICAL),
    ("MAIL", "421 4.7.0 Too many messages, slow down", THROTTLED),
    ("RCPT", "550 5.1.1 No such user", LOGICAL),
    ("RCPT", "552 5.2.2 Mailbox full", LOGICAL),
    ("RCPT", "501 5.1.3 Bad address", LOGICAL),
    ("RCPT", "550 No such user", LOGICAL),
    ("RCPT", "450 4.2.0 Greylisted", TECHNICAL),
    ("RCPT", "451 4.7.1 Too many recipients in this hour", THROTTLED),
    ("RCPT", "421 4.7.0 Rate limit", THROTTLED),
    ("RCPT", "530 5.7.0 Authentication required", TECHNICAL),
    ("RCPT", "554 5.7.1 <1@example.com>: Relay access denied", TECHNICAL),
    ("RCPT", "550 5.7.54 Unable to relay", TECHNICAL),
    ("RCPT", "550 5.1.7 Bad sender", TECHNICAL),
    ("RCPT", "553 5.7.1 <post@mail.example>: Sender address rejected: not owned by user", TECHNICAL),
    ("DATA", "451 4.3.0 Not now", TECHNICAL),
    ("DATA", "503 5.5.1 Bad sequence", TECHNICAL),
    ("DATA", "554 5.6.0 Not from you", LOGICAL),
    ("content", "554 5.7.1 Looks like spam", LOGICAL),
    ("content", "552 5.3.4 Too large", LOGICAL),
    ("content", "550 5.7.26 This mail is not authenticated by SPF or DKIM", TECHNICAL),
    ("content", "452 4.3.1 Out of disk", TECHNICAL),
    ("content", "451 4.7.0 Daily quota exceeded", THROTTLED),
    ("content", "421 4.3.2 Going down", TECHNICAL),
]


async def the_error(post: SmtpPost, number: int = 1) -> TechnicalEmailError | LogicalEmailError:
    """Sends a message that fails and returns how."""
    with pytest.raises((TechnicalEmailError, LogicalEmailError)) as raised:
        await post.provider.send(message(number))
    assert isinstance(raised.value, TechnicalEmailError | LogicalEmailError)
    return raised.value


@pytest.mark.parametrize(
    ("step", "answer", "meaning"), REFUSALS, ids=[f"{step} {answer}" for step, answer, _ in REFUSALS]
)
@PIPELINING
async def test_what_a_refusal_means(step: Step, answer: str, meaning: str, pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining)) as post:
        post.say(step, answer)
        error = await the_error(post)
        assert answer in error.message
        assert isinstance(error, LogicalEmailError) is (meaning == LOGICAL)
        if isinstance(error, TechnicalEmailError):
            assert error.throttled is (meaning == THROTTLED)
        post.recover()
        assert await post.send(2, 3) == [None, None]
        assert sorted(post.arrived()) == [address(2), address(3)]


NO_ANSWERS: list[tuple[Step, str]] = [
    (step, answer)
    for step in ("EHLO", "MAIL", "RCPT", "DATA", "content")
    for answer in ("banana", "354 Go on" * 2000, "199 Odd", "250-First\r\n251 Last", "354 Go on")
    if (step, answer) != ("DATA", "354 Go on")
]


@pytest.mark.parametrize("step", ["greeting", "RCPT"])
async def test_what_a_server_says_can_be_shown_and_stored(step: Step) -> None:
    async with smtp_post() as post:
        post.say(step, "550-5.1.1 A\x07 \t caf\u00e9\r\n550-\r\n550 5.1.1 " + "x" * 2000)
        said = (await the_error(post)).message
    assert said.partition(": ")[2].startswith("550 5.1.1 A caf\u00e9 5.1.1 xxx")
    assert said.isprintable()
    assert len(said) < 600


@pytest.mark.parametrize(("step", "answer"), NO_ANSWERS)
@PIPELINING
async def test_what_is_no_answer_ends_the_connection(step: Step, answer: str, pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining), seconds=2, connections=1) as post:
        post.say(step, answer)
        assert isinstance(await the_error(post), TechnicalEmailError)
        post.recover()
        assert await post.send(2) == [None]
        assert post.arrived() == [address(2)]
        assert post.server.opened() == 2


async def test_a_server_that_wants_content_without_a_sender_gets_none() -> None:
    async with smtp_post() as post:
        post.server.behave(Behaviour(answers={"MAIL": "550 5.1.8 Unknown sender"}, wants_data_for_nobody=True))
        error = await the_error(post)
        assert isinstance(error, TechnicalEmailError)
        assert "550 5.1.8 Unknown sender" in error.message
        post.recover()
        assert await post.send(2) == [None]
        assert (post.arrived(), post.server.opened()) == ([address(2)], 2)


@PIPELINING
async def test_a_connection_that_cannot_be_reset_is_renewed(pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining)) as post:
        refusal = {address(1): "550 5.1.1 No such user"}
        post.server.behave(Behaviour(recipients=refusal, answers={"RSET": "500 What"}))
        outcomes = [(await post.send(number))[0] for number in (1, 2, 3)]
        assert [type(outcome) for outcome in outcomes] == [LogicalEmailError, TechnicalEmailError, type(None)]
        assert (post.arrived(), post.server.opened()) == ([address(3)], 2)


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "kept"])
@PIPELINING
async def test_silence_ends_in_a_technical_error_in_time(step: Step, pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining), seconds=IMPATIENT) as post:
        post.server.behave(Behaviour(hangs=frozenset({step})))
        begin = time.monotonic()
        error = await the_error(post)
        assert time.monotonic() - begin < 10 * IMPATIENT
        assert isinstance(error, TechnicalEmailError)
        assert "did not answer within 0.3 seconds" in error.message
        assert not error.throttled
        post.recover()
        assert await post.send(2) == [None]


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "kept"])
@PIPELINING
async def test_a_lost_connection_is_a_technical_error(step: Step, pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining)) as post:
        post.server.behave(Behaviour(drops=frozenset({step})))
        assert isinstance(await the_error(post), TechnicalEmailError)
        post.recover()
        assert await post.send(2) == [None]


@pytest.mark.parametrize(("step", "copies"), [("content", 0), ("kept", 1)])
@PIPELINING
async def test_after_the_content_nobody_sends_it_again(step: Step, copies: int, pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining)) as post:
        await post.send(1)
        post.server.behave(Behaviour(drops=frozenset({step})))
        assert isinstance(await the_error(post, 2), TechnicalEmailError)
        assert post.server.opened() == 1
        assert post.arrived() == [address(1)] + [address(2)] * copies


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@PIPELINING
async def test_before_the_content_a_fresh_connection_is_tried_once(step: Step, pipelining: bool) -> None:
    async with smtp_post(Options(pipelining=pipelining)) as post:
        await post.send(1)
        post.server.behave(Behaviour(drops=frozenset({step})))
        assert isinstance(await the_error(post, 2), TechnicalEmailError)
        assert post.server.opened() == 2
        post.recover()
        assert await post.send(3) == [None]


async def test_what_was_begun_behind_a_lost_mail_goes_out_over_a_fresh_connection() -> None:
    async with smtp_post(connections=1) as post:
        post.server.behave(Behaviour(drops=frozenset({"kept"})))
        outcomes = await post.send(1, 2, 3)
        assert all(isinstance(error, TechnicalEmailError) for error in outcomes)
        assert post.arrived() == [address(1), address(2), address(3)], "once each"
        assert post.server.opened() == 3


async def test_a_slow_server_is_no_fault() -> None:
    async with smtp_post(connections=2) as post:
        post.server.behave(Behaviour(pauses={"RCPT": 0.05, "content": 0.05}, latency=0.02))
        assert await post.send(*range(10)) == [None] * 10
        assert sorted(post.arrived()) == sorted(map(address, range(10)))


async def test_an_absent_server_is_a_technical_error() -> None:
    async with smtp_post() as post:
        post.server.stop()
        error = await the_error(post)
        assert isinstance(error, TechnicalEmailError)
        assert f"{HOST}:{post.server.port} cannot be reached" in error.message
        assert "SMTP_HOST" in error.message


async def test_a_message_larger_than_the_server_takes_is_refused() -> None:
    async with smtp_post(Options(size=20_000, notes_commands=True), connections=1) as post:
        with pytest.raises(LogicalEmailError, match="takes 20,000 at most"):
            await post.provider.send(message(text="x" * 20_000))
        assert post.server.heard() == [["EHLO"]]
        # Behind another one, too.
        small, large = await asyncio.gather(
            post.provider.send(message(2)),
            post.provider.send(message(3, text="x" * 20_000)),
            return_exceptions=True,
        )
        assert small is None
        assert isinstance(large, LogicalEmailError)


async def test_a_mailbox_beyond_ascii_needs_a_server_that_can() -> None:
    asha = "आशा@उदाहरण.example"
    async with smtp_post() as post:
        await post.provider.send(message(to=asha))
        (kept,) = post.server.messages()
        assert kept.recipients == ["आशा@xn--p1b6ci4b4b3a.example"]
        assert kept.options == ["SMTPUTF8", "BODY=8BITMIME"]
        assert "आशा@".encode() in kept.content
    async with smtp_post(Options(utf8=False)) as post:
        with pytest.raises(LogicalEmailError, match="SMTPUTF8"):
            await post.provider.send(message(to=asha))
        await post.provider.send(message(to="asha@उदाहरण.example"))
        (kept,) = post.server.messages()
        assert (kept.recipients, kept.options) == (["asha@xn--p1b6ci4b4b3a.example"], [])


@pytest.mark.parametrize("bad", ["asha", "asha@x\r\nRCPT TO:<eve@example.com>", "asha @example.com"])
async def test_what_is_no_address_reaches_no_server(bad: str) -> None:
    async with smtp_post() as post:
        with pytest.raises(LogicalEmailError):
            await post.provider.send(message(to=bad))
        assert post.server.opened() == 0


async def test_the_server_can_be_verified_without_a_mail() -> None:
    async with smtp_post(Options(notes_commands=True)) as post:
        assert await post.provider.verify() == ""
        assert post.server.heard() == [["EHLO"], ["NOOP"], ["QUIT"]]
        await post.until(lambda: not post.server.still_open())
        post.say("NOOP", "450 4.3.2 Not now")
        assert "450 4.3.2 Not now" in await post.provider.verify()
        post.say("NOOP", "banana")
        assert "banana" in await post.provider.verify()
        post.say("greeting", "554 No service")
        assert "554 No service" in await post.provider.verify()
        await post.until(lambda: not post.server.still_open())
        assert not post.server.messages()


async def test_verifying_says_that_nobody_is_there() -> None:
    async with smtp_post(port=free_port()) as post:
        assert "Check SMTP_HOST and SMTP_PORT" in await post.provider.verify()
