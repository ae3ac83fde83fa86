"""A batch that was dropped stays so, whoever is at work on it at that moment, on both engines."""

import asyncio
import contextvars
from collections.abc import Sequence

import pytest

from academy.infrastructure.database.base import Collection, Filter, Sort, Update
from academy.infrastructure.database.batches import update_in_batches
from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import Mail, MailState
from academy.infrastructure.email.sending import SendBatch
from academy.kit.errors import ConflictError
from tests.contracts.email.post_office import PostOffice
from tests.contracts.email.test_batches import NEWS, people


async def test_a_retry_that_begins_in_the_middle_of_a_drop_leaves_nothing_waiting(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.provider.full = {"1@example.com"}
    batch = await office.email.send_batch(people(2), NEWS)
    await office.work()
    await office.email.sender.handle_rest_of_batch(SendBatch(batch))
    has_begun = False

    async def between(collection: Collection[Mail], query: Filter, change: Update, *, sort: Sort) -> int:
        nonlocal has_begun
        changed = await update_in_batches(collection, query, change, sort=sort)
        if not has_begun:
            has_begun = True
            office.provider.full = set()
            await office.email.sender.handle_batch(SendBatch(batch))
        return changed

    monkeypatch.setattr("academy.infrastructure.email.batch_register.update_in_batches", between)
    await office.email.batches.drop(batch)
    assert await office.email.log.states_of_batch(batch) == {MailState.SENT: 1, MailState.DROPPED: 1}


async def test_what_is_written_while_the_batch_is_dropped_does_not_wait_for_ever(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.email.batches.write("b", NEWS, people(3))
    collection = type(office.mails)
    real_insert, dropping = collection.insert_many, list[asyncio.Task[int]]()

    async def insert_while_dropped(mails: Collection[Mail], documents: Sequence[Mail]) -> None:
        if not dropping:
            loop = asyncio.get_running_loop()
            # Outside of the transaction of who writes.
            dropping.append(loop.create_task(office.email.batches.drop("b"), context=contextvars.Context()))
            await asyncio.wait(dropping, timeout=0.2)
        await real_insert(mails, documents)

    monkeypatch.setattr(collection, "insert_many", insert_while_dropped)
    try:
        await office.email.batches.write("b", NEWS, people(6))
    except ConflictError:
        expected = 3
    else:
        expected = 6
    await dropping[0]
    with pytest.raises(ConflictError, match="was dropped"):
        await office.email.batches.start("b")
    assert await office.email.log.states_of_batch("b") == {MailState.DROPPED: expected}


async def test_no_mail_of_a_dropped_batch_is_sent_again_and_so_none_undrops_it(office: PostOffice) -> None:
    office.provider.refused = {"0@example.com"}
    await office.email.send_batch(people(1), NEWS, batch_id="b")
    await office.work()
    assert await office.email.batches.drop("b") == 0
    (mail,) = (await office.email.log.page(MailFilter(batch_id="b"))).items
    with pytest.raises(ConflictError, match="Batch b was dropped"):
        await office.email.log.resend(mail.id)
    with pytest.raises(ConflictError, match="Batch b was dropped"):
        await office.email.send_batch(people(5), NEWS, batch_id="b")
    assert await office.email.log.states_of_batch("b") == {MailState.FAILED: 1}


async def test_a_batch_that_nobody_gets_yet_can_be_dropped_too(office: PostOffice) -> None:
    await office.email.batches.start("b")
    assert await office.email.batches.drop("b") == 0
    with pytest.raises(ConflictError):
        await office.email.batches.write("b", NEWS, people(1))
