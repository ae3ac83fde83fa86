"""The checkout page: what a course costs, with a coupon and the taxes, and the way on to the gateway."""

from typing import Annotated, NamedTuple
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from academy.features.courses.model import Course
from academy.features.payments.checkout import BuyerDetails, CheckoutService, Wish
from academy.features.payments.countries import countries
from academy.features.payments.coupons import LONGEST_CODE
from academy.features.payments.errors import AlreadyEnrolled, NotForSale
from academy.features.payments.gst_states import GST_STATES
from academy.features.payments.model import Transaction
from academy.features.payments.tax import Quote
from academy.features.payments.tax_ids import LONGEST_TAX_ID
from academy.features.payments.taxes import INDIA
from academy.infrastructure.gateways.base import Gateway
from academy.infrastructure.rate_limits.addresses import counted_address
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, InvalidError
from academy.web.forms import Form, empty_form, read_form, read_query
from academy.web.guards import anyone, signed_in
from academy.web.headers import ContentPolicy
from academy.web.pages import Pages, leave, redirect
from academy.web.problems import STATUS_OF_KIND
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest, client_address
from academy.web.settings import WebSettings

_LANGUAGE = "en"
_INVALID, _CONFLICT = 422, 409
_OTHER_TOTAL = "The total is another one now. Look at it, and go on if you agree."


class CheckoutForm(msgspec.Struct, kw_only=True):
    """What a buyer says, first in the address of the page, then with the button that pays."""

    coupon: Annotated[str, Meta(max_length=LONGEST_CODE)] = ""
    country: str = ""
    state: str = ""
    tax_id: Annotated[str, Meta(max_length=LONGEST_TAX_ID)] = ""
    gateway: str = ""


class SignInForm(msgspec.Struct, kw_only=True):
    """The form to sign in, on this page; `next` leads back."""

    next: str


class _Order(NamedTuple):
    """What the page shows: the course, what was typed, and what that comes to."""

    course: Course
    form: Form[CheckoutForm]
    quote: Quote


def gateway_policy(content_policy: ContentPolicy, gateways: list[Gateway]) -> str:
    """Returns the policy of a page whose forms lead to gateways: browsers check where a form's answer sends them."""
    targets = [target for gateway in gateways for target in gateway.capabilities.form_targets]
    return content_policy.allowing(form_action=targets)


def onward(transaction: Transaction, public_url: str) -> Response[bytes]:
    """Sends the buyer to where they pay, or to what they have when nothing is to be paid."""
    if transaction.is_open and transaction.checkout_url:
        return leave(transaction.checkout_url, public_url)
    page = f"/checkout/{transaction.course_slug}/{transaction.id}"
    if transaction.is_open and transaction.payload:
        return redirect(f"{page}/pay")
    return redirect(page if transaction.amount.amount else f"/learn/{transaction.course_slug}")


async def _sold(
    pages: Pages, checkouts: CheckoutService, visitor: Principal | None, slug: str
) -> Course | Response[bytes]:
    """Returns the course, or where to go when it cannot be bought. Raises CourseNotFound."""
    try:
        return await checkouts.course_for_sale(slug, visitor)
    except AlreadyEnrolled:
        return redirect(f"/learn/{slug}")
    except NotForSale as error:
        return pages.redirect_with("info", error.message, f"/courses/{slug}")


def _check_place(form: Form[CheckoutForm], seller_country: str) -> None:
    """Blames what cannot be chosen on the page, and chooses for the buyer what they left open."""
    chosen = form.values["country"] = form.values["country"] or seller_country
    if chosen not in countries(_LANGUAGE, ""):
        form.errors["country"] = "Choose a country of the list."
    if chosen != INDIA:
        form.values["state"] = ""
    elif form.values["state"] and form.values["state"] not in GST_STATES:
        form.errors["state"] = "Choose a state of the list."


def _typed(form: Form[CheckoutForm]) -> dict[str, str]:
    """What was typed, less what cannot be right."""
    return {name: "" if name in form.errors else str(value) for name, value in form.values.items()}


def _details(typed: dict[str, str]) -> BuyerDetails:
    return BuyerDetails(country=typed["country"], state=typed["state"], tax_id=typed["tax_id"])


async def _ordered(
    checkouts: CheckoutService, visitor: Principal | None, course: Course, form: Form[CheckoutForm]
) -> _Order:
    """Returns what was ordered; what does not fit is left out of the price, and the form blamed for it."""
    _check_place(form, checkouts.seller_country)
    while True:
        typed = _typed(form)
        try:
            quote = await checkouts.quote(visitor, course, typed["coupon"], _details(typed))
        except InvalidError as error:
            if not error.fields or error.fields.keys() <= form.errors.keys():
                raise
            form.blame(error)
        else:
            return _Order(course, form, quote)


def _page(
    request: PageRequest,
    pages: Pages,
    checkouts: CheckoutService,
    content_policy: ContentPolicy,
    order: _Order,
    *,
    failure: AcademyError | None = None,
) -> Response[bytes]:
    course, form, quote = order
    status = 200
    if failure is not None:
        status = STATUS_OF_KIND[failure.kind].value
    elif form.errors:
        status = _CONFLICT if list(form.errors) == [""] else _INVALID
    kept = {name: value for name, value in form.values.items() if value}
    path = f"/checkout/{course.slug}"
    response = pages.render(
        request,
        "payments/checkout.html",
        status_code=status,
        course=course,
        form=form,
        quote=quote,
        gateways=checkouts.gateways,
        countries=countries(_LANGUAGE, checkouts.seller_country),
        states=GST_STATES,
        longest_code=LONGEST_CODE,
        longest_tax_id=LONGEST_TAX_ID,
        checkout_path=path,
        kept=kept,
        sign_in_form=empty_form(SignInForm, next=f"{path}?{urlencode(kept)}"),
    )
    response.headers["Content-Security-Policy"] = gateway_policy(content_policy, checkouts.gateways)
    if failure is not None and failure.retry_after:
        response.headers["Retry-After"] = str(failure.retry_after)
    return response


@get("/checkout/{slug:str}", guards=[anyone], include_in_schema=False)
async def checkout_page(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    visitor: NamedDependency[Principal | None],
    checkouts: NamedDependency[CheckoutService],
    content_policy: NamedDependency[ContentPolicy],
    limiter: NamedDependency[RateLimiter],
) -> Response[bytes]:
    """What the course costs, by the coupon and the place in the address."""
    course = await _sold(pages, checkouts, visitor, slug)
    if isinstance(course, Response):
        return course
    order = await _ordered(checkouts, visitor, course, read_query(request, CheckoutForm))
    if "coupon" in order.form.errors:  # who guesses codes gets no further
        await limiter.check(Rule.COUPON_TRIES, counted_address(client_address(request)))
    return _page(request, pages, checkouts, content_policy, order)


@post(
    "/checkout/{slug:str}",
    guards=[signed_in],
    include_in_schema=False,
    status_code=200,
    opt={RATE_LIMIT: Rule.CHECKOUTS},
)
async def begin_checkout(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    checkouts: NamedDependency[CheckoutService],
    content_policy: NamedDependency[ContentPolicy],
    web_settings: NamedDependency[WebSettings],
) -> Response[bytes]:
    """Begins to buy. The address tells the total that the buyer saw (minor units): nobody pays another one."""
    course = await _sold(pages, checkouts, principal, slug)
    if isinstance(course, Response):
        return course
    form = await read_form(request, CheckoutForm)
    order = await _ordered(checkouts, principal, course, form)
    failure = None
    if not form.errors and request.query_params.get("total") != str(order.quote.total):
        form.errors[""] = _OTHER_TOTAL
    if not form.errors:
        typed = _typed(form)
        wish = Wish(slug=slug, gateway=typed["gateway"], coupon=typed["coupon"], details=_details(typed))
        try:
            return onward(await checkouts.start(principal, wish), web_settings.public_url)
        except AcademyError as error:
            form.blame(error)
            failure = error
    return _page(request, pages, checkouts, content_policy, order, failure=failure)


handlers = [checkout_page, begin_checkout]
