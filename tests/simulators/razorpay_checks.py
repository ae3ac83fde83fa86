"""What Razorpay's API refuses in the body of a call, with the errors that it documents."""

import re
from typing import Annotated, TypeVar

import msgspec

from academy.kit.money import Money

# Some of https://razorpay.com/docs/payments/international-payments/#supported-currencies, of each number of decimals.
CURRENCIES = frozenset({"INR", "USD", "EUR", "GBP", "SGD", "MYR", "MGA", "JPY", "ISK", "UGX", "KWD", "BHD", "OMR"})

_LONGEST_RECEIPT, _MOST_NOTES, _LONGEST_NOTE, _SHORTEST_KEY = 40, 15, 256, 10
_THREE_DECIMALS = 3
_UNKNOWN = re.compile(r"Object contains unknown field `(\w+)`")
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_AT = re.compile(r"at `\$\.(\w+)")
_KEY = re.compile(r"[A-Za-z0-9_-]+")

T = TypeVar("T")


class Mistake(msgspec.Struct, frozen=True):
    """The `error` of an answer."""

    description: str
    field: str | msgspec.UnsetType = msgspec.UNSET
    code: str = "BAD_REQUEST_ERROR"
    source: str = "business"
    step: str = "payment_initiation"
    reason: str = "input_validation_failed"
    metadata: dict[str, str] = {}


class RefusedCallError(Exception):
    """The call is answered with an error."""

    def __init__(self, mistake: Mistake, status: int = 400) -> None:
        super().__init__(mistake.description)
        self.mistake = mistake
        self.status = status


class CaptureOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When payments of an order are captured; periods in minutes."""

    automatic_expiry_period: Annotated[int, msgspec.Meta(ge=12)]
    refund_speed: Annotated[str, msgspec.Meta(pattern="^(normal|optimum)$")]
    manual_expiry_period: Annotated[int, msgspec.Meta(le=7200)] = 7200


class CaptureSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How payments of an order are captured."""

    capture: Annotated[str, msgspec.Meta(pattern="^(automatic|manual)$")]
    capture_options: CaptureOptions | None = None


class NewOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/orders`."""

    amount: int
    currency: str
    receipt: str | None = None
    notes: dict[str, str] = {}
    partial_payment: bool = False
    payment: CaptureSetting | None = None


class NewCapture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/payments/:id/capture`."""

    amount: int
    currency: str


class NewRefund(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/payments/:id/refund`."""

    amount: int | None = None
    speed: Annotated[str, msgspec.Meta(pattern="^(normal|optimum)$")] = "normal"
    notes: dict[str, str] = {}
    receipt: str | None = None


def decoded(body: bytes, shape: type[T]) -> T:
    """Returns a body of the given shape. Raises RefusedCallError."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise RefusedCallError(_wrong_shape(str(error))) from error
    except msgspec.DecodeError as error:
        raise RefusedCallError(Mistake("The request body is not valid JSON.")) from error


def check_order(order: NewOrder) -> None:
    """Raises RefusedCallError for an order that has the right shape but no right content."""
    if order.currency not in CURRENCIES:
        raise RefusedCallError(Mistake("Currency is not supported", "currency"))
    if order.receipt is not None and len(order.receipt) > _LONGEST_RECEIPT:
        raise RefusedCallError(Mistake("The receipt may not be greater than 40 characters.", "receipt"))
    options = order.payment.capture_options if order.payment is not None else None
    if options is not None and options.manual_expiry_period < options.automatic_expiry_period:
        text = "manual_expiry_period must be greater than automatic_expiry_period"
        raise RefusedCallError(Mistake(text, "payment"))
    _check_amount(order.amount, order.currency)
    _check_notes(order.notes)


def check_refund(refund: NewRefund, currency: str, refundable: int) -> None:
    """Raises RefusedCallError for a wrong refund; `refundable`: minor units of its payment that did not go back yet."""
    if refundable == 0:
        raise RefusedCallError(Mistake("The payment has been fully refunded already", "amount"))
    amount = refundable if refund.amount is None else refund.amount
    if amount > refundable:
        raise RefusedCallError(Mistake("The refund amount provided is greater than amount captured", "amount"))
    _check_amount(amount, currency)
    _check_notes(refund.notes)


def check_key(key: str) -> None:
    """Raises RefusedCallError for what is no idempotency key."""
    if len(key) < _SHORTEST_KEY:
        raise RefusedCallError(Mistake("The idempotency key must be at least 10 characters long."))
    if not _KEY.fullmatch(key):
        text = "The idempotency key must only contain alphanumeric characters, underscores, and hyphens"
        raise RefusedCallError(Mistake(text))


def _check_amount(amount: int, currency: str) -> None:
    """The least amount is one unit of the currency, such as 100 paise."""
    exponent = Money(amount=amount, currency=currency).exponent
    if amount < 10**exponent:
        raise RefusedCallError(Mistake(f"The amount must be at least {currency} {1:.{exponent}f}", "amount"))
    if exponent == _THREE_DECIMALS and amount % 10:
        raise RefusedCallError(Mistake(f"The last digit of an amount in {currency} must be 0", "amount"))


def _check_notes(notes: dict[str, str]) -> None:
    if len(notes) > _MOST_NOTES:
        raise RefusedCallError(Mistake("Number of fields in notes should be less than or equal to 15", "notes"))
    if any(len(text) > _LONGEST_NOTE for note in notes.items() for text in note):
        raise RefusedCallError(Mistake("notes value cannot be longer than 256 characters", "notes"))


def _wrong_shape(message: str) -> Mistake:
    if unknown := _UNKNOWN.search(message):
        return Mistake(f"{unknown[1]} is/are not required and should not be sent", reason="extra_field_sent")
    if missing := _MISSING.search(message):
        return Mistake(f"The {missing[1]} field is required.", missing[1])
    at = _AT.search(message)
    field = at[1] if at else msgspec.UNSET
    return Mistake("The amount must be an integer." if field == "amount" else message, field)
