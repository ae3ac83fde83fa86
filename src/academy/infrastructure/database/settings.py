"""Settings of the database."""

from typing import Annotated

from msgspec import Meta, Struct


class DatabaseSettings(Struct, frozen=True, kw_only=True):
    """Which database holds the academy and how to talk to it."""

    mongodb_uri: Annotated[
        str,
        Meta(
            title="MONGODB_URI",
            description="Connection string of a MongoDB replica set. Empty: the embedded SQLite database.",
            examples=["mongodb://db1,db2,db3/?replicaSet=rs0"],
        ),
    ] = ""
    mongodb_database: Annotated[
        str, Meta(title="MONGODB_DATABASE", description="Name of the database on MongoDB.", min_length=1)
    ] = "academy"
    mongodb_max_pool_size: Annotated[
        int, Meta(title="MONGODB_MAX_POOL_SIZE", description="Most connections one process opens.", ge=1, le=1000)
    ] = 50
    mongodb_min_pool_size: Annotated[
        int, Meta(title="MONGODB_MIN_POOL_SIZE", description="Connections kept open when idle.", ge=0, le=1000)
    ] = 0
    mongodb_timeout_seconds: Annotated[
        float,
        Meta(title="MONGODB_TIMEOUT_SECONDS", description="Longest wait for one operation on MongoDB.", gt=0, le=300),
    ] = 5.0
    sqlite_path: Annotated[
        str,
        Meta(
            title="SQLITE_PATH",
            description="File of the embedded database. Empty: `academy.sqlite3` in ACADEMY_HOME.",
        ),
    ] = ""
    sqlite_timeout_seconds: Annotated[
        float,
        Meta(
            title="SQLITE_TIMEOUT_SECONDS",
            description="Longest wait for another process that writes; after it the request is answered 503.",
            gt=0,
            le=300,
        ),
    ] = 5.0
    sqlite_readers: Annotated[
        int, Meta(title="SQLITE_READERS", description="Connections for reading, each in its own thread.", ge=1, le=64)
    ] = 4
    connect_attempts: Annotated[
        int,
        Meta(
            title="DATABASE_CONNECT_ATTEMPTS",
            description="How often the start tries to reach the database before it gives up.",
            ge=1,
            le=100,
        ),
    ] = 5
