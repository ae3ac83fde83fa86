"""REST handlers of the payments."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from msgspec import Meta

from academy.features.payments.answers import TransactionAnswer, transaction_answer
from academy.features.payments.checkout import BuyerDetails, CheckoutService, Wish
from academy.features.payments.inbox import WebhookInbox
from academy.features.payments.refunds import LONGEST_REASON, Refunds
from academy.features.payments.service import PaymentService
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal, Role
from academy.web.guards import admins, anyone, signed_in
from academy.web.listing import Cursor, Limit, Listing
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=200,
        description="A key of your own. The same request with the same key is done once, and answered the same.",
    ),
]
# Bytes of a webhook: events carry whole objects of the gateway.
LARGEST_WEBHOOK = 1 << 20


class CheckoutRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to buy and how to pay. `course` is the slug; `gateway` may be left out when a coupon pays all of it."""

    course: Annotated[str, Meta(min_length=1, max_length=80)]
    gateway: Annotated[str, Meta(max_length=20)] = ""
    coupon: Annotated[str, Meta(max_length=40)] = ""
    country: Annotated[str, Meta(pattern=r"^([A-Z]{2})?$", max_length=2, description="ISO 3166-1 alpha-2.")] = ""
    state: Annotated[str, Meta(max_length=2, description="Of buyers in India: the GST code of the state.")] = ""
    tax_id: Annotated[str, Meta(max_length=30, description="GSTIN or VAT id, for the invoice.")] = ""


class CheckoutAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where to pay: an address, or what the gateway's script needs. Neither when nothing is to be paid."""

    transaction_id: str
    checkout_url: str = ""
    gateway_payload: dict[str, str] = {}


class RefundRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Money to send back: `amount` in minor units, or all that is left."""

    reason: Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON)]
    amount: Annotated[int, Meta(ge=1)] | None = None


@post(
    "/api/v1/checkouts",
    guards=[signed_in],
    tags=["payments"],
    summary="Begin to buy a course",
    opt={RATE_LIMIT: Rule.CHECKOUTS},
)
async def start_checkout(
    principal: NamedDependency[Principal],
    checkouts: NamedDependency[CheckoutService],
    data: JSONBody[CheckoutRequest],
    idempotency_key: IdempotencyKey = "",
) -> CheckoutAnswer:
    """Answers where to pay. A buyer has one open transaction for a course: asking again answers the same one."""
    wish = Wish(
        slug=data.course,
        gateway=data.gateway,
        coupon=data.coupon,
        details=BuyerDetails(country=data.country, state=data.state, tax_id=data.tax_id),
        idempotency_key=idempotency_key,
    )
    transaction = await checkouts.start(principal, wish)
    return CheckoutAnswer(
        transaction_id=transaction.id, checkout_url=transaction.checkout_url, gateway_payload=transaction.payload
    )


@get("/api/v1/transactions/{transaction_id:str}", guards=[signed_in], tags=["payments"], summary="One payment of mine")
async def get_transaction(
    transaction_id: FromPath[str], principal: NamedDependency[Principal], payments: NamedDependency[PaymentService]
) -> TransactionAnswer:
    """Returns a transaction to its buyer, and to admins."""
    viewer = None if principal.may_act_as(Role.ADMIN) else principal
    return transaction_answer(await payments.get(transaction_id, viewer))


@post(
    "/api/v1/transactions/{transaction_id:str}/refund",
    guards=[admins],
    tags=["payments"],
    status_code=202,
    summary="Send money back",
)
async def refund_transaction(
    transaction_id: FromPath[str],
    principal: NamedDependency[Principal],
    refunds: NamedDependency[Refunds],
    data: JSONBody[RefundRequest],
    idempotency_key: IdempotencyKey = "",
) -> TransactionAnswer:
    """Takes the refund on; a job asks the gateway for it. All of the money back ends the access to the course."""
    changed = await refunds.request(
        principal, transaction_id, amount=data.amount, reason=data.reason, key=idempotency_key
    )
    return transaction_answer(changed)


@get("/api/v1/me/transactions", guards=[signed_in], tags=["me"], summary="My payments")
async def my_transactions(
    principal: NamedDependency[Principal],
    payments: NamedDependency[PaymentService],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[TransactionAnswer]:
    """Returns the caller's transactions, newest first."""
    page = await payments.of_user(principal.user_id, limit=limit, cursor=cursor)
    return Listing(items=[transaction_answer(one) for one in page.items], next_cursor=page.next_cursor)


async def _take(gateway: str, request: PageRequest, inbox: WebhookInbox) -> None:
    headers = {name.lower(): value for name, value in request.headers.items()}
    await inbox.take(gateway, await request.body(), headers)


@post(
    "/api/v1/webhooks/stripe",
    guards=[anyone],
    tags=["webhooks"],
    status_code=204,
    summary="Events of Stripe",
    request_max_body_size=LARGEST_WEBHOOK,
)
async def stripe_webhook(request: PageRequest, webhook_inbox: NamedDependency[WebhookInbox]) -> None:
    """Takes Stripe's signed events."""
    await _take("stripe", request, webhook_inbox)


@post(
    "/api/v1/webhooks/razorpay",
    guards=[anyone],
    tags=["webhooks"],
    status_code=204,
    summary="Events of Razorpay",
    request_max_body_size=LARGEST_WEBHOOK,
)
async def razorpay_webhook(request: PageRequest, webhook_inbox: NamedDependency[WebhookInbox]) -> None:
    """Takes Razorpay's signed events."""
    await _take("razorpay", request, webhook_inbox)


@post(
    "/api/v1/webhooks/rehearsal",
    guards=[anyone],
    tags=["webhooks"],
    status_code=204,
    summary="Events of the rehearsal gateway",
    request_max_body_size=LARGEST_WEBHOOK,
)
async def rehearsal_webhook(request: PageRequest, webhook_inbox: NamedDependency[WebhookInbox]) -> None:
    """Takes the signed events of the rehearsal gateway."""
    await _take("rehearsal", request, webhook_inbox)


handlers = [
    start_checkout,
    get_transaction,
    refund_transaction,
    my_transactions,
    stripe_webhook,
    razorpay_webhook,
    rehearsal_webhook,
]
