"""Settings of accounts, codes, sessions and tokens."""

from typing import Annotated

from msgspec import Meta, Struct


class SecuritySettings(Struct, frozen=True, kw_only=True):
    """How people prove who they are, and for how long that holds."""

    bcrypt_rounds: Annotated[
        int,
        Meta(title="BCRYPT_ROUNDS", description="Cost of a password hash; each step doubles the time.", ge=4, le=16),
    ] = 10
    password_min_length: Annotated[
        int, Meta(title="PASSWORD_MIN_LENGTH", description="Least characters of a new password.", ge=8, le=64)
    ] = 10
    code_minutes: Annotated[
        int, Meta(title="CODE_MINUTES", description="How long a one-time code is valid.", ge=1, le=60)
    ] = 10
    code_tries: Annotated[
        int, Meta(title="CODE_TRIES", description="Wrong tries after which a one-time code is dead.", ge=1, le=20)
    ] = 5
    code_resend_seconds: Annotated[
        int, Meta(title="CODE_RESEND_SECONDS", description="Least time between two codes to one address.", ge=0, le=600)
    ] = 30
    codes_per_hour: Annotated[
        int, Meta(title="CODES_PER_HOUR", description="Most codes sent to one address in an hour.", ge=1, le=60)
    ] = 6
    session_days: Annotated[
        int, Meta(title="SESSION_DAYS", description="Days without use after which a session ends.", ge=1, le=365)
    ] = 14
    session_max_days: Annotated[
        int, Meta(title="SESSION_MAX_DAYS", description="Days after which every session ends.", ge=1, le=730)
    ] = 90
    access_token_minutes: Annotated[
        int, Meta(title="ACCESS_TOKEN_MINUTES", description="Life of an API access token.", ge=1, le=1440)
    ] = 15
    refresh_token_days: Annotated[
        int, Meta(title="REFRESH_TOKEN_DAYS", description="Life of an API refresh token.", ge=1, le=365)
    ] = 30
