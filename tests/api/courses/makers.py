"""A teacher with courses and an API client."""

import httpx

from academy.features.courses.model import Course
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.courses import draft, published
from tests.academies.in_process import TestAcademy


class Makers:
    """The academy, a teacher and the teacher's API client."""

    def __init__(self, academy: TestAcademy, teacher: Principal, api: httpx.AsyncClient) -> None:
        self.academy = academy
        self.teacher = teacher
        self.api = api

    async def draft(self, **facts: object) -> Course:
        """Makes a course of the teacher; `facts` are those of `tests.academies.courses.draft`."""
        return await draft(self.academy, self.teacher, **facts)  # type: ignore[arg-type]

    async def published(self, **facts: object) -> Course:
        """Makes and publishes a course of the teacher."""
        return await published(self.academy, self.teacher, **facts)  # type: ignore[arg-type]

    async def listed(self, slug: str) -> bool:
        """Whether the catalogue shows the course to strangers."""
        api = self.academy.api()
        cursor: str | None = ""
        while cursor is not None:
            page = (await api.get("courses", params={"limit": "100"} | ({"cursor": cursor} if cursor else {}))).json()
            if slug in {item["slug"] for item in page["items"]}:
                return True
            cursor = page["next_cursor"]
        return False


async def opened_makers(academy: TestAcademy) -> Makers:
    """Gives the academy a teacher who is signed in."""
    teacher = await academy.person(Role.INSTRUCTOR, name="Maya Rao")
    return Makers(academy, teacher, await academy.signed_in_api(person=teacher))
