"""Puts the demo academy in, through the features' own services, as its people would have done over the past months."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

from academy.composition import Academy
from academy.demo.accounts import ADMIN, DEMO_COUPON, DEMO_PASSWORD, INSTRUCTOR, LEARNER
from academy.demo.content import DemoContent, DemoCourse, DemoLesson, DemoPerson, read_content
from academy.demo.sales import DemoSales
from academy.features.accounts.administration import COMMAND_LINE
from academy.features.accounts.errors import EmailTaken
from academy.features.accounts.model import Profile, User
from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.errors import CourseNotFound
from academy.features.courses.model import Course, CourseDetails, CourseStatus, Lesson, LessonKind
from academy.features.videos.model import Video
from academy.infrastructure.media.synthesis import Slide, synthesize
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.clock import SystemClock
from academy.kit.errors import ForbiddenError
from academy.kit.money import Money

_CHUNK = 1 << 20

Progress = Callable[[str, int, int], None]
"""Is told what is being loaded, how many of how many parts are done."""


class PastClock:
    """A clock that the loader sets: people join, publish and review on the days that the content names."""

    def __init__(self) -> None:
        self._start = SystemClock().now()
        self._moment = self._start

    def now(self) -> datetime:
        """Returns the moment that was set last."""
        return self._moment

    def set_days_ago(self, days: float) -> None:
        """Moves to `days` before the start of the loading."""
        self._moment = self._start - timedelta(days=days)


async def wants_demo(academy: Academy) -> bool:
    """Whether the demo academy is to be loaded: nobody has an account yet, or an earlier loading was cut off.

    The last step of loading makes the demo admin; so an academy with people but without the admin was cut off, unless
    somebody else lives there, too.
    """
    users = await academy.administration.list_users("", limit=100)
    addresses = {user.email for user in users.items}
    return addresses <= {LEARNER.email, *(person.email for person in read_content().people)}


class DemoLoader:
    """Loads the content into an academy that was built with a `PastClock` and is started, without its worker.

    Every step can be done again: a loading that was cut off goes on where it stopped.
    """

    def __init__(self, academy: Academy, clock: PastClock, progress: Progress) -> None:
        if academy.settings.web.is_production:
            raise ForbiddenError("The demo has accounts with known passwords and is not for production.")
        self._academy = academy
        self._clock = clock
        self._progress = progress
        self._content = read_content()
        self._people: dict[str, Principal] = {}
        self._sales = DemoSales(academy)

    async def load(self) -> DemoContent:
        """Loads everything and returns it."""
        oldest = max(course.published_days_ago for course in self._content.courses.values())
        self._clock.set_days_ago(oldest + 30)
        for position, category in enumerate(self._content.categories):
            await self._academy.courses.add_category(category.slug, category.name, position)
        await self._sales.set_prices()
        for person in self._content.people:
            self._people[person.key] = await self._person(person)
        # Oldest first, so that lists ordered by time look as they would have.
        ordered = sorted(self._content.courses.items(), key=lambda one: -one[1].published_days_ago)
        for number, (slug, course) in enumerate(ordered):
            self._progress(course.title, number, len(ordered))
            await self._course(slug, course)
        self._clock.set_days_ago(0)
        await self._academy.worker.drain(long_jobs=False)
        await self._account(LEARNER.email, "Leela Nair", Role.LEARNER, DEMO_PASSWORD)
        await self._account(ADMIN.email, "Ada Menon", Role.ADMIN, DEMO_PASSWORD)
        self._progress("Demo academy", len(ordered), len(ordered))
        return self._content

    async def _account(self, email: str, name: str, role: Role, password: str | None) -> User:
        try:
            return await self._academy.administration.create(COMMAND_LINE, email, name, role, password)
        except EmailTaken:
            return await self._academy.administration.find(email)

    async def _person(self, person: DemoPerson) -> Principal:
        password = DEMO_PASSWORD if person.email == INSTRUCTOR.email else None
        user = await self._account(person.email, person.name, person.role, password)
        principal = Principal(user_id=user.id, session_id="", email=user.email, name=user.name, role=user.role)
        profile = Profile(headline=person.headline, bio=person.bio, links=person.links)
        await self._academy.accounts.change(principal, name=person.name, profile=profile)
        return principal

    async def _course(self, slug: str, content: DemoCourse) -> None:
        self._clock.set_days_ago(content.published_days_ago)
        teacher = self._people[content.instructor]
        try:
            course = await self._academy.courses.get(slug, teacher)
        except CourseNotFound:
            details = self._details(content)
            course = await self._academy.courses.create(teacher, details, slug=slug)
        if not course.curriculum:
            course = await self._curriculum(teacher, slug, content)
        if course.status is not CourseStatus.PUBLISHED:
            await self._videos(teacher, course, content)
            await self._academy.worker.drain(long_jobs=False)
            course = await self._academy.courses.publish(teacher, slug)
        await self._reviews(course, content)

    def _details(self, content: DemoCourse) -> CourseDetails:
        return CourseDetails(
            title=content.title,
            subtitle=content.subtitle,
            description=content.description,
            category=content.category,
            level=content.level,
            language=content.language,
            price=Money(amount=content.price, currency=self._academy.settings.web.currency),
            tags=content.tags,
            outcomes=content.outcomes,
            requirements=content.requirements,
        )

    async def _curriculum(self, teacher: Principal, slug: str, content: DemoCourse) -> Course:
        draft = [
            SectionDraft(
                title=section.title,
                lessons=[
                    LessonDraft(title=lesson.title, kind=lesson.kind, free_preview=lesson.free_preview)
                    for lesson in section.lessons
                ],
            )
            for section in content.sections
        ]
        texts = [[self._content.texts[slug, lesson.file] for lesson in section.lessons] for section in content.sections]
        return await self._academy.courses.set_curriculum(teacher, slug, draft, texts=texts)

    async def _videos(self, teacher: Principal, course: Course, content: DemoCourse) -> None:
        lessons = [lesson for section in content.sections for lesson in section.lessons]
        for stored, lesson in zip(course.lessons(), lessons, strict=True):
            if lesson.kind is LessonKind.VIDEO and stored.video_id is None:
                await self._video(teacher, course, stored, lesson)

    async def _video(self, teacher: Principal, course: Course, stored: Lesson, lesson: DemoLesson) -> None:
        name = f"{lesson.file.removesuffix('.md')}.mp4"
        seed = len(course.slug) + course.lessons().index(stored)

        async def attach(video: Video) -> None:
            await self._academy.courses.set_lesson_video(course.id, stored.id, video.id, 0)

        with tempfile.TemporaryDirectory(prefix="academy-demo-") as folder:
            path = Path(folder) / name
            slides = [Slide(heading, text) for heading, text in lesson.slides]
            await asyncio.to_thread(synthesize, path, slides, lesson.seconds, seed)
            await self._academy.videos.upload(
                teacher, name, "video/mp4", _chunks(path), course_id=course.id, attach=attach
            )

    async def _reviews(self, course: Course, content: DemoCourse) -> None:
        """Learners enrol in the days after the publication, and review a while later."""
        share = content.published_days_ago / (len(content.reviews) + 1)
        for number, review in enumerate(content.reviews):
            author = self._people[review.author]
            self._clock.set_days_ago(content.published_days_ago - share * (number + 0.5))
            # One in three came with the coupon.
            await self._sales.enrol(author, course, coupon="" if number % 3 else DEMO_COUPON)
            if await self._academy.reviews.mine(author, course) is None:
                self._clock.set_days_ago(content.published_days_ago - share * (number + 1))
                await self._academy.reviews.write(author, course.slug, review.stars, review.text)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
