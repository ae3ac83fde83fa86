"""Chooses the database that the settings ask for."""

from pathlib import Path

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.settings import DatabaseSettings


def make_database(settings: DatabaseSettings, sqlite_path: Path, *, production: bool) -> Database:
    """Returns MongoDB when MONGODB_URI is set, else the embedded database in `sqlite_path`; not connected yet."""
    if settings.mongodb_uri:
        from academy.infrastructure.database.mongodb import MongoDatabase

        return MongoDatabase(settings, production=production)
    from academy.infrastructure.database.sqlite import SqliteDatabase

    return SqliteDatabase(sqlite_path, settings, production=production)
