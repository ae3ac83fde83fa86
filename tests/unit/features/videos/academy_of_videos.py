"""A videos feature on a real embedded database, job queue and storage, with a clock that tests move."""

from pathlib import Path

from academy.features.accounts.model import User, UserStatus
from academy.features.courses.model import Category, Course, Lesson, LessonKind, LessonText, Review, Section
from academy.features.courses.service import CourseService
from academy.features.videos.captions_model import CaptionCues, CaptionLine, CaptionTrack
from academy.features.videos.jobs import register_jobs
from academy.features.videos.model import AccountStreams, StoredFile, Upload, Video
from academy.features.videos.placing import Placing
from academy.features.videos.resumable import UploadService
from academy.features.videos.service import VideoService
from academy.infrastructure.cache.factory import make_cache
from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.database.sqlite import SqliteDatabase
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.jobs.queue import DatabaseJobQueue
from academy.infrastructure.jobs.settings import JobSettings
from academy.infrastructure.jobs.worker import Worker
from academy.infrastructure.media.settings import MediaSettings
from academy.infrastructure.redis.settings import RedisSettings
from academy.infrastructure.security.principal import Principal, Role
from academy.infrastructure.storage.base import Storage
from academy.infrastructure.storage.settings import StorageSettings
from academy.infrastructure.storage.signing import UrlSigner
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.in_process import MovedClock


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
        cache = make_cache(CacheSettings(), RedisSettings(), self.clock)
        self.courses = CourseService(self.database, self.clock, cache, on_deleted=[self.videos.forget_course])
        self.uploads = UploadService(self.database, self.clock, self.queue, storage, self.videos.files, settings)
        self.scratch = folder / "scratch"
        register_jobs(
            self.queue,
            self.videos,
            self.courses,
            self.database,
            storage,
            self.clock,
            self.uploads,
            Placing(self.courses, self.videos),
            self.scratch,
            MediaSettings(),
        )

    async def start(self) -> None:
        await self.storage.initialize()
        await self.database.connect()
        captions = (CaptionTrack, CaptionCues, CaptionLine)
        await self.database.create_indexes(
            [User, Video, AccountStreams, StoredFile, Upload, *captions, Job, Course, LessonText, Category, Review]
        )

    async def keys(self) -> list[str]:
        return [found.key for found in await self.storage.list_files()]

    async def person(self, role: Role = Role.INSTRUCTOR) -> Principal:
        """Somebody with an active account."""
        now, email = self.clock.now(), f"{new_id()}@example.com"
        user = User(
            email=email,
            email_key=email,
            name="A",
            role=role,
            status=UserStatus.ACTIVE,
            verified_at=now,
            created_at=now,
            updated_at=now,
        )
        await self.database.collection(User).insert(user)
        return Principal(user_id=user.id, session_id=new_id(), email=email, name="A", role=role)

    async def delete_person(self, person: Principal) -> None:
        """Deletes the account alone, as it is for an upload that ends just after the account's deletion."""
        await self.database.collection(User).delete_one({"id": person.user_id})

    async def _may_watch(self, visitor: Principal | None, video: Video) -> bool:
        return visitor is not None and visitor.user_id in self.watchers

    async def _on_ready(self, video: Video) -> None:
        self.told.append((video.id, video.duration_seconds))

    async def course(self, teacher: Principal, *kinds: LessonKind) -> Course:
        """A draft of the teacher with one section and a lesson of each kind."""
        now = self.clock.now()
        lessons = [Lesson(title=kind.value, kind=kind) for kind in kinds]
        course = Course(
            created_at=now,
            updated_at=now,
            slug=new_id(),
            title="Python",
            price=Money(amount=0, currency="INR"),
            is_free=True,
            instructor_ids=[teacher.user_id],
            curriculum=[Section(title="One", lessons=lessons)],
        )
        await self.database.collection(Course).insert(course)
        return course
