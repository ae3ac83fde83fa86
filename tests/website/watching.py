"""A served academy whose one course begins with a video, and what tests ask of the player that shows it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import LessonKind
from academy.features.videos.model import Video
from academy.infrastructure.media.synthesis import Slide, synthesize
from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.academies.media import stream
from tests.servers.academy import served_academy
from tests.unit.features.learning.taught import PAID, Taught, published_course
from tests.website.checks import wait_until

SECONDS = 16
TEXT = """Programs wait, and this is a text about waiting.

```python
async def a_line_that_is_wider_than_every_phone(with_many: int, parameters: str) -> None: ...
```

| Situation | Tool | Cost | Remarks that are long, so that the table has to scroll on a phone |
|---|---|---|---|
| Many sockets | asyncio | low | one thread, no locks |
"""


class Site:
    """A served academy with one course, whose video lesson is followed by a text, and a paid course."""

    def __init__(self, url: str, taught: Taught, paid: Taught, film: Path) -> None:
        self.url = url
        self.film = film
        self.course = taught
        self.watch = f"/learn/{taught.slug}/{taught.lesson('Watch').id}"
        self.read = f"/learn/{taught.slug}/{taught.lesson('Read').id}"
        self.locked = f"/learn/{paid.slug}/{paid.lesson('One').id}"


async def taught_course(academy: TestAcademy, film: bytes) -> Taught:
    taught = await published_course(academy, ["Read"])
    lessons = [
        LessonDraft(title="Watch", kind=LessonKind.VIDEO),
        LessonDraft(id=taught.lesson("Read").id, title="Read", kind=LessonKind.TEXT),
    ]
    courses, videos = academy.academy.courses, academy.academy.videos
    outline = [SectionDraft(title="A section", lessons=lessons)]
    taught.course = await courses.set_curriculum(taught.teacher, taught.slug, outline, texts=[[TEXT, TEXT]])
    lesson_id = taught.lesson("Watch").id

    async def attach(video: Video) -> None:
        await courses.set_lesson_video(taught.course.id, lesson_id, video.id, 0)

    await videos.upload(taught.teacher, "film.mp4", "", stream(film), course_id=taught.course.id, attach=attach)
    await academy.work()
    return taught


def make_film(path: Path) -> bytes:
    synthesize(path, [Slide("A film", "It moves, and it sounds.")], SECONDS, seed=5)
    return path.read_bytes()


@asynccontextmanager
async def opened_site(folder: Path, tests: Sequence[str], **variables: str) -> AsyncIterator[Site]:
    """Serves the academy, with a learner of the course for each test: see `address_of`.

    The video stays one file: what streams have of their own is tested with streams.
    """
    film = make_film(folder / "film.mp4")
    async with opened_test_academy(folder / "home") as academy:
        taught, paid = await taught_course(academy, film), await published_course(academy, price=PAID)
        for test in tests:
            learner = await academy.person(name="Asha Rao", email=address_of(test))
            await academy.academy.enrolments.grant(learner, taught.course)
    with served_academy(folder / "home", variables={"CONVERSION_CONCURRENCY": "0", **variables}) as served:
        yield Site(served.url, taught, paid, folder / "film.mp4")


def address_of(test: str) -> str:
    """The address of the learner that only this test is."""
    return f"{test.removeprefix('test_').replace('_', '-')}@example.com"


async def state_of(page: Page, what: str) -> object:
    return await page.evaluate(f"document.getElementById('video').{what}")


async def loaded(page: Page) -> None:
    await wait_until(page, "document.getElementById('video').readyState >= 2")


async def until(page: Page, condition: str) -> None:
    """Waits until a condition on the `video` holds."""
    await wait_until(page, f"(({{ paused, currentTime }}) => {condition})(document.getElementById('video'))")
