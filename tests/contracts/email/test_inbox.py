"""The local inbox."""

import msgspec
import pytest

from academy.infrastructure.email import inbox as inbox_module
from academy.infrastructure.email.base import EmailMessage, InboxMessage
from academy.infrastructure.email.model import InboxMail
from tests.contracts.email.post_office import PostOffice


def message(number: int, *, to: str = "asha@example.com") -> EmailMessage:
    return EmailMessage(
        mail_id=str(number),
        message_id=f"<{number}@mail.example>",
        sender="post@mail.example",
        sender_name="Academy",
        to=to,
        subject=f"Subject {number}",
        text=f"Text {number}",
        html=f"<p>HTML {number}</p>",
    )


async def test_a_message_is_kept_as_it_was_sent(office: PostOffice) -> None:
    await office.inbox.send(message(1))
    assert await office.inbox.messages() == [
        InboxMessage(
            to="asha@example.com",
            subject="Subject 1",
            text="Text 1",
            html="<p>HTML 1</p>",
            sent_at=office.clock.now(),
        )
    ]
    assert await office.inbox.verify() == ""
    assert office.inbox.name == "inbox"


async def test_the_newest_comes_first(office: PostOffice) -> None:
    for number in range(5):
        await office.inbox.send(message(number))
        office.clock.move(seconds=1)
    assert [kept.text for kept in await office.inbox.messages()] == [f"Text {number}" for number in (4, 3, 2, 1, 0)]


async def test_a_message_sent_again_is_kept_once(office: PostOffice) -> None:
    await office.inbox.send(message(1))
    office.clock.move(minutes=1)
    await office.inbox.send(message(1))
    await office.inbox.send(message(2))
    assert sorted(kept.text for kept in await office.inbox.messages()) == ["Text 1", "Text 2"]


@pytest.mark.parametrize("step", [0, 1])
async def test_only_the_newest_are_kept(office: PostOffice, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(inbox_module, "_KEPT", 5)
    for number in range(9):
        await office.inbox.send(message(number))
        office.clock.move(milliseconds=step)
    kept = [one.text for one in await office.inbox.messages()]
    assert len(kept) == 5
    assert await office.workshop.database.collection(InboxMail).count({}) == 5
    if step:
        assert kept == [f"Text {number}" for number in (8, 7, 6, 5, 4)]


async def test_hostile_text_is_kept_unharmed(office: PostOffice) -> None:
    hostile = msgspec.structs.replace(message(1), subject='{"$ne": null}', text="\u0000' OR 1=1 --", html="<script>")
    await office.inbox.send(hostile)
    (kept,) = await office.inbox.messages()
    assert (kept.subject, kept.text, kept.html) == (hostile.subject, hostile.text, hostile.html)
