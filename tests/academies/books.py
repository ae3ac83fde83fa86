"""The books of an academy: paid = enrolled = receipted, money in = money recorded, money back = credit notes."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from academy.composition import Academy
from academy.features.courses.model import Course
from academy.features.enrolment.model import Enrolment, EnrolmentStatus
from academy.features.payments.invoice import Invoice, InvoiceKind
from academy.features.payments.model import (
    ALLOWED_CHANGES,
    OPEN,
    Access,
    RefundStatus,
    Transaction,
    TransactionStatus,
    WebhookEvent,
    WebhookStatus,
)
from academy.features.payments.pricing_model import Coupon
from academy.infrastructure.email.model import Mail
from academy.infrastructure.gateways.base import PaymentState
from academy.infrastructure.gateways.model import RehearsalPayment
from academy.infrastructure.jobs.model import Job, JobStatus

_MOST = 10_000


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """All that a whole academy holds about money, at one moment."""

    transactions: list[Transaction]
    invoices: list[Invoice]
    enrolments: list[Enrolment]
    courses: list[Course]
    coupons: list[Coupon]
    checkouts: list[RehearsalPayment]

    def check(self) -> None:
        """Asserts what is true at any moment, whatever is under way."""
        for transaction in self.transactions:
            _check_states(transaction)
            self._check_documents(transaction)
            self._check_access(transaction)
        self._check_numbers()
        self._check_enrolments()
        self._check_money()

    def _check_documents(self, transaction: Transaction) -> None:
        """Every payment has one invoice, and every refund that is done one credit note of its amount."""
        of_it = [document for document in self.invoices if document.transaction_id == transaction.id]
        invoices = {one.number: one.quote.total for one in of_it if one.kind is InvoiceKind.INVOICE}
        notes = {one.number: one.quote.total for one in of_it if one.kind is InvoiceKind.CREDIT_NOTE}
        is_paid = transaction.paid_at is not None and transaction.amount.amount > 0
        assert invoices == ({transaction.invoice_number: transaction.amount.amount} if is_paid else {})
        done = [refund for refund in transaction.refunds if refund.status is RefundStatus.DONE]
        assert notes == {refund.credit_note_number: refund.amount for refund in done}
        assert len(of_it) == len(invoices) + len(notes)
        assert transaction.refunded == sum(notes.values()) <= transaction.amount.amount

    def _check_access(self, transaction: Transaction) -> None:
        """A transaction that holds money gives access, or its money is on its way back."""
        gives = [one for one in self.enrolments if one.transaction_id == transaction.id and _is_active(one)]
        is_granted = transaction.holds_money and transaction.access is Access.GRANTED and transaction.user_id
        assert [one.user_id for one in gives] == ([transaction.user_id] if is_granted else [])
        if transaction.holds_money and transaction.amount.amount:
            assert transaction.access in (Access.GRANTED, Access.HELD, Access.GONE)
            assert is_granted or not transaction.user_id or transaction.refunds

    def _check_numbers(self) -> None:
        """Numbers of each series begin with 1 and have no gaps."""
        series: dict[str, list[int]] = {}
        for invoice in self.invoices:
            name, _, number = invoice.number.rpartition("-")
            series.setdefault(name, []).append(int(number))
        for numbers in series.values():
            assert sorted(numbers) == list(range(1, len(numbers) + 1))

    def _check_enrolments(self) -> None:
        active = [one for one in self.enrolments if _is_active(one)]
        counted = Counter(one.course_id for one in active)
        assert {course.id: course.enrolment_count for course in self.courses} == {
            course.id: counted[course.id] for course in self.courses
        }

    def _check_money(self) -> None:
        """Nothing is recorded that the gateway does not know, and nothing twice."""
        keys = [one.payment_key for one in self.transactions if one.payment_key]
        assert len(keys) == len(set(keys))
        came_in = {f"rehearsal:{one.payment_reference}": one for one in self.checkouts if one.payment_reference}
        for transaction in self.transactions:
            if transaction.payment_key:
                assert came_in[transaction.payment_key].amount == transaction.amount
                assert transaction.refunded <= came_in[transaction.payment_key].refunded

    def check_coupon(self, code: str, limit: int) -> None:
        """Asserts that each use of a coupon is a transaction that can be paid or was, and that none got lost.

        Money that comes for a use that was given back may be a use beyond the limit; money that goes back by itself
        is none. A checkout that may still be paid keeps its use.
        """
        [coupon] = [one for one in self.coupons if one.code == code]
        with_it = [one for one in self.transactions if one.coupon_code == code]
        paid = [one for one in with_it if one.access in (Access.GRANTED, Access.REVOKED)]
        held = [one for one in with_it if one.coupon_held]
        assert coupon.used == len(paid) + len(held)
        assert coupon.left + coupon.used == limit
        assert coupon.left >= 0 or any(one.late_for for one in paid)

    def check_end(self) -> None:
        """Asserts what has to be true when nothing is under way any more."""
        self.check()
        assert not [one for one in self.transactions if one.status in OPEN]
        recorded = {one.payment_key: one for one in self.transactions if one.payment_key}
        for checkout in self.checkouts:
            if checkout.state is PaymentState.PAID:
                transaction = recorded[f"rehearsal:{checkout.payment_reference}"]
                assert transaction.refunded == checkout.refunded
                if transaction.access in (Access.HELD, Access.GONE):
                    assert transaction.status is TransactionStatus.REFUNDED
        refunds = [refund for one in self.transactions for refund in one.refunds]
        assert {refund.status for refund in refunds} <= {RefundStatus.DONE, RefundStatus.FAILED}


async def books(academy: Academy) -> Books:
    """Reads the books, all in one moment."""
    database = academy.database

    async def work() -> Books:
        return Books(
            transactions=await database.collection(Transaction).find({}, sort=("created_at",), limit=_MOST),
            invoices=await database.collection(Invoice).find({}, limit=_MOST),
            enrolments=await database.collection(Enrolment).find({}, limit=_MOST),
            courses=await database.collection(Course).find({}, limit=_MOST),
            coupons=await database.collection(Coupon).find({}, limit=_MOST),
            checkouts=await database.collection(RehearsalPayment).find({}, limit=_MOST),
        )

    return await database.transaction(work)


async def check_nothing_waits(academy: Academy) -> None:
    """Asserts that every webhook was handled, no job is dead, and every payer who is still here has one receipt."""
    database = academy.database
    events = await database.collection(WebhookEvent).find({}, limit=_MOST)
    assert {event.status for event in events} <= {WebhookStatus.HANDLED}
    assert not await database.collection(Job).find({"status": JobStatus.DEAD.value})
    mails = await database.collection(Mail).find({"kind": "receipt"}, limit=_MOST)
    receipts = Counter(mail.values["invoice_number"] for mail in mails)
    paid = await database.collection(Transaction).find({"invoice_number": {"$ne": None}}, limit=_MOST)
    assert receipts == Counter(one.invoice_number for one in paid if one.user_id)


def _check_states(transaction: Transaction) -> None:
    """A transaction only went where it may go, and can be found as open exactly while it is."""
    statuses = list(_changes(transaction))
    assert statuses[0] is TransactionStatus.CREATED
    assert statuses[-1] is transaction.status
    assert all(after in ALLOWED_CHANGES[before] for before, after in pairwise(statuses))
    assert (transaction.open_key is not None) == (transaction.is_open and transaction.user_id != "")


def _changes(transaction: Transaction) -> Iterable[TransactionStatus]:
    """The states it had, without the notes that changed none."""
    return (change.status for change in transaction.history if not change.is_note)


def _is_active(enrolment: Enrolment) -> bool:
    return enrolment.status is EnrolmentStatus.ACTIVE
