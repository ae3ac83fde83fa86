"""A videos feature on a real embedded database, job queue and storage, with a clock that tests move."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image

from academy.features.videos.jobs import register_jobs
from academy.features.videos.model import StoredFile, Video
from academy.features.videos.service import VideoService
from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.database.sqlite import SqliteDatabase
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.jobs.queue import DatabaseJobQueue
from academy.infrastructure.jobs.settings import JobSettings
from academy.infrastructure.jobs.worker import Worker
from academy.infrastructure.media.synthesis import Slide, synthesize
from academy.infrastructure.security.principal import Principal, Role
from academy.infrastructure.storage.base import Storage
from academy.infrastructure.storage.settings import StorageSettings
from academy.infrastructure.storage.signing import UrlSigner
from academy.kit.ids import new_id

PDF = b"%PDF-1.7\n" + b"content " * 100


class MovedClock:
    """Runs with the system's clock, plus what tests add."""

    def __init__(self) -> None:
        self.added = timedelta()

    def now(self) -> datetime:
        now = datetime.now(UTC) + self.added
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


class VideoAcademy:
    def __init__(self, folder: Path, storage: Storage, settings: StorageSettings) -> None:
        self.clock = MovedClock()
        self.storage = storage
        self.database = SqliteDatabase(folder / "academy.sqlite3", DatabaseSettings())
        self.queue = DatabaseJobQueue(self.database, self.clock)
        self.worker = Worker(self.queue, self.clock, JobSettings())
        self.signer = UrlSigner(b"a secret of more than sixteen bytes", self.clock)
        self.watchers: set[str] = set()
        self.told: list[tuple[str, float]] = []
        self.videos = VideoService(
            self.database,
            self.clock,
            self.queue,
            storage,
            self.signer,
            settings,
            may_watch=self._may_watch,
            on_ready=self._on_ready,
        )
        register_jobs(self.queue, self.videos, self.database, storage, self.clock)

    async def start(self) -> None:
        await self.storage.open()
        await self.database.connect()
        await self.database.create_indexes([Video, StoredFile, Job])

    async def keys(self) -> list[str]:
        return [found.key for found in await self.storage.list()]

    async def _may_watch(self, visitor: Principal | None, video: Video) -> bool:
        return visitor is not None and visitor.user_id in self.watchers

    async def _on_ready(self, video: Video) -> None:
        self.told.append((video.id, video.duration_seconds))


def person(role: Role = Role.INSTRUCTOR) -> Principal:
    return Principal(user_id=new_id(), session_id=new_id(), email="a@example.com", name="A", role=role)


async def stream(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        await asyncio.sleep(0)
        yield content[start : start + size]


def make_film(path: Path) -> bytes:
    synthesize(path, [Slide("A film", "Short and good.")], 2, seed=1)
    return path.read_bytes()


def make_picture() -> bytes:
    target = BytesIO()
    Image.effect_noise((1600, 1000), 50).convert("RGB").save(target, "JPEG")
    return target.getvalue()
