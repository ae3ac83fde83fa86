"""HTML handlers of the receipts: what somebody paid, and the documents to it."""

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, Parameter

from academy.features.payments.checkout import CheckoutService
from academy.features.payments.invoice_pdf import InvoicePrinter
from academy.features.payments.service import PaymentService
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import NotFoundError
from academy.web.guards import signed_in
from academy.web.pages import Pages
from academy.web.requests import PageRequest

_ROWS = 20
_PDF = ".pdf"


@get("/account/receipts", guards=[signed_in], include_in_schema=False)
async def receipts(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    payments: NamedDependency[PaymentService],
    cursor: Annotated[str, Parameter(max_length=2000)] = "",
) -> Response[bytes]:
    """My payments, the newest first."""
    page = await payments.of_user(principal.user_id, limit=_ROWS, cursor=cursor or None)
    return pages.render(request, "payments/receipts.html", page=page, cursor=cursor)


@get("/account/receipts/{transaction_id:str}", guards=[signed_in], include_in_schema=False)
async def receipt(
    request: PageRequest,
    transaction_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    payments: NamedDependency[PaymentService],
    checkouts: NamedDependency[CheckoutService],
) -> Response[bytes]:
    """One payment: what it was made of, what became of it, its invoice and credit notes."""
    transaction = await payments.get(transaction_id, principal)
    labels = {gateway.name: gateway.capabilities.label for gateway in checkouts.gateways}
    return pages.render(
        request,
        "payments/receipt.html",
        transaction=transaction,
        documents=await payments.documents(transaction),
        gateway=labels.get(transaction.gateway, transaction.gateway.capitalize()),
    )


@get("/account/receipts/{transaction_id:str}/{file_name:str}", guards=[signed_in], include_in_schema=False)
async def document(
    transaction_id: FromPath[str],
    file_name: FromPath[str],
    principal: NamedDependency[Principal],
    payments: NamedDependency[PaymentService],
    invoice_printer: NamedDependency[InvoicePrinter],
) -> Response[bytes]:
    """Downloads an invoice or a credit note, `NUMBER.pdf`."""
    transaction = await payments.get(transaction_id, principal)
    number = file_name.removesuffix(_PDF)
    if number == file_name:
        raise NotFoundError("There is no such document.")
    found = await payments.document(transaction, number)
    headers = {
        "Content-Disposition": f'attachment; filename="{found.number}{_PDF}"',
        "Cache-Control": "private, no-store",
    }
    return Response(await invoice_printer.pdf(found), media_type="application/pdf", headers=headers)


handlers = [receipts, receipt, document]
