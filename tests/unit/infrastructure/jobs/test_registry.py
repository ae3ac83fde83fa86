"""Saying who does what."""

from datetime import timedelta
from pathlib import Path

import pytest

from academy.infrastructure.database.settings import DatabaseSettings
from academy.infrastructure.jobs.queue import DatabaseJobQueue
from tests.contracts.database.places import Place
from tests.contracts.jobs.workshop import COUNT, Count, Counted, StandingClock


@pytest.fixture
def queue(tmp_path: Path) -> DatabaseJobQueue:
    return DatabaseJobQueue(Place(DatabaseSettings(), tmp_path / "unused").database(), StandingClock())


async def handle(_: Count) -> None:
    """A handler."""


async def hear(_: Counted) -> None:
    """A subscriber."""


async def test_a_kind_has_one_handler(queue: DatabaseJobQueue) -> None:
    queue.register(COUNT, handle)
    with pytest.raises(ValueError, match="count"):
        queue.register(COUNT, handle)
    registration = queue.registration("count")
    assert (registration.kind, registration.handler, registration.when_dead) == (COUNT, handle, None)


async def test_a_subscriber_is_a_kind_of_its_own(queue: DatabaseJobQueue) -> None:
    queue.subscribe(Counted, "points", hear)
    kind = queue.registration("counted:points").kind
    assert (kind.payload, kind.max_attempts) == (Counted, 8)
    with pytest.raises(ValueError, match="counted:points"):
        queue.subscribe(Counted, "points", hear)


async def test_a_kind_has_one_schedule(queue: DatabaseJobQueue) -> None:
    queue.schedule(COUNT, Count(1), every=timedelta(hours=1))
    with pytest.raises(ValueError, match="count"):
        queue.schedule(COUNT, Count(1), every=timedelta(hours=1))
