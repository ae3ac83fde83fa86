"""Mail servers that are away, that die half-way, and a sender that is killed: every mail arrives."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from pathlib import Path

import pytest

from academy.composition import Academy, build_academy
from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.batches import Announcement, BatchRecipient
from academy.infrastructure.email.model import Mail, MailState
from academy.infrastructure.jobs.model import Job
from academy.kit.clock import Clock
from academy.settings import load_settings
from tests.academies.in_process import MovedClock
from tests.contracts.jobs.workshop import StandingClock
from tests.servers.academy import served_academy
from tests.servers.mongodb import free_port
from tests.servers.smtp import SmtpProcess, smtp_process
from tests.servers.smtp_folder import Behaviour, Options, Step
from tests.waiting import wait_for

MANY = 300
TEXT = Announcement(title="News", message="Hello {{ name }}.", action="Open", action_url="https://academy.test/")


def variables(port: int) -> dict[str, str]:
    return {
        "EMAIL_PROVIDER": "smtp",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(port),
        "SMTP_SECURITY": "none",
        "EMAIL_TIMEOUT_SECONDS": "5",
    }


@asynccontextmanager
async def sending_academy(
    home: Path, port: int, clock: Clock, given: dict[str, str] | None = None
) -> AsyncIterator[Academy]:
    environment = {"ACADEMY_HOME": str(home), "LOG_LEVEL": "error", **(given or variables(port))}
    academy = build_academy(load_settings(environment), clock)
    await academy.start(work=False)
    try:
        yield academy
    finally:
        await academy.stop()


def message_ids(server: SmtpProcess) -> Counter[str]:
    """Returns how often each Message-ID was taken."""
    return Counter(str(message_from_bytes(kept.content)["Message-ID"]) for kept in server.messages())


async def write(academy: Academy, count: int) -> None:
    for number in range(count):
        await academy.email.send_welcome(Recipient(address=f"{number}@example.com", name="Asha"))


async def work(academy: Academy) -> None:
    """Works all due jobs off, several at once."""
    await asyncio.gather(*(academy.worker.drain() for _ in range(8)))


async def sent(academy: Academy) -> int:
    return await academy.database.collection(Mail).count({"state": MailState.SENT})


def all_down(port: int) -> dict[str, str]:
    """SendGrid, then SES, then SMTP, all away; only SMTP comes back."""
    return variables(port) | {
        "EMAIL_PROVIDER": "sendgrid",
        "EMAIL_FALLBACKS": "ses,smtp",
        "SENDGRID_API_KEY": "SG.nobody",
        "SENDGRID_URL": f"http://127.0.0.1:{free_port()}",
        "AWS_REGION": "ap-south-1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nobody",
        "SES_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
    }


@pytest.mark.timeout(120)
async def test_hundreds_of_mails_that_were_written_during_an_outage_all_arrive_once(tmp_path: Path) -> None:
    clock = StandingClock()
    with smtp_process(tmp_path / "smtp") as server:
        server.stop()
        async with sending_academy(tmp_path / "home", server.port, clock, all_down(server.port)) as academy:
            await academy.database.transaction(lambda: write(academy, MANY))
            await work(academy)
            assert await sent(academy) == 0
            assert await academy.database.collection(Mail).count({"state": MailState.QUEUED}) == MANY

            server.start()
            for _ in range(2):  # the first one closes the circuit, before which others were turned away
                clock.move(minutes=10)
                await work(academy)
            assert await sent(academy) == MANY
    taken = message_ids(server)
    assert len(taken) == MANY
    assert set(taken.values()) == {1}


@pytest.mark.timeout(60)
async def test_a_server_that_dies_between_taking_a_mail_and_saying_so_gets_it_again_as_the_same_message(
    tmp_path: Path,
) -> None:
    clock = StandingClock()
    with smtp_process(tmp_path / "smtp") as server:
        server.behave(Behaviour(drops=frozenset({"kept"})))
        async with sending_academy(tmp_path / "home", server.port, clock) as academy:
            await academy.email.send_welcome(Recipient(address="asha@example.com", name="Asha"))
            await academy.worker.drain()
            assert await sent(academy) == 0
            server.behave(Behaviour())
            clock.move(minutes=1)
            await academy.worker.drain()
            assert await sent(academy) == 1
    (times,) = message_ids(server).values()
    assert times == 2, "a second copy rather than none, and the recipient can tell that it is one"


@pytest.mark.timeout(60)
async def test_the_second_provider_takes_over_with_the_same_message(tmp_path: Path) -> None:
    """SendGrid is away: its address leads nowhere."""
    environment = variables(0) | {
        "EMAIL_PROVIDER": "sendgrid",
        "EMAIL_FALLBACKS": "smtp",
        "SENDGRID_API_KEY": "SG.nobody",
        "SENDGRID_URL": f"http://127.0.0.1:{free_port()}",
        "ACADEMY_HOME": str(tmp_path / "home"),
        "LOG_LEVEL": "error",
    }
    with smtp_process(tmp_path / "smtp") as server:
        academy = build_academy(load_settings({**environment, "SMTP_PORT": str(server.port)}), StandingClock())
        await academy.start(work=False)
        try:
            await write(academy, 20)
            await academy.worker.drain()
            mails = await academy.database.collection(Mail).find({})
            assert {(mail.state, mail.provider) for mail in mails} == {(MailState.SENT, "smtp")}
            assert "sendgrid" in await academy.email.health_check()
        finally:
            await academy.stop()
        assert set(message_ids(server)) == {mail.message_id for mail in mails}


KILLS, PEOPLE = 2, 250


@pytest.mark.timeout(180)
async def test_kill_9_of_the_sender_in_the_middle_of_a_batch_loses_no_mail(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with smtp_process(tmp_path / "smtp") as server:
        server.behave(Behaviour(pauses={"content": 0.02}))
        async with sending_academy(home, server.port, MovedClock()) as academy:
            recipients = [
                BatchRecipient(
                    to=Recipient(address=f"{number}@example.com", name="Asha"),
                    unsubscribe_url="https://academy.test/unsubscribe",
                )
                for number in range(PEOPLE)
            ]
            batch = await academy.email.send_batch(recipients, TEXT)
        for kill in range(KILLS):
            goal = len(server.messages()) + 30

            def has_gone_on(goal: int = goal) -> bool:
                return len(server.messages()) >= goal

            with served_academy(home, variables=variables(server.port)) as served:
                assert wait_for(has_gone_on, 60), kill
                await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311 - anywhere in the work
                served.kill()
        server.behave(Behaviour())
        clock = MovedClock()
        clock.move(minutes=30)
        async with sending_academy(home, server.port, clock) as academy:
            await academy.worker.drain()
            assert await academy.email.log.states_of_batch(batch) == {MailState.SENT: PEOPLE}
            mails = await academy.database.collection(Mail).find({"batch_id": batch}, limit=PEOPLE)
            assert await academy.database.collection(Job).count({"status": "dead"}) == 0
    taken = message_ids(server)
    assert set(taken) == {mail.message_id for mail in mails}, "each arrives"
    assert sum(taken.values()) - PEOPLE <= KILLS * 50, "and what was under way at a kill, at most, comes again"


PHASES = ("greeting", "MAIL", "content", "kept")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("phase", PHASES)
async def test_kill_9_of_the_sender_in_each_phase_loses_no_mail(tmp_path: Path, phase: Step) -> None:
    """The mail server does not go on in a phase, and the sender is killed there."""
    home = tmp_path / "home"
    with smtp_process(tmp_path / "smtp", Options(notes_commands=True)) as server:
        server.behave(Behaviour(hangs=frozenset({phase})))
        async with sending_academy(home, server.port, MovedClock()) as academy:
            await academy.email.send_welcome(Recipient(address="asha@example.com", name="Asha"))
        reached = {
            "greeting": lambda: server.opened() > 0,
            "MAIL": lambda: any("MAIL" in commands for commands in server.heard()),
            "content": lambda: any("DATA" in commands for commands in server.heard()),
            "kept": lambda: len(server.messages()) == 1,
        }
        with served_academy(home, variables=variables(server.port)) as served:
            assert wait_for(reached[phase], 30)
            served.kill()
        server.behave(Behaviour())
        clock = MovedClock()
        clock.move(minutes=30)
        async with sending_academy(home, server.port, clock) as academy:
            await academy.worker.drain()
            assert await sent(academy) == 1
            (mail,) = await academy.database.collection(Mail).find({})
    assert message_ids(server) == {mail.message_id: 2 if phase == "kept" else 1}
