"""What a provider reports back about a mail after it has taken it: a bounce or a complaint.

A report has effects on the address it names. So it counts only when its signature proves that the provider sent it.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from academy.kit.errors import AcademyError, Kind
from academy.kit.text import is_one_line

# An answer of a mail server can be long; the log and the list of addresses show its beginning.
_LONGEST_DETAIL = 300
# 64 for the mailbox, 255 for the domain, and the @ (RFC 5321, section 4.5.3.1).
_LONGEST_ADDRESS = 320


class ReportKind(StrEnum):
    """What happened: mail came back for good; its recipient called it spam."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report about one address.

    Attributes:
        provider: name of the provider, as in EMAIL_PROVIDER.
        address: the recipient, as the provider writes it.
        mail_id: our id of the mail; empty when the provider does not tell.
        detail: one line for the admin, such as the answer of the recipient's mail server.
        reported_at: when it happened, by the provider's clock: aware UTC, milliseconds.
    """

    provider: str
    kind: ReportKind
    address: str
    mail_id: str
    detail: str
    reported_at: datetime


class ForgedReport(AcademyError):
    """Nothing proves that the provider sent this; nothing in it was used."""

    code = "forged_report"
    kind = Kind.FORBIDDEN


def one_line(text: str) -> str:
    """Returns a text in one line and not too long, for `DeliveryReport.detail`."""
    clean = "".join(character if is_one_line(character) else " " for character in text)
    return " ".join(clean.split())[:_LONGEST_DETAIL]


def is_address(text: str) -> bool:
    """Whether a text can be the address of a report; a provider also reports what it refused as no address."""
    return "@" in text and is_one_line(text) and len(text) <= _LONGEST_ADDRESS
