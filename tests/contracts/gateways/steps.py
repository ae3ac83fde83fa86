"""Steps that the tests of the contract share."""

from collections.abc import Sequence

import msgspec

from academy.infrastructure.gateways.base import News, NewsKind, Order, RefundOrder
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.contracts.gateways.under_test import GatewayUnderTest, order
from tests.simulators.webhooks import Webhook


class Sale(msgspec.Struct, frozen=True):
    """An order that was paid."""

    order: Order
    reference: str
    payment_reference: str
    webhooks: Sequence[Webhook]


def news_of(under_test: GatewayUnderTest, webhooks: Sequence[Webhook], kind: NewsKind) -> list[News]:
    """Returns what webhooks tell of one kind; there is something, and whatever else they tell is no news."""
    told = [under_test.gateway.read_news(webhook.body, webhook.headers) for webhook in webhooks]
    assert {news.kind for news in told} <= {kind, NewsKind.OTHER}
    found = [news for news in told if news.kind is kind]
    assert found, f"nothing of the kind {kind} in {[news.event_type for news in told]}"
    return found


async def sold(under_test: GatewayUnderTest, *, amount: int = 49_900) -> Sale:
    """Opens a checkout and pays it."""
    placed = order(under_test, amount=amount)
    opened = await under_test.gateway.open(placed)
    webhooks = await under_test.pay(opened.reference)
    paid = news_of(under_test, webhooks, NewsKind.PAID)[0]
    return Sale(placed, opened.reference, paid.payment_reference, webhooks)


def refund_of(sale: Sale, amount: int) -> RefundOrder:
    """Returns a new refund of a part of what was paid."""
    return RefundOrder(
        refund_id=new_id(),
        transaction_id=sale.order.transaction_id,
        payment_reference=sale.payment_reference,
        amount=Money(amount=amount, currency=sale.order.amount.currency),
        reason="The buyer changed their mind.",
    )
