"""How Stripe's API answers, and what it can do wrong."""

from enum import StrEnum

import msgspec

from tests.simulators.local_server import Answer
from tests.simulators.stripe_account import new_stripe_id


class Fault(StrEnum):
    """What a Stripe that is reached does wrong."""

    NONE = "none"
    ERROR_500 = "500"
    ERROR_500_LATE = "500, after it has begun: the key of the request is used up"
    ERROR_503 = "an error page instead of JSON"
    ODD_ERROR = "an error that is no object"
    ANOTHER_JSON = "JSON of another shape"
    A_LIST = "JSON that is no object"
    LIMITED = "too many requests"
    KEY_IN_USE = "the same request is under way"
    FORBIDDEN = "the key is a restricted one"


def json_answer(status: int, value: object) -> Answer:
    """Returns an answer of the API."""
    headers = {"Content-Type": "application/json", "Request-Id": new_stripe_id("req")}
    return Answer(status, msgspec.json.encode(value), headers)


def error_answer(status: int, kind: str, message: str, **more: str) -> Answer:
    """Returns an error as the API words it."""
    return json_answer(status, {"error": {"type": kind, "message": message, **more}})


# What is answered to everybody, whatever they ask.
BROKEN = {
    Fault.ERROR_500: error_answer(500, "api_error", "An unknown error occurred"),
    Fault.ERROR_503: Answer(503, b"<html><body>upstream connect error</body></html>", {"Content-Type": "text/html"}),
    Fault.ODD_ERROR: json_answer(502, {"error": "bad gateway"}),
    Fault.ANOTHER_JSON: json_answer(200, {"object": "unicorn"}),
    Fault.A_LIST: json_answer(200, []),
    Fault.LIMITED: error_answer(429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit"),
}
