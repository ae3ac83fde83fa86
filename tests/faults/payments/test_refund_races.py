"""Many refunds at once, here, at the gateway, and while the payment completes: never more goes back than was paid."""

import asyncio
from collections.abc import Sequence

import pytest

from academy.features.courses.model import Course
from academy.features.payments.errors import NotRefundable
from academy.features.payments.model import Access, RefundStatus, Transaction, TransactionStatus
from academy.infrastructure.gateways.base import RefundOrder
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.errors import InvalidError
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.in_process import TestAcademy
from tests.academies.payments import bought, ordered, paid_course, rehearsal, stored
from tests.faults.payments.crowds import at_once, check_end, work_at_once

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def sold(academy: TestAcademy) -> tuple[Principal, Course, Transaction]:
    course, buyer = await paid_course(academy), await academy.person()
    return buyer, course, await bought(academy, buyer, course)


async def ask_back(
    academy: TestAcademy, transaction: Transaction, amounts: Sequence[int | None]
) -> tuple[int, set[type]]:
    """Asks for refunds at once, while workers send them; returns how many were taken on, and the refusals."""
    admin = await academy.person(Role.ADMIN)
    refunds = academy.academy.refunds
    wanted = [refunds.request(admin, transaction.id, amount=amount, reason="Bought twice") for amount in amounts]
    working = asyncio.ensure_future(work_at_once(academy))
    taken, refused = await at_once(*wanted)
    await working
    return len(taken), {type(error) for error in refused}


async def test_refunds_at_once_are_never_more_than_was_paid(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer, course, transaction = await sold(academy)
    assert await ask_back(academy, transaction, [49_900] * 10) == (3, {InvalidError})
    await academy.work()
    ended = await stored(academy, transaction)
    assert (ended.status, ended.refunded) == (TransactionStatus.PARTIALLY_REFUNDED, 149_700)
    assert await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id)
    await check_end(academy)


async def test_all_of_it_asked_back_at_once_goes_back_once(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    buyer, course, transaction = await sold(academy)
    assert await ask_back(academy, transaction, [None] * 10) == (1, {NotRefundable})
    await academy.work()
    ended = await stored(academy, transaction)
    assert (ended.status, ended.access) == (TransactionStatus.REFUNDED, Access.REVOKED)
    assert not await academy.academy.enrolments.is_enrolled(buyer.user_id, course.id)
    await check_end(academy)


@pytest.mark.parametrize("elsewhere", [149_900, 100_000], ids=["all", "a part"])
async def test_a_refund_here_and_one_at_the_gateway_at_once(shared_academy: TestAcademy, elsewhere: int) -> None:
    academy = shared_academy
    _, _, transaction = await sold(academy)
    order = RefundOrder(
        refund_id=f"elsewhere-{new_id()}",
        transaction_id=transaction.id,
        payment_reference=transaction.payment_reference,
        amount=Money(amount=elsewhere, currency="INR"),
        reason="Made by hand",
    )
    await at_once(rehearsal(academy).refund(order), ask_back(academy, transaction, [None]))
    await check_end(academy)
    ended = await stored(academy, transaction)
    done = [refund.amount for refund in ended.refunds if refund.status is RefundStatus.DONE]
    assert done in ([elsewhere], [149_900]), "the one that was later at the gateway is refused there"
    whole = TransactionStatus.REFUNDED if done == [149_900] else TransactionStatus.PARTIALLY_REFUNDED
    assert ended.status is whole


async def test_a_refund_is_asked_for_while_its_payment_completes(shared_academy: TestAcademy) -> None:
    """Before the payment is known here there is nothing to send back; after it, all of it goes, once."""
    academy = shared_academy
    course, buyer, admin = await paid_course(academy), await academy.person(), await academy.person(Role.ADMIN)
    transaction = await ordered(academy, buyer, course)
    await rehearsal(academy).pay(transaction.reference)

    async def insist() -> None:
        for _ in range(200):
            try:
                await academy.academy.refunds.request(
                    admin, transaction.id, amount=None, reason="Wrong course", key="one"
                )
            except NotRefundable:
                await asyncio.sleep(0)
                await academy.academy.worker.drain(long_jobs=False)
            else:
                return
        raise AssertionError("the payment never completed")

    await asyncio.gather(insist(), insist(), work_at_once(academy))
    await check_end(academy)
    ended = await stored(academy, transaction)
    assert (ended.status, len(ended.refunds)) == (TransactionStatus.REFUNDED, 1)
    again = await bought(academy, buyer, course)
    assert again.access is Access.GRANTED
    await check_end(academy)
