"""What Stripe's API refuses in a request, with the errors that it documents."""

import re
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_CURRENCY = re.compile(r"[a-z]{3}")
_ADDRESS = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_ZERO_DECIMALS = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
P = TypeVar("P", bound="_Params")

_LARGEST = 99_999_999
_SHORTEST_LIFE, _LONGEST_LIFE = 30 * 60, 24 * 60 * 60
_MOST_PAIRS, _LONGEST_NAME, _LONGEST_VALUE, _LONGEST_REFERENCE = 50, 40, 500, 200


class RefusedError(Exception):
    """An answer of the 4xx kind."""

    def __init__(self, message: str, *, param: str = "", code: str = "", status: int = 400, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": kind or "invalid_request_error"}
        self.error |= {name: value for name, value in (("param", param), ("code", code)) if value}


class _Params(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a call; whatever else it has is refused."""

    expand: list[str] = []


class NoParams(_Params):
    """No parameter but `expand`."""


class _ProductData(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class _PriceData(msgspec.Struct, forbid_unknown_fields=True):
    currency: str
    unit_amount: int
    product_data: _ProductData


class _LineItem(msgspec.Struct, forbid_unknown_fields=True):
    price_data: _PriceData
    quantity: int


class _IntentData(msgspec.Struct, forbid_unknown_fields=True):
    description: str = ""
    metadata: dict[str, str] = {}


class _AdaptivePricing(msgspec.Struct, forbid_unknown_fields=True):
    enabled: bool


class SessionParams(_Params):
    """Parameters of a new Checkout Session, as far as the academy uses them."""

    mode: str
    line_items: list[_LineItem]
    success_url: str
    cancel_url: str | None = None
    client_reference_id: str | None = None
    customer_email: str | None = None
    expires_at: int | None = None
    metadata: dict[str, str] = {}
    payment_intent_data: _IntentData = msgspec.field(default_factory=_IntentData)
    adaptive_pricing: _AdaptivePricing | None = None

    @property
    def currency(self) -> str:
        """The one currency of all items."""
        return self.line_items[0].price_data.currency

    @property
    def total(self) -> int:
        """What is to be paid."""
        return sum(item.price_data.unit_amount * item.quantity for item in self.line_items)

    def check(self, now: int) -> None:
        """Raises RefusedError for what Stripe refuses at the Unix time `now`."""
        if self.mode != "payment":
            raise RefusedError("Invalid mode: must be one of payment, setup, or subscription", param="mode")
        if not self.line_items:
            raise RefusedError("Missing required param: line_items.", param="line_items", code="parameter_missing")
        for number, item in enumerate(self.line_items):
            _check_price(f"line_items[{number}][price_data]", item.price_data)
        if self.total < (50 if self.currency not in _ZERO_DECIMALS else 1):
            text = "The Checkout Session's total amount due must add up to at least $0.50 usd"
            raise RefusedError(text, code="amount_too_small")
        self._check_life(now)
        for name, url in (("success_url", self.success_url), ("cancel_url", self.cancel_url)):
            if url is not None and not (urlsplit(url).scheme in {"http", "https"} and urlsplit(url).netloc):
                raise RefusedError("Not a valid URL", param=name, code="url_invalid")
        if self.customer_email is not None and not _ADDRESS.fullmatch(self.customer_email):
            text = f"Invalid email address: {self.customer_email}"
            raise RefusedError(text, param="customer_email", code="email_invalid")
        if self.client_reference_id is not None and len(self.client_reference_id) > _LONGEST_REFERENCE:
            raise RefusedError("Invalid string: must be at most 200 characters", param="client_reference_id")
        _check_metadata("metadata", self.metadata)
        _check_metadata("payment_intent_data[metadata]", self.payment_intent_data.metadata)

    def _check_life(self, now: int) -> None:
        if self.expires_at is None:
            return
        if self.expires_at < now + _SHORTEST_LIFE:
            text = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
            raise RefusedError(text, param="expires_at")
        if self.expires_at >= now + _LONGEST_LIFE:
            text = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
            raise RefusedError(text, param="expires_at")


class RefundParams(_Params):
    """Parameters of a new refund, as far as the academy uses them."""

    payment_intent: str
    amount: int | None = None
    metadata: dict[str, str] = {}


class RefundListParams(_Params):
    """Parameters of a list of refunds, as far as the academy uses them."""

    payment_intent: str
    limit: int = 10
    starting_after: str = ""


def read(encoded: str, kind: type[P]) -> P:
    """Returns the parameters of a query or a form, whose names tell where they belong: `a[b][0][c]=value`.

    Raises RefusedError for what Stripe does not know, for what is missing, and for values of another type.
    """
    try:
        return msgspec.convert(_nested(encoded), kind, strict=False)
    except msgspec.ValidationError as error:
        raise _mistake(str(error)) from error


def _check_metadata(param: str, metadata: dict[str, str]) -> None:
    """Raises RefusedError for more, or longer ones, than Stripe keeps."""
    if len(metadata) > _MOST_PAIRS:
        raise RefusedError(f"You can have up to {_MOST_PAIRS} keys in metadata.", param=param)
    for name, value in metadata.items():
        if len(name) > _LONGEST_NAME or len(value) > _LONGEST_VALUE:
            text = f"Metadata values can have up to {_LONGEST_VALUE} characters, keys up to {_LONGEST_NAME}."
            raise RefusedError(text, param=f"{param}[{name}]")


def _check_price(param: str, price: _PriceData) -> None:
    if not _CURRENCY.fullmatch(price.currency):
        raise RefusedError(f"Invalid currency: {price.currency}.", param=f"{param}[currency]")
    if not 0 <= price.unit_amount <= _LARGEST:
        text = "This value must be between 0 and 99999999 (in the smallest currency unit)."
        raise RefusedError(text, param=f"{param}[unit_amount]", code="parameter_invalid_integer")
    if price.currency in _THREE_DECIMALS and price.unit_amount % 10:
        text = f"Invalid amount: amounts in {price.currency} have to be evenly divisible by 10."
        raise RefusedError(text, param=f"{param}[unit_amount]")
    if not price.product_data.name:
        text = "You passed an empty string for 'line_items[0][price_data][product_data][name]'."
        raise RefusedError(text, param=f"{param}[product_data][name]", code="parameter_invalid_empty")


def _nested(encoded: str) -> object:
    found: dict[str, object] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded)):
        match = _KEY.fullmatch(name)
        if match is None:
            raise RefusedError(f"Invalid parameter name: {name}", param=name)
        *path, last = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        place = found
        for part in path:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise RefusedError(f"Invalid object: {name}", param=name)
            place = inner
        place[last] = value
    return _with_lists(found)


def _with_lists(value: object) -> object:
    """Returns the same with lists where names are numbers."""
    if not isinstance(value, dict):
        return value
    inner = {name: _with_lists(part) for name, part in value.items()}
    if inner and set(inner) == {str(number) for number in range(len(inner))}:
        return [inner[str(number)] for number in range(len(inner))]
    return inner


def _mistake(error: str) -> RefusedError:
    if found := re.search(r"unknown field `(\w+)`", error):
        text = f"Received unknown parameter: {found[1]}"
        return RefusedError(text, param=found[1], code="parameter_unknown")
    if found := re.search(r"missing required field `(\w+)`", error):
        return RefusedError(f"Missing required param: {found[1]}.", param=found[1], code="parameter_missing")
    found = re.search(r"\$\.(\w+)", error)
    return RefusedError(f"Invalid value: {error}", param=found[1] if found else "")
