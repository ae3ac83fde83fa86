"""Who may send for a domain: its SPF record (RFC 7208), as a receiver reads it."""

import asyncio
import ipaddress
import re
from collections.abc import Iterable, Sequence

from academy.infrastructure.email.dns_records import Resolver, shown

# RFC 7208, section 4.6.4: a receiver that would need more gives up.
_MOST_LOOKUPS = 10

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
            raise _BrokenSpf(f"it leads to {shown(domain)}, which has {len(records)} SPF records instead of one")
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
        raise _BrokenSpf(f"{shown(word)} is no term of SPF")
    qualifier, name, rest = match[1], match[2].lower(), match[3]
    value = rest[1:]
    if rest.startswith("="):
        if qualifier or (name in {"redirect", "exp"} and not value):
            raise _BrokenSpf(f"{shown(word)} is no modifier of SPF")
        return "", name, value  # others than redirect and exp are ignored (section 6)
    if name not in _SPF_MECHANISMS or not _SPF_MECHANISMS[name].fullmatch(rest):
        raise _BrokenSpf(f"{shown(word)} is no mechanism of SPF")
    try:
        if name in _NETWORKS:
            _NETWORKS[name](value, strict=False)
    except ValueError as error:
        raise _BrokenSpf(f"{shown(value)} is no address for {name}") from error
    return qualifier, name, value


async def judge_spf(
    domain: str, providers: Sequence[str], selectors: Sequence[str], resolver: Resolver
) -> tuple[str, str]:
    """Returns status and text of a Finding. Raises LookupFailed.

    Args:
        domain: the sender's domain.
        providers: the providers in use, as in EMAIL_PROVIDER.
        selectors: EMAIL_DKIM_SELECTORS.
        resolver: who asks DNS.
    """
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
        return "fail", f"The SPF record {shown(records[0])} is an error to receivers: {error}."
    troubles = list(_spf_troubles(others, sending, reading))
    if not troubles:
        return "pass", f"{shown(records[0])}, {reading.lookups} of {_MOST_LOOKUPS} look-ups."
    status = max((status for status, _ in troubles), key=_LEVELS.index)
    return status, f"{shown(records[0])}: {' '.join(text for _, text in troubles)}"


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
