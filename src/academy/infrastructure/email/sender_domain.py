"""Does the DNS of the sender's domain allow the providers to send for it?

Receivers look up who may send for a domain (SPF, RFC 7208), with which key its mail is signed (DKIM, RFC 6376) and what
they shall do with mail that fails both (DMARC, RFC 7489). A mistake there brings mail into the spam folder, and nobody
tells the academy. The checks only read. They do not try whether a provider really signs.
"""

import asyncio
import base64
import ipaddress
import re
from collections.abc import Awaitable, Iterable, Sequence
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from academy.kit.errors import AcademyError, Kind

# RFC 7208, section 4.6.4: a receiver that would need more gives up.
_MOST_LOOKUPS = 10
# RFC 8301, section 3.2: receivers take no RSA key below 1024 bits; signers should use 2048 and more.
_LEAST_BITS, _GOOD_BITS = 1024, 2048
_ED25519_BYTES = 32
_SHOWN = 120

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SPF_WORD = re.compile(r"([+?~-]?)([a-z][a-z0-9_.-]*)(=.*|:.*|/.*|)", re.IGNORECASE | re.ASCII)
# What may follow the name of a mechanism (RFC 7208, section 5); addresses are looked at one by one.
_NETWORK = r"(/\d{1,2})?(//\d{1,3})?"
_SPF_MECHANISMS = {
    "all": re.compile(""),
    "include": re.compile(r":[!-~]+"),
    "exists": re.compile(r":[!-~]+"),
    "ptr": re.compile(r"(:[!-~]+)?"),
    "a": re.compile(rf"(:[!-.0-~]+)?{_NETWORK}", re.ASCII),
    "mx": re.compile(rf"(:[!-.0-~]+)?{_NETWORK}", re.ASCII),
    "ip4": re.compile(r":[0-9.]+(/\d{1,2})?", re.ASCII),
    "ip6": re.compile(r":[0-9a-f:.]+(/\d{1,3})?", re.IGNORECASE | re.ASCII),
}
_NETWORKS = {"ip4": ipaddress.IPv4Network, "ip6": ipaddress.IPv6Network}
_SPF_OF_PROVIDER = {"smtp": "a:YOUR-MAIL-SERVER", "sendgrid": "include:sendgrid.net", "ses": "include:amazonses.com"}
_LEVELS = ("pass", "warn", "fail")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        subject: what was looked at, such as `SPF`, `DKIM`, `DMARC` or `MX`.
        status: `pass`, `warn` or `fail`.
        text: what was found and, unless it is well, what to do.
    """

    subject: str
    status: str
    text: str


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
            raise LookupFailed(f"DNS gave no answer about {_shown(name)} ({type(error).__name__}).") from error
        return answer.rrset or ()


async def check_sender_domain(
    domain: str, provider_names: Sequence[str], dkim_selectors: Sequence[str], resolver: Resolver
) -> list[Finding]:
    """Looks up what receivers look up about the domain that mail comes from. Never raises.

    Args:
        domain: the part of EMAIL_FROM behind the @.
        provider_names: the providers in use, as in EMAIL_PROVIDER.
        dkim_selectors: EMAIL_DKIM_SELECTORS.
        resolver: who asks DNS.
    """
    name = domain.rstrip(".").lower()
    checks = [
        ("SPF", _spf(name, provider_names, dkim_selectors, resolver)),
        *(("DKIM", _dkim(f"{selector}._domainkey.{name}", resolver)) for selector in dkim_selectors),
        ("DMARC", _dmarc(name, resolver)),
        ("MX", _mx(name, resolver)),
    ]
    findings = await asyncio.gather(*(_answered(subject, check) for subject, check in checks))
    if not dkim_selectors:
        text = "Nobody has said which DKIM keys your providers sign with. Set EMAIL_DKIM_SELECTORS."
        findings.insert(1, Finding(subject="DKIM", status="warn", text=text))
    return findings


async def _answered(subject: str, check: Awaitable[tuple[str, str]]) -> Finding:
    try:
        status, text = await check
    except LookupFailed as error:
        status, text = "warn", f"{error.message} Nothing is known about it; try again."
    return Finding(subject=subject, status=status, text=text)


def _shown(text: str) -> str:
    """Returns a text of a stranger as it can be printed on a terminal, and not too long."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


# SPF


class _BrokenSpf(Exception):
    """Receivers take the record for an error (`permerror`); the message says why."""


class _SpfReading:
    """Follows a record as a receiver would in the worst case: every include is looked up."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.lookups = 0
        self.included: list[str] = []

    async def follow(self, record: str) -> str:
        """Returns what the record says about all others: `-`, `~`, `?`, `+`, or "" when it says nothing.

        Raises _BrokenSpf, LookupFailed.
        """
        redirect = ""
        for qualifier, name, value in _spf_terms(record):
            match name:
                case "all":
                    return qualifier or "+"  # what follows, and a redirect, is ignored (sections 5.1 and 6.1)
                case "include":
                    await self._enter(value)
                case "a" | "mx" | "ptr" | "exists":
                    self._count()
                case "redirect":
                    redirect = value
        return await self._enter(redirect) if redirect else ""

    async def _enter(self, domain: str) -> str:
        self._count()
        if "%" in domain:
            return ""  # a macro: only the receiver of a mail knows which name it stands for
        self.included.append(domain.lower().rstrip("."))
        records = _spf_records(await self._resolver.txt(domain))
        if len(records) != 1:
            raise _BrokenSpf(f"it leads to {_shown(domain)}, which has {len(records)} SPF records instead of one")
        return await self.follow(records[0])

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > _MOST_LOOKUPS:
            raise _BrokenSpf(f"it needs more than {_MOST_LOOKUPS} look-ups, and receivers do no more")

    def includes(self, host: str) -> bool:
        """Whether the record of a provider was met."""
        return any(name == host or name.endswith(f".{host}") for name in self.included)


def _spf_records(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def _spf_terms(record: str) -> list[tuple[str, str, str]]:
    """Returns qualifier, name and value of every term. Raises _BrokenSpf."""
    terms = [_spf_term(word) for word in record.split(" ")[1:] if word]
    once = [name for _, name, _ in terms if name in {"redirect", "exp"}]
    if len(once) > len(set(once)):
        raise _BrokenSpf("redirect or exp comes twice")
    return terms


def _spf_term(word: str) -> tuple[str, str, str]:
    match = _SPF_WORD.fullmatch(word)
    if match is None:
        raise _BrokenSpf(f"{_shown(word)} is no term of SPF")
    qualifier, name, rest = match[1], match[2].lower(), match[3]
    value = rest[1:]
    if rest.startswith("="):
        if qualifier or (name in {"redirect", "exp"} and not value):
            raise _BrokenSpf(f"{_shown(word)} is no modifier of SPF")
        return "", name, value  # others than redirect and exp are ignored (section 6)
    if name not in _SPF_MECHANISMS or not _SPF_MECHANISMS[name].fullmatch(rest):
        raise _BrokenSpf(f"{_shown(word)} is no mechanism of SPF")
    try:
        if name in _NETWORKS:
            _NETWORKS[name](value, strict=False)
    except ValueError as error:
        raise _BrokenSpf(f"{_shown(value)} is no address for {name}") from error
    return qualifier, name, value


async def _spf(domain: str, providers: Sequence[str], selectors: Sequence[str], resolver: Resolver) -> tuple[str, str]:
    # With domain authentication SendGrid's envelope has a subdomain of its own, with its own SPF record.
    authenticated = "sendgrid" in providers and await _signs_as_sendgrid(domain, selectors, resolver)
    sending = [name for name in providers if name != "sendgrid" or not authenticated]
    mechanisms = [_SPF_OF_PROVIDER[name] for name in sending if name in _SPF_OF_PROVIDER]
    publish = f"publish TXT {domain}: {' '.join(['v=spf1', *mechanisms, '~all'])}"
    records = _spf_records(await resolver.txt(domain))
    if not records:
        status = "fail" if {"smtp", "sendgrid"} & set(sending) else "warn"
        return status, f"{domain} has no SPF record: {publish}"
    if len(records) > 1:
        return "fail", f"{domain} has {len(records)} SPF records, so that receivers take none. Make one of them."
    reading = _SpfReading(resolver)
    try:
        others = await reading.follow(records[0])
    except _BrokenSpf as error:
        return "fail", f"The SPF record {_shown(records[0])} is an error to receivers: {error}."
    troubles = list(_spf_troubles(others, sending, reading))
    if not troubles:
        return "pass", f"{_shown(records[0])}, {reading.lookups} of {_MOST_LOOKUPS} look-ups."
    status = max((status for status, _ in troubles), key=_LEVELS.index)
    return status, f"{_shown(records[0])}: {' '.join(text for _, text in troubles)}"


def _spf_troubles(others: str, sending: Sequence[str], reading: _SpfReading) -> Iterable[tuple[str, str]]:
    if others == "+":
        yield "fail", "It allows everybody to send for the domain. End it with ~all."
    elif others not in {"~", "-"}:
        yield "warn", "It says nothing about others who send for the domain. End it with ~all."
    if "sendgrid" in sending and not reading.includes("sendgrid.net"):
        yield "fail", "SendGrid may not send. Add include:sendgrid.net, or authenticate the domain at SendGrid."
    if "ses" in sending and not reading.includes("amazonses.com"):
        yield "warn", "Amazon SES is not named. Add include:amazonses.com, unless you have a custom MAIL FROM domain."


async def _signs_as_sendgrid(domain: str, selectors: Sequence[str], resolver: Resolver) -> bool:
    """Whether the domain is authenticated at SendGrid: its keys are aliases of SendGrid's."""
    names = {f"{selector}._domainkey.{domain}" for selector in [*selectors, "s1", "s2"]}
    aliases = await asyncio.gather(*map(resolver.cname, names))
    return any(alias.lower().rstrip(".").endswith(".sendgrid.net") for alias in aliases)


# DKIM


def _tags(record: str) -> dict[str, str] | None:
    """Returns the tags of a DKIM or DMARC record (RFC 6376, section 3.2); None when it is broken."""
    tags: dict[str, str] = {}
    for piece in record.strip().removesuffix(";").split(";"):
        name, equals, value = piece.partition("=")
        name = name.strip()
        if not equals or not _TAG.fullmatch(name) or name in tags:
            return None
        tags[name] = value.strip()
    return tags


async def _dkim(name: str, resolver: Resolver) -> tuple[str, str]:
    if not (records := await resolver.txt(name)):
        alias = await resolver.cname(name)
        if not alias or not (records := await resolver.txt(alias)):
            place = f"{name}, which leads to {_shown(alias)}" if alias else name
            return "fail", f"There is no DKIM key at {place}. Publish it as your provider shows it (CNAME or TXT)."
    if len(records) > 1:
        return "fail", f"{name} has {len(records)} TXT records; receivers may take the wrong one. Leave one of them."
    status, text = _key(records[0])
    return status, f"{name}: {text}"


def _key(record: str) -> tuple[str, str]:
    """Judges a key record (RFC 6376, section 3.6.1)."""
    tags = _tags(record)
    if tags is None or "p" not in tags or ("v" in tags and (next(iter(tags)), tags["v"]) != ("v", "DKIM1")):
        return "fail", f"{_shown(record)} is no DKIM key. Publish it as your provider shows it."
    if not tags["p"]:
        return "fail", "the key was revoked (p is empty). Publish the new one, or leave the selector out."
    if "sha256" not in _listed(tags.get("h", "sha256")) or not {"*", "email"} & set(_listed(tags.get("s", "*"))):
        return "fail", f"{_shown(record)} is not for mail that is signed with SHA-256."
    status, text = _strength(tags.get("k", "rsa"), "".join(tags["p"].split()))
    if status == "pass" and "y" in _listed(tags.get("t", "")):
        return "warn", f"{text} It is marked as a test (t=y): receivers may ignore it. Take that away."
    return status, text


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(":")]


def _strength(kind: str, encoded: str) -> tuple[str, str]:
    unreadable = ("fail", "the key in p cannot be read: part of it may be missing. Publish it again, complete.")
    try:
        octets = base64.b64decode(encoded, validate=True)
        if kind == "ed25519":  # RFC 8463: the key itself
            return ("pass", "an Ed25519 key.") if len(octets) == _ED25519_BYTES else unreadable
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        return unreadable
    if kind != "rsa" or not isinstance(key, rsa.RSAPublicKey):
        return "fail", f"receivers know no keys of the kind {_shown(kind)}, or p is another one."
    if key.key_size < _LEAST_BITS:
        return "fail", f"the RSA key has {key.key_size} bits, receivers refuse it. Make one of {_GOOD_BITS}."
    if key.key_size < _GOOD_BITS:
        return "warn", f"the RSA key has {key.key_size} bits. Make one of {_GOOD_BITS}."
    return "pass", f"an RSA key of {key.key_size} bits."


# DMARC and MX


async def _dmarc(domain: str, resolver: Resolver) -> tuple[str, str]:
    parent = domain.partition(".")[2]
    for owner in [domain, parent] if "." in parent else [domain]:
        name = f"_dmarc.{owner}"
        # Others are ignored (RFC 7489, section 6.6.3); small letters and blanks are forgiven here to show the mistake.
        records = [text for text in await resolver.txt(name) if re.match(r"\s*v\s*=\s*dmarc1", text, re.IGNORECASE)]
        if len(records) > 1:
            return "fail", f"{name} has {len(records)} DMARC records, so that receivers take none. Leave one of them."
        if records:
            return _policy(name, records[0], inherited=owner != domain)
    return "fail", f"There is no DMARC record. Publish TXT _dmarc.{domain}: v=DMARC1; p=quarantine"


def _policy(name: str, record: str, *, inherited: bool) -> tuple[str, str]:
    """Judges a record (RFC 7489, section 6.3); an `inherited` one is of the domain above, whose `sp` counts then."""
    tags = _tags(record)
    if tags is None or (next(iter(tags)), tags.get("v")) != ("v", "DMARC1") or "p" not in tags:
        return "fail", f"{name} has {_shown(record)}, which is an error to receivers. Publish: v=DMARC1; p=quarantine"
    policy = (tags.get("sp", tags["p"]) if inherited else tags["p"]).lower()
    match policy:
        case "quarantine" | "reject":
            return "pass", f"{name} has the policy {policy}."
        case "none":
            return "warn", f"{name} has the policy none: forged mail is let through. Publish p=quarantine in the end."
    return "fail", f"{name} has the policy {_shown(policy)}, which receivers do not know. Publish p=quarantine."


async def _mx(domain: str, resolver: Resolver) -> tuple[str, str]:
    servers = await resolver.mx(domain)
    if not servers:
        return "warn", f"{domain} has no MX record: answers to your mail may go nowhere. Publish MX {domain}."
    if servers == ["."]:
        return "fail", f"{domain} says that it takes no mail (RFC 7505): receivers may refuse its mail. Publish MX."
    return "pass", f"Answers go to {', '.join(map(_shown, servers))}."
