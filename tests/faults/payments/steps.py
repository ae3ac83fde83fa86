"""The steps of a story, and its sudden end at any of them."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeVar

from academy.infrastructure.database.base import Database

T = TypeVar("T")

NEVER = -1


class Steps:
    """Counts steps, which are what lies before and after each transaction of a database."""

    def __init__(self, database: Database, end: Callable[[], None]) -> None:
        """Counts the transactions of `database` from now on; `end` ends the process, or what plays one."""
        self._end = end
        self._left = NEVER
        self._is_inside: ContextVar[bool] = ContextVar("is_inside", default=False)
        transaction = database.transaction

        async def watched(work: Callable[[], Awaitable[T]]) -> T:
            if self._is_inside.get():
                return await transaction(work)
            self._step()
            token = self._is_inside.set(True)
            try:
                answer = await transaction(work)
            finally:
                self._is_inside.reset(token)
            self._step()
            return answer

        database.transaction = watched  # type: ignore[method-assign]

    def end_after(self, steps: int) -> None:
        """Ends it all after so many steps from now; NEVER: not at all."""
        self._left = steps

    def _step(self) -> None:
        if self._left == 0:
            self._end()
        elif self._left > 0:
            self._left -= 1
