"""Where a test keeps a database of its own, and how any process connects to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import msgspec
from pymongo import MongoClient

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.factory import make_database
from academy.infrastructure.database.settings import DatabaseSettings

ENGINES = ("sqlite", "mongodb")


class Place(msgspec.Struct, frozen=True):
    """A database of one test.

    Attributes:
        settings: of the engine.
        path: the file, when the engine is SQLite.
    """

    settings: DatabaseSettings
    path: Path

    @property
    def engine(self) -> str:
        """One of ENGINES."""
        return "mongodb" if self.settings.mongodb_uri else "sqlite"

    @property
    def name(self) -> str:
        """What `clear_database` wants to hear."""
        return self.settings.mongodb_database if self.settings.mongodb_uri else self.path.stem

    def database(self, *, production: bool = False) -> Database:
        """Returns a connection that is not open yet."""
        return make_database(self.settings, self.path, production=production)

    def argument(self) -> str:
        """Returns the place as a command-line argument for another process."""
        return msgspec.json.encode(
            msgspec.to_builtins({**msgspec.structs.asdict(self), "path": str(self.path)})
        ).decode()

    @staticmethod
    def of_argument(argument: str) -> "Place":
        """Reads what `argument` wrote."""
        return msgspec.json.decode(argument, type=Place, dec_hook=lambda kind, value: kind(value))


@contextmanager
def new_place(engine: str, folder: Path, mongodb_uri: str) -> Iterator[Place]:
    """Gives an empty database that is gone afterwards."""
    if engine == "sqlite":
        yield Place(DatabaseSettings(), folder / "academy.sqlite3")
        return
    settings = DatabaseSettings(mongodb_uri=mongodb_uri, mongodb_database=f"test_{uuid4().hex}")
    yield Place(settings, folder / "unused")
    with MongoClient[dict[str, object]](mongodb_uri) as client:
        client.drop_database(settings.mongodb_database)
