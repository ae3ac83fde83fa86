"""Settings of the e-mail."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class EmailSettings(Struct, frozen=True, kw_only=True):
    """How mail leaves the academy."""

    provider: Annotated[
        Literal["inbox"],
        Meta(
            title="EMAIL_PROVIDER",
            description="`inbox` keeps mail in the academy and shows it at /dev/mail (development only).",
        ),
    ] = "inbox"
    sender: Annotated[
        str, Meta(title="EMAIL_FROM", description="Address that mail comes from.", pattern=r"^[^@\s]+@[^@\s]+$")
    ] = "academy@rtechacademy.com"
    sender_name: Annotated[
        str, Meta(title="EMAIL_FROM_NAME", description="Name that mail comes from; empty: the academy's.")
    ] = ""
