"""Settings of the rate limits."""

from typing import Annotated

from msgspec import Meta, Struct

from academy.infrastructure.rate_limits.window import QUOTA_FORM


def _quota(name: str, description: str) -> Meta:
    return Meta(title=name, description=f"{description} `off`: no limit.", pattern=QUOTA_FORM)


class RateLimitSettings(Struct, frozen=True, kw_only=True):
    """How often one address, or one account, may do what costs or can be guessed.

    Of IPv6, all addresses of one /64 count as one.
    """

    requests: Annotated[
        str,
        _quota(
            "RATE_LIMIT_REQUESTS",
            "Requests of one address, but for pages that are answered from memory, and media.",
        ),
    ] = "1200 per minute"
    sign_in_address: Annotated[str, _quota("RATE_LIMIT_SIGN_IN_ADDRESS", "Tries to sign in from one address.")] = (
        "30 per minute"
    )
    sign_in_account: Annotated[
        str,
        _quota(
            "RATE_LIMIT_SIGN_IN_ACCOUNT",
            "Tries to sign in to one account by password, from one address; also of the password that a session is "
            "asked for again, to change it or the address, or to delete the account.",
        ),
    ] = "10 per 10 minutes"
    sign_in_anywhere: Annotated[
        str,
        _quota(
            "RATE_LIMIT_SIGN_IN_ANYWHERE",
            "Tries to sign in to one account by password, from all addresses together.",
        ),
    ] = "100 per hour"
    codes: Annotated[
        str,
        _quota(
            "RATE_LIMIT_CODES",
            "One-time codes that one address orders: sign-up, sign-in, forgotten passwords.",
        ),
    ] = "20 per hour"
    code_tries: Annotated[str, _quota("RATE_LIMIT_CODE_TRIES", "One-time codes that one address tries.")] = (
        "30 per 10 minutes"
    )
    uploads: Annotated[str, _quota("RATE_LIMIT_UPLOADS", "Uploads that one account begins.")] = "120 per hour"
    coupon_tries: Annotated[
        str, _quota("RATE_LIMIT_COUPON_TRIES", "Coupons that do not fit, which one address tries at the checkout.")
    ] = "30 per 10 minutes"
    checkouts: Annotated[str, _quota("RATE_LIMIT_CHECKOUTS", "Checkouts that one account begins.")] = "60 per hour"
