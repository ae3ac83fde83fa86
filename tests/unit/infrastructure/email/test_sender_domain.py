"""The DNS of the sender's domain: the rules, on a table of records."""

import base64
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.email.dns_records import LookupFailed
from academy.infrastructure.email.sender_domain import Finding, check_sender_domain

DOMAIN = "academy.example"


SPKI = PublicFormat.SubjectPublicKeyInfo


def rsa_key(bits: int, form: PublicFormat = SPKI) -> str:
    """A key in base64. Nobody signs with it, so that its modulus need not be a product of two primes."""
    key = rsa.RSAPublicNumbers(65537, 2 ** (bits - 1) + 111).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, form)).decode()


RSA_2048 = rsa_key(2048)
GOOD = {
    DOMAIN: ["v=spf1 include:sendgrid.net include:amazonses.com ~all", "site-verification=1"],
    "sendgrid.net": ["v=spf1 ip4:167.89.0.0/17 ip4:208.117.48.0/20 ~all"],
    "amazonses.com": ["v=spf1 ip4:199.255.192.0/22 -all"],
    f"s1._domainkey.{DOMAIN}": [f"v=DKIM1; k=rsa; p={RSA_2048}"],
    f"_dmarc.{DOMAIN}": ["v=DMARC1; p=quarantine; rua=mailto:dmarc@academy.example"],
}


class Table(NamedTuple):
    """Answers from a table; names in `silent` get no answer."""

    texts: Mapping[str, list[str]] = GOOD
    aliases: Mapping[str, str] = {}
    servers: Sequence[str] = ("mx.academy.example",)
    silent: Sequence[str] = ()

    async def txt(self, name: str) -> list[str]:
        self._answers(name)
        return self.texts.get(name, [])

    async def cname(self, name: str) -> str:
        self._answers(name)
        return self.aliases.get(name, "")

    async def mx(self, name: str) -> list[str]:
        self._answers(name)
        return list(self.servers) if name == DOMAIN else []

    def _answers(self, name: str) -> None:
        if name in self.silent:
            raise LookupFailed(f"DNS gave no answer about {name}.")


def outline(findings: Sequence[Finding]) -> str:
    return ", ".join(f"{one.subject} {one.status}" for one in findings)


async def found(
    subject: str, table: Table, providers: Sequence[str] = ("sendgrid",), selectors: Sequence[str] = ("s1",)
) -> Finding:
    """Returns the only finding about a subject."""
    findings = await check_sender_domain(DOMAIN, providers, selectors, table)
    (finding,) = [one for one in findings if one.subject == subject]
    return finding


async def spf(record: str, *, providers: Sequence[str] = ("smtp",), **others: str) -> Finding:
    """Returns what is found about an SPF record of the domain; `others` are records of `NAME.example`."""
    more = {f"{name}.example": [text] for name, text in others.items()}
    return await found("SPF", Table({**GOOD, **more, DOMAIN: [record]}), providers=providers)


async def dkim(*records: str) -> Finding:
    return await found("DKIM", Table({**GOOD, f"s1._domainkey.{DOMAIN}": list(records)}))


async def dmarc(*records: str, above: Sequence[str] = (), domain: str = f"mail.{DOMAIN}") -> Finding:
    """Returns what is found about DMARC, with records of the domain itself and of the one above."""
    table = Table({f"_dmarc.{domain}": list(records), f"_dmarc.{domain.partition('.')[2]}": list(above)})
    return (await check_sender_domain(domain, ["smtp"], ["s1"], table))[2]


@pytest.mark.parametrize("domain", [DOMAIN, "Academy.Example", "academy.example."])
async def test_a_domain_that_is_set_up_well_passes(domain: str) -> None:
    findings = await check_sender_domain(domain, ["sendgrid", "ses"], ["s1"], Table())
    assert outline(findings) == "SPF pass, DKIM pass, DMARC pass, MX pass"


async def test_a_domain_without_any_record_is_told_what_to_publish() -> None:
    findings = await check_sender_domain(DOMAIN, ["smtp", "sendgrid"], ["s1", "s2"], Table({}, servers=()))
    assert outline(findings) == "SPF fail, DKIM fail, DKIM fail, DMARC fail, MX warn"
    told = " ".join(one.text for one in findings)
    for record in (
        f"TXT {DOMAIN}: v=spf1 a:YOUR-MAIL-SERVER include:sendgrid.net ~all",
        f"s2._domainkey.{DOMAIN}",
        f"TXT _dmarc.{DOMAIN}: v=DMARC1; p=quarantine",
        f"MX {DOMAIN}",
    ):
        assert record in told


async def test_what_dns_does_not_answer_is_unknown_and_spoils_nothing_else() -> None:
    findings = await check_sender_domain(DOMAIN, ["ses"], ["s1"], Table(silent=[DOMAIN, f"_dmarc.{DOMAIN}"]))
    assert outline(findings) == "SPF warn, DKIM pass, DMARC warn, MX warn"
    assert "DNS gave no answer" in findings[0].text
    assert (await found("SPF", Table(silent=["sendgrid.net"]))).status == "warn"


# SPF


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ("v=spf1 ip4:192.0.2.1 -all", "pass"),
        ("V=SPF1  IP4:192.0.2.0/24 IP6:2001:DB8::/32 A MX:mail.example/24//64 ~ALL ", "pass"),
        ("v=spf1 a/24 a//64 a:x.example/0 ptr exists:%{i}._spf.%{d} unknown=%{i} exp=why.example -all", "pass"),
        ("v=spf1 include:%{d}.other.example ~all", "pass"),
        ("v=spf1 -all ip4:192.0.2.1", "pass"),
        ("v=spf1 ?all", "warn"),
        ("v=spf1 mx", "warn"),
        ("v=spf1", "warn"),
        ("v=spf1 all", "fail"),
        ("v=spf1 +all", "fail"),
        ("v=spf1 ip4:192.0.2.256 ~all", "fail"),
        ("v=spf1 ip4:2001:db8::1 ~all", "fail"),
        ("v=spf1 ip6:192.0.2.1 ~all", "fail"),
        ("v=spf1 ip4:192.0.2.0/33 ~all", "fail"),
        ("v=spf1 ip4:192.0.2.0/255.255.255.0 ~all", "fail"),
        ("v=spf1 ip4 ~all", "fail"),
        ("v=spf1 ipv4:192.0.2.1 ~all", "fail"),
        ("v=spf1 192.0.2.1 ~all", "fail"),
        ("v=spf1 include: ~all", "fail"),
        ("v=spf1 include ~all", "fail"),
        ("v=spf1 include:nothing.example ~all", "fail"),
        ("v=spf1 all:x ~all", "fail"),
        ("v=spf1 a/999 ~all", "fail"),
        ("v=spf1 ~~all", "fail"),
        ("v=spf1, ~all", "fail"),
        ("v=spf1 redirect=", "fail"),
        ("v=spf1 redirect=a.example redirect=a.example", "fail"),
        ("v=spf1 ~redirect=a.example", "fail"),
        ("v=spf1 \x1b[31mred ~all", "fail"),
        ("v=spf1 ípv4 ~all", "fail"),
    ],
)
async def test_an_spf_record_is_read_as_receivers_read_it(record: str, status: str) -> None:
    finding = await spf(record)
    assert finding.status == status, finding.text
    assert finding.text.isprintable()


async def test_two_spf_records_are_none() -> None:
    finding = await found("SPF", Table({**GOOD, DOMAIN: ["v=spf1 ~all", "v=spf1 include:sendgrid.net ~all"]}))
    assert (finding.status, "2 SPF records" in finding.text) == ("fail", True)
    assert (
        await found("SPF", Table({**GOOD, DOMAIN: ["v=spf10 ~all", "v=spf1 include:sendgrid.net ~all"]}))
    ).status == ("pass"), "v=spf10 is no SPF record"


async def test_ten_look_ups_are_the_most() -> None:
    ten = " ".join(f"a:{number}.example" for number in range(8))
    finding = await spf(f"v=spf1 {ten} include:inner.example ~all", inner="v=spf1 mx -all")
    assert (finding.status, "10 of 10 look-ups" in finding.text) == ("pass", True)
    finding = await spf(f"v=spf1 {ten} include:inner.example ~all", inner="v=spf1 mx exists:x.example -all")
    assert (finding.status, "more than 10 look-ups" in finding.text) == ("fail", True)
    finding = await spf(f"v=spf1 {ten} mx ptr ip4:192.0.2.1 ip6:2001:db8::1 ~all a a a")
    assert finding.status == "pass", "what stands behind `all`, and addresses, cost nothing"


@pytest.mark.parametrize("record", ["v=spf1 include:a.example ~all", "v=spf1 redirect=a.example"])
async def test_records_that_lead_in_a_circle_end(record: str) -> None:
    assert (await spf(record, a="v=spf1 include:b.example ~all", b="v=spf1 redirect=a.example")).status == "fail"


async def test_a_redirect_brings_its_end_and_an_include_does_not() -> None:
    assert (await spf("v=spf1 mx redirect=a.example", a="v=spf1 -all")).status == "pass"
    assert (await spf("v=spf1 mx redirect=a.example", a="v=spf1 +all")).status == "fail"
    assert (await spf("v=spf1 redirect=a.example ~all", a="v=spf1 +all")).status == "pass", "a redirect beside `all`"
    assert (await spf("v=spf1 include:a.example", a="v=spf1 -all")).status == "warn"
    assert (await spf("v=spf1 redirect=nothing.example")).status == "fail"
    assert (await spf("v=spf1 include:a.example ~all", a="v=spf1 nonsense -all")).status == "fail"


async def test_sendgrid_has_to_be_named_unless_the_domain_is_authenticated_there() -> None:
    without = {**GOOD, DOMAIN: ["v=spf1 mx ~all"]}
    finding = await found("SPF", Table(without))
    assert (finding.status, "include:sendgrid.net" in finding.text) == ("fail", True)
    inside = await spf("v=spf1 include:a.example ~all", providers=["sendgrid"], a="v=spf1 include:sendgrid.net")
    assert inside.status == "pass"
    authenticated = {f"s1._domainkey.{DOMAIN}": "s1.domainkey.u1.wl2.sendgrid.net"}
    assert (await found("SPF", Table(without, authenticated))).status == "pass"
    assert (await found("SPF", Table(without, authenticated), selectors=[])).status == "pass"
    assert (await found("SPF", Table({}))).status == "fail"
    assert (await found("SPF", Table({}, authenticated))).status == "warn"
    assert (await found("SPF", Table(without, {f"s1._domainkey.{DOMAIN}": "notsendgrid.net"}))).status == "fail"


async def test_ses_may_have_an_envelope_of_its_own() -> None:
    finding = await spf("v=spf1 mx ~all", providers=["ses"])
    assert (finding.status, "include:amazonses.com" in finding.text) == ("warn", True)
    assert (await spf("v=spf1 include:amazonses.com ~all", providers=["ses"])).status == "pass"
    assert (await found("SPF", Table({}), providers=["ses"])).status == "warn"
    both = await spf("v=spf1 mx ~all", providers=["ses", "sendgrid"])
    assert (both.status, "sendgrid.net" in both.text, "amazonses.com" in both.text) == ("fail", True, True)


# DKIM

# The same in every process that collects the tests: they are named by it.
ED25519 = bytes(range(32))
EC_KEY = ec.derive_private_key(1, ec.SECP256R1()).public_key().public_bytes(Encoding.DER, SPKI)


@pytest.mark.parametrize(
    ("record", "status"),
    [
        (f"v=DKIM1; k=rsa; p={RSA_2048}", "pass"),
        (f"p={RSA_2048}", "pass"),
        (f"v=DKIM1;p={RSA_2048[:100]} {RSA_2048[100:]} ;", "pass"),
        (f"v=DKIM1; h=sha1:sha256; s=email; t=s; n=note; p={RSA_2048}", "pass"),
        (f"v=DKIM1; p={rsa_key(2048, PublicFormat.PKCS1)}", "pass"),
        (f"v=DKIM1; k=ed25519; p={base64.b64encode(ED25519).decode()}", "pass"),
        (f"v=DKIM1; p={rsa_key(1024)}", "warn"),
        (f"v=DKIM1; t=y; p={RSA_2048}", "warn"),
        (f"v=DKIM1; p={rsa_key(512)}", "fail"),
        ("v=DKIM1; p=", "fail"),
        ("v=DKIM1; p", "fail"),
        ("v=DKIM1; k=rsa", "fail"),
        (f"v=DKIM2; p={RSA_2048}", "fail"),
        (f"p={RSA_2048}; v=DKIM1", "fail"),
        (f"v=DKIM1; p={RSA_2048}; p={rsa_key(1024)}", "fail"),
        (f"v=DKIM1; p={RSA_2048[:-20]}", "fail"),
        ("v=DKIM1; p=not base64!", "fail"),
        ("v=DKIM1; p=AAAA", "fail"),
        ("v=DKIM1; k=ed25519; p=AAAA", "fail"),
        (f"v=DKIM1; k=dsa; p={RSA_2048}", "fail"),
        (f"v=DKIM1; p={base64.b64encode(EC_KEY).decode()}", "fail"),
        (f"v=DKIM1; h=sha1; p={RSA_2048}", "fail"),
        (f"v=DKIM1; s=tlsrpt; p={RSA_2048}", "fail"),
        ("", "fail"),
    ],
)
async def test_a_dkim_key_has_to_be_good_enough(record: str, status: str) -> None:
    finding = await dkim(record)
    assert finding.status == status, finding.text


async def test_revoked_short_and_double_keys_are_named_so() -> None:
    assert "revoked" in (await dkim("v=DKIM1; p=")).text
    assert "512 bits" in (await dkim(f"v=DKIM1; p={rsa_key(512)}")).text
    assert "2 TXT records" in (await dkim(f"p={RSA_2048}", "text")).text


async def test_a_key_may_be_an_alias_of_the_providers() -> None:
    alias = {f"s1._domainkey.{DOMAIN}": "s1.provider.example"}
    empty: dict[str, list[str]] = {f"s1._domainkey.{DOMAIN}": []}
    with_key = Table({**GOOD, **empty, "s1.provider.example": [f"p={RSA_2048}"]}, alias)
    assert (await found("DKIM", with_key)).status == "pass"
    finding = await found("DKIM", Table({**GOOD, **empty}, alias))
    assert (finding.status, "s1.provider.example" in finding.text) == ("fail", True)


async def test_without_selectors_nobody_knows_where_to_look() -> None:
    finding = await found("DKIM", Table(), selectors=[])
    assert (finding.status, "EMAIL_DKIM_SELECTORS" in finding.text) == ("warn", True)


# DMARC and MX


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ("v=DMARC1; p=quarantine", "pass"),
        ("v=DMARC1;p=reject;", "pass"),
        ("v = DMARC1 ; p = Reject ; sp=none; pct=50; rua=mailto:a@b.example", "pass"),
        ("v=DMARC1; p=none; rua=mailto:a@b.example", "warn"),
        ("v=DMARC1", "fail"),
        ("v=DMARC1; rua=mailto:a@b.example", "fail"),
        ("v=DMARC1; p=", "fail"),
        ("v=DMARC1; p=strict", "fail"),
        ("v=DMARC1 p=none", "fail"),
        ("v=DMARC1; p=none; p=reject", "fail"),
        ("v=DMARC1; p=reject; nonsense", "fail"),
        ("v=dmarc1; p=reject", "fail"),
        ("p=reject; v=DMARC1", "fail"),
        ("some text", "fail"),
    ],
)
async def test_a_dmarc_record_is_read_as_receivers_read_it(record: str, status: str) -> None:
    finding = await dmarc(record)
    assert finding.status == status, finding.text


async def test_there_is_one_dmarc_record() -> None:
    two = await dmarc("v=DMARC1; p=reject", "v=DMARC1; p=reject")
    assert (two.status, "2 DMARC records" in two.text) == ("fail", True)
    assert (await dmarc("some text", "v=DMARC1; p=reject")).status == "pass", "others are ignored"


async def test_a_subdomain_has_the_policy_of_the_domain_above() -> None:
    assert (await dmarc(above=["v=DMARC1; p=reject"])).status == "pass"
    assert (await dmarc(above=["v=DMARC1; p=reject; sp=none"])).status == "warn"
    assert (await dmarc("v=DMARC1; p=none", above=["v=DMARC1; p=reject"])).status == "warn"
    assert (await dmarc(above=["v=DMARC1; p=reject"], domain=DOMAIN)).status == "fail", "nobody asks a top-level domain"


async def test_a_domain_that_takes_no_mail_should_not_send_any() -> None:
    assert (await found("MX", Table(servers=["."]))).status == "fail"
    assert (await found("MX", Table(servers=[]))).status == "warn"
    assert "mx.academy.example" in (await found("MX", Table())).text


# Strangers write these texts

WORDS = st.sampled_from(["v=spf1 ", "v=DKIM1;", "v=DMARC1;", "p=", "k=", "include:", "redirect=", "ip4:", "a/", "all"])
MARKS = st.sampled_from(";=%/:~ {")
TEXTS = st.lists(st.lists(WORDS | MARKS | st.text(max_size=10), max_size=8).map("".join), max_size=3)


@settings(deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.text(max_size=20))
async def test_no_text_in_dns_breaks_the_check(own: list[str], key: list[str], policy: list[str], host: str) -> None:
    texts = {DOMAIN: own, f"s1._domainkey.{DOMAIN}": key, f"_dmarc.{DOMAIN}": policy}
    aliases = {f"s1._domainkey.{DOMAIN}": host}
    findings = await check_sender_domain(DOMAIN, ["smtp", "sendgrid", "ses"], ["s1"], Table(texts, aliases, [host]))
    assert [one.subject for one in findings] == ["SPF", "DKIM", "DMARC", "MX"]
    for finding in findings:
        assert finding.status in {"pass", "warn", "fail"}
        assert finding.text.isprintable(), "nothing moves the cursor of the admin's terminal"
