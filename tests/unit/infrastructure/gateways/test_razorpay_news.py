"""Whatever is sent to Razorpay's webhook, it is news or a bad signature."""

import hashlib
import hmac

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.gateways.base import BadSignature, News
from academy.infrastructure.gateways.razorpay_news import (
    EVENT_ID_HEADER,
    SIGNATURE_HEADER,
    is_signed,
    read_webhook,
)

SECRET = "secret"
EVENTS = [
    "payment.captured",
    "order.paid",
    "payment.failed",
    "payment.authorized",
    "refund.created",
    "refund.processed",
    "payment.dispute.created",
    "invoice.paid",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def entity(*names: str) -> st.SearchStrategy[dict[str, object]]:
    """An entity with some of the fields that it should have, of any kind."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON))


PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "payment": st.fixed_dictionaries({"entity": entity("id", "amount", "currency", "status", "created_at")}),
        "order": st.fixed_dictionaries({"entity": entity("id", "amount", "currency", "created_at", "notes")}),
        "refund": st.fixed_dictionaries({"entity": entity("id", "amount", "currency", "payment_id", "status")}),
        "dispute": st.fixed_dictionaries({"entity": entity("id", "amount", "currency", "payment_id", "status")}),
    },
)


def signature_of(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def read(body: bytes, headers: dict[str, str]) -> News | None:
    """Returns the news; None when it is a bad signature, and nothing else may be raised."""
    try:
        return read_webhook(body, headers, SECRET)
    except BadSignature:
        return None


@settings(deadline=None)
@given(body=st.binary(max_size=200), signature=st.text(max_size=70), event_id=st.text(max_size=20))
def test_nothing_unsigned_is_news(body: bytes, signature: str, event_id: str) -> None:
    assert read(body, {SIGNATURE_HEADER: signature, EVENT_ID_HEADER: event_id}) is None


@settings(deadline=None)
@given(body=st.binary(max_size=200))
def test_signed_bytes_that_are_no_event_are_no_news(body: bytes) -> None:
    assert read(body, {SIGNATURE_HEADER: signature_of(body), EVENT_ID_HEADER: "evt_1"}) is None


@settings(deadline=None)
@given(event=st.sampled_from(EVENTS), created_at=st.integers(0, 4_000_000_000) | JSON, payload=JSON | PAYLOADS)
def test_a_signed_event_of_any_shape_is_read_or_refused(event: str, created_at: object, payload: object) -> None:
    body = msgspec.json.encode({"event": event, "created_at": created_at, "payload": payload})
    news = read(body, {SIGNATURE_HEADER: signature_of(body), EVENT_ID_HEADER: "evt_1"})
    if news is not None:
        assert (news.event_id, news.event_type, int(news.occurred_at.timestamp())) == ("evt_1", event, created_at)


@settings(deadline=None)
@given(place=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_one_other_bit_anywhere_is_noticed(place: int, bit: int) -> None:
    body = b'{"event":"invoice.paid","created_at":1,"payload":{}}'
    headers = {SIGNATURE_HEADER: signature_of(body), EVENT_ID_HEADER: "evt_1"}
    assert read(body, headers) is not None
    altered = bytearray(body)
    altered[place % len(body)] ^= 1 << bit
    assert read(bytes(altered), headers) is None


@pytest.mark.parametrize("secret", ["", "Secret", "secret "])
def test_only_the_secret_signs(secret: str) -> None:
    message = "order_1|pay_1"
    signature = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    assert not is_signed(message, signature, SECRET)
    assert is_signed(message, signature_of(message.encode()), SECRET)
    assert not is_signed(message, hmac.new(b"", message.encode(), hashlib.sha256).hexdigest(), "")
