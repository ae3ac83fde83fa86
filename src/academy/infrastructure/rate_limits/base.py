"""The door of the rate limits: how often somebody may do something.

The promise
-----------
`hit` counts one try of somebody under a rule and tells whether it is within it. Counting is exact under any number of
tries at once, and, with Redis, over all processes and machines. The window slides: no double burst at its edge.

When Redis is away, each process counts for itself in its memory (so with N processes up to N times as much is let
through, and never nothing), and a try waits for Redis at most once (see `redis.link`). A restart of a process without
Redis forgets its counts, and a process remembers 100,000 at most under a rule, of whoever tried last.
"""

from enum import StrEnum

import msgspec

from academy.kit.errors import AcademyError, Kind

_TOLD_IN_SECONDS = 120


class Rule(StrEnum):
    """What is limited; the settings `RATE_LIMIT_…` say how."""

    REQUESTS = "requests"
    SIGN_IN_ADDRESS = "sign_in_address"
    SIGN_IN_ACCOUNT = "sign_in_account"
    SIGN_IN_ANYWHERE = "sign_in_anywhere"
    CODES = "codes"
    CODE_TRIES = "code_tries"
    UPLOADS = "uploads"
    CHECKOUTS = "checkouts"
    COUPON_TRIES = "coupon_tries"


class Standing(msgspec.Struct, frozen=True):
    """Where somebody stands under a rule after a try.

    Attributes:
        quota: tries in a window.
        window_seconds: its length.
        remaining: tries left at the moment.
        reset_seconds: after which the quota is whole again if nothing more is tried, or, when the try was too much, one
            is allowed again; in whole seconds, rounded up.
    """

    rule: Rule
    quota: int
    window_seconds: int
    remaining: int
    reset_seconds: int
    is_allowed: bool


class TooManyTries(AcademyError):
    """Somebody did something too often; `retry_after` says when it is allowed again, `instead` what is allowed now."""

    code = "too_many_requests"
    kind = Kind.TOO_MANY

    def __init__(self, standing: Standing, instead: str = "") -> None:
        seconds = standing.reset_seconds
        wait = f"{seconds} seconds" if seconds < _TOLD_IN_SECONDS else f"{-(-seconds // 60)} minutes"
        advice = f", or {instead}" if instead else ""
        super().__init__(f"That was too often. Try again in {wait}{advice}.", retry_after=seconds)
        self.standing = standing
