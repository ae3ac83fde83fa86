"""The simulated Stripe itself: it refuses what Stripe documents, and Stripe's own SDK takes its events."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
import stripe as sdk

from academy.kit.clock import SystemClock
from tests.simulators.stripe import SECRET_KEY, WEBHOOK_SECRET, NotPayableError, Stripe, running_stripe

CHECKOUT = {
    "mode": "payment",
    "line_items[0][price_data][currency]": "inr",
    "line_items[0][price_data][unit_amount]": "49900",
    "line_items[0][price_data][product_data][name]": "Statistics",
    "line_items[0][quantity]": "1",
    "success_url": "https://academy.example/",
}
SESSIONS = "/v1/checkout/sessions"


@pytest.fixture
def stripe() -> Iterator[Stripe]:
    with running_stripe(SystemClock()) as stripe:
        yield stripe


def post(stripe: Stripe, path: str, params: dict[str, str], *, key: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {SECRET_KEY}"} | ({"Idempotency-Key": key} if key else {})
    return httpx.post(f"{stripe.url}{path}", data=params, headers=headers)


def get(stripe: Stripe, path: str) -> httpx.Response:
    return httpx.get(f"{stripe.url}{path}", headers={"Authorization": f"Bearer {SECRET_KEY}"})


def opened(stripe: Stripe) -> str:
    session_id: str = post(stripe, SESSIONS, CHECKOUT).json()["id"]
    return session_id


def test_a_good_checkout_is_opened_for_a_day(stripe: Stripe) -> None:
    answer = post(stripe, SESSIONS, CHECKOUT)
    session = answer.json()
    assert answer.status_code == 200
    assert (session["status"], session["payment_status"], session["amount_total"]) == ("open", "unpaid", 49_900)
    assert session["expires_at"] - session["created"] == 24 * 60 * 60
    assert get(stripe, f"{SESSIONS}/{session['id']}").json() == session


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"line_items[0][price_data][colour]": "red"}, "colour", "parameter_unknown"),
        ({"mode": "gift"}, "mode", None),
        ({"success_url": "academy"}, "success_url", "url_invalid"),
        ({"cancel_url": "javascript:1"}, "cancel_url", "url_invalid"),
        ({"customer_email": "nobody"}, "customer_email", "email_invalid"),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"expires_at": "soon"}, "expires_at", None),
        ({"metadata[x]": "y" * 501}, "metadata[x]", None),
        ({f"metadata[{'x' * 41}]": "y"}, f"metadata[{'x' * 41}]", None),
        ({f"metadata[{number}_]": "y" for number in range(51)}, "metadata", None),
        ({"line_items[0][price_data][currency]": "INR"}, "line_items[0][price_data][currency]", None),
        (
            {"line_items[0][price_data][unit_amount]": "100000000"},
            "line_items[0][price_data][unit_amount]",
            "parameter_invalid_integer",
        ),
        ({"line_items[0][price_data][unit_amount]": "9.5"}, "line_items", None),
        ({"line_items[0][price_data][unit_amount]": "49"}, None, "amount_too_small"),
        (
            {"line_items[0][price_data][currency]": "kwd", "line_items[0][price_data][unit_amount]": "12345"},
            "line_items[0][price_data][unit_amount]",
            None,
        ),
        (
            {"line_items[0][price_data][product_data][name]": ""},
            "line_items[0][price_data][product_data][name]",
            "parameter_invalid_empty",
        ),
    ],
)
def test_a_bad_checkout_is_refused(stripe: Stripe, change: dict[str, str], param: str | None, code: str | None) -> None:
    answer = post(stripe, SESSIONS, CHECKOUT | change)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("param"), error.get("code")) == (400, param, code)
    assert stripe.sessions == {}


@pytest.mark.parametrize("missing", ["mode", "success_url", "line_items[0][quantity]"])
def test_what_is_missing_is_named(stripe: Stripe, missing: str) -> None:
    answer = post(stripe, SESSIONS, {name: value for name, value in CHECKOUT.items() if name != missing})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "parameter_missing"


@pytest.mark.parametrize(("minutes", "status"), [(29, 400), (31, 200), (24 * 60 - 1, 200), (24 * 60 + 1, 400)])
def test_a_checkout_lives_half_an_hour_to_a_day(stripe: Stripe, minutes: int, status: int) -> None:
    ends = int((SystemClock().now() + timedelta(minutes=minutes)).timestamp())
    assert post(stripe, SESSIONS, CHECKOUT | {"expires_at": str(ends)}).status_code == status


def test_a_key_is_for_one_request(stripe: Stripe) -> None:
    first = post(stripe, SESSIONS, CHECKOUT, key="k")
    again = post(stripe, SESSIONS, CHECKOUT, key="k")
    assert again.json() == first.json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    for path, params in ((SESSIONS, CHECKOUT | {"cancel_url": "https://academy.example/x"}), ("/v1/refunds", CHECKOUT)):
        other = post(stripe, path, params, key="k")
        assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert len(stripe.sessions) == 1


def test_a_request_that_was_refused_may_be_mended_under_its_key(stripe: Stripe) -> None:
    assert post(stripe, SESSIONS, CHECKOUT | {"mode": "gift"}, key="k").status_code == 400
    assert post(stripe, SESSIONS, CHECKOUT, key="k").status_code == 200


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer sk_test_other", f"Basic {SECRET_KEY}"])
def test_nobody_gets_in_without_the_key(stripe: Stripe, authorization: str) -> None:
    answer = httpx.get(f"{stripe.url}/v1/balance", headers={"Authorization": authorization.strip()})
    assert answer.status_code == 401
    assert "sk_test_other" not in answer.text


@pytest.mark.parametrize("path", [f"{SESSIONS}/cs_test_x", "/v1/refunds?payment_intent=pi_x", "/v1/customers", "/"])
def test_what_is_not_there_is_404(stripe: Stripe, path: str) -> None:
    assert get(stripe, path).status_code == 404


def test_only_an_open_checkout_ends(stripe: Stripe) -> None:
    session_id = opened(stripe)
    assert post(stripe, f"{SESSIONS}/{session_id}/expire", {}).json()["status"] == "expired"
    answer = post(stripe, f"{SESSIONS}/{session_id}/expire", {})
    assert (answer.status_code, "status of `expired`" in answer.json()["error"]["message"]) == (400, True)
    with pytest.raises(NotPayableError):
        stripe.pay(session_id)


def test_only_what_is_asked_for_is_shown_whole(stripe: Stripe) -> None:
    session_id = opened(stripe)
    stripe.pay(session_id)
    intent_id = get(stripe, f"{SESSIONS}/{session_id}").json()["payment_intent"]
    intent = get(stripe, f"{SESSIONS}/{session_id}?expand[0]=payment_intent").json()["payment_intent"]
    assert (intent["id"], intent["latest_charge"][:3]) == (intent_id, "ch_")
    whole = get(stripe, f"{SESSIONS}/{session_id}?expand[0]=payment_intent.latest_charge").json()["payment_intent"]
    assert (whole["id"], whole["latest_charge"]["amount_refunded"]) == (intent_id, 0)


@pytest.mark.parametrize(
    ("amount", "code"),
    [("0", "parameter_invalid_integer"), ("-5", "parameter_invalid_integer"), ("49901", "amount_too_large")],
)
def test_a_refund_that_cannot_be_is_refused(stripe: Stripe, amount: str, code: str) -> None:
    session_id = opened(stripe)
    stripe.pay(session_id)
    (intent_id,) = stripe.intents
    answer = post(stripe, "/v1/refunds", {"payment_intent": intent_id, "amount": amount})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert post(stripe, "/v1/refunds", {"payment_intent": intent_id}).json()["amount"] == 49_900
    again = post(stripe, "/v1/refunds", {"payment_intent": intent_id, "amount": "1"})
    assert again.json()["error"]["code"] == "charge_already_refunded"


def test_stripes_own_sdk_takes_the_events(stripe: Stripe) -> None:
    events = stripe.pay(opened(stripe))
    assert [event.type for event in events] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    for event in events:
        webhook = stripe.signed(event.body)
        signature = webhook.headers["stripe-signature"]
        taken = sdk.StripeClient(SECRET_KEY).construct_event(webhook.body, signature, WEBHOOK_SECRET)
        assert (taken.id, taken.type) == (event.id, event.type)
        with pytest.raises(sdk.SignatureVerificationError):
            sdk.StripeClient(SECRET_KEY).construct_event(webhook.body, signature, "whsec_other")
