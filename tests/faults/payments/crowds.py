"""Many hands at once, and the end of a crowd's day."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from academy.features.payments.coupons import CouponDetails
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.kit.ids import new_id
from tests.academies.books import books, check_nothing_waits
from tests.academies.in_process import TestAcademy

T = TypeVar("T")

WORKERS = 4


async def at_once(*works: Awaitable[T]) -> tuple[list[T], list[AcademyError]]:
    """Returns what all of them answer, and what they are refused with; whatever else goes wrong is raised."""
    ended = await asyncio.gather(*works, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException) and not isinstance(one, AcademyError):
            raise one
    answers = [one for one in ended if not isinstance(one, BaseException)]
    return answers, [one for one in ended if isinstance(one, AcademyError)]


async def work_at_once(academy: TestAcademy) -> None:
    """Works all due jobs off, several workers at a time."""
    await asyncio.gather(*(academy.work() for _ in range(WORKERS)))


async def hours_pass(academy: TestAcademy) -> None:
    """Lets three hours pass, long enough for everything to come to its end."""
    await work_at_once(academy)
    for _ in range(3):
        academy.clock.move(hours=1)
        await work_at_once(academy)


async def check_end(academy: TestAcademy) -> None:
    """Lets everything come to its end, and asserts that the books are right."""
    await hours_pass(academy)
    (await books(academy.academy)).check_end()
    await check_nothing_waits(academy.academy)


async def people(academy: TestAcademy, count: int) -> list[Principal]:
    """So many learners."""
    return [await academy.person() for _ in range(count)]


async def coupon(academy: TestAcademy, limit: int) -> str:
    """A coupon that takes a half off, so many times."""
    code = f"HALF-{new_id()[-12:].upper()}"
    await academy.academy.coupons.create(CouponDetails(code=code, percent=50, limit=limit))
    return code
