"""HTML handlers of the admin: one transaction, with all that is known of it, and what can be done about it."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from msgspec import Meta

from academy.features.admin.service import AdminService
from academy.features.admin.webhook_pages import readable
from academy.features.payments.checkout import CheckoutService
from academy.features.payments.countries import countries
from academy.features.payments.errors import NotRefundable
from academy.features.payments.gst_states import GST_STATES
from academy.features.payments.invoice_pdf import InvoicePrinter
from academy.features.payments.model import Transaction
from academy.features.payments.reconciliation import Reconciliation
from academy.features.payments.refunds import LONGEST_REASON, Refunds
from academy.features.payments.service import PaymentService
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, InvalidError, NotFoundError
from academy.kit.ids import new_id
from academy.kit.money import Money
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import admins
from academy.web.pages import Pages
from academy.web.requests import PageRequest


class RefundForm(msgspec.Struct, kw_only=True):
    """Money to send back.

    Attributes:
        amount: in major units.
        key: made with the page, so that the form is done once, however often it is sent.
    """

    amount: Annotated[str, Meta(min_length=1, max_length=20)]
    reason: Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON)]
    key: Annotated[str, Meta(min_length=1, max_length=64)]

    def money(self, currency: str) -> Money:
        """The amount in a currency. Raises InvalidError."""
        money = Money.parse(self.amount, currency)
        if money is None:
            example = Money(amount=49950, currency=currency).plain
            text = f"Write the amount in {currency} as a plain number, such as {example}."
            raise InvalidError(text, fields={"amount": text})
        return money


class TransactionView:
    """Gathers what the page of a transaction shows."""

    def __init__(
        self,
        pages: Pages,
        payments: PaymentService,
        admin: AdminService,
        checkouts: CheckoutService,
        reconciliation: Reconciliation,
    ) -> None:
        self._pages = pages
        self._payments = payments
        self._admin = admin
        self._checkouts = checkouts
        self._reconciliation = reconciliation

    async def render(
        self, request: PageRequest, transaction: Transaction, form: Form[RefundForm] | None = None
    ) -> Response[bytes]:
        """Returns the page, with the refund as it was typed when there is a `form`."""
        actors = {change.actor_id for change in transaction.history} | {one.actor_id for one in transaction.refunds}
        gateway = self._checkouts.gateway(transaction.gateway)
        refundable = Money(amount=transaction.refundable, currency=transaction.amount.currency)
        return self._pages.render(
            request,
            "admin/transaction.html",
            status_code=422 if form else 200,
            transaction=transaction,
            people=await self._admin.people(actors - {""}),
            documents=await self._payments.documents(transaction),
            events=[(event, readable(event)) for event in await self._payments.events_of(transaction)],
            is_unserved=await self._reconciliation.is_unserved(transaction),
            country=countries("en_IN", "IN").get(transaction.buyer.country, transaction.buyer.country),
            states=GST_STATES,
            can_ask=bool(transaction.reference) and transaction.paid_at is None and gateway is not None,
            refundable=refundable,
            form=form or empty_form(RefundForm, amount=refundable.plain, key=new_id()),
            longest_reason=LONGEST_REASON,
        )


async def provide_transaction_view(
    pages: NamedDependency[Pages],
    payments: NamedDependency[PaymentService],
    admin: NamedDependency[AdminService],
    checkouts: NamedDependency[CheckoutService],
    reconciliation: NamedDependency[Reconciliation],
) -> TransactionView:
    """Makes the view for a handler."""
    return TransactionView(pages, payments, admin, checkouts, reconciliation)


_VIEW = {"transaction_view": Provide(provide_transaction_view)}


@get("/admin/transactions/{transaction_id:str}", guards=[admins], dependencies=_VIEW, include_in_schema=False)
async def one_transaction(
    request: PageRequest,
    transaction_id: FromPath[str],
    payments: NamedDependency[PaymentService],
    transaction_view: NamedDependency[TransactionView],
) -> Response[bytes]:
    """One transaction."""
    return await transaction_view.render(request, await payments.get(transaction_id))


@post("/admin/transactions/{transaction_id:str}/check", guards=[admins], include_in_schema=False, status_code=200)
async def check(
    transaction_id: FromPath[str],
    pages: NamedDependency[Pages],
    payments: NamedDependency[PaymentService],
    reconciliation: NamedDependency[Reconciliation],
) -> Response[bytes]:
    """Asks the gateway how the payment stands."""
    location = f"/admin/transactions/{transaction_id}"
    before = await payments.get(transaction_id)
    try:
        await reconciliation.check(before)
    except AcademyError as error:
        return pages.redirect_with("error", error.message, location)
    after = await payments.get(transaction_id)
    if after.status is before.status:
        return pages.redirect_with("info", "The gateway was asked, and told nothing new.", location)
    status = after.status.value.replace("_", " ")
    return pages.redirect_with("success", f"The gateway was asked: the transaction is {status} now.", location)


@post(
    "/admin/transactions/{transaction_id:str}/refund",
    guards=[admins],
    dependencies=_VIEW,
    include_in_schema=False,
    status_code=200,
)
async def refund(
    request: PageRequest,
    transaction_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    payments: NamedDependency[PaymentService],
    refunds: NamedDependency[Refunds],
    transaction_view: NamedDependency[TransactionView],
) -> Response[bytes]:
    """Sends money back."""
    location = f"/admin/transactions/{transaction_id}"
    transaction = await payments.get(transaction_id)
    form = await read_form(request, RefundForm)
    if form.data is not None:
        try:
            amount = form.data.money(transaction.amount.currency).amount
            # Another amount or reason is another refund, though it is the same page that asks for it.
            key = f"{form.data.key}:{amount}:{form.data.reason}"
            await refunds.request(principal, transaction_id, amount=amount, reason=form.data.reason, key=key)
        except NotRefundable as error:
            return pages.redirect_with("error", error.message, location)
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", "The money goes back; how that stands is shown below.", location)
    return await transaction_view.render(request, transaction, form)


@post(
    "/admin/transactions/{transaction_id:str}/refunds/{refund_id:str}/again",
    guards=[admins],
    include_in_schema=False,
    status_code=200,
)
async def refund_again(
    transaction_id: FromPath[str],
    refund_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    refunds: NamedDependency[Refunds],
) -> Response[bytes]:
    """Orders a refund that failed again."""
    location = f"/admin/transactions/{transaction_id}"
    try:
        await refunds.send_again(principal, transaction_id, refund_id)
    except NotRefundable as error:
        return pages.redirect_with("error", error.message, location)
    return pages.redirect_with("success", "The refund is ordered again; how that stands is shown below.", location)


@post("/admin/transactions/{transaction_id:str}/settled", guards=[admins], include_in_schema=False, status_code=200)
async def settled(
    transaction_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    refunds: NamedDependency[Refunds],
) -> Response[bytes]:
    """Ends what had to be looked at."""
    await refunds.settled_by_hand(principal, transaction_id)
    return pages.redirect_with("success", "It needs nobody any more.", f"/admin/transactions/{transaction_id}")


@get("/admin/transactions/{transaction_id:str}/{name:str}", guards=[admins], include_in_schema=False)
async def document(
    transaction_id: FromPath[str],
    name: FromPath[str],
    payments: NamedDependency[PaymentService],
    invoice_printer: NamedDependency[InvoicePrinter],
) -> Response[bytes]:
    """The invoice or a credit note of a transaction, `NUMBER.pdf`."""
    number = name.removesuffix(".pdf")
    if number == name:
        raise NotFoundError("There is no such document.")
    invoice = await payments.document(await payments.get(transaction_id), number)
    return Response(
        await invoice_printer.pdf(invoice),
        media_type="application/pdf",
        headers={
            "Content-Disposition": f'inline; filename="{invoice.number}.pdf"',
            "Cache-Control": "private, no-store",
        },
    )


handlers = [one_transaction, check, refund, refund_again, settled, document]
