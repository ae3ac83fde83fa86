"""What a mail server answers (RFC 5321, section 4.2) and what it means for the message (RFC 3463)."""

import asyncio
import re

import msgspec

from academy.infrastructure.email.base import LogicalEmailError, TechnicalEmailError

LONGEST_LINE = 8192
"""Bytes of a line. RFC 5321 allows 512 (section 4.5.3.1.5); some servers write more."""

_MOST_LINES = 64
_LONGEST_WORDS = 500
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)

_CLOSING, _START_INPUT = 421, 354
_INTERMEDIATE, _NEGATIVE, _PERMANENT = 300, 400, 500
_RATE = re.compile(r"throttl|\brates?\b|too many|too much|too fast|quota|slow down|limit", re.IGNORECASE)
_RATE_CODES = frozenset({421, 450, 451, 452, 454})
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")

# Many servers judge the sender only when they hear the recipient. These refusals speak of the academy and its settings,
# so another provider may do better: not signed in (RFC 4954, section 6), commands in a wrong order, the sender's
# address (RFC 3463, X.1.7 and X.1.8), its DKIM, SPF and DMARC (RFC 7372), and what Postfix and Exim say about relaying.
_OUR_CODES = frozenset({503, 530, 534, 535, 538})
_OUR_STATUS = re.compile(r"5\.1\.[78]|5\.7\.2[0-7]")
_OUR_WORDS = re.compile(r"\brelay|sender address|client host|not authenticated", re.IGNORECASE)


class ConnectionBroken(Exception):
    """The connection is of no use any more.

    Attributes:
        reason: what happened, as the end of a sentence.
        by_server: the server closed it, and a fresh connection may work at once; a time-out is none.
        throttled: the server asked us to be slower.
    """

    def __init__(self, reason: str, *, by_server: bool = False, throttled: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.by_server = by_server
        self.throttled = throttled

    def as_error(self) -> TechnicalEmailError:
        """Returns what it means for a message that was under way."""
        return TechnicalEmailError(f"The mail server broke off: {self.reason}.", throttled=self.throttled)


class Answer(msgspec.Struct, frozen=True):
    """One answer.

    Attributes:
        code: three digits, 200 to 599.
        words: the rest of its lines, joined by spaces.
    """

    code: int
    words: str

    @property
    def is_negative(self) -> bool:
        """Whether the command was refused (RFC 5321, section 4.2.1)."""
        return self.code >= _NEGATIVE

    @property
    def is_permanent(self) -> bool:
        """Whether the same command will be refused again."""
        return self.code >= _PERMANENT

    def __str__(self) -> str:
        return f"{self.code} {self.words}".strip()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Returns the next answer, all its lines. Raises ConnectionBroken for its end and for what is none; OSError."""
    lines: list[bytes] = []
    first_code = b""
    while len(lines) < _MOST_LINES:
        try:
            line = await reader.readline()
        except ValueError as error:
            raise ConnectionBroken("it answered with an endless line") from error
        if not line.endswith(b"\n"):
            raise ConnectionBroken("it closed the connection", by_server=True)
        match = _LINE.fullmatch(line.rstrip(b"\r\n"))
        if match is None or (first_code and match[1] != first_code):
            raise ConnectionBroken(f"it answered with what is no SMTP: {_readable(line.decode('utf-8', 'replace'))}")
        first_code = match[1]
        lines.append(match[3] or b"")
        if match[2] != b"-":
            return answer(int(first_code), b" ".join(lines).decode("utf-8", "replace"))
    raise ConnectionBroken("it answered with too many lines")


def answer(code: int, words: str) -> Answer:
    """Returns an answer whose words can be shown and stored: printable, one line, not too long."""
    return Answer(code, _readable(words))


def _readable(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())[:_LONGEST_WORDS]


def check_order(reply: Answer, *, intermediate: bool = False) -> Answer:
    """Returns the answer when it can be one to the command.

    DATA is half done when it is not refused (`intermediate`), and other commands are done. After a 421 no command will
    be answered (RFC 5321, section 3.8). Raises ConnectionBroken.
    """
    if reply.code == _CLOSING:
        raise ConnectionBroken(f"it closes the connection: {reply}", by_server=True, throttled=_is_throttled(reply))
    is_right = reply.code == _START_INPUT if intermediate else reply.code < _INTERMEDIATE
    if not (reply.is_negative or is_right):
        raise ConnectionBroken(f"its answer belongs to another command: {reply}")
    return reply


def our_fault(what: str, refusal: Answer) -> TechnicalEmailError:
    """Returns the error for an answer that has nothing to do with the recipient: `what` was refused."""
    return TechnicalEmailError(f"The mail server refused {what}: {refusal}", throttled=_is_throttled(refusal))


def refused(what: str, refusal: Answer) -> TechnicalEmailError | LogicalEmailError:
    """Returns the error for an answer to the recipient or to the content, in the server's words."""
    if _is_about_us(refusal):
        return our_fault(what, refusal)
    if not refusal.is_permanent:  # a full mailbox, a greylist: others can be reached
        words, throttled = f"The mail server refused {what}: {refusal}", _is_throttled(refusal)
        return TechnicalEmailError(words, throttled=throttled, about_recipient=not throttled)
    return LogicalEmailError(f"The mail server refused {what}: {refusal}")


def _is_about_us(refusal: Answer) -> bool:
    status = _STATUS.match(refusal.words)
    if refusal.code in _OUR_CODES or (status and _OUR_STATUS.fullmatch(status[0])):
        return True
    return _OUR_WORDS.search(refusal.words) is not None


def _is_throttled(refusal: Answer) -> bool:
    """RFC 3463 keeps X.7 for policy, rates among them; a server without such codes has only its words."""
    status = _STATUS.match(refusal.words)
    may_be_rate = status is None or status[0].startswith("4.7.")
    return refusal.code in _RATE_CODES and may_be_rate and _RATE.search(refusal.words) is not None
