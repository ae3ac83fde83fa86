"""Looks up the records of DNS that mail is judged by."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from academy.kit.errors import AcademyError, Kind

_SHOWN = 120


class LookupFailed(AcademyError):
    """DNS gave no answer: nobody knows whether there is such a record."""

    code = "lookup_failed"
    kind = Kind.UNAVAILABLE


class Resolver(Protocol):
    """Asks DNS. A name that does not exist, or has no such record, is an empty answer."""

    async def txt(self, name: str) -> list[str]:
        """Returns the TXT records, each with its parts joined. Raises LookupFailed."""
        ...

    async def cname(self, name: str) -> str:
        """Returns the name that this name is an alias of, without the last dot. Raises LookupFailed."""
        ...

    async def mx(self, name: str) -> list[str]:
        """Returns the mail servers; `.` alone means that there is none on purpose (RFC 7505). Raises LookupFailed."""
        ...


class DnsResolver:
    """Asks the name servers of this machine."""

    def __init__(self, nameservers: Sequence[str] = (), port: int = 53, seconds: float = 5.0) -> None:
        """`nameservers` are addresses, for others than the machine's; `seconds` is how long one look-up may take."""
        self._nameservers, self._port = list(nameservers), port
        self._seconds = seconds

    async def txt(self, name: str) -> list[str]:
        """See Resolver."""
        found = [record for record in await self._ask(name, "TXT") if isinstance(record, TXT)]
        return [b"".join(record.strings).decode(errors="replace") for record in found]

    async def cname(self, name: str) -> str:
        """See Resolver."""
        found = [record for record in await self._ask(name, "CNAME") if isinstance(record, CNAME)]
        return found[0].target.to_text(omit_final_dot=True) if found else ""

    async def mx(self, name: str) -> list[str]:
        """See Resolver."""
        found = [record for record in await self._ask(name, "MX") if isinstance(record, MX)]
        found.sort(key=lambda record: record.preference)
        return [record.exchange.to_text(omit_final_dot=True) for record in found]

    async def _ask(self, name: str, kind: str) -> Iterable[object]:
        try:
            question = dns.name.from_text(name, idna_codec=dns.name.IDNA_2008_Practical)
        except (dns.exception.DNSException, UnicodeError):
            return ()  # what cannot be a name does not exist
        try:
            resolver = dns.asyncresolver.Resolver(configure=not self._nameservers)
            if self._nameservers:
                resolver.nameservers, resolver.port = list(self._nameservers), self._port
            answer = await resolver.resolve(question, kind, lifetime=self._seconds, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"DNS gave no answer about {shown(name)} ({type(error).__name__}).") from error
        return answer.rrset or ()


def shown(text: str) -> str:
    """Returns a text of a stranger as it can be printed on a terminal, and not too long."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
