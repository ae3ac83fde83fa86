"""Mail servers and senders that die in the middle of their work: what was acknowledged was taken, and nothing twice."""

import asyncio
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from academy.infrastructure.email.base import TechnicalEmailError
from academy.infrastructure.email.settings import SmtpSettings
from academy.infrastructure.email.smtp import SmtpProvider
from academy.kit.clock import SystemClock
from tests.contracts.email.smtp_post import IMPATIENT, address, message, settings_for
from tests.servers.smtp import SmtpProcess, smtp_process
from tests.servers.smtp_folder import Behaviour, Options
from tests.waiting import wait_for

MAILS = 300
PIPELINING = pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "one by one"])

ENDLESS_SENDER = """
import asyncio, sys
from academy.infrastructure.email.settings import SmtpSettings
from academy.infrastructure.email.smtp import SmtpProvider
from academy.kit.clock import SystemClock
from tests.contracts.email.smtp_post import message

async def main():
    settings = SmtpSettings(host="127.0.0.1", port=int(sys.argv[1]), security="none")
    provider = SmtpProvider(settings, 10, SystemClock())

    async def send_every(start):
        for number in range(start, 100_000, 8):
            await provider.send(message(number))
            print(number, flush=True)

    await asyncio.gather(*(send_every(start) for start in range(8)))

asyncio.run(main())
"""


def arrivals(server: SmtpProcess) -> Counter[str]:
    """Counts the mails that each recipient has got."""
    return Counter(recipient for kept in server.messages() for recipient in kept.recipients)


def provider_for(server: SmtpProcess, seconds: float = 10) -> SmtpProvider:
    settings = SmtpSettings(host="127.0.0.1", port=server.port, security="none")
    return SmtpProvider(settings, seconds, SystemClock())


@PIPELINING
async def test_a_killed_server_loses_no_mail_that_it_took(tmp_path: Path, pipelining: bool) -> None:
    with smtp_process(tmp_path / "smtp", Options(pipelining=pipelining)) as server:
        server.behave(Behaviour(pauses={"content": 0.005}))
        provider = provider_for(server)
        sending = asyncio.create_task(_outcomes(provider, range(MAILS)))
        await asyncio.to_thread(wait_for, lambda: len(server.messages()) >= MAILS // 10)
        server.kill()
        outcomes = await sending
        sent = {address(n) for n, error in enumerate(outcomes) if error is None}
        assert 0 < len(sent) < MAILS
        assert all(isinstance(error, TechnicalEmailError) for error in outcomes if error is not None)
        arrived = arrivals(server)
        assert sent <= set(arrived)
        assert len(arrived) - len(sent) <= 4, "unknown is at most what was under way on each connection"
        assert set(arrived.values()) == {1}

        server.start()
        assert await _outcomes(provider, [MAILS]) == [None]
        assert arrivals(server)[address(MAILS)] == 1
        await provider.close()


async def test_a_frozen_server_holds_nobody_up_and_may_thaw(tmp_path: Path) -> None:
    with smtp_process(tmp_path / "smtp") as server:
        provider = provider_for(server, IMPATIENT)
        assert await _outcomes(provider, range(4)) == [None] * 4
        server.freeze()
        async with asyncio.timeout(10):
            outcomes = await _outcomes(provider, range(10, 30))
        assert all(isinstance(error, TechnicalEmailError) for error in outcomes)
        assert "did not answer within 0.3 seconds" in await provider.verify()
        server.thaw()
        patient = provider_for(server)
        assert await _outcomes(patient, range(30, 40)) == [None] * 10
        assert max(arrivals(server).values()) == 1
        await provider.close()
        await patient.close()


async def test_closing_does_not_wait_for_a_frozen_server(tmp_path: Path) -> None:
    with smtp_process(tmp_path / "smtp", Options(security="tls")) as server:
        provider = SmtpProvider(settings_for(server), IMPATIENT, SystemClock())
        assert await _outcomes(provider, range(4)) == [None] * 4
        server.freeze()
        async with asyncio.timeout(10):
            await provider.close()


async def test_a_killed_sender_leaves_no_half_mail_and_no_second_one(tmp_path: Path) -> None:
    with smtp_process(tmp_path / "smtp") as server:
        server.behave(Behaviour(pauses={"content": 0.002}))
        acknowledged: set[str] = set()
        sender = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ENDLESS_SENDER, str(server.port), stdout=asyncio.subprocess.PIPE
        )
        assert sender.stdout
        while len(acknowledged) < 100 and (line := await sender.stdout.readline()):
            acknowledged.add(address(int(line)))
        sender.send_signal(signal.SIGKILL)
        acknowledged |= {address(int(line)) for line in (await sender.stdout.read()).split()}
        await sender.wait()
        await asyncio.to_thread(wait_for, lambda: not server.still_open())
        arrived = arrivals(server)
        assert len(acknowledged) >= 100
        assert acknowledged <= set(arrived)
        assert set(arrived.values()) == {1}
        assert all(kept.content.endswith(b"--\r\n") for kept in server.messages()), "each is whole"


async def _outcomes(provider: SmtpProvider, numbers: range | list[int]) -> list[BaseException | None]:
    return await asyncio.gather(*(provider.send(message(number)) for number in numbers), return_exceptions=True)
