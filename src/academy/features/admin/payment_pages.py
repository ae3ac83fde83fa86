"""HTML handlers of the admin: the transactions, one by one and as a table, and who paid and has nothing for it."""

from collections.abc import Mapping
from datetime import date

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from academy.features.admin.pages import ROWS, chosen, list_cursor
from academy.features.admin.payment_exports import transactions_csv
from academy.features.admin.service import AdminService
from academy.features.courses.service import CourseService
from academy.features.payments.model import TransactionFilter, TransactionStatus
from academy.features.payments.reconciliation import Reconciliation
from academy.features.payments.service import PaymentService
from academy.infrastructure.gateways.settings import GATEWAYS
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.guards import admins
from academy.web.pages import Pages, redirect
from academy.web.requests import PageRequest

_FIRST_YEAR, _LAST_YEAR = 2000, 2999
_LONGEST_SEARCH, _LONGEST_ID = 200, 64


def _wanted(query: Mapping[str, str]) -> TransactionFilter:
    """What the address asks for; what makes no sense in it counts as not said."""
    return TransactionFilter(
        status=chosen(TransactionStatus, query.get("status", "")),
        gateway=gateway if (gateway := query.get("gateway", "")) in GATEWAYS else "",
        user_id=query.get("user_id", "")[:_LONGEST_ID],
        course_id=query.get("course_id", "")[:_LONGEST_ID],
        coupon_code=query.get("coupon_code", "")[:_LONGEST_ID].upper(),
        disputed=query.get("disputed") == "true",
        troubled=query.get("troubled") == "true",
        from_day=_day(query.get("from_day", "")),
        to_day=_day(query.get("to_day", "")),
    )


def _day(text: str) -> date | None:
    """A day as a date field writes it; None for anything else, and for days beyond all calendars."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _FIRST_YEAR <= day.year <= _LAST_YEAR else None


def _kept(wanted: TransactionFilter) -> dict[str, str]:
    """The filter as parts of an address."""
    values = {name: value for name, value in msgspec.to_builtins(wanted).items() if value}
    return {name: "true" if value is True else str(value) for name, value in values.items()}


async def _place_of(text: str, payments: PaymentService, admin: AdminService) -> str:
    """Where that is shown which a search means: a buyer's address, an id, or an invoice's number; "" for nothing."""
    if "@" in text:
        user = await admin.user_with(text)
        return f"/admin/transactions?user_id={user.id}" if user else ""
    transaction = await payments.find(text)
    return f"/admin/transactions/{transaction.id}" if transaction else ""


@get("/admin/transactions", guards=[admins], include_in_schema=False)
async def transactions(
    request: PageRequest,
    pages: NamedDependency[Pages],
    payments: NamedDependency[PaymentService],
    admin: NamedDependency[AdminService],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """All transactions, or what a filter leaves; a search leads to what it finds."""
    query = request.query_params
    text = query.get("q", "")[:_LONGEST_SEARCH].strip()
    if text and (place := await _place_of(text, payments, admin)):
        return redirect(place)
    wanted, cursor = _wanted(query), list_cursor(request)
    return pages.render(
        request,
        "admin/transactions.html",
        page=None if text else await payments.page(wanted, limit=ROWS, cursor=cursor),
        revenue=(await payments.figures()).revenue,
        text=text,
        wanted=wanted,
        kept=_kept(wanted),
        buyer=(await admin.people([wanted.user_id])).get(wanted.user_id) if wanted.user_id else None,
        course=await courses.by_id(wanted.course_id) if wanted.course_id else None,
        statuses=list(TransactionStatus),
        gateways=GATEWAYS,
        cursor=cursor,
    )


@get("/admin/transactions.csv", guards=[admins], include_in_schema=False)
async def export(request: PageRequest, payments: NamedDependency[PaymentService]) -> Stream:
    """The same transactions as a file, while they are read."""
    return Stream(
        transactions_csv(payments, _wanted(request.query_params)),
        media_type="text/csv; header=present",
        headers={
            "Content-Disposition": 'attachment; filename="transactions.csv"',
            "Cache-Control": "private, no-store",
        },
    )


@get("/admin/payments-repair", guards=[admins], include_in_schema=False)
async def repairs(
    request: PageRequest, pages: NamedDependency[Pages], reconciliation: NamedDependency[Reconciliation]
) -> Response[bytes]:
    """Who paid and has no access."""
    cursor = list_cursor(request)
    page = await reconciliation.unserved(cursor)
    return pages.render(request, "admin/repairs.html", page=page, cursor=cursor)


@post("/admin/transactions/{transaction_id:str}/repair", guards=[admins], include_in_schema=False, status_code=200)
async def repair(
    transaction_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    reconciliation: NamedDependency[Reconciliation],
) -> Response[bytes]:
    """Gives a buyer what they paid for."""
    try:
        transaction = await reconciliation.repair(transaction_id, principal.user_id)
    except AcademyError as error:
        return pages.redirect_with("error", error.message, "/admin/payments-repair")
    if transaction.trouble:
        return pages.redirect_with("info", transaction.trouble, f"/admin/transactions/{transaction_id}")
    return pages.redirect_with("success", "The buyer has access now.", f"/admin/transactions/{transaction_id}")


handlers = [transactions, export, repairs, repair]
