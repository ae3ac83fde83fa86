"""What a mail server of the tests and those who test with it share: a folder, and what is in its files."""

from pathlib import Path
from typing import Literal

import msgspec
import trustme

HOST = "127.0.0.1"

Step = Literal[
    "greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "content", "kept", "RSET", "NOOP", "QUIT"
]
"""Where the server can be told to do something else."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the server offers; fixed while it runs.

    Attributes:
        offers_auth: users may sign in.
        wants_auth: mail of strangers is refused.
        certified_for: the host in the certificate.
        notes_commands: `heard` tells what arrived in one piece.
    """

    security: Literal["none", "starttls", "tls"] = "none"
    offers_auth: bool = True
    wants_auth: bool = False
    certified_for: str = HOST
    pipelining: bool = True
    utf8: bool = True
    size: int = 1 << 20
    notes_commands: bool = False


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How the server takes mail; may change at any time.

    Attributes:
        answers: what it says at a step instead of what would be right, and it does not carry the step out.
        recipients: what it says to a recipient.
        pauses: seconds before a step is carried out.
        hangs: steps that are never answered.
        latency: seconds until an answer is under way, as on a long line; the server goes on meanwhile.
        drops: steps at which it closes the connection; `kept` is between the keeping of a message and the answer.
        wants_data_for_nobody: DATA is not refused when all recipients were (RFC 2920, section 3.1, expects that).
        messages_per_connection: how many it takes before it answers 421 and closes; 0: no limit.
    """

    answers: dict[Step, str] = {}
    recipients: dict[str, str] = {}
    pauses: dict[Step, float] = {}
    hangs: frozenset[Step] = frozenset()
    latency: float = 0.0
    drops: frozenset[Step] = frozenset()
    wants_data_for_nobody: bool = False
    messages_per_connection: int = 0


class Opened(msgspec.Struct, frozen=True, tag=True):
    """A client connected."""

    connection: int


class Closed(msgspec.Struct, frozen=True, tag=True):
    """A connection is gone."""

    connection: int


class Kept(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A message that the server took."""

    connection: int
    sender: str
    recipients: list[str]
    options: list[str]
    content: bytes
    username: str
    encrypted: bool


class Heard(msgspec.Struct, frozen=True, tag=True):
    """The commands that arrived in one piece, by their first words; content is not among them."""

    connection: int
    commands: list[str]


Event = Opened | Closed | Kept | Heard


class Folder:
    """What a server and those who test with it share; used by one server at a time."""

    def __init__(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        self.path = path
        self._events = path / "events"
        self._behaviour = path / "behaviour"
        self._behaviour_seen: tuple[int, int] = (0, 0)
        self._current = Behaviour()
        if not self._behaviour.exists():
            self.write_behaviour(self._current)

    @property
    def certificate(self) -> Path:
        """Certificate chain and key of the server."""
        return self.path / "certificate.pem"

    @property
    def authority(self) -> Path:
        """Certificate of the authority that signed it."""
        return self.path / "authority.pem"

    @property
    def port_file(self) -> Path:
        """Holds the port once the server listens."""
        return self.path / "port"

    def make_certificates(self, host: str) -> None:
        """Makes an authority and a certificate for the host."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        authority.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(str(self.certificate))

    def write_behaviour(self, behaviour: Behaviour) -> None:
        """Counts from the server's next step on."""
        new = self._behaviour.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(behaviour))
        new.rename(self._behaviour)

    def behaviour(self) -> Behaviour:
        """Returns what was written last."""
        status = self._behaviour.stat()
        seen = (status.st_mtime_ns, status.st_ino)
        if seen != self._behaviour_seen:
            self._current = msgspec.json.decode(self._behaviour.read_bytes(), type=Behaviour)
            self._behaviour_seen = seen
        return self._current

    def note(self, event: Event) -> None:
        """Adds an event; whoever reads from now on sees it."""
        with self._events.open("ab") as file:
            file.write(msgspec.json.encode(event) + b"\n")

    def events(self) -> list[Event]:
        """Returns all events, oldest first; a line that a kill cut off is none."""
        if not self._events.exists():
            return []
        whole = self._events.read_bytes().rpartition(b"\n")[0]
        return [msgspec.json.decode(line, type=Event) for line in whole.splitlines()]
