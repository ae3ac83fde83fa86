"""`academy check`: is this academy ready for people? Every line says what was found, and what to do."""

import asyncio
import sys

import click
import msgspec

from academy.cli.opened import opened_academy
from academy.cli.settings import with_settings
from academy.composition import Academy
from academy.infrastructure.email.dns_records import DnsResolver, Resolver
from academy.infrastructure.email.sender_domain import Finding, check_sender_domain
from academy.settings import Settings, unshared_workers

_DNS_PORT = 53
_MARKS = {"pass": "✓", "warn": "!", "fail": "✗"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings
def check(settings: Settings, as_json: bool) -> None:
    """Check database, storage, payments and mail, and send nothing. Ends with code 1 when something fails."""
    findings = asyncio.run(_check(settings))
    for finding in findings:
        if as_json:
            click.echo(msgspec.json.encode(finding).decode())
        else:
            click.echo(f"{_MARKS[finding.status]} {finding.status:<4}  {finding.subject}: {finding.text}")
    if any(finding.status == "fail" for finding in findings):
        sys.exit(1)


async def _check(settings: Settings) -> list[Finding]:
    async with opened_academy(settings) as academy:
        return [
            *await check_parts(academy),
            *await check_payments(academy),
            *await check_mail(academy, _resolver(settings.email.dns_server)),
        ]


def _resolver(server: str) -> DnsResolver:
    address, _, port = server.partition(":")
    return DnsResolver([address], int(port or _DNS_PORT)) if address else DnsResolver()


async def check_parts(academy: Academy) -> list[Finding]:
    """Looks at what the academy stands on, as its health does, and at what its processes share."""
    report = await academy.admin.health()
    levels = {"healthy": "pass", "degraded": "warn", "error": "fail"}
    findings = [
        Finding(
            subject=name.replace("_", " ").capitalize(), status=levels[one.status], text=one.detail or "It answers."
        )
        for name, one in report.checks.items()
        if name != "email"
    ]
    if trouble := unshared_workers(academy.settings):
        findings.append(Finding(subject="Workers", status="warn", text=trouble))
    return findings


def _titled(name: str) -> str:
    return name.replace("_", " ").capitalize()


async def check_payments(academy: Academy) -> list[Finding]:
    """Asks every gateway whether it takes our credentials; a start without secrets for their webhooks is refused."""
    offered = academy.settings.gateways.offered
    findings = []
    for name, trouble in (await academy.payments.verify()).items():
        if name == "rehearsal" and name not in offered:
            continue
        status, text = ("fail", trouble) if trouble else ("pass", "It takes our credentials; its webhooks are signed.")
        if name == "rehearsal":
            status, text = "warn", "It moves no money and gives courses away. Set PAYMENT_GATEWAYS."
        findings.append(Finding(subject=f"Payments by {name}", status=status, text=text))
    if await academy.taxes.all() and not academy.settings.payments.seller_tax_id:
        text = "Prices hold or get taxes, but SELLER_TAX_ID is empty: only a registered seller may take them."
        findings.append(Finding(subject="Taxes", status="warn", text=text))
    return findings


async def check_mail(academy: Academy, resolver: Resolver) -> list[Finding]:
    """Verifies the credentials of every provider without sending, and looks up the DNS of the sender's domain."""
    settings = academy.settings
    findings = [
        Finding(subject=f"Mail by {name}", status="fail" if trouble else "pass", text=trouble or "It would take mail.")
        for name, trouble in (await academy.email.verify()).items()
    ]
    providers = settings.email.chain
    if "inbox" in providers:
        text = "Mail stays in the local inbox and reaches nobody. Set EMAIL_PROVIDER."
        return [*findings, Finding(subject="Mail", status="warn", text=text)]
    closed = {
        "sendgrid": ("SENDGRID_WEBHOOK_PUBLIC_KEY", settings.sendgrid.webhook_public_key),
        "ses": ("SES_SNS_TOPIC_ARN", settings.ses.topic_arn),
    }
    for provider, (variable, value) in closed.items():
        if provider in providers and not value:
            text = f"Bounces and complaints are not heard of. Set {variable}."
            findings.append(Finding(subject=f"Reports of {provider}", status="warn", text=text))
    domain = settings.email.sender.rpartition("@")[2]
    return [*findings, *await check_sender_domain(domain, providers, settings.email.selectors, resolver)]
