"""Mail to many: each with their own variables, each told how it went, nobody twice."""

import asyncio

import pytest

from academy.infrastructure.database.batches import BATCH
from academy.infrastructure.email.base import EmailMessage, Recipient
from academy.infrastructure.email.batches import Announcement, BatchRecipient
from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import MailState
from academy.infrastructure.email.sending import SendBatch
from academy.kit.errors import ConflictError, InvalidError, NotFoundError
from tests.contracts.email.post_office import PostOffice

NEWS = Announcement(
    title="News for {{ name }}",
    message="Hello {{name}}, your seat is {{ seat }}.\n\nSee you at {{ email }}.",
    action="Open",
    action_url="https://rtechacademy.com/news",
)


def people(count: int) -> list[BatchRecipient]:
    return [
        BatchRecipient(
            to=Recipient(address=f"{number}@example.com", name=f"Person {number}"),
            variables={"seat": f"A{number}"},
            unsubscribe_url=f"https://rtechacademy.com/unsubscribe/{number}",
        )
        for number in range(count)
    ]


async def test_everybody_gets_their_own(office: PostOffice) -> None:
    batch = await office.email.send_batch(people(230), NEWS)
    assert await office.email.log.states_of_batch(batch) == {MailState.QUEUED: 230}
    await office.work()
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 230}
    offered = {message.to: message for message in office.provider.offered}
    assert len(offered) == len(office.provider.offered) == 230
    seventh = offered["7@example.com"]
    assert seventh.subject == "News for Person 7"
    assert "your seat is A7." in seventh.text
    assert "See you at 7@example.com." in seventh.html
    assert seventh.unsubscribe_url == "https://rtechacademy.com/unsubscribe/7"
    assert len({message.message_id for message in offered.values()}) == 230


async def test_an_address_gets_one_mail_of_a_batch(office: PostOffice) -> None:
    twice = [*people(3), *people(3)]
    batch = await office.email.send_batch(twice, NEWS)
    assert await office.email.send_batch(people(5), NEWS, batch_id=batch) == batch
    await office.work()
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 5}
    await office.email.send_batch(people(5), NEWS, batch_id=batch)
    await office.work()
    assert len(office.provider.offered) == 5


async def test_two_who_write_one_batch_at_once_write_it_once(office: PostOffice) -> None:
    await asyncio.gather(*(office.email.send_batch(people(20), NEWS, batch_id="b") for _ in range(2)))
    await office.work()
    assert len(office.provider.offered) == 20


async def test_nothing_leaves_before_all_is_written(office: PostOffice) -> None:
    await office.email.batches.write("b", NEWS, people(3))
    await office.work()
    assert office.provider.offered == []
    await office.email.batches.start("b")
    await office.work()
    assert len(office.provider.offered) == 3


async def test_a_place_without_a_value_is_named_and_nothing_is_sent(office: PostOffice) -> None:
    lacking = [BatchRecipient(to=Recipient(address="x@example.com", name="X"), unsubscribe_url="https://x.example")]
    with pytest.raises(InvalidError, match=r"\{\{ seat \}\}.*x@example\.com"):
        await office.email.send_batch(lacking, NEWS)
    assert await office.mails.count({}) == 0


async def test_each_result_is_told(office: PostOffice) -> None:
    office.provider.refused = {"1@example.com"}
    batch = await office.email.send_batch(people(3), NEWS)
    await office.work()
    results = (await office.email.log.page(MailFilter(batch_id=batch))).items
    assert {mail.to: (mail.state.value, mail.last_error) for mail in results} == {
        "0@example.com": ("sent", ""),
        "1@example.com": ("failed", "unreliable: There is no such mailbox."),
        "2@example.com": ("sent", ""),
    }


async def test_a_batch_waits_for_its_provider_and_sends_the_rest(office: PostOffice) -> None:
    office.provider.is_down = True
    batch = await office.email.send_batch(people(120), NEWS)
    await office.work()
    assert await office.email.log.states_of_batch(batch) == {MailState.QUEUED: 120}
    assert len(office.provider.offered) <= 50, "it does not go on against a wall"
    office.provider.is_down = False
    await office.work(minutes=10)
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 120}
    assert len(await office.inbox.messages()) == 120


async def test_the_rest_of_a_batch_that_is_given_up_has_failed(office: PostOffice) -> None:
    office.provider.is_down = True
    batch = await office.email.send_batch(people(3), NEWS)
    await office.work()
    job = SendBatch(batch)
    await office.workshop.database.transaction(lambda: office.email.sender.handle_batch_given_up(job))
    assert await office.email.log.states_of_batch(batch) == {MailState.QUEUED: 3}, "nobody waits for thousands of mails"
    await office.work()
    assert await office.email.log.states_of_batch(batch) == {MailState.FAILED: 3}


async def test_a_value_is_text_and_nothing_else(office: PostOffice) -> None:
    hostile = BatchRecipient(
        to=Recipient(address="x@example.com", name="<b>X</b>"),
        variables={"seat": "{{ name }}<script>{% raise %}"},
        unsubscribe_url="https://x.example",
    )
    await office.email.send_batch([hostile], NEWS)
    await office.work()
    (offered,) = office.provider.offered
    assert "your seat is {{ name }}<script>{% raise %}." in offered.text
    assert "<script>" not in offered.html


async def test_full_mailboxes_at_the_head_hold_up_nobody(office: PostOffice) -> None:
    office.provider.full = {f"{number}@example.com" for number in range(60)}
    batch = await office.email.send_batch(people(150), NEWS)
    await office.work()
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 90, MailState.QUEUED: 60}
    assert await office.email.health_check() == "", "the provider is well"
    office.provider.full = set()
    await office.work(minutes=10)
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 150}
    assert len(await office.inbox.messages()) == 150


async def test_a_mail_that_nobody_thought_of_makes_no_second_copies_of_the_others(office: PostOffice) -> None:
    office.provider.choking = {"7@example.com"}
    batch = await office.email.send_batch(people(30), NEWS)
    await office.work(minutes=30)
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 29, MailState.QUEUED: 1}
    offered = [message.to for message in office.provider.offered if message.to != "7@example.com"]
    assert len(offered) == len(set(offered)) == 29


async def test_a_batch_that_was_given_up_can_be_tried_again_without_the_refused(office: PostOffice) -> None:
    office.provider.refused = {"0@example.com"}
    office.provider.full = {"1@example.com"}
    batch = await office.email.send_batch(people(3), NEWS)
    await office.work()
    job = SendBatch(batch)
    await office.workshop.database.transaction(lambda: office.email.sender.handle_batch_given_up(job))
    await office.work()
    assert await office.email.log.states_of_batch(batch) == {MailState.FAILED: 2, MailState.SENT: 1}
    office.provider.full = set()
    await office.email.sender.handle_batch(job)
    assert await office.email.log.states_of_batch(batch) == {MailState.FAILED: 1, MailState.SENT: 2}
    offers = [message.to for message in office.provider.offered]
    assert offers.count("0@example.com") == 1, "a refusal stops"


async def test_who_is_added_while_the_batch_is_on_its_way_gets_it_too(office: PostOffice) -> None:
    real_send, is_added = office.provider.send, False

    async def add_two_more(message: EmailMessage) -> None:
        nonlocal is_added
        await real_send(message)
        if not is_added:
            is_added = True
            await office.email.send_batch(people(12), NEWS, batch_id="b")

    office.provider.send = add_two_more  # type: ignore[method-assign]
    await office.email.send_batch(people(10), NEWS, batch_id="b")
    await office.work()
    assert await office.email.log.states_of_batch("b") == {MailState.SENT: 12}


async def test_a_worker_that_stops_notes_what_was_on_its_way(office: PostOffice) -> None:
    real_send, begun, go_on = office.provider.send, asyncio.Event(), asyncio.Event()

    async def wait(message: EmailMessage) -> None:
        begun.set()
        await go_on.wait()
        await real_send(message)

    office.provider.send = wait  # type: ignore[method-assign]
    batch = await office.email.send_batch(people(120), NEWS)
    task = asyncio.create_task(office.email.sender.handle_batch(SendBatch(batch)))
    await begun.wait()
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    sent = (await office.email.log.states_of_batch(batch))[MailState.SENT]
    assert sent == len(office.provider.offered) == 50


async def test_nothing_is_written_when_one_text_has_a_place_without_a_value(office: PostOffice) -> None:
    lacking = BatchRecipient(to=Recipient(address="z@example.com", name="Z"), unsubscribe_url="https://x.example")
    with pytest.raises(InvalidError, match="z@example"):
        await office.email.send_batch([*people(250), lacking], NEWS)
    assert await office.mails.count({}) == 0


async def test_a_place_may_be_named_as_columns_are(office: PostOffice) -> None:
    odd = Announcement(
        title="T", message="Hi {{ first name }} on {{seat-no}}", action="A", action_url="https://x.example"
    )
    one = BatchRecipient(
        to=Recipient(address="x@example.com", name="X"),
        variables={"first name": "Asha", "seat-no": "A1"},
        unsubscribe_url="https://x.example",
    )
    await office.email.send_batch([one], odd)
    await office.work()
    assert "Hi Asha on A1" in office.provider.offered[0].text


async def test_a_batch_of_any_size_is_given_up_whole(office: PostOffice) -> None:
    office.provider.is_down = True
    batch = await office.email.send_batch(people(BATCH + 20), NEWS)
    await office.work()
    await office.email.sender.handle_rest_of_batch(SendBatch(batch))
    assert await office.email.log.states_of_batch(batch) == {MailState.FAILED: BATCH + 20}
    errors = {mail.last_error for mail in await office.mails.find({}, limit=BATCH + 20)}
    assert errors > {"unreliable: The server does not answer.", "Every try to send it broke off."}
    office.provider.is_down = False
    office.clock.move(minutes=10)
    await office.email.sender.handle_batch(SendBatch(batch))
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: BATCH + 20}


async def test_a_batch_that_was_not_started_can_be_dropped_and_stays_so(office: PostOffice) -> None:
    await office.email.batches.write("b", NEWS, people(3))
    assert await office.email.batches.drop("b") == 3
    assert await office.email.batches.drop("b") == 0
    assert await office.email.log.states_of_batch("b") == {MailState.DROPPED: 3}
    (mail, *_) = (await office.email.log.page(MailFilter(batch_id="b"))).items
    assert "taken back" in mail.last_error
    for again in (office.email.batches.write("b", NEWS, people(5)), office.email.batches.start("b")):
        with pytest.raises(ConflictError, match="Begin a new one"):
            await again
    await office.email.sender.handle_batch(SendBatch("b"))
    assert office.provider.offered == []
    with pytest.raises(NotFoundError, match="no batch mistyped"):
        await office.email.batches.drop("mistyped")


async def test_a_batch_is_dropped_from_under_a_worker_and_each_mail_ends_as_it_went(office: PostOffice) -> None:
    real_send, begun, go_on = office.provider.send, asyncio.Event(), asyncio.Event()

    async def wait(message: EmailMessage) -> None:
        begun.set()
        await go_on.wait()
        if message.to == "3@example.com":
            office.provider.full = {message.to}
        await real_send(message)

    office.provider.send = wait  # type: ignore[method-assign]
    batch = await office.email.send_batch(people(120), NEWS)
    task = asyncio.create_task(office.work())
    await begun.wait()
    assert await office.email.batches.drop(batch) == 120
    go_on.set()
    await task
    await office.work(minutes=30)
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 49, MailState.DROPPED: 71}
    sent = (await office.email.log.page(MailFilter(batch_id=batch, state=MailState.SENT), limit=200)).items
    assert {mail.to for mail in sent} == {message.to for message in await office.inbox.messages()}
    assert all(mail.last_error == "" and mail.provider for mail in sent)


async def test_what_was_given_up_is_not_tried_again_once_its_batch_is_dropped(office: PostOffice) -> None:
    office.provider.full = {"1@example.com"}
    batch = await office.email.send_batch(people(2), NEWS)
    await office.work()
    await office.email.sender.handle_rest_of_batch(SendBatch(batch))
    assert await office.email.batches.drop(batch) == 1
    office.provider.full = set()
    await office.email.sender.handle_batch(SendBatch(batch))
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 1, MailState.DROPPED: 1}


async def test_who_wants_no_such_mail_any_more_is_left_out_with_one_question_for_all(office: PostOffice) -> None:
    batch = await office.email.send_batch(people(50), NEWS)
    office.unwanted = {"7@example.com": "Its recipient declined mail about news."}
    await office.work()
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 49, MailState.SUPPRESSED: 1}
    assert "7@example.com" not in {message.to for message in office.provider.offered}
    assert office.asked_about == [50]
