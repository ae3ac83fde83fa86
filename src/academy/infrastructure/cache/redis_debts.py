"""Changes that could not be made while Redis was away, kept until it is back."""

from collections.abc import Iterable

from academy.infrastructure.cache.keys import EVERYTHING
from academy.infrastructure.cache.news import EVERYTHING_CHANGED, News

_MOST = 10_000


class Debts:
    """Names to be removed, globs to be cleared, and the news of it. Beyond a bound they become one: everything."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.globs: set[str] = set()
        self.news: set[News] = set()

    def __bool__(self) -> bool:
        return bool(self.names or self.globs)

    def owe(self, names: Iterable[str], globs: Iterable[str], news: News) -> None:
        """Adds changes and their news."""
        self.names.update(names)
        self.globs.update(globs)
        self.news.add(news)
        if len(self.names) + len(self.globs) > _MOST:
            self.names, self.globs, self.news = set(), {EVERYTHING}, {EVERYTHING_CHANGED}

    def taken(self) -> tuple[set[str], set[str], set[News]]:
        """Returns the debts of now, for `paid`."""
        return set(self.names), set(self.globs), set(self.news)

    def paid(self, taken: tuple[set[str], set[str], set[News]]) -> None:
        """Strikes debts out; those that were made meanwhile stay."""
        names, globs, news = taken
        self.names -= names
        self.globs -= globs
        self.news -= news
