"""What SendGrid's Mail Send endpoint refuses, with the errors that it documents."""

import re

import msgspec

RESERVED_HEADERS = frozenset(
    {
        "x-sg-id",
        "x-sg-eid",
        "received",
        "dkim-signature",
        "content-type",
        "content-transfer-encoding",
        "to",
        "from",
        "subject",
        "reply-to",
        "cc",
        "bcc",
    }
)

_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message."
_ADDRESS = re.compile(r"[!-~]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_LONGEST_ADDRESS, _MOST_CUSTOM_BYTES, _MOST_PERSONALIZATIONS = 320, 10_000, 1000


class Mistake(msgspec.Struct, frozen=True):
    """One entry of an answer's `errors`."""

    message: str
    field: str | None = None
    help: str | None = None


class Address(msgspec.Struct, frozen=True):
    """A mailbox."""

    email: str
    name: str = ""


class Part(msgspec.Struct, frozen=True):
    """One alternative of the content."""

    type: str
    value: str


class Personalization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One envelope."""

    to: list[Address]


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a call, as far as the academy uses it; whatever else it has is refused."""

    personalizations: list[Personalization]
    content: list[Part]
    sender: Address = msgspec.field(name="from")
    subject: str = ""
    headers: dict[str, str] = {}
    custom_args: dict[str, str] = {}
    tracking_settings: dict[str, dict[str, bool]] = {}
    mail_settings: dict[str, dict[str, bool]] = {}


def checked(body: bytes) -> Mail | Mistake:
    """Returns the mail that a body holds, or the first mistake in it."""
    try:
        mail = msgspec.json.decode(body, type=Mail)
    except msgspec.ValidationError as error:
        return _wrong_shape(str(error))
    except msgspec.DecodeError:
        return Mistake("Bad Request")
    return _recipients(mail) or _sender(mail) or _subject(mail) or _content(mail) or _extras(mail) or mail


def _wrong_shape(error: str) -> Mistake:
    if "missing required field `from`" in error:
        return _mistake("The from object must be provided for every email send.", "from", "from")
    if "missing required field `content`" in error:
        return _mistake(
            "The content param is required unless you are using a transactional template.", "content", "content"
        )
    if "missing required field `to`" in error:
        return _mistake("The to parameter is required for all personalization objects.", "personalizations.0.to", "to")
    where = re.search(r"\$\.(\w+)", error)
    return Mistake(f"Invalid type. {error}", where.group(1) if where else None)


def _recipients(mail: Mail) -> Mistake | None:
    if not mail.personalizations:
        return _mistake("You must have at least one personalization.", "personalizations", "personalizations")
    if len(mail.personalizations) > _MOST_PERSONALIZATIONS:
        text = "The personalization block is limited to 1000 personalizations per API request."
        return _mistake(text, "personalizations", "personalizations")
    everybody = [
        recipient.email.lower() for personalization in mail.personalizations for recipient in personalization.to
    ]
    if len(set(everybody)) < len(everybody):
        text = "Each unique email address in the personalizations array should only be included once."
        return _mistake(text, "personalizations", "personalizations")
    found = (_envelope(number, personalization) for number, personalization in enumerate(mail.personalizations))
    return next((mistake for mistake in found if mistake is not None), None)


def _envelope(number: int, personalization: Personalization) -> Mistake | None:
    field = f"personalizations.{number}.to"
    if not personalization.to:
        return _mistake("The to parameter is required for all personalization objects.", field, "personalizations.to")
    for index, recipient in enumerate(personalization.to):
        if len(recipient.email) > _LONGEST_ADDRESS:
            text = "The To email exceeds the maximum total length of 320 characters"
            return _mistake(text, f"{field}.{index}.email", "personalizations.to")
        if not _ADDRESS.fullmatch(recipient.email):
            return _mistake("Does not contain a valid address.", f"{field}.{index}.email", "personalizations.to")
    return None


def _sender(mail: Mail) -> Mistake | None:
    if not _ADDRESS.fullmatch(mail.sender.email):
        return _mistake("The from email does not contain a valid address.", "from.email", "from")
    return None


def _subject(mail: Mail) -> Mistake | None:
    if not mail.subject:
        return _mistake("The subject is required.", "subject", "subject")
    return None


def _content(mail: Mail) -> Mistake | None:
    if not mail.content:
        return _mistake("There must be at least one defined content block.", "content", "content")
    for number, part in enumerate(mail.content):
        if not part.value:
            text = "The content value must be a string at least one character in length."
            return _mistake(text, f"content.{number}.value", "content.value")
        if any(character in part.type for character in ";,\r\n"):
            return _mistake("Cannot contain ';', or CRLF characters.", f"content.{number}.type", "content.type")
    order = [part.type for part in mail.content]
    if order != sorted(order, key=lambda kind: {"text/plain": 0, "text/html": 1}.get(kind, 2)):
        text = "Following RFC 1341, section 7.2, if either text/html or text/plain are to be sent in your email: "
        text += "text/plain needs to be first, followed by text/html, followed by any other content."
        return _mistake(text, "content", "content")
    return None


def _extras(mail: Mail) -> Mistake | None:
    for name in mail.headers:
        if name.lower() in RESERVED_HEADERS:
            return _mistake("Header can not be one of the reserved keys.", "headers", "headers")
        if not name.isascii() or " " in name:
            return _mistake("Header keys cannot contain non-ASCII characters and empty spaces.", "headers", "headers")
    if len(msgspec.json.encode(mail.custom_args)) > _MOST_CUSTOM_BYTES:
        text = "The combined size of both global and personalization custom arguments may not exceed 10,000 bytes "
        return _mistake(text + "per personalization.", "custom_args", "personalizations.custom_args")
    return None


def _mistake(message: str, field: str, anchor: str) -> Mistake:
    return Mistake(message, field, f"{_HELP}{anchor}")
