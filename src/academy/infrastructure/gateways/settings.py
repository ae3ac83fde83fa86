"""Settings of the payment gateways."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

GATEWAYS = ("rehearsal", "stripe", "razorpay")


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """How buyers pay."""

    gateways: Annotated[
        str,
        Meta(
            title="PAYMENT_GATEWAYS",
            description="Gateways that a buyer may choose from, in this order, separated by commas: `stripe`, "
            "`razorpay`, or `rehearsal`, which moves no money (development only). `none`: nothing that costs can be "
            "bought.",
            pattern=r"^(none|(rehearsal|stripe|razorpay)(\s*,\s*(rehearsal|stripe|razorpay))*)\Z",
            examples=["razorpay,stripe"],
        ),
    ] = "rehearsal"
    timeout_seconds: Annotated[
        float,
        Meta(
            title="GATEWAY_TIMEOUT_SECONDS",
            description="How long a gateway may take for one call before it has failed.",
            gt=0,
            le=60,
        ),
    ] = 10.0

    @property
    def offered(self) -> tuple[str, ...]:
        """The names of the gateways, in order, each once."""
        return tuple(name for name in dict.fromkeys(self.gateways.replace(" ", "").split(",")) if name in GATEWAYS)


class StripeSettings(Struct, frozen=True, kw_only=True):
    """Stripe."""

    secret_key: Annotated[
        str, Meta(title="STRIPE_SECRET_KEY", description="Secret or restricted API key.", examples=["sk_live_…"])
    ] = ""
    webhook_secret: Annotated[
        str,
        Meta(
            title="STRIPE_WEBHOOK_SECRET",
            description="Signing secret of the webhook endpoint /api/v1/webhooks/stripe; empty: it takes nothing.",
            examples=["whsec_…"],
        ),
    ] = ""
    url: Annotated[
        str,
        Meta(
            title="STRIPE_URL",
            description="Stripe's API, for tests against another server.",
            pattern=r"^https?://[^\s/]+\Z",
        ),
    ] = "https://api.stripe.com"


class RazorpaySettings(Struct, frozen=True, kw_only=True):
    """Razorpay."""

    key_id: Annotated[
        str, Meta(title="RAZORPAY_KEY_ID", description="Key id; buyers' browsers see it.", examples=["rzp_live_…"])
    ] = ""
    key_secret: Annotated[str, Meta(title="RAZORPAY_KEY_SECRET", description="Secret of RAZORPAY_KEY_ID.")] = ""
    webhook_secret: Annotated[
        str,
        Meta(
            title="RAZORPAY_WEBHOOK_SECRET",
            description="Secret of the webhook /api/v1/webhooks/razorpay; empty: it takes nothing.",
        ),
    ] = ""
    url: Annotated[
        str,
        Meta(
            title="RAZORPAY_URL",
            description="Razorpay's API, for tests against another server.",
            pattern=r"^https?://[^\s/]+\Z",
        ),
    ] = "https://api.razorpay.com"


def wrong_gateway_settings(
    gateways: GatewaySettings, stripe: StripeSettings, razorpay: RazorpaySettings, *, production: bool
) -> dict[str, str]:
    """Returns what the chosen gateways lack: variable -> what is wrong and what to do."""
    needed: dict[str, Mapping[str, str]] = {
        "stripe": {"STRIPE_SECRET_KEY": stripe.secret_key, "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret},
        "razorpay": {
            "RAZORPAY_KEY_ID": razorpay.key_id,
            "RAZORPAY_KEY_SECRET": razorpay.key_secret,
            "RAZORPAY_WEBHOOK_SECRET": razorpay.webhook_secret,
        },
    }
    wrong = {
        name: f"is required with PAYMENT_GATEWAYS={gateway}."
        for gateway in gateways.offered
        for name, value in needed.get(gateway, {}).items()
        if not value
    }
    if production and "rehearsal" in gateways.offered:
        wrong["PAYMENT_GATEWAYS"] = (
            "has to be stripe or razorpay in production, or none: `rehearsal` gives courses away without money."
        )
    return wrong
