"""Settings of the e-mail and of its providers."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

_HIGHEST_PORT = 65_535
PROVIDERS = ("inbox", "smtp", "sendgrid", "ses")


class EmailSettings(Struct, frozen=True, kw_only=True):
    """How mail leaves the academy."""

    provider: Annotated[
        Literal["inbox", "smtp", "sendgrid", "ses"],
        Meta(
            title="EMAIL_PROVIDER",
            description="Who sends the mail. `inbox` keeps it in the academy and shows it at /dev/mail (development "
            "only).",
        ),
    ] = "inbox"
    fallbacks: Annotated[
        str,
        Meta(
            title="EMAIL_FALLBACKS",
            description="Providers to try, in this order, when the first one fails for a technical reason. "
            "Separated by commas.",
            pattern=r"^((smtp|sendgrid|ses)(\s*,\s*(smtp|sendgrid|ses))*)?$",
            examples=["ses,smtp"],
        ),
    ] = ""
    timeout_seconds: Annotated[
        float,
        Meta(
            title="EMAIL_TIMEOUT_SECONDS",
            description="How long a provider may take for one step before its try has failed.",
            gt=0,
            le=120,
        ),
    ] = 10.0
    retention_days: Annotated[
        int,
        Meta(
            title="EMAIL_RETENTION_DAYS",
            description="How long the mail log keeps a mail that was sent or given up.",
            ge=1,
            le=3650,
        ),
    ] = 90
    sender: Annotated[
        str, Meta(title="EMAIL_FROM", description="Address that mail comes from.", pattern=r"^[^@\s]+@[^@\s]+$")
    ] = "academy@rtechacademy.com"
    sender_name: Annotated[
        str, Meta(title="EMAIL_FROM_NAME", description="Name that mail comes from; empty: the academy's.")
    ] = ""
    dkim_selectors: Annotated[
        str,
        Meta(
            title="EMAIL_DKIM_SELECTORS",
            description="Selectors of the DKIM keys that your providers sign with, separated by commas; `academy "
            "check` looks them up. Your provider shows them: SendGrid's are s1 and s2.",
            examples=["s1,s2"],
        ),
    ] = ""

    dns_server: Annotated[
        str,
        Meta(
            title="EMAIL_DNS_SERVER",
            description="Name server that `academy check` asks about the sender's domain, as ADDRESS or ADDRESS:PORT; "
            "empty: those of the machine.",
            pattern=r"^([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(:[0-9]{1,5})?)?\Z",
            examples=["9.9.9.9"],
        ),
    ] = ""

    @property
    def chain(self) -> tuple[str, ...]:
        """The names of the providers in the order in which they are tried, each once."""
        return tuple(dict.fromkeys([self.provider, *_listed(self.fallbacks)]))

    @property
    def selectors(self) -> tuple[str, ...]:
        """The DKIM selectors."""
        return _listed(self.dkim_selectors)


class SmtpSettings(Struct, frozen=True, kw_only=True):
    """A mail server that is spoken to by SMTP."""

    host: Annotated[str, Meta(title="SMTP_HOST", description="The mail server.", examples=["smtp.example.com"])] = ""
    port: Annotated[
        int,
        Meta(
            title="SMTP_PORT",
            description="Its port; 0: 587 with STARTTLS, 465 with TLS, 25 without.",
            ge=0,
            le=65535,
        ),
    ] = 0
    username: Annotated[str, Meta(title="SMTP_USERNAME", description="User name; empty: nobody signs in.")] = ""
    password: Annotated[str, Meta(title="SMTP_PASSWORD", description="Password of SMTP_USERNAME.")] = ""
    security: Annotated[
        Literal["none", "starttls", "tls"],
        Meta(
            title="SMTP_SECURITY",
            description="`starttls` encrypts after the greeting, `tls` from the first byte. With `none` mail is open "
            "to everybody on the way: for a server on the same machine only.",
        ),
    ] = "starttls"
    ca_file: Annotated[
        str,
        Meta(
            title="SMTP_CA_FILE",
            description="PEM file of the authority that signed the server's certificate; empty: those that the "
            "system trusts.",
        ),
    ] = ""
    connections: Annotated[
        int, Meta(title="SMTP_CONNECTIONS", description="Connections held open at most, in each process.", ge=1, le=64)
    ] = 4
    rate: Annotated[
        float,
        Meta(title="SMTP_RATE", description="Most mails a second, in each process; 0: no limit.", ge=0, le=10_000),
    ] = 0.0

    @property
    def server_port(self) -> int:
        """SMTP_PORT, or the usual one (RFC 6409, RFC 8314)."""
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]


class SendGridSettings(Struct, frozen=True, kw_only=True):
    """Twilio SendGrid, v3 API."""

    api_key: Annotated[
        str, Meta(title="SENDGRID_API_KEY", description="API key with the permission to send mail (`mail.send`).")
    ] = ""
    url: Annotated[
        str,
        Meta(
            title="SENDGRID_URL",
            description="Address of the API; another one for data in the EU.",
            pattern=r"^https?://[^\s/]+$",
            examples=["https://api.eu.sendgrid.com"],
        ),
    ] = "https://api.sendgrid.com"
    webhook_public_key: Annotated[
        str,
        Meta(
            title="SENDGRID_WEBHOOK_PUBLIC_KEY",
            description="Verification key of the signed event webhook; empty shuts /api/v1/webhooks/sendgrid.",
        ),
    ] = ""
    rate: Annotated[
        float,
        Meta(title="SENDGRID_RATE", description="Most mails a second, in each process; 0: no limit.", ge=0, le=10_000),
    ] = 0.0


class SesSettings(Struct, frozen=True, kw_only=True):
    """Amazon SES, v2 API. Without a key AWS' own way to find credentials is gone (role of the machine, profile)."""

    region: Annotated[str, Meta(title="AWS_REGION", description="Region of Amazon SES.", examples=["ap-south-1"])] = ""
    access_key_id: Annotated[str, Meta(title="AWS_ACCESS_KEY_ID", description="Access key; empty: the role's.")] = ""
    secret_access_key: Annotated[
        str, Meta(title="AWS_SECRET_ACCESS_KEY", description="Secret of AWS_ACCESS_KEY_ID.")
    ] = ""
    endpoint_url: Annotated[
        str,
        Meta(
            title="SES_ENDPOINT_URL",
            description="Another address of the API, such as a VPC endpoint; empty: the region's.",
            pattern=r"^(https?://[^\s/]+)?$",
            examples=["https://email.ap-south-1.example.com"],
        ),
    ] = ""
    configuration_set: Annotated[
        str,
        Meta(
            title="SES_CONFIGURATION_SET",
            description="Configuration set whose events go to the SNS topic; empty: none.",
        ),
    ] = ""
    topic_arn: Annotated[
        str,
        Meta(
            title="SES_SNS_TOPIC_ARN",
            description="SNS topic of bounces and complaints; empty shuts /api/v1/webhooks/ses.",
            pattern=r"^(arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+)?$",
            examples=["arn:aws:sns:ap-south-1:123456789012:mail-events"],
        ),
    ] = ""
    rate: Annotated[
        float,
        Meta(
            title="SES_RATE",
            description="Most mails a second, in each process; 0: no limit. Amazon tells yours as `MaxSendRate`.",
            ge=0,
            le=10_000,
        ),
    ] = 0.0


def wrong_settings(
    email: EmailSettings, smtp: SmtpSettings, sendgrid: SendGridSettings, ses: SesSettings
) -> Mapping[str, str]:
    """Returns what the providers in use need and do not have, and what cannot be: variable -> what is wrong."""
    needed = {
        "smtp": ("SMTP_HOST", smtp.host),
        "sendgrid": ("SENDGRID_API_KEY", sendgrid.api_key),
        "ses": ("AWS_REGION", ses.region),
    }
    mistakes = {}
    for provider in email.chain:
        variable, value = needed.get(provider, ("", "-"))
        if not value:
            mistakes[variable] = f"is required, since mail goes out by {provider}."
    if "smtp" in email.chain and smtp.password and not smtp.username:
        mistakes["SMTP_USERNAME"] = "is required with SMTP_PASSWORD."
    if trouble := _trouble_of_name_server(email.dns_server):
        mistakes["EMAIL_DNS_SERVER"] = trouble
    if "ses" in email.chain and bool(ses.access_key_id) != bool(ses.secret_access_key):
        mistakes["AWS_SECRET_ACCESS_KEY"] = "is required with AWS_ACCESS_KEY_ID, and the other way round."  # noqa: S105
    return mistakes


def _trouble_of_name_server(server: str) -> str:
    """Returns what is wrong with EMAIL_DNS_SERVER; "" when nothing is."""
    address, _, port = server.partition(":")
    try:
        if address:
            ipaddress.IPv4Address(address)
    except ValueError:
        return f"{address!r} is no IPv4 address: each of its four numbers is between 0 and 255."
    if port and not 1 <= int(port) <= _HIGHEST_PORT:
        return f"{port!r} is no port: ports are between 1 and {_HIGHEST_PORT}."
    return ""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)
