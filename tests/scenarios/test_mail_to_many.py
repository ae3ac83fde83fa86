"""Ten thousand people are written to, through a real mail server: each gets their own mail, once."""

from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest

from academy.composition import build_academy
from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.batches import Announcement, BatchRecipient
from academy.infrastructure.email.model import MailState
from academy.settings import load_settings
from tests.contracts.jobs.workshop import StandingClock
from tests.servers.smtp import smtp_process

MANY = 10_000
NEWS = Announcement(
    title="Seat {{ seat }} is yours",
    message="Hello {{ name }}, your seat is {{ seat }}.",
    action="See the hall",
    action_url="https://rtechacademy.com/hall",
)


def person(number: int) -> BatchRecipient:
    return BatchRecipient(
        to=Recipient(address=f"person-{number}@example.com", name=f"Person {number}"),
        variables={"seat": f"A-{number}"},
        unsubscribe_url=f"https://rtechacademy.com/unsubscribe/{number}",
    )


@pytest.mark.timeout(300)
async def test_ten_thousand_get_their_own_mail_once(tmp_path: Path) -> None:
    with smtp_process(tmp_path / "smtp") as server:
        environment = {"ACADEMY_HOME": str(tmp_path / "home"), "EMAIL_PROVIDER": "smtp", "SMTP_HOST": "127.0.0.1"}
        environment |= {"SMTP_PORT": str(server.port), "SMTP_SECURITY": "none"}
        academy = build_academy(load_settings(environment), StandingClock())
        await academy.start(work=False)
        try:
            batch = await academy.email.send_batch([person(number) for number in range(MANY)], NEWS)
            await academy.worker.drain()
            assert await academy.email.log.states_of_batch(batch) == {MailState.SENT: MANY}
        finally:
            await academy.stop()
        taken = server.messages()
    assert sorted(kept.recipients[0] for kept in taken) == sorted(f"person-{n}@example.com" for n in range(MANY))
    for kept in taken[::100]:
        number = kept.recipients[0].partition("@")[0].removeprefix("person-")
        message = message_from_bytes(kept.content, policy=SMTP)
        assert message["Subject"] == f"Seat A-{number} is yours"
        assert message["List-Unsubscribe"] == f"<https://rtechacademy.com/unsubscribe/{number}>"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        text = message.get_body(("plain",))
        assert text is not None
        assert f"Hello Person {number}, your seat is A-{number}." in text.get_content()
