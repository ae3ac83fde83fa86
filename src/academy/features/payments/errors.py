"""What can go wrong with payments."""

from academy.kit.errors import ConflictError, InvalidError, NotFoundError, UnavailableError


class TransactionNotFound(NotFoundError):
    """No such transaction, or it is somebody else's."""

    code = "transaction_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such payment in your account.")


class AlreadyEnrolled(ConflictError):
    """The buyer has what they want to pay for."""

    code = "already_enrolled"

    def __init__(self) -> None:
        super().__init__("You have this course already. Open it from your dashboard.")


class NotForSale(ConflictError):
    """The course is not in the catalogue, or costs nothing."""

    code = "not_for_sale"

    def __init__(self, message: str = "This course cannot be bought at the moment.") -> None:
        super().__init__(message)


class GatewayNotOffered(InvalidError):
    """The buyer chose a way to pay that this academy does not have."""

    code = "gateway_not_offered"

    def __init__(self) -> None:
        text = "Choose one of the ways to pay that are offered."
        super().__init__(text, fields={"gateway": text})


class CouponInvalid(InvalidError):
    """The coupon does not fit; the message says why."""

    code = "coupon_invalid"

    def __init__(self, text: str) -> None:
        super().__init__(text, fields={"coupon": text})


class KeyReused(InvalidError):
    """The Idempotency-Key was used with another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request. Make a new key for a new request.")


class NotCancellable(ConflictError):
    """The transaction is not open any more."""

    code = "not_cancellable"

    def __init__(self) -> None:
        super().__init__("This payment is not open any more, so there is nothing to cancel.")


class NotRefundable(ConflictError):
    """There is not so much money to send back."""

    code = "not_refundable"


class NothingToRepair(ConflictError):
    """The buyer of a paid transaction has access."""

    code = "nothing_to_repair"

    def __init__(self) -> None:
        super().__init__("The buyer of this transaction has what they paid for; there is nothing to repair.")


class CheckoutOver(ConflictError):
    """What was begun with this Idempotency-Key came to nothing."""

    code = "checkout_over"

    def __init__(self, failure: str) -> None:
        super().__init__(f"This checkout is over. {failure} Begin anew, with a new Idempotency-Key.".replace("  ", " "))


class CouponNotFound(NotFoundError):
    """No coupon has this code."""

    code = "coupon_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such coupon.")


class TaxRuleNotFound(NotFoundError):
    """The table of taxes has no such line."""

    code = "tax_rule_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such tax.")


class WebhookEventNotFound(NotFoundError):
    """The inbox has no such event."""

    code = "webhook_event_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such webhook event.")


class NewsTooEarly(UnavailableError):
    """A webhook tells about a payment that we have not heard of yet; it is handled again later."""

    code = "news_too_early"

    def __init__(self) -> None:
        super().__init__("This tells about a payment that has not been told of yet.")
