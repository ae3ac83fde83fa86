"""Chooses the gateways by the settings: the only place that knows them all."""

from academy.infrastructure.gateways.base import Gateway
from academy.infrastructure.gateways.rehearsal import RehearsalGateway
from academy.infrastructure.gateways.settings import GATEWAYS, GatewaySettings, RazorpaySettings, StripeSettings
from academy.kit.clock import Clock


def make_gateways(
    settings: GatewaySettings,
    stripe: StripeSettings,
    razorpay: RazorpaySettings,
    rehearsal: RehearsalGateway | None,
    clock: Clock,
) -> dict[str, Gateway]:
    """Returns the gateways that are set up, by name; none of them is connected yet.

    One whose keys are set stays here when PAYMENT_GATEWAYS offers it to buyers no more: payments of yesterday are
    confirmed and refunded by it. Without a `rehearsal` (in production) PAYMENT_GATEWAYS must not name it: else
    ValueError.
    """

    def gateway(name: str) -> Gateway:
        match name:
            # Imported when they are needed: their SDKs take a part of a second to load.
            case "stripe":
                from academy.infrastructure.gateways.stripe import StripeGateway

                return StripeGateway(stripe, settings.timeout_seconds, clock)
            case "razorpay":
                from academy.infrastructure.gateways.razorpay import RazorpayGateway

                return RazorpayGateway(razorpay, settings.timeout_seconds)
            case _ if rehearsal is not None:
                return rehearsal
            case _:
                raise ValueError("PAYMENT_GATEWAYS=rehearsal gives courses away and is not for production.")

    is_set_up = {
        "stripe": bool(stripe.secret_key),
        "razorpay": bool(razorpay.key_id and razorpay.key_secret),
        "rehearsal": rehearsal is not None,
    }
    return {name: gateway(name) for name in GATEWAYS if is_set_up[name] or name in settings.offered}
