"""Settings of the website and its server."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

from msgspec import Meta, Struct

# A server that listens everywhere is reached on this machine; nobody can open "everywhere".
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on


class WebSettings(Struct, frozen=True, kw_only=True):
    """Where the academy is reached and how it presents itself."""

    host: Annotated[str, Meta(title="HOST", description="Address to listen on.", examples=["::"])] = "127.0.0.1"
    port: Annotated[int, Meta(title="PORT", description="Port to listen on.", ge=1, le=65535)] = 8000
    trusted_proxies: Annotated[
        str,
        Meta(
            title="TRUSTED_PROXIES",
            description="Addresses or networks of your own reverse proxies, separated by commas: their "
            "X-Forwarded-For and X-Forwarded-Proto are believed, and nobody else's.",
            pattern=r"^([0-9a-fA-F.:]+(/\d{1,3})?(\s*,\s*[0-9a-fA-F.:]+(/\d{1,3})?)*)?$",
            examples=["10.0.0.0/8,::1"],
        ),
    ] = ""
    workers: Annotated[
        int,
        Meta(
            title="WORKERS",
            description="Processes that answer requests. More than one need CACHE_PROVIDER=redis to see each other's "
            "changes at once, and to count tries together.",
            ge=1,
            le=64,
        ),
    ] = 1
    base_url: Annotated[
        str,
        Meta(
            title="BASE_URL",
            description="Public address of the academy, in mails and canonical links. Empty: made from HOST and PORT.",
            pattern=r"^(https?://[!-.0-~]+)?$",
            examples=["https://rtechacademy.com"],
        ),
    ] = ""
    environment: Annotated[
        Literal["development", "production"],
        Meta(title="ENVIRONMENT", description="In production secrets are required and development pages are shut."),
    ] = "development"
    secret_key: Annotated[
        str,
        Meta(
            title="SECRET_KEY",
            description="Signs sessions, links and tokens; 32 characters or more. Made once and kept in ACADEMY_HOME "
            "when empty, except in production, where it is required.",
            pattern=r"^$|^.{32,}$",
        ),
    ] = ""
    log_level: Annotated[
        Literal["debug", "info", "warn", "error"], Meta(title="LOG_LEVEL", description="Least serious entry logged.")
    ] = "info"
    academy_name: Annotated[
        str, Meta(title="ACADEMY_NAME", description="Name of the academy.", min_length=1, max_length=60)
    ] = "Rtech Academy"
    academy_tagline: Annotated[
        str, Meta(title="ACADEMY_TAGLINE", description="One line under the name on the landing page.", max_length=160)
    ] = "Learn to build things that work."
    accent_color: Annotated[
        str, Meta(title="ACCENT_COLOR", description="Accent colour of pages and mails.", pattern=r"^#[0-9a-fA-F]{6}$")
    ] = "#3d5afe"
    logo_url: Annotated[
        str, Meta(title="LOGO_URL", description="Address of a logo; empty shows the built-in mark.")
    ] = ""
    support_email: Annotated[
        str, Meta(title="SUPPORT_EMAIL", description="Where people can ask for help.", min_length=3)
    ] = "support@rtechacademy.com"
    currency: Annotated[
        str, Meta(title="CURRENCY", description="Currency of new courses, ISO 4217.", pattern=r"^[A-Z]{3}$")
    ] = "INR"
    cache_seconds: Annotated[
        int,
        Meta(
            title="RESPONSE_CACHE_SECONDS",
            description="How long an anonymous page may be answered from memory. A write drops it at once, with Redis "
            "also in other processes; without, they see the write after at most this long, and in the list of subjects "
            "after CACHE_TTL_COURSES more.",
            ge=0,
            le=3600,
        ),
    ] = 5

    @property
    def proxy_networks(self) -> list[IPv4Network | IPv6Network]:
        """TRUSTED_PROXIES as networks. Raises ValueError for what is none."""
        return [ip_network(part.strip(), strict=False) for part in self.trusted_proxies.split(",") if part.strip()]

    @property
    def public_url(self) -> str:
        """BASE_URL, or else the local address; without a slash at the end."""
        return self.base_url or self.local_url

    @property
    def local_url(self) -> str:
        """The address at which this machine reaches the server."""
        host = _ANYWHERE.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def is_https(self) -> bool:
        """Whether visitors come by HTTPS; cookies then travel by nothing else."""
        return self.public_url.startswith("https://")

    @property
    def is_production(self) -> bool:
        """Whether ENVIRONMENT is production."""
        return self.environment == "production"
