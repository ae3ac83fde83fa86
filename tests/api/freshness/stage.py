"""An academy whose answers are kept for an hour, beside the truth: another one on the same data that keeps nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from academy.features.courses.model import Course
from academy.infrastructure.cache.base import ANY, Family
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.ids import new_id
from tests.academies.courses import enrolled_learner, published, unique
from tests.academies.in_process import TestAcademy, opened_test_academy

EVERYWHERE = (
    "/",
    "/courses",
    "/courses?sort=popular",
    "/courses?sort=rating",
    "/courses?min_rating=4",
    "/courses?price=free",
    "/sitemap.xml",
    "/api/v1/courses",
    "/api/v1/courses?sort=popular",
    "/api/v1/courses?sort=rating&min_rating=3",
)


@dataclass(frozen=True)
class Stage:
    """What a write can act on: the accounts of each role, a published course of the teacher, a neighbour of it.

    `kept` is the academy whose kept answers are looked at, `writer` the one that writes, `truth` keeps nothing.
    """

    kept: TestAcademy
    writer: TestAcademy
    truth: TestAcademy
    admin: httpx.AsyncClient
    teacher: httpx.AsyncClient
    teacher_person: Principal
    learner: httpx.AsyncClient
    learner_person: Principal
    course: Course
    neighbour: Course
    film: bytes

    @property
    def own(self) -> str:
        """Address of the course in the API."""
        return f"courses/{self.course.slug}"

    def addresses(self) -> list[str]:
        """Every kind of address that answers strangers from memory."""
        category = f"category={self.course.category}"
        return [
            *EVERYWHERE,
            f"/courses?{category}",
            f"/courses?q={self.course.title.split()[-1]}",
            f"/api/v1/courses?{category}&language=en",
            *(
                address
                for course in (self.course, self.neighbour)
                for address in (
                    f"/courses/{course.slug}",
                    f"/api/v1/courses/{course.slug}",
                    f"/api/v1/courses/{course.slug}/reviews",
                )
            ),
        ]

    async def warm(self) -> None:
        """Has every address answered from memory from now on."""
        visitor = self.kept.browser()
        for address in self.addresses():
            await visitor.get(address)

    async def stale(self) -> list[str]:
        """Addresses whose kept answer is not what is true now."""
        await self.truth.academy.cache.clear_pattern(Family.COURSES, [ANY])
        visitor, witness = self.kept.browser(), self.truth.browser()
        found = []
        for address in self.addresses():
            shown, true = await visitor.get(address), await witness.get(address)
            if (shown.status_code, shown.text) != (true.status_code, true.text):
                found.append(address)
        return found

    async def kept_addresses(self) -> set[str]:
        """Addresses that are answered from memory now."""
        cache = self.kept.academy.response_cache
        kept = set()
        for address in self.addresses():
            weight = cache.weight
            await self.kept.browser().get(address)
            if cache.weight == weight:
                kept.add(address)
        return kept


@asynccontextmanager
async def opened_stages(
    home: Path, *, mongodb_uri: str = "", redis_url: str = "", **variables: str
) -> AsyncIterator[tuple[TestAcademy, TestAcademy, TestAcademy]]:
    """Gives `kept`, `writer` and `truth`; with a Redis the writer is another process's academy, else the same."""
    shared = {"MONGODB_DATABASE": f"test-{new_id()}", **variables}
    keeping = {"RESPONSE_CACHE_SECONDS": "3600"}
    if redis_url:
        keeping |= {"CACHE_PROVIDER": "redis", "REDIS_URL": redis_url}
    async with (
        opened_test_academy(home, mongodb_uri=mongodb_uri, **shared, **keeping) as kept,
        opened_test_academy(home, mongodb_uri=mongodb_uri, **shared) as truth,
    ):
        if not redis_url:
            yield kept, kept, truth
            return
        async with opened_test_academy(home, mongodb_uri=mongodb_uri, **shared, **keeping) as writer:
            yield kept, writer, truth


async def set_stage(kept: TestAcademy, writer: TestAcademy, truth: TestAcademy, film: bytes) -> Stage:
    """Makes accounts and courses of their own for one test."""
    teacher, learner = await writer.person(Role.INSTRUCTOR, name="Maya Rao"), await writer.person(name="Ravi Das")
    category = f"subject-{new_id()}"
    course = await published(writer, teacher, unique("Bread"), category_slug=category)
    neighbour = await published(writer, teacher, unique("Cheese"), category_slug=category)
    await writer.academy.enrolments.grant(learner, course)
    await enrolled_learner(writer, neighbour)
    return Stage(
        kept=kept,
        writer=writer,
        truth=truth,
        admin=await writer.signed_in_api(Role.ADMIN),
        teacher=await writer.signed_in_api(person=teacher),
        teacher_person=teacher,
        learner=await writer.signed_in_api(person=learner),
        learner_person=learner,
        course=course,
        neighbour=neighbour,
        film=film,
    )
