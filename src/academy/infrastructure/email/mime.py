"""A message as MIME (RFC 5322, RFC 2045): the bytes that SMTP and SES carry.

The headers are written here and not by the standard library's parser: that one decodes encoded words (RFC 2047) in what
it is given, so that a course's title could bring line breaks, and headers of its own, that nobody can see. The bodies
are written here since the library takes 1.4 ms a mail for them, most of the time a batch has for one, and this 0.1 ms.
"""

import binascii
import contextlib
import re
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr

import idna

from academy.infrastructure.email.base import EmailMessage, LogicalEmailError
from academy.kit.ids import new_id, new_token
from academy.kit.text import is_one_line

ONE_CLICK = "List-Unsubscribe=One-Click"
"""What a mail client posts to unsubscribe its user (RFC 8058, section 3.1)."""

_LONGEST_LINE = 76
# What would be taken for an encoded word, were it left as it is.
_ENCODED = "=?"
# An atom and dots (RFC 5322, section 3.4.1), with the characters beyond ASCII of RFC 6531.
_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\U0010ffff]+")


def new_message_id(sender: str) -> str:
    """Returns a Message-ID in the domain of the sender's address (RFC 5322, section 3.6.4)."""
    domain = envelope_address(sender).rpartition("@")[2]
    return f"<{new_id()}@{domain}>"


def extra_headers(message: EmailMessage) -> dict[str, str]:
    """Returns the headers beyond From, To, Subject and Date, the same for every provider.

    A program wrote the mail, so no other program should answer it (RFC 3834, section 5).
    """
    headers = {"Message-ID": message.message_id, "Auto-Submitted": "auto-generated"}
    if message.unsubscribe_url:
        headers |= {"List-Unsubscribe": f"<{message.unsubscribe_url}>", "List-Unsubscribe-Post": ONE_CLICK}
    return headers


def as_mime(message: EmailMessage, date: datetime) -> bytes:
    """Returns the whole message, its lines ended by CRLF; ASCII only, but for an address that has other characters.

    Raises LogicalEmailError for an address, a name or a subject that no header can hold.
    """
    boundary = f"=_{new_token()}"  # no line of a quoted-printable body begins like that (RFC 2045, section 6.7)
    sender = envelope_address(message.sender)
    headers = {
        "From": _named(_one_line(message.sender_name), sender),
        "To": envelope_address(message.to),
        "Subject": _words(_one_line(message.subject)),
        "Date": format_datetime(date),
        **{name: _one_line(value) for name, value in extra_headers(message).items()},
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{boundary}"',
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    try:
        # A word that ASCII cannot hold is encoded; an address with such characters is written as it is (RFC 6532).
        written = head.encode("utf-8" if not (headers["To"] + sender).isascii() else "ascii")
    except UnicodeEncodeError as error:
        raise LogicalEmailError(f"The mail has a header that cannot be written: {error.reason}") from error
    parts = [_part("plain", message.text), _part("html", message.html)]
    delimiter = f"--{boundary}\r\n".encode()
    return written + b"".join(delimiter + part for part in parts) + f"--{boundary}--\r\n".encode()


def _one_line(text: str) -> str:
    if not is_one_line(text):
        raise LogicalEmailError("The mail has a header that cannot be written: it holds a line break or worse.")
    return text


def _words(text: str) -> str:
    """Returns a text as a header holds it: encoded (RFC 2047) when it is not plain, in several lines when long."""
    charset = "us-ascii" if text.isascii() and _ENCODED not in text else "utf-8"
    return Header(text, charset, maxlinelen=_LONGEST_LINE).encode(linesep="\r\n")


def _named(name: str, address: str) -> str:
    if name.isascii() and _ENCODED not in name:
        return formataddr((name, address))
    return f"{_words(name)} <{address}>"


def _part(subtype: str, text: str) -> bytes:
    header = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    # The soft breaks that the encoder adds are of the kind that it finds in the text.
    encoded = binascii.b2a_qp(lines.encode(), istext=True).replace(b"\n", b"\r\n")
    return header.encode() + encoded + b"\r\n"


def envelope_address(address: str) -> str:
    """Returns the address with its domain in ASCII (RFC 5891), as servers expect it. Raises LogicalEmailError."""
    mailbox, _, domain = address.rpartition("@")
    is_plain = _MAILBOX.fullmatch(mailbox) and _ENCODED not in mailbox and is_one_line(address)
    if not is_plain or not domain or any(character.isspace() or not character.isprintable() for character in address):
        raise LogicalEmailError(f"{address!r} is not an e-mail address.")
    if not domain.isascii():
        with contextlib.suppress(idna.IDNAError):
            return f"{mailbox}@{idna.encode(domain, uts46=True).decode()}"
        raise LogicalEmailError(f"{address!r} has a domain that cannot exist.")
    if any(character in domain for character in '<>()[]\\,;:"?='):
        raise LogicalEmailError(f"{address!r} is not an e-mail address.")
    return address
