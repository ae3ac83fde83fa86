"""The simulated Razorpay itself: the official SDK works with it, and it refuses what Razorpay documents."""

from collections.abc import Iterator

import httpx
import msgspec
import pytest
import razorpay as sdk
from razorpay.errors import BadRequestError, ServerError, SignatureVerificationError

from tests.simulators.local_server import Answer, Request, running
from tests.simulators.razorpay import KEY_ID, KEY_SECRET, Fault, Razorpay, running_razorpay
from tests.simulators.razorpay_account import WEBHOOK_SECRET, NotPayableError
from tests.simulators.webhooks import delivered

MANY_NOTES = "Number of fields in notes should be less than or equal to 15"
AUTOMATIC = {"capture": "automatic", "capture_options": {"automatic_expiry_period": 12, "refund_speed": "normal"}}
ORDER = {"amount": 49_900, "currency": "INR", "receipt": "tx-1", "notes": {"transaction_id": "tx-1"}}


@pytest.fixture
def razorpay() -> Iterator[Razorpay]:
    with running_razorpay() as razorpay:
        yield razorpay


@pytest.fixture
def client(razorpay: Razorpay) -> Iterator[sdk.Client]:
    """The official SDK."""
    client = sdk.Client(auth=(KEY_ID, KEY_SECRET), base_url=razorpay.url)
    yield client
    client.session.close()


def call(razorpay: Razorpay, method: str, path: str, **keywords: object) -> httpx.Response:
    content = keywords.pop("body", None)
    headers = keywords.pop("headers", None)
    assert not keywords
    return httpx.request(
        method,
        f"{razorpay.url}{path}",
        auth=(KEY_ID, KEY_SECRET),
        content=content if isinstance(content, bytes) else msgspec.json.encode(content),
        headers=headers if isinstance(headers, dict) else None,
    )


def refused(answer: httpx.Response) -> str:
    """Returns the description of an error, which has all the fields that Razorpay's have."""
    error = answer.json()["error"]
    assert set(error) - {"field"} == {"code", "description", "source", "step", "reason", "metadata"}
    assert (answer.status_code, error["code"]) == (400, "BAD_REQUEST_ERROR")
    description: str = error["description"]
    return description


class TestWithTheSdk:
    def test_an_order_is_made_paid_and_refunded(self, razorpay: Razorpay, client: sdk.Client) -> None:
        order = client.order.create({**ORDER, "payment": AUTOMATIC})
        assert (order["status"], order["amount_due"], order["notes"]) == ("created", 49_900, ORDER["notes"])
        returned = razorpay.pay(order["id"])
        assert client.utility.verify_payment_signature(returned)
        assert client.order.fetch(order["id"])["status"] == "paid"
        (payment,) = client.order.payments(order["id"])["items"]
        assert (payment["id"], payment["status"]) == (returned["razorpay_payment_id"], "captured")
        refund = client.payment.refund(payment["id"], {"amount": 10_000, "receipt": "refund-1"})
        assert (refund["status"], refund["receipt"], refund["notes"]) == ("pending", "refund-1", [])
        assert client.payment.fetch_multiple_refund(payment["id"])["items"] == [refund]
        payment = client.payment.fetch(payment["id"])
        assert (payment["amount_refunded"], payment["refund_status"]) == (10_000, "partial")

    def test_a_payment_of_manual_capture_waits(self, razorpay: Razorpay, client: sdk.Client) -> None:
        order = client.order.create(ORDER)
        payment = razorpay.pay(order["id"])["razorpay_payment_id"]
        assert client.payment.fetch(payment)["status"] == "authorized"
        with pytest.raises(BadRequestError, match="must be equal"):
            client.payment.capture(payment, 49_800, {"currency": "INR"})
        assert client.payment.capture(payment, 49_900, {"currency": "INR"})["captured"]
        with pytest.raises(BadRequestError, match="already been captured"):
            client.payment.capture(payment, 49_900, {"currency": "INR"})

    def test_its_webhooks_are_signed(self, razorpay: Razorpay, client: sdk.Client) -> None:
        razorpay.pay(client.order.create({**ORDER, "payment": AUTOMATIC})["id"])
        assert [event.name for event in razorpay.events] == ["payment.authorized", "payment.captured", "order.paid"]
        for event in razorpay.events:
            text, signature = event.webhook.body.decode(), event.webhook.headers["x-razorpay-signature"]
            assert client.utility.verify_webhook_signature(text, signature, WEBHOOK_SECRET)
            with pytest.raises(SignatureVerificationError):
                client.utility.verify_webhook_signature(f"{text} ", signature, WEBHOOK_SECRET)

    def test_errors_are_what_the_sdk_knows(self, razorpay: Razorpay, client: sdk.Client) -> None:
        with pytest.raises(BadRequestError, match="does not exist"):
            client.order.fetch("order_unknown")
        razorpay.fault = Fault.SERVER_ERROR
        with pytest.raises(ServerError):
            client.order.all()

    def test_an_entity_in_a_webhook_stays_as_it_was(self, razorpay: Razorpay, client: sdk.Client) -> None:
        order = client.order.create({**ORDER, "payment": AUTOMATIC})
        razorpay.pay(order["id"])
        states = [
            msgspec.json.decode(event.webhook.body)["payload"]["payment"]["entity"]["status"]
            for event in razorpay.events
        ]
        assert states == ["authorized", "captured", "captured"]


class TestOrders:
    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"amount": 99}, "The amount must be at least INR 1.00"),
            ({"amount": -100}, "The amount must be at least INR 1.00"),
            ({"amount": 100.5}, "The amount must be an integer."),
            ({"amount": "49900"}, "The amount must be an integer."),
            ({"amount": 99_991, "currency": "KWD"}, "The last digit of an amount in KWD must be 0"),
            ({"currency": "XTS"}, "Currency is not supported"),
            ({"receipt": "x" * 41}, "The receipt may not be greater than 40 characters."),
            ({"unique": True}, "unique is/are not required and should not be sent"),
            (
                {"notes": {str(n): "" for n in range(16)}},
                "Number of fields in notes should be less than or equal to 15",
            ),
            ({"notes": {"reason": "x" * 257}}, "notes value cannot be longer than 256 characters"),
            (
                {"payment": {"capture": "automatic", "capture_options": {"automatic_expiry_period": 12}}},
                "The refund_speed field is required.",
            ),
            (
                {
                    "payment": {
                        "capture": "automatic",
                        "capture_options": {
                            "automatic_expiry_period": 60,
                            "manual_expiry_period": 59,
                            "refund_speed": "normal",
                        },
                    }
                },
                "manual_expiry_period must be greater than automatic_expiry_period",
            ),
        ],
    )
    def test_what_razorpay_refuses_is_refused(self, razorpay: Razorpay, changed: dict[str, object], why: str) -> None:
        assert refused(call(razorpay, "POST", "/v1/orders", body={**ORDER, **changed})) == why
        assert razorpay.orders == {}

    @pytest.mark.parametrize("field", ["amount", "currency"])
    def test_nothing_may_be_missing(self, razorpay: Razorpay, field: str) -> None:
        body = {name: value for name, value in ORDER.items() if name != field}
        assert refused(call(razorpay, "POST", "/v1/orders", body=body)) == f"The {field} field is required."

    @pytest.mark.parametrize("period", [11, 7201])
    def test_periods_have_bounds(self, razorpay: Razorpay, period: int) -> None:
        options = {"automatic_expiry_period": period, "manual_expiry_period": period, "refund_speed": "normal"}
        body = {**ORDER, "payment": {"capture": "automatic", "capture_options": options}}
        assert "Expected `int`" in refused(call(razorpay, "POST", "/v1/orders", body=body))

    def test_lists_are_of_receipts_that_contain_a_text_the_newest_first(self, razorpay: Razorpay) -> None:
        for receipt in ["a-1", "b-1", "a-12"]:
            assert call(razorpay, "POST", "/v1/orders", body={**ORDER, "receipt": receipt}).status_code == 200
        found = call(razorpay, "GET", "/v1/orders?receipt=a-1").json()
        assert ([order["receipt"] for order in found["items"]], found["count"]) == (["a-12", "a-1"], 2)
        page = call(razorpay, "GET", "/v1/orders?count=1&skip=1").json()
        assert [order["receipt"] for order in page["items"]] == ["b-1"]

    @pytest.mark.parametrize(
        ("query", "why"), [("count=101", "may not be greater than 100"), ("unknown=1", "unknown is/are not required")]
    )
    def test_queries_are_checked_too(self, razorpay: Razorpay, query: str, why: str) -> None:
        assert why in refused(call(razorpay, "GET", f"/v1/orders?{query}"))

    def test_a_receipt_is_refused_twice_where_the_account_says_so(self, razorpay: Razorpay) -> None:
        razorpay.receipts_are_unique = True
        assert call(razorpay, "POST", "/v1/orders", body=ORDER).status_code == 200
        assert refused(call(razorpay, "POST", "/v1/orders", body=ORDER)) == "Order receipt should be unique."

    def test_a_body_that_is_no_json_is_refused(self, razorpay: Razorpay) -> None:
        assert (
            refused(call(razorpay, "POST", "/v1/orders", body=b'{"amount":')) == "The request body is not valid JSON."
        )

    @pytest.mark.parametrize("path", ["/v1/orders/order_1", "/v1/payments/pay_1", "/v1/orders/order_1/payments"])
    def test_unknown_ids(self, razorpay: Razorpay, path: str) -> None:
        assert refused(call(razorpay, "GET", path)) == "The id provided does not exist"

    @pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/orders"), ("GET", "/v2/orders"), ("GET", "/")])
    def test_unknown_addresses(self, razorpay: Razorpay, method: str, path: str) -> None:
        assert refused(call(razorpay, method, path)) == "The requested URL was not found on the server."

    def test_nobody_else_gets_in(self, razorpay: Razorpay) -> None:
        answer = httpx.get(f"{razorpay.url}/v1/orders", auth=(KEY_ID, "another"))
        assert (answer.status_code, answer.json()["error"]["description"]) == (401, "Authentication failed")


class TestPayments:
    def ordered(self, razorpay: Razorpay, **changed: object) -> str:
        order_id: str = call(razorpay, "POST", "/v1/orders", body={**ORDER, **changed}).json()["id"]
        return order_id

    def test_a_paid_order_takes_no_payment(self, razorpay: Razorpay) -> None:
        order_id = self.ordered(razorpay, payment=AUTOMATIC)
        razorpay.pay(order_id)
        with pytest.raises(NotPayableError, match="already paid"):
            razorpay.pay(order_id)
        with pytest.raises(NotPayableError, match="already paid"):
            razorpay.decline(order_id)

    def test_an_authorised_order_takes_no_other_payment(self, razorpay: Razorpay) -> None:
        order_id = self.ordered(razorpay)
        razorpay.authorize(order_id)
        with pytest.raises(NotPayableError, match="in progress"):
            razorpay.pay(order_id)

    def test_a_failed_payment_is_neither_captured_nor_refunded(self, razorpay: Razorpay) -> None:
        payment = razorpay.decline(self.ordered(razorpay))
        capture = call(razorpay, "POST", f"/v1/payments/{payment.id}/capture", body={"amount": 1, "currency": "INR"})
        assert "authorized and not yet captured" in refused(capture)
        refund = call(razorpay, "POST", f"/v1/payments/{payment.id}/refund", body={})
        assert "should be captured" in refused(refund)

    def test_a_paid_order_keeps_its_one_payment(self, razorpay: Razorpay) -> None:
        order_id = self.ordered(razorpay, payment=AUTOMATIC)
        late = razorpay.decline(order_id)
        razorpay.pay(order_id)
        razorpay.confirm_late(late.id)
        body = {"amount": 49_900, "currency": "INR"}
        assert "already paid" in refused(call(razorpay, "POST", f"/v1/payments/{late.id}/capture", body=body))
        assert not late.captured

    def test_a_refund_without_an_amount_is_of_all_that_is_left(self, razorpay: Razorpay) -> None:
        payment = razorpay.pay(self.ordered(razorpay, payment=AUTOMATIC))["razorpay_payment_id"]
        razorpay.refund_at_dashboard(payment, 9_900)
        refund = call(razorpay, "POST", f"/v1/payments/{payment}/refund", body={}).json()
        assert (refund["amount"], razorpay.payments[payment].status) == (40_000, "refunded")
        razorpay.fail_refund(refund["id"])
        assert (razorpay.payments[payment].status, razorpay.payments[payment].refund_status) == ("captured", "partial")

    @pytest.mark.parametrize(
        ("key", "why"), [("short-key", "at least 10 characters"), ("key with blanks", "only contain alphanumeric")]
    )
    def test_idempotency_keys_have_a_form(self, razorpay: Razorpay, key: str, why: str) -> None:
        payment = razorpay.pay(self.ordered(razorpay, payment=AUTOMATIC))["razorpay_payment_id"]
        headers = {"X-Refund-Idempotency": key}
        assert why in refused(call(razorpay, "POST", f"/v1/payments/{payment}/refund", body={}, headers=headers))

    def test_a_key_means_one_refund_and_one_request(self, razorpay: Razorpay) -> None:
        payment = razorpay.pay(self.ordered(razorpay, payment=AUTOMATIC))["razorpay_payment_id"]
        path, headers = f"/v1/payments/{payment}/refund", {"X-Refund-Idempotency": "key-of-ten-characters"}
        first = call(razorpay, "POST", path, body={"amount": 100}, headers=headers)
        again = call(razorpay, "POST", path, body={"amount": 100}, headers=headers)
        assert first.json() == again.json()
        other = call(razorpay, "POST", path, body={"amount": 200}, headers=headers)
        assert (other.status_code, len(razorpay.refunds)) == (409, 1)
        assert call(razorpay, "POST", path, body={"amount": 200}).status_code == 200


async def test_a_webhook_that_is_not_taken_comes_again_with_the_same_id(razorpay: Razorpay) -> None:
    taken: list[Request] = []

    def take(request: Request) -> Answer:
        taken.append(request)
        return Answer(500 if len(taken) < 3 else 200)

    order_id = call(razorpay, "POST", "/v1/orders", body=ORDER).json()["id"]
    razorpay.decline(order_id)
    (event,) = razorpay.events
    with running(take) as academy:
        statuses = await delivered(f"{academy.url}/webhooks", lambda: event.webhook, attempts=5)
    assert statuses == [500, 500, 200]
    assert {request.headers["x-razorpay-event-id"] for request in taken} == {
        event.webhook.headers["x-razorpay-event-id"]
    }
    assert {request.body for request in taken} == {event.webhook.body}
