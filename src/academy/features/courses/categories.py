"""Use cases of the categories, which visitors know as subjects."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from academy.features.courses.errors import CategoryInUse, CategoryNotFound
from academy.features.courses.model import Category
from academy.features.courses.repository import CourseRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError
from academy.kit.slugs import slugify
from academy.kit.text import is_one_line


class Categories:
    """Adds, renames and removes categories. `announce_change` is called in the transaction that changes them."""

    def __init__(
        self, database: Database, clock: Clock, repository: CourseRepository, announce_change: Callable[[], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._repository = repository
        self._announce_change = announce_change

    async def add(self, slug: str, name: str, position: int) -> None:
        """Adds a category unless there is one with this slug."""
        with suppress(UniqueViolation):
            await self._insert(slug, name, position)

    async def append(self, name: str) -> Category:
        """Adds a category at the end. Raises InvalidError for a name without letters or one that is taken."""
        slug = slugify(name)
        last = max((category.position for category in await self._repository.categories()), default=-1)
        try:
            if slug:
                return await self._insert(slug, name.strip(), last + 1)
            text = "Use letters or digits."
        except UniqueViolation:
            text = "There is a category with this name."
        raise InvalidError(text, fields={"name": text})

    async def rename(self, slug: str, name: str) -> None:
        """Gives a category another name; its slug, and with it every address, stays as it is.

        Raises CategoryNotFound, and InvalidError for a name without letters or digits, or of more than one line.
        """
        if not slugify(name) or not is_one_line(name):
            text = "Use letters or digits, in one line."
            raise InvalidError(text, fields={"name": text})

        async def work() -> None:
            if not await self._repository.rename_category(slug, name.strip(), self._clock.now()):
                raise CategoryNotFound
            self._announce_change()

        await self._database.transaction(work)

    async def unused(self) -> set[str]:
        """Returns the slugs of the categories that no course is in."""
        slugs = [category.slug for category in await self._repository.categories()]
        used = await asyncio.gather(*map(self._repository.is_category_used, slugs))
        return {slug for slug, is_used in zip(slugs, used, strict=True) if not is_used}

    async def remove(self, slug: str) -> None:
        """Removes a category that no course is in, whatever its state. Raises CategoryNotFound, CategoryInUse."""

        async def work() -> None:
            if await self._repository.is_category_used(slug):
                raise CategoryInUse
            if not await self._repository.delete_category(slug):
                raise CategoryNotFound
            self._announce_change()

        await self._database.transaction(work)

    async def _insert(self, slug: str, name: str, position: int) -> Category:
        now = self._clock.now()
        category = Category(slug=slug, name=name, position=position, created_at=now, updated_at=now)

        async def work() -> Category:
            await self._repository.insert_category(category)
            self._announce_change()
            return category

        return await self._database.transaction(work)
