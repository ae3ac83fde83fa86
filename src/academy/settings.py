"""All settings of the academy, composed from the class each package declares, and read from the environment.

A variable's name, type, limits, default and description stand once, in the package that uses it.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.email.settings import EmailSettings
from academy.infrastructure.jobs.settings import JobSettings
from academy.infrastructure.security.settings import SecuritySettings
from academy.infrastructure.storage.settings import StorageSettings
from academy.web.settings import WebSettings

_SECRET_FILE = "secret-key"  # noqa: S105 - the name of the file, not the secret


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
    storage: StorageSettings = StorageSettings()
    security: SecuritySettings = SecuritySettings()

    @property
    def sqlite_path(self) -> Path:
        """File of the embedded database."""
        return Path(self.database.sqlite_path) if self.database.sqlite_path else self.home.path / "academy.sqlite3"

    @property
    def storage_path(self) -> Path:
        """Folder of the stored files."""
        return Path(self.storage.storage_path) if self.storage.storage_path else self.home.path / "files"


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
    values: dict[str, dict[str, object]] = {}
    mistakes: dict[str, str] = {}
    for variable in declared_variables():
        raw = environment.get(variable.name, "").strip()
        if not raw:
            continue
        try:
            values.setdefault(variable.group, {})[variable.field] = msgspec.convert(
                raw, variable.annotation, strict=False
            )
        except msgspec.ValidationError as error:
            shown = "(the value is not shown)" if "SECRET" in variable.name or "KEY" in variable.name else repr(raw)
            mistakes[variable.name] = f"{shown} does not fit: {error}. {variable.description}"
    if environment.get("ENVIRONMENT", "").strip() == "production":
        for name in ("SECRET_KEY", "BASE_URL"):
            if not environment.get(name, "").strip() and name not in mistakes:
                mistakes[name] = "is required in production."
    if mistakes:
        raise SettingsError(mistakes)
    groups = get_type_hints(Settings)
    return Settings(**{name: groups[name](**fields) for name, fields in values.items()})


def secret_key(settings: Settings) -> bytes:
    """Returns SECRET_KEY, or the one made at the first start and kept in ACADEMY_HOME (mode 600).

    Two processes that start at the same time end with the same key: only one creates the file.
    """
    if settings.web.secret_key:
        return settings.web.secret_key.encode()
    path = settings.home.path / _SECRET_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f"{_SECRET_FILE}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes().strip()
