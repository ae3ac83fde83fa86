"""Stripe's webhook takes anything without breaking: what is not Stripe's is a BadSignature, and nothing else."""

import hashlib
import hmac
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from academy.infrastructure.gateways.base import (
    BadSignature,
    GatewayRefund,
    News,
    NewsKind,
    RefundState,
    WebhooksClosed,
)
from academy.infrastructure.gateways.stripe_events import read
from academy.kit.money import Money

NOW = datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)
SECRET = "whsec_of-the-tests"
EVENT = {"id": "evt_1", "type": "customer.created", "created": 1_772_360_000, "data": {"object": {}}}
BODY = msgspec.json.encode(EVENT)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["id", "status", "payment_status", "amount", "amount_total", "currency", "payment_intent"])
KINDS = st.sampled_from(
    [
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "payment_intent.payment_failed",
        "refund.created",
        "charge.dispute.created",
        "charge.refunded",
        "",
    ]
)
NAMES = st.sampled_from(["t", "v1", "v0", "", " t", "T"])
VALUES = st.sampled_from(["", "0", "-1", "1e3", "9" * 30, "9" * 5000, "1772360430", "ab" * 32, "٣", "é"])
PARTS = st.lists(st.tuples(NAMES, VALUES).map("=".join), max_size=5).map(",".join)


def signature(body: bytes, sent_at: int, secret: str = SECRET) -> str:
    digest = hmac.new(secret.encode(), str(sent_at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={sent_at},v1={digest}"


@given(header=st.text() | PARTS, body=st.binary() | st.just(BODY))
@example(header="t=1772360430,v1=é", body=BODY)
@example(header="t=" + "9" * 5000 + ",v1=00", body=BODY)
@example(header="t=1772360430,v1=" + "0" * 64, body=b"\xff")
@example(header="t=1772360430,v1=\ud800", body=BODY)
def test_no_header_is_more_than_a_bad_signature(header: str, body: bytes) -> None:
    with pytest.raises(BadSignature):
        read(body, header, SECRET, NOW)


@given(body=st.binary(), header=st.text())
def test_without_a_secret_nothing_is_looked_at(body: bytes, header: str) -> None:
    with pytest.raises(WebhooksClosed):
        read(body, header, "", NOW)


@given(body=st.binary() | JSON.map(msgspec.json.encode))
@example(body=b"[" * 100_000)
@example(body=b'{"id":"a","type":"b","created":99999999999999999,"data":{"object":{}}}')
def test_a_signed_body_is_news_or_a_bad_signature(body: bytes) -> None:
    try:
        news = read(body, signature(body, int(NOW.timestamp())), SECRET, NOW)
    except BadSignature:
        return
    assert isinstance(news, News)


@given(kind=KINDS, content=st.dictionaries(FIELDS, JSON | st.sampled_from(["paid", "inr", "pi_1"])) | JSON)
def test_a_signed_event_about_anything_is_news_or_a_bad_signature(kind: str, content: object) -> None:
    body = msgspec.json.encode({**EVENT, "type": kind, "data": {"object": content}})
    try:
        news = read(body, signature(body, int(NOW.timestamp())), SECRET, NOW)
    except BadSignature:
        assert kind not in {"", "charge.refunded"}, "an event that is not read cannot be wrong"
        return
    assert (news.event_id, news.event_type) == ("evt_1", kind)
    assert (news.amount is not None) <= (news.kind is NewsKind.PAID)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", RefundState.PENDING),
        ("requires_action", RefundState.PENDING),
        ("succeeded", RefundState.DONE),
        ("failed", RefundState.FAILED),
        ("canceled", RefundState.FAILED),
        ("a status to come", RefundState.PENDING),
        (None, RefundState.PENDING),
    ],
)
@pytest.mark.parametrize("kind", ["refund.created", "refund.updated", "refund.failed"])
def test_a_refund_stands_as_its_status_says(kind: str, status: str | None, state: RefundState) -> None:
    refund = {"id": "re_1", "amount": 100, "currency": "inr", "status": status, "metadata": {"refund_id": "r1"}}
    body = msgspec.json.encode({**EVENT, "type": kind, "data": {"object": refund}})
    news = read(body, signature(body, int(NOW.timestamp())), SECRET, NOW)
    expected = GatewayRefund(reference="re_1", refund_id="r1", amount=Money(amount=100, currency="INR"), state=state)
    assert (news.kind, news.refund) == (NewsKind.REFUND, expected)


@given(age=st.integers(min_value=-10_000, max_value=10_000_000))
@example(age=300)
@example(age=301)
def test_a_signature_is_good_for_five_minutes(age: int) -> None:
    header = signature(BODY, int(NOW.timestamp()) - age)
    if age <= 300:
        assert read(BODY, header, SECRET, NOW).event_id == "evt_1"
        return
    with pytest.raises(BadSignature):
        read(BODY, header, SECRET, NOW)


@given(secret=st.text(st.characters(codec="ascii"), min_size=1).filter(lambda secret: secret != SECRET))
def test_no_other_secret_signs(secret: str) -> None:
    with pytest.raises(BadSignature):
        read(BODY, signature(BODY, int(NOW.timestamp()), secret), SECRET, NOW)
