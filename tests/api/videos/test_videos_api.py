"""The REST handlers of videos and files, and the studio's uploads, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import ControllerRouterHandler

import academy.features.videos.api
import academy.features.videos.pages
from academy.features.courses.model import Category, Course, Lesson, LessonKind, LessonText, Level, Review, Section
from academy.features.courses.service import CourseService
from academy.features.videos.delivery import media_handler
from academy.infrastructure.security.principal import Principal, Role
from academy.infrastructure.storage.local import LocalStorage
from academy.infrastructure.storage.settings import StorageSettings
from academy.kit.money import Money
from academy.web.authentication import SESSION_COOKIE, AuthenticationMiddleware, provide_principal, provide_visitor
from academy.web.problems import problem_response
from tests.unit.features.videos.academy_of_videos import PDF, VideoAcademy, make_film, make_picture, person

# The handlers follow docs/architecture.md: dependencies by plain names, which Litestar 2 takes and Litestar 3 will not.
pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")

TEACHER, STRANGER, LEARNER = person(), person(), person(Role.LEARNER)
PEOPLE = {"teacher": TEACHER, "stranger": STRANGER, "learner": LEARNER}


class Tokens:
    """Knows three people by plain tokens."""

    async def principal_of_session(self, token: str) -> Principal | None:
        return PEOPLE.get(token)

    async def principal_of_access_token(self, token: str) -> Principal | None:
        return PEOPLE.get(token)


class Site:
    def __init__(self, academy: VideoAcademy, courses: CourseService) -> None:
        self.academy, self.courses = academy, courses
        self.app = Litestar(
            [
                *academy_handlers(),
                media_handler(academy.storage, academy.signer),
            ],
            middleware=[DefineMiddleware(AuthenticationMiddleware, authenticator=Tokens())],
            dependencies={
                "principal": Provide(provide_principal, sync_to_thread=False),
                "visitor": Provide(provide_visitor, sync_to_thread=False),
                "videos": Provide(lambda: academy.videos, sync_to_thread=False),
                "courses": Provide(lambda: courses, sync_to_thread=False),
            },
            exception_handlers={Exception: problem_response},
            request_max_body_size=100_000,
            openapi_config=None,
        )

    def client(self, who: str = "") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app)  # type: ignore[arg-type]
        headers = {"Authorization": f"Bearer {who}"} if who else {}
        cookies = {SESSION_COOKIE: who} if who else {}
        return httpx.AsyncClient(transport=transport, base_url="http://academy.test", headers=headers, cookies=cookies)


def academy_handlers() -> list[ControllerRouterHandler]:
    return [*academy.features.videos.api.handlers, *academy.features.videos.pages.handlers]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    academy = VideoAcademy(tmp_path, LocalStorage(tmp_path / "files"), StorageSettings(max_video_bytes=3 << 20))

    async def nothing_cached() -> None:
        return

    await academy.start()
    await academy.database.create_indexes([Course, Review, LessonText, Category])
    yield Site(academy, CourseService(academy.database, academy.clock, nothing_cached))
    await academy.database.disconnect()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


async def test_a_video_from_upload_to_playback_to_deletion(site: Site, film: bytes) -> None:
    async with site.client("teacher") as teacher, site.client("learner") as learner, site.client() as visitor:
        answer = await teacher.post("/api/v1/videos", files={"file": ("Film.mp4", film, "video/mp4")})
        assert answer.status_code == 201
        video = answer.json()
        assert (video["status"], video["size"], video["file_name"]) == ("checking", len(film), "Film.mp4")
        early = await teacher.get(f"/api/v1/videos/{video['id']}/playback")
        assert (early.status_code, early.json()["code"]) == (409, "video_not_ready")
        await site.academy.worker.drain()
        assert (await teacher.get(f"/api/v1/videos/{video['id']}")).json()["status"] == "ready"
        listed = (await teacher.get("/api/v1/videos")).json()
        assert [item["id"] for item in listed["items"]] == [video["id"]]
        for client in (visitor, learner):
            refused = await client.get(f"/api/v1/videos/{video['id']}/playback")
            assert (refused.status_code, refused.json()["code"]) == (403, "video_not_allowed")
        site.academy.watchers.add(LEARNER.user_id)
        playback = (await learner.get(f"/api/v1/videos/{video['id']}/playback")).json()
        assert (await visitor.get(playback["url"])).content == film
        part = await visitor.get(playback["url"], headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert (await visitor.get(playback["poster_url"])).headers["content-type"] == "image/webp"
        assert (await teacher.delete(f"/api/v1/videos/{video['id']}")).status_code == 204
        assert (await teacher.get(f"/api/v1/videos/{video['id']}")).status_code == 404
        assert (await visitor.get(playback["url"])).status_code == 404


async def test_files(site: Site) -> None:
    async with site.client("teacher") as teacher, site.client() as visitor:
        document = await teacher.post("/api/v1/files", files={"file": ("Plan.pdf", PDF, "application/pdf")})
        assert document.status_code == 201
        got = await visitor.get(document.json()["url"])
        assert (got.content, got.headers["content-disposition"]) == (PDF, "attachment; filename*=utf-8''Plan.pdf")
        image = await teacher.post("/api/v1/files", files={"file": ("a.jpg", make_picture(), "image/jpeg")})
        assert (image.json()["kind"], image.json()["content_type"]) == ("image", "image/webp")
        assert (await visitor.get(image.json()["url"])).status_code == 200


async def test_refusals_are_problems_that_say_what_to_do(site: Site, film: bytes) -> None:
    async with site.client("teacher") as teacher:
        text = await teacher.post("/api/v1/videos", files={"file": ("a.mp4", b"text" * 5000, "video/mp4")})
        assert (text.status_code, text.json()["code"]) == (422, "file_refused")
        assert text.json()["errors"][0]["field"] == "file"
        large = await teacher.post("/api/v1/videos", files={"file": ("a.mp4", film + b"\0" * (3 << 20), "video/mp4")})
        assert (large.status_code, large.json()["code"]) == (413, "file_too_large")
        for body in ({"content": b"{}", "headers": {"Content-Type": "application/json"}}, {"data": {"file": "x"}}, {}):
            answer = await teacher.post("/api/v1/videos", **body)
            assert (answer.status_code, answer.json()["code"]) == (422, "malformed_upload")
    assert await site.academy.keys() == []


@pytest.mark.parametrize(("who", "status"), [("", 401), ("learner", 403)])
async def test_only_instructors_upload(site: Site, who: str, status: int) -> None:
    async with site.client(who) as client:
        for path in ("/api/v1/videos", "/api/v1/files"):
            answer = await client.post(path, files={"file": ("a.pdf", PDF, "application/pdf")})
            assert answer.status_code == status
        assert (await client.get("/api/v1/videos")).status_code == status
    assert await site.academy.keys() == []


async def course_with_lessons(site: Site) -> Course:
    now = site.academy.clock.now()
    lessons = [Lesson(title="Watch", kind=LessonKind.VIDEO), Lesson(title="Read", kind=LessonKind.FILE)]
    course = Course(
        created_at=now,
        updated_at=now,
        slug="python",
        title="Python",
        subtitle="",
        description="",
        category="",
        level=Level.BEGINNER,
        language="en",
        price=Money(amount=0, currency="INR"),
        is_free=True,
        instructor_ids=[TEACHER.user_id],
        curriculum=[Section(title="One", lessons=lessons)],
    )
    await site.academy.database.collection(Course).insert(course)
    return course


async def test_the_studio_puts_uploads_into_the_course(site: Site, film: bytes) -> None:
    course = await course_with_lessons(site)
    watch, read = course.curriculum[0].lessons
    base = f"/studio/courses/{course.slug}"
    async with site.client("teacher") as teacher:
        video = await teacher.post(f"{base}/lessons/{watch.id}/video", files={"file": ("a.mp4", film, "video/mp4")})
        file = await teacher.post(f"{base}/lessons/{read.id}/file", files={"file": ("a.pdf", PDF, "application/pdf")})
        covers = [
            await teacher.post(f"{base}/cover", files={"file": ("a.jpg", make_picture(), "image/jpeg")})
            for _ in range(2)
        ]
        assert [answer.status_code for answer in (video, file, *covers)] == [201] * 4
        await site.academy.worker.drain()
        progress = await teacher.get(f"/studio/videos/{video.json()['id']}")
        assert progress.json()["status"] == "ready"
        wrong = await teacher.post(f"{base}/lessons/{read.id}/video", files={"file": ("a.mp4", film, "video/mp4")})
        assert (wrong.status_code, wrong.json()["code"]) == (404, "lesson_not_found")
        refused = await teacher.post(f"{base}/cover", files={"file": ("a.jpg", PDF, "image/jpeg")})
        assert (refused.status_code, refused.json()["code"]) == (422, "file_refused")
        assert len(await site.academy.storage.list("videos/")) == 1
    stored = await site.courses.get(course.slug, TEACHER)
    watch, read = stored.curriculum[0].lessons
    assert watch.video_id == video.json()["id"]
    assert (read.file_key, read.file_name) == (file.json()["key"], "a.pdf")
    assert stored.cover_key == covers[1].json()["key"]
    assert not await site.academy.storage.exists(covers[0].json()["key"])


async def test_strangers_change_nothing_in_the_studio(site: Site, film: bytes) -> None:
    course = await course_with_lessons(site)
    lesson = course.curriculum[0].lessons[0]
    async with site.client("stranger") as stranger:
        answers = await asyncio.gather(
            stranger.post(f"/studio/courses/python/lessons/{lesson.id}/video", files={"file": ("a.mp4", film)}),
            stranger.post("/studio/courses/python/cover", files={"file": ("a.jpg", make_picture())}),
        )
    assert all(answer.status_code in {403, 404} for answer in answers)
    assert await site.academy.keys() == []
