"""A name server on loopback: answers from a table, or does what name servers do when they are unwell."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Mood = Literal["well", "silent", "servfail", "refused", "garbage"]
Zone = Mapping[tuple[str, str], list[str]]
"""(name, kind of record) -> records as in a zone file, such as `"v=spf1 ~all"` with its quotes for TXT."""


class NameServer(asyncio.DatagramProtocol):
    """Answers for the names of a zone as a resolver does, aliases followed; other names do not exist.

    Attributes:
        port: its port on 127.0.0.1.
        mood: how it answers.
        asked: the questions so far, such as `example.com TXT`.
    """

    def __init__(self, zone: Zone) -> None:
        self._zone = {(dns.name.from_text(name), kind): records for (name, kind), records in zone.items()}
        self.mood: Mood = "well"
        self.port = 0
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append(f"{query.question[0].name.to_text(omit_final_dot=True)} {kind}")
        match self.mood:
            case "well":
                self._transport.sendto(self._answer(query, kind).to_wire(), addr)
            case "servfail" | "refused" as mood:
                answer = dns.message.make_response(query)
                answer.set_rcode(dns.rcode.from_text(mood.upper()))
                self._transport.sendto(answer.to_wire(), addr)
            case "garbage":
                self._transport.sendto(b"\x00" * 5, addr)

    def _answer(self, query: dns.message.Message, kind: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name = query.question[0].name
        if name not in {known for known, _ in self._zone}:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        while kind != "CNAME" and (name, "CNAME") in self._zone:
            (alias,) = self._zone[name, "CNAME"]
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", alias))
            name = dns.name.from_text(alias)
        if records := self._zone.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *records))
        return answer


@asynccontextmanager
async def running_name_server(zone: Zone) -> AsyncIterator[NameServer]:
    """Runs a name server on a free port of 127.0.0.1."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(zone), ("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
