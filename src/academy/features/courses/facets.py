"""What there is to narrow the catalogue by, remembered for a moment: every page shows it, it hardly changes."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from academy.features.courses.repository import Facets
from academy.kit.clock import Clock

_LIFETIME = timedelta(seconds=5)


class RememberedFacets:
    """Facets that are loaded once in a while. A write of another process shows after at most five seconds."""

    def __init__(self, load: Callable[[], Awaitable[Facets]], clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._facets: Facets | None = None
        self._until = clock.now()
        self._generation = 0

    async def get(self) -> Facets:
        """Returns the facets, loaded after the last `forget`."""
        if self._facets is not None and self._clock.now() < self._until:
            return self._facets
        generation = self._generation
        facets = await self._load()
        if generation == self._generation:
            self._facets, self._until = facets, self._clock.now() + _LIFETIME
        return facets

    async def forget(self) -> None:
        """Given to `Database.after_commit` by whoever changes them."""
        self._generation += 1
        self._facets = None
