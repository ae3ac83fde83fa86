"""The demo accounts that a visitor can sign in with, and the coupon that they can try."""

from typing import NamedTuple

DEMO_PASSWORD = "open-the-academy"  # noqa: S105 - printed for everybody; the demo refuses production
DEMO_COUPON = "WELCOME25"


class DemoAccount(NamedTuple):
    """An account with the password above; `who` says what it can show."""

    email: str
    who: str


LEARNER = DemoAccount("learner@example.com", "learner")
# One of the teachers of the content, so that the studio has courses in it.
INSTRUCTOR = DemoAccount("maya@example.com", "instructor")
ADMIN = DemoAccount("admin@example.com", "admin")
DEMO_ACCOUNTS = (LEARNER, INSTRUCTOR, ADMIN)
