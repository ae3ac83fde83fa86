"""What changes in a transaction is told to the caches after its commit, not before."""

import asyncio
from contextvars import Context
from pathlib import Path

from academy.infrastructure.security.principal import Role
from tests.academies.courses import published, unique
from tests.academies.in_process import opened_test_academy


async def test_a_page_kept_while_a_name_changes_is_dropped_after_the_commit(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RESPONSE_CACHE_SECONDS="3600") as academy:
        teacher = await academy.person(Role.INSTRUCTOR, name="Maya Rao")
        page = f"/courses/{(await published(academy, teacher, unique('Bread'))).slug}"
        visitor = academy.browser()

        async def work() -> None:
            await academy.academy.accounts.change(teacher, name="Maya Sen")
            # A visitor is in no transaction of somebody else.
            seen = await asyncio.create_task(visitor.get(page), context=Context())
            assert "Maya Rao" in seen.text

        await academy.academy.database.transaction(work)
        assert "Maya Sen" in (await visitor.get(page)).text
