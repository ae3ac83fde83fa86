"""Webhooks that are not to be believed."""

from datetime import timedelta

import pytest

from academy.infrastructure.gateways.base import BadSignature, NewsKind, WebhooksClosed
from tests.contracts.gateways.steps import sold
from tests.contracts.gateways.under_test import GatewayUnderTest
from tests.simulators.webhooks import Webhook


async def paid_webhook(under_test: GatewayUnderTest) -> Webhook:
    """Returns the webhook that tells of a payment."""
    sale = await sold(under_test)
    read = under_test.gateway.read_news
    return next(hook for hook in sale.webhooks if read(hook.body, hook.headers).kind is NewsKind.PAID)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"49900", b"49901"), (b"{", b"{ "), (b"}", b"} "), (b"INR", b"USD"), (b"inr", b"usd"), (b'"', b"'")],
)
async def test_no_byte_of_a_body_can_be_altered(under_test: GatewayUnderTest, old: bytes, new: bytes) -> None:
    webhook = await paid_webhook(under_test)
    altered = webhook.body.replace(old, new, 1)
    if altered == webhook.body:
        altered = webhook.body + new
    with pytest.raises(BadSignature):
        under_test.gateway.read_news(altered, webhook.headers)


async def test_without_a_signature_nothing_is_believed(under_test: GatewayUnderTest) -> None:
    webhook = await paid_webhook(under_test)
    without = {name: value for name, value in webhook.headers.items() if "signature" not in name}
    assert len(without) < len(webhook.headers)
    with pytest.raises(BadSignature):
        under_test.gateway.read_news(webhook.body, without)


@pytest.mark.parametrize("signature", ["", "x", "sha256=00", "t=1,v1=", "t=,v1=00", "=", ",", "é", "\u0000"])
async def test_a_signature_that_is_none_is_not_believed(under_test: GatewayUnderTest, signature: str) -> None:
    webhook = await paid_webhook(under_test)
    headers = {name: signature if "signature" in name else value for name, value in webhook.headers.items()}
    with pytest.raises(BadSignature):
        under_test.gateway.read_news(webhook.body, headers)


async def test_another_secret_is_not_believed(under_test: GatewayUnderTest) -> None:
    body = (await paid_webhook(under_test)).body
    forged = under_test.signed(body, secret="whsec_somebody-else")
    with pytest.raises(BadSignature):
        under_test.gateway.read_news(forged.body, forged.headers)
    right = under_test.signed(body)
    assert under_test.gateway.read_news(right.body, right.headers).kind is NewsKind.PAID


async def test_an_old_signature_is_believed_for_five_minutes(under_test: GatewayUnderTest) -> None:
    webhook = await paid_webhook(under_test)
    under_test.clock.move(seconds=299)
    assert under_test.gateway.read_news(webhook.body, webhook.headers).kind is NewsKind.PAID
    under_test.clock.move(seconds=2)
    if not under_test.signs_time:
        assert under_test.gateway.read_news(webhook.body, webhook.headers).kind is NewsKind.PAID
        return
    with pytest.raises(BadSignature):
        under_test.gateway.read_news(webhook.body, webhook.headers)
    late = under_test.signed(webhook.body, at=under_test.clock.now() - timedelta(seconds=301))
    with pytest.raises(BadSignature):
        under_test.gateway.read_news(late.body, late.headers)
    repeated = under_test.signed(webhook.body)
    assert under_test.gateway.read_news(repeated.body, repeated.headers).kind is NewsKind.PAID


async def test_without_a_secret_the_webhook_is_closed(under_test: GatewayUnderTest) -> None:
    webhook = await paid_webhook(under_test)
    closed = under_test.another(webhook_secret="")
    with pytest.raises(WebhooksClosed):
        closed.read_news(webhook.body, webhook.headers)
    with pytest.raises(WebhooksClosed):
        closed.read_news(b"", {})


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"id":"x","type":"y","created":1e999}'],
    ids=lambda body: repr(body[:40]),
)
async def test_a_signed_body_that_cannot_be_read_is_refused(under_test: GatewayUnderTest, body: bytes) -> None:
    webhook = under_test.signed(body)
    with pytest.raises(BadSignature):
        under_test.gateway.read_news(webhook.body, webhook.headers)
