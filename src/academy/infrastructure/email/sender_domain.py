"""Does the DNS of the sender's domain allow the providers to send for it?

Receivers look up who may send for a domain (SPF, RFC 7208), with which key its mail is signed (DKIM, RFC 6376) and what
they shall do with mail that fails both (DMARC, RFC 7489). A mistake there brings mail into the spam folder, and nobody
tells the academy. The checks only read. They do not try whether a provider really signs.
"""

import asyncio
import re
from collections.abc import Awaitable, Sequence

import msgspec

from academy.infrastructure.email.dkim import judge_dkim, tag_list
from academy.infrastructure.email.dns_records import LookupFailed, Resolver, shown
from academy.infrastructure.email.spf import judge_spf


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
        ("SPF", judge_spf(name, provider_names, dkim_selectors, resolver)),
        *(("DKIM", judge_dkim(f"{selector}._domainkey.{name}", resolver)) for selector in dkim_selectors),
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
    tags = tag_list(record)
    if tags is None or (next(iter(tags)), tags.get("v")) != ("v", "DMARC1") or "p" not in tags:
        return "fail", f"{name} has {shown(record)}, which is an error to receivers. Publish: v=DMARC1; p=quarantine"
    policy = (tags.get("sp", tags["p"]) if inherited else tags["p"]).lower()
    match policy:
        case "quarantine" | "reject":
            return "pass", f"{name} has the policy {policy}."
        case "none":
            return "warn", f"{name} has the policy none: forged mail is let through. Publish p=quarantine in the end."
    return "fail", f"{name} has the policy {shown(policy)}, which receivers do not know. Publish p=quarantine."


async def _mx(domain: str, resolver: Resolver) -> tuple[str, str]:
    servers = await resolver.mx(domain)
    if not servers:
        return "warn", f"{domain} has no MX record: answers to your mail may go nowhere. Publish MX {domain}."
    if servers == ["."]:
        return "fail", f"{domain} says that it takes no mail (RFC 7505): receivers may refuse its mail. Publish MX."
    return "pass", f"Answers go to {', '.join(map(shown, servers))}."
