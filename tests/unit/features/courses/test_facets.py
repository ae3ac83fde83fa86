"""What there is to narrow by is loaded once in a while, and never older than the last `forget`."""

import asyncio
from datetime import UTC, datetime, timedelta

from academy.features.courses.facets import RememberedFacets
from academy.features.courses.repository import Facets


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class Source:
    """Answers with a language more each time, when it may."""

    def __init__(self) -> None:
        self.loads = 0
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def load(self) -> Facets:
        self.loads += 1
        self.asked.set()
        languages = [str(number) for number in range(self.loads)]
        await self.may_answer.wait()
        return Facets(categories=[], languages=languages)


async def test_they_are_remembered_for_five_seconds() -> None:
    clock, source = Clock(), Source()
    remembered = RememberedFacets(source.load, clock)
    assert (await remembered.get()).languages == ["0"]
    clock.moment += timedelta(seconds=4.9)
    assert (await remembered.get()).languages == ["0"]
    clock.moment += timedelta(seconds=0.1)
    assert (await remembered.get()).languages == ["0", "1"]


async def test_a_write_makes_them_forgotten() -> None:
    source = Source()
    remembered = RememberedFacets(source.load, Clock())
    await remembered.get()
    await remembered.forget()
    assert (await remembered.get()).languages == ["0", "1"]


async def test_what_was_loading_during_a_write_is_not_kept() -> None:
    source = Source()
    remembered = RememberedFacets(source.load, Clock())
    source.may_answer.clear()
    loading = asyncio.create_task(remembered.get())
    await source.asked.wait()
    await remembered.forget()
    source.may_answer.set()
    assert (await loading).languages == ["0"]
    assert (await remembered.get()).languages == ["0", "1"]
