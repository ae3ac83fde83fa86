"""HTML handlers for what follows the checkout page: paying in a gateway's script, coming back from it, waiting."""

from contextlib import suppress
from enum import StrEnum

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from academy.features.courses.service import CourseService
from academy.features.payments.checkout import CheckoutService
from academy.features.payments.checkout_pages import gateway_policy
from academy.features.payments.errors import NotCancellable
from academy.features.payments.model import Access, Transaction, TransactionStatus
from academy.infrastructure.gateways.base import GatewayUnavailable
from academy.infrastructure.security.principal import Principal
from academy.web.forms import read_form
from academy.web.guards import signed_in
from academy.web.headers import ContentPolicy
from academy.web.pages import Pages, redirect
from academy.web.requests import PageRequest, wants_fragment

# Seconds that somebody waits before the page says that it may take long, and before it tells of a try that failed:
# who comes back from the gateway has paid, most likely, and that news may be under way.
_LONG_WAIT, _FAILURE_SHOWS = 30, 8
# Until so many seconds of waiting the page asks again after so many.
_PAUSES = ((10, 1), (30, 2), (120, 5))
_LONGEST_PAUSE = 15
_LONGEST_COUNT = 6


class Standing(StrEnum):
    """What the waiting page tells."""

    WAITING = "waiting"
    WAITING_LONG = "waiting_long"
    DECLINED = "declined"
    IN = "in"
    NOT_NEEDED = "not_needed"
    REFUNDED = "refunded"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class ReturnedForm(msgspec.Struct, kw_only=True):
    """What Razorpay's script gives the page when the buyer paid."""

    razorpay_payment_id: str = ""
    razorpay_order_id: str = ""
    razorpay_signature: str = ""


def standing_of(transaction: Transaction, waited: int) -> Standing:
    """Returns what to tell the buyer of a transaction who has waited so many seconds."""
    if transaction.is_open:
        if transaction.failure and waited >= _FAILURE_SHOWS:
            return Standing.DECLINED
        return Standing.WAITING_LONG if waited >= _LONG_WAIT else Standing.WAITING
    if transaction.holds_money:
        return Standing.IN if transaction.access is Access.GRANTED else Standing.NOT_NEEDED
    return Standing(transaction.status.value)


def _waited(request: PageRequest) -> int:
    given = request.query_params.get("waited", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= _LONGEST_COUNT else 0


@get("/checkout/{slug:str}/{transaction_id:str}", guards=[signed_in], include_in_schema=False)
async def waiting_page(
    request: PageRequest,
    slug: FromPath[str],
    transaction_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    checkouts: NamedDependency[CheckoutService],
    courses: NamedDependency[CourseService],
    content_policy: NamedDependency[ContentPolicy],
) -> Response[bytes]:
    """How the payment stands. Where gateways send buyers back to; the webhook may come later than they do.

    htmx asks again and again, and tells what was `seen`: it gets what stands there instead, when that is something new.
    """
    transaction = await checkouts.standing(principal, transaction_id)
    if transaction.status is TransactionStatus.CREATED:  # no gateway has a checkout: there is nothing to wait for
        return redirect(f"/checkout/{slug}/{transaction_id}/cancelled")
    waited = _waited(request)
    course = await courses.by_id(transaction.course_id)
    response = pages.render(
        request,
        "payments/_poll.html" if wants_fragment(request.scope) else "payments/waiting.html",
        transaction=transaction,
        several_ways=len(checkouts.gateways) > 1,
        course=course,
        first_lesson=next(iter(course.lessons()), None) if course else None,
        standing=standing_of(transaction, waited).value,
        seen=request.query_params.get("seen", ""),
        waited=waited,
        pause=next((pause for until, pause in _PAUSES if waited < until), _LONGEST_PAUSE),
    )
    response.headers["Vary"] = "HX-Request, Cookie"
    response.headers["Content-Security-Policy"] = gateway_policy(content_policy, checkouts.gateways)
    return response


@get("/checkout/{slug:str}/{transaction_id:str}/cancelled", guards=[signed_in], include_in_schema=False)
async def cancelled_page(
    request: PageRequest,
    slug: FromPath[str],
    transaction_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    checkouts: NamedDependency[CheckoutService],
    content_policy: NamedDependency[ContentPolicy],
) -> Response[bytes]:
    """Where gateways send buyers who did not pay."""
    transaction = await checkouts.of_buyer(principal, transaction_id)
    if not transaction.is_open:
        return redirect(f"/checkout/{slug}/{transaction_id}")
    several_ways = len(checkouts.gateways) > 1
    response = pages.render(request, "payments/cancelled.html", transaction=transaction, several_ways=several_ways)
    response.headers["Content-Security-Policy"] = gateway_policy(content_policy, checkouts.gateways)
    return response


@post("/checkout/{slug:str}/{transaction_id:str}/cancel", guards=[signed_in], include_in_schema=False, status_code=200)
async def cancel(
    slug: FromPath[str],
    transaction_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    checkouts: NamedDependency[CheckoutService],
) -> Response[bytes]:
    """Gives the payment up."""
    try:
        transaction = await checkouts.cancel(principal, transaction_id)
    except NotCancellable:
        return redirect(f"/checkout/{slug}/{transaction_id}")
    if transaction.holds_money:
        return redirect(f"/checkout/{slug}/{transaction_id}")
    return pages.redirect_with("info", "Cancelled. Nothing was charged.", f"/courses/{slug}")


@get("/checkout/{slug:str}/{transaction_id:str}/pay", guards=[signed_in], include_in_schema=False)
async def pay_page(
    request: PageRequest,
    slug: FromPath[str],
    transaction_id: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    checkouts: NamedDependency[CheckoutService],
    content_policy: NamedDependency[ContentPolicy],
) -> Response[bytes]:
    """Opens Razorpay's checkout over the page, the one gateway that is paid in a script of its own."""
    transaction = await checkouts.of_buyer(principal, transaction_id)
    gateway = checkouts.gateway(transaction.gateway)
    if gateway is None or not transaction.is_open or not transaction.payload:
        return redirect(f"/checkout/{slug}/{transaction_id}")
    response = pages.render(request, "payments/razorpay.html", transaction=transaction)
    needs = gateway.capabilities
    response.headers["Content-Security-Policy"] = content_policy.allowing(
        form_action=needs.form_targets,
        script_src=needs.script_sources,
        frame_src=needs.frame_sources,
        connect_src=needs.connect_sources,
        img_src=needs.image_sources,
        # The script lays its frame over the page with styles that stand in the elements.
        style_src=["'unsafe-inline'"],
    )
    # Banks ask for the buyer's consent in a window of their own, which has to find its way back to the frame.
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    return response


@post(
    "/checkout/{slug:str}/{transaction_id:str}/returned", guards=[signed_in], include_in_schema=False, status_code=200
)
async def returned(
    request: PageRequest,
    slug: FromPath[str],
    transaction_id: FromPath[str],
    principal: NamedDependency[Principal],
    checkouts: NamedDependency[CheckoutService],
) -> Response[bytes]:
    """Takes what the gateway's script signed. When the gateway cannot be asked now, its webhook will tell."""
    form = await read_form(request, ReturnedForm)
    with suppress(GatewayUnavailable):
        await checkouts.returned(principal, transaction_id, form.values)
    return redirect(f"/checkout/{slug}/{transaction_id}")


handlers = [waiting_page, cancelled_page, cancel, pay_page, returned]
