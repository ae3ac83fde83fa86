"""Look-ups in DNS, on a name server of our own."""

import asyncio

import pytest

from academy.infrastructure.email.dns_records import DnsResolver, LookupFailed
from academy.infrastructure.email.sender_domain import check_sender_domain
from tests.servers.dns import running_name_server
from tests.unit.infrastructure.email.test_sender_domain import DOMAIN, RSA_2048, outline

ZONE = {
    (DOMAIN, "TXT"): ['"v=spf1 include:sendgrid.net" " ~all"', '"caf\\195\\169 \\255"'],
    (DOMAIN, "MX"): ["20 second.academy.example.", "10 first.academy.example."],
    ("quiet.example", "MX"): ["0 ."],
    (f"s1._domainkey.{DOMAIN}", "CNAME"): ["S1.Provider.example."],
    ("s1.provider.example", "TXT"): [f'"v=DKIM1; p={RSA_2048[:200]}" "{RSA_2048[200:]}"'],
    ("circle.example", "CNAME"): ["nowhere.example."],
    ("sendgrid.net", "TXT"): ['"v=spf1 ip4:167.89.0.0/17 ~all"'],
    (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=reject"'],
    ("xn--strae-oqa.example", "TXT"): ['"a street"'],
}


async def test_the_resolver_reads_records_and_follows_aliases() -> None:
    async with running_name_server(ZONE) as server:
        resolver = DnsResolver(["127.0.0.1"], server.port)
        assert sorted(await resolver.txt(DOMAIN)) == ["café �", "v=spf1 include:sendgrid.net ~all"]
        assert await resolver.txt(f"s1._domainkey.{DOMAIN}") == [f"v=DKIM1; p={RSA_2048}"]
        assert (await resolver.cname(f"s1._domainkey.{DOMAIN}")).lower() == "s1.provider.example"
        assert await resolver.mx(DOMAIN) == ["first.academy.example", "second.academy.example"]
        assert await resolver.mx("quiet.example") == ["."]
        assert await resolver.txt("straße.example") == ["a street"]


async def test_the_resolver_takes_what_is_not_there_for_empty() -> None:
    async with running_name_server(ZONE) as server:
        resolver = DnsResolver(["127.0.0.1"], server.port)
        for name in ("nobody.example", "quiet.example", "circle.example"):
            assert await resolver.txt(name) == []
        assert (await resolver.cname(DOMAIN), await resolver.mx("nobody.example")) == ("", [])
        asked = len(server.asked)
        for name in ("a..b", "x" * 64 + ".example", "x." * 130, "\\", "\ud800.example", "-\u200d.example"):
            assert await resolver.txt(name) == [], "no such name can exist"
        assert len(server.asked) == asked


@pytest.mark.parametrize("mood", ["silent", "servfail", "refused", "garbage"])
async def test_the_resolver_says_when_there_is_no_answer(mood: str) -> None:
    async with asyncio.timeout(10), running_name_server(ZONE) as server:
        server.mood = mood  # type: ignore[assignment]
        resolver = DnsResolver(["127.0.0.1"], server.port, seconds=0.3)
        for lookup in (resolver.txt, resolver.cname, resolver.mx):
            with pytest.raises(LookupFailed):
                await lookup(DOMAIN)


async def test_a_whole_domain_is_checked_over_the_wire() -> None:
    async with running_name_server(ZONE) as server:
        resolver = DnsResolver(["127.0.0.1"], server.port)
        findings = await check_sender_domain(DOMAIN, ["sendgrid"], ["s1"], resolver)
        assert outline(findings) == "SPF pass, DKIM pass, DMARC pass, MX pass"
        server.mood = "servfail"
        findings = await check_sender_domain(DOMAIN, ["sendgrid"], ["s1"], resolver)
        assert outline(findings) == "SPF warn, DKIM warn, DMARC warn, MX warn"
