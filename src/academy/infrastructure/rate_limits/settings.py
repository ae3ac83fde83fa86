"""Settings of the rate limits."""

from typing import Annotated

from msgspec import Meta, Struct

_FORM = r"^(\d{1,6} per (\d{1,4} )?(second|minute|hour|day)s?|off)$"


class RateLimitSettings(Struct, frozen=True, kw_only=True):
    """How often one address, or one account, may do what costs or can be guessed. `off` lifts a limit."""

    requests: Annotated[
        str,
        Meta(title="RATE_LIMIT_REQUESTS", description="Requests of one address, files and pages alike.", pattern=_FORM),
    ] = "1200 per minute"
    sign_in_address: Annotated[
        str,
        Meta(title="RATE_LIMIT_SIGN_IN_ADDRESS", description="Tries to sign in from one address.", pattern=_FORM),
    ] = "30 per minute"
    sign_in_account: Annotated[
        str,
        Meta(
            title="RATE_LIMIT_SIGN_IN_ACCOUNT",
            description="Tries to sign in to one account by password, from one address.",
            pattern=_FORM,
        ),
    ] = "10 per 10 minutes"
    codes: Annotated[
        str,
        Meta(
            title="RATE_LIMIT_CODES",
            description="One-time codes that one address orders: sign-up, sign-in, forgotten passwords.",
            pattern=_FORM,
        ),
    ] = "20 per hour"
    code_tries: Annotated[
        str,
        Meta(title="RATE_LIMIT_CODE_TRIES", description="One-time codes that one address tries.", pattern=_FORM),
    ] = "30 per 10 minutes"
    uploads: Annotated[
        str, Meta(title="RATE_LIMIT_UPLOADS", description="Uploads that one account begins.", pattern=_FORM)
    ] = "120 per hour"
