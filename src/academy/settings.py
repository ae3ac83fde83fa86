"""All settings of the academy, composed from the class each package declares, and read from the environment.

A variable's name, type, limits, default and description stand once, in the package that uses it.
"""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from academy.features.payments.settings import PaymentSettings, wrong_payment_settings
from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.email.settings import (
    EmailSettings,
    SendGridSettings,
    SesSettings,
    SmtpSettings,
)
from academy.infrastructure.email.settings import wrong_settings as wrong_email_settings
from academy.infrastructure.gateways.settings import (
    GatewaySettings,
    RazorpaySettings,
    StripeSettings,
    wrong_gateway_settings,
)
from academy.infrastructure.jobs.settings import JobSettings
from academy.infrastructure.media.settings import MediaSettings
from academy.infrastructure.rate_limits.settings import RateLimitSettings
from academy.infrastructure.redis.settings import RedisSettings, wrong_settings
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.sessions.settings import SessionSettings
from academy.infrastructure.storage.settings import (
    GcsSettings,
    S3Settings,
    StorageSettings,
    wrong_storage_settings,
)
from academy.infrastructure.youtube.settings import YouTubeSettings
from academy.web.settings import WebSettings

_SECRET_FILE = "secret-key"  # noqa: S105 - the name of the file, not the secret
_SHORTEST_KEY = 32
# A variable with one of these words in its name is never shown.
_SECRET_WORDS = frozenset(("CREDENTIALS", "DSN", "KEY", "PASSWORD", "SECRET", "TOKEN", "URI"))


class HomeSettings(Struct, frozen=True, kw_only=True):
    """Where the embedded parts keep their data."""

    academy_home: Annotated[
        str, Meta(title="ACADEMY_HOME", description="Folder for the embedded database, files, inbox and secrets.")
    ] = "academy-data"

    @property
    def path(self) -> Path:
        """The folder as a path."""
        return Path(self.academy_home)


class Settings(Struct, frozen=True, kw_only=True):
    """Everything an operator can set."""

    home: HomeSettings = HomeSettings()
    web: WebSettings = WebSettings()
    database: DatabaseSettings = DatabaseSettings()
    jobs: JobSettings = JobSettings()
    email: EmailSettings = EmailSettings()
    smtp: SmtpSettings = SmtpSettings()
    sendgrid: SendGridSettings = SendGridSettings()
    ses: SesSettings = SesSettings()
    storage: StorageSettings = StorageSettings()
    s3: S3Settings = S3Settings()
    gcs: GcsSettings = GcsSettings()
    media: MediaSettings = MediaSettings()
    cache: CacheSettings = CacheSettings()
    redis: RedisSettings = RedisSettings()
    rate_limits: RateLimitSettings = RateLimitSettings()
    security: SecuritySettings = SecuritySettings()
    sessions: SessionSettings = SessionSettings()
    gateways: GatewaySettings = GatewaySettings()
    stripe: StripeSettings = StripeSettings()
    razorpay: RazorpaySettings = RazorpaySettings()
    youtube: YouTubeSettings = YouTubeSettings()
    payments: PaymentSettings = PaymentSettings()

    @property
    def sqlite_path(self) -> Path:
        """File of the embedded database."""
        return Path(self.database.sqlite_path) if self.database.sqlite_path else self.home.path / "academy.sqlite3"

    @property
    def storage_path(self) -> Path:
        """Folder of the stored files."""
        return Path(self.storage.storage_path) if self.storage.storage_path else self.home.path / "files"

    @property
    def scratch_path(self) -> Path:
        """Folder of work in progress on large files."""
        return self.home.path / "scratch"


class SettingsError(Exception):
    """Variables are wrong. The message lists all of them, a line each, by name."""

    def __init__(self, mistakes: Mapping[str, str]) -> None:
        self.mistakes = dict(mistakes)
        lines = [f"  {name}: {text}" for name, text in mistakes.items()]
        super().__init__("\n".join(["These settings need to be mended:", *lines]))


class Variable(Struct, frozen=True):
    """One environment variable, as declared."""

    name: str
    group: str
    field: str
    description: str
    default: object
    annotation: object
    meta: Meta

    @property
    def expected(self) -> str:
        """What a value has to be, in words for people."""
        kind, meta = get_args(self.annotation)[0], self.meta
        if kind is bool:
            return "true or false"
        if choices := get_args(kind):
            return f"one of {', '.join(choices)}"
        if kind in (int, float):
            least = f"above {meta.gt}" if meta.gt is not None else f"from {meta.ge}"
            most = "up" if meta.le is None else f"up to {meta.le}"
            return f"a {'whole ' if kind is int else ''}number {least} {most}"
        example = meta.examples[0] if meta.examples else self.default
        return f"a text such as {example}" if example else "a text"


def declared_variables() -> Iterator[Variable]:
    """Yields every variable the academy reads, group by group."""
    for group in msgspec.structs.fields(Settings):
        group_type: type[Struct] = get_type_hints(Settings)[group.name]
        hints = get_type_hints(group_type, include_extras=True)
        for field in msgspec.structs.fields(group_type):
            annotation = hints[field.name]
            meta = next(a for a in get_args(annotation) if isinstance(a, Meta))
            yield Variable(
                meta.title or "", group.name, field.name, meta.description or "", field.default, annotation, meta
            )


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Reads and checks all variables at once. An empty variable counts as not set.

    Raises:
        SettingsError: with every mistake, when there is one.
    """
    given = {name: text for name, value in environment.items() if (text := value.strip())}
    values: dict[str, dict[str, object]] = {}
    mistakes: dict[str, str] = {}
    for variable in declared_variables():
        raw = given.get(variable.name)
        if raw is None:
            continue
        try:
            value = msgspec.convert(raw, variable.annotation, strict=False)
        except msgspec.ValidationError:
            shown = _shown(variable.name, raw)
            mistakes[variable.name] = f"{shown} does not fit. It takes {variable.expected}. {variable.description}"
        else:
            values.setdefault(variable.group, {})[variable.field] = value
    groups = get_type_hints(Settings)
    settings = Settings(**{name: groups[name](**fields) for name, fields in values.items()})
    of_email = wrong_email_settings(settings.email, settings.smtp, settings.sendgrid, settings.ses)
    of_storage = wrong_storage_settings(settings.storage, settings.s3, settings.gcs)
    of_gateways = wrong_gateway_settings(
        settings.gateways, settings.stripe, settings.razorpay, production=settings.web.is_production
    )
    of_seller = wrong_payment_settings(settings.payments)
    mistakes = {**of_email, **of_storage, **of_gateways, **of_seller, **wrong_settings(settings.redis), **mistakes}
    if settings.web.is_production:
        mistakes = {**_missing_in_production(settings), **mistakes}
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def _shown(name: str, raw: str) -> str:
    """Returns the value for a message, unless it may be or hold a secret."""
    is_secret = not _SECRET_WORDS.isdisjoint(name.split("_")) or ("://" in raw and "@" in raw)
    return "(the value is not shown)" if is_secret else repr(raw)


def _missing_in_production(settings: Settings) -> dict[str, str]:
    required = {
        "SECRET_KEY": (settings.web.secret_key, "a random text of 32 characters or more, known to nobody else."),
        "BASE_URL": (settings.web.base_url, "the public address, such as https://rtechacademy.com."),
    }
    missing = {name: f"is required in production: {what}" for name, (value, what) in required.items() if not value}
    if settings.email.provider == "inbox":
        missing["EMAIL_PROVIDER"] = (
            "has to be smtp, sendgrid or ses in production: `inbox` shows all mail to everybody."
        )
    return missing


def unshared_workers(settings: Settings) -> str:
    """Returns what it costs that several processes share no cache, and what to do; "" when they are not so."""
    workers = settings.web.workers
    if workers == 1 or settings.cache.provider != "memory":
        return ""
    return (
        f"WORKERS={workers} processes answer, and each keeps answers and counts tries for itself: what one changes may "
        "be old in the others for up to RESPONSE_CACHE_SECONDS on pages and CACHE_TTL_COURSES in the list of subjects, "
        f"and {workers} times as many tries are let through. Set CACHE_PROVIDER=redis and REDIS_URL."
    )


def secret_key(settings: Settings) -> bytes:
    """Returns SECRET_KEY, or the one made at the first start and kept in ACADEMY_HOME (mode 600).

    Two processes that start at the same time end with the same key: only one creates the file.

    Raises:
        SettingsError: when ACADEMY_HOME cannot be used, or the key in it is spoilt.
    """
    if settings.web.secret_key:
        return settings.web.secret_key.encode()
    path = settings.home.path / _SECRET_FILE
    try:
        if not path.exists():
            _write_key(path)
        key = path.read_bytes().strip()
    except OSError as error:
        text = f"{settings.home.path} cannot be used ({error.strerror}). Name a folder that the academy may write to."
        raise SettingsError({"ACADEMY_HOME": text}) from error
    if len(key) < _SHORTEST_KEY:
        text = f"the key in {path} is spoilt. Remove the file: a new key is made, and everybody has to sign in again."
        raise SettingsError({"SECRET_KEY": text})
    return key


def _write_key(path: Path) -> None:
    """Makes the file with a fresh key, whole from the start, unless another process is quicker."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{_SECRET_FILE}.", dir=path.parent)  # made with mode 600
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink()
