"""The mail log: listed, shown, sent again, forgotten."""

import pytest

from academy.infrastructure.database.errors import InvalidCursor
from academy.infrastructure.email.base import Recipient
from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import MailState
from academy.infrastructure.email.rendering import MailKind
from academy.kit.errors import ConflictError, NotFoundError
from tests.contracts.email.post_office import ASHA, PostOffice
from tests.contracts.email.test_service import COURSE, send_code, send_news

NOWHERE = "01900000-0000-7000-8000-000000000000"


def someone(address: str) -> Recipient:
    return Recipient(address=address, name="Somebody")


async def listed(office: PostOffice, **wanted: object) -> list[str]:
    page = await office.email.log.page(MailFilter(**wanted))  # type: ignore[arg-type]
    return [mail.to for mail in page.items]


async def test_it_never_shows_a_code(office: PostOffice) -> None:
    await send_code(office)
    (shown,) = (await office.email.log.page(MailFilter())).items
    assert (shown.state, shown.values) == (MailState.QUEUED, {})
    assert shown.subject == "Your code for Rtech Academy"
    one = await office.email.log.get(shown.id)
    assert (one.values, office.email.log.preview(one)) == ({}, None)


async def test_it_is_listed_by_pages_newest_first_and_narrowed(office: PostOffice) -> None:
    office.provider.refused = {"3@example.com"}
    for number in range(5):
        await office.email.send_welcome(someone(f"{number}@Example.com" if number == 4 else f"{number}@example.com"))
        office.clock.move(seconds=1)
    await send_news(office)
    await office.work()
    page = await office.email.log.page(MailFilter(kind=MailKind.WELCOME), limit=2)
    rest = await office.email.log.page(MailFilter(kind=MailKind.WELCOME), limit=9, cursor=page.next_cursor)
    assert [mail.to[0] for mail in [*page.items, *rest.items]] == ["4", "3", "2", "1", "0"]
    assert rest.next_cursor is None
    assert await listed(office, state=MailState.FAILED) == ["3@example.com"]
    assert len(await listed(office, state=MailState.SENT)) == 5
    assert await listed(office, to="4@example.COM") == ["4@Example.com"]
    assert await listed(office, to="4@example.com", state=MailState.FAILED) == []
    assert await listed(office, kind=MailKind.NOTIFICATION) == [ASHA.address]
    with pytest.raises(InvalidCursor):
        await office.email.log.page(MailFilter(), cursor="nonsense")


async def test_a_preview_is_what_the_recipient_gets(office: PostOffice) -> None:
    await send_news(office)
    await office.work()
    shown = office.email.log.preview(await office.email.log.get((await office.only_mail()).id))
    (offered,) = office.provider.offered
    assert shown is not None
    assert (shown.subject, shown.text, shown.html) == (offered.subject, offered.text, offered.html)


async def test_a_sent_mail_is_sent_again_as_a_new_message(office: PostOffice) -> None:
    await office.email.send_enrolment_confirmation(ASHA, course_title="Python", course_url=COURSE, cause="enrolment:1")
    await office.work()
    mail = await office.only_mail()
    await office.email.log.resend(mail.id)
    with pytest.raises(ConflictError, match="waits"):
        await office.email.log.resend(mail.id)
    await office.work()
    again = await office.only_mail()
    assert (again.state, again.attempts) == (MailState.SENT, 2)
    assert again.message_id != mail.message_id
    first, second = office.provider.offered
    assert first.text == second.text
    assert len(await office.inbox.messages()) == 2, "whoever lost the first finds the second"


async def test_a_failed_mail_is_sent_again_under_its_message_id(office: PostOffice) -> None:
    office.provider.refused = {ASHA.address}
    await office.email.send_welcome(ASHA)
    await office.work()
    failed = await office.only_mail()
    office.provider.refused = set()
    await office.email.log.resend(failed.id)
    await office.work()
    sent = await office.only_mail()
    assert (sent.state, sent.last_error) == (MailState.SENT, "")
    assert sent.message_id == failed.message_id


async def test_what_cannot_be_sent_again_is_refused_with_a_reason(office: PostOffice) -> None:
    with pytest.raises(NotFoundError):
        await office.email.log.resend(NOWHERE)
    with pytest.raises(NotFoundError):
        await office.email.log.get(NOWHERE)
    await office.email.send_welcome(ASHA)
    with pytest.raises(ConflictError, match="waits"):
        await office.email.log.resend((await office.only_mail()).id)
    await office.mails.delete_many({})
    await send_code(office)
    for _ in range(2):
        with pytest.raises(ConflictError, match="one-time code"):
            await office.email.log.resend((await office.only_mail()).id)
        await office.work()


async def test_what_its_recipient_wants_no_more_is_not_sent_again(office: PostOffice) -> None:
    await send_news(office)
    office.unwanted = {ASHA.address: "Its recipient declined mail about news."}
    await office.work()
    stopped = await office.only_mail()
    assert (stopped.state, stopped.attempts) == (MailState.SUPPRESSED, 0)
    assert stopped.last_error == "Its recipient declined mail about news."
    with pytest.raises(ConflictError, match=r"not sent again\. Its recipient declined"):
        await office.email.log.resend(stopped.id)
    assert office.provider.offered == []
    office.unwanted = {}
    await office.email.log.resend(stopped.id)
    await office.work()
    assert (await office.only_mail()).state is MailState.SENT


async def test_the_mails_of_an_account_are_told_and_forgotten(office: PostOffice) -> None:
    await office.email.send_welcome(someone("maya@example.com"))
    await office.email.send_welcome(ASHA)
    office.clock.move(seconds=1)
    await send_code(office)
    assert ASHA.user_id is not None
    told = await office.email.log_of(ASHA.user_id)
    assert [(one["subject"], one["state"], one["to"]) for one in told] == [
        ("Your code for Rtech Academy", "queued", ASHA.address),
        ("Welcome to Rtech Academy", "queued", ASHA.address),
    ]
    await office.email.forget(ASHA.user_id, [ASHA.address, "asha@former.example"])
    assert await office.email.log_of(ASHA.user_id) == []
    assert await listed(office) == ["maya@example.com"]
    await office.work()
    assert [message.to for message in await office.inbox.messages()] == ["maya@example.com"]


async def test_old_mails_are_removed_but_for_those_that_wait(office: PostOffice) -> None:
    await office.email.send_welcome(someone("old@example.com"))
    await office.work()
    office.provider.is_down = True
    await office.email.send_welcome(someone("waiting@example.com"))
    office.clock.move(days=91)
    await office.email.send_welcome(someone("new@example.com"))
    assert await office.email.log.delete_old(90) == 1
    assert await listed(office) == ["new@example.com", "waiting@example.com"]


async def test_every_query_is_served_by_an_index(office: PostOffice) -> None:
    for number in range(30):
        await office.email.send_welcome(someone(f"{number}@example.com"))
    for wanted in (
        MailFilter(),
        MailFilter(state=MailState.FAILED),
        MailFilter(to=ASHA.address),
        MailFilter(kind=MailKind.CODE),
        MailFilter(kind=MailKind.CODE, state=MailState.SENT, to=ASHA.address),
        MailFilter(batch_id="batch"),
    ):
        plan = await office.mails.explain(wanted.query(), sort=("-created_at",))
        assert not plan.scans_collection, (wanted, plan)
