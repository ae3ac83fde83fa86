"""The limit of devices on which one account watches at the same time, over HTTP and in several processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from academy.composition import Academy, build_academy
from academy.features.videos.errors import TooManyStreams
from academy.features.videos.model import AccountStreams
from academy.features.videos.streams import HOLD, RENEWAL
from academy.infrastructure.security.principal import Principal
from academy.kit.ids import new_id
from tests.academies.in_process import Browser, TestAcademy, opened_test_academy
from tests.unit.features.learning.taught import Taught, course_of_everything

MOST = 2
TOLD = "You are watching on 2 devices already"


@pytest.fixture(params=["sqlite", "mongodb"])
async def academy(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TestAcademy]:
    """An academy that lets an account watch on two devices, once on each database engine."""
    uri: str = request.getfixturevalue("mongodb_uri") if request.param == "mongodb" else ""
    async with opened_test_academy(tmp_path, mongodb_uri=uri, MEDIA_MOST_STREAMS=str(MOST)) as opened:
        yield opened


@pytest.fixture
async def taught(academy: TestAcademy, film: bytes) -> Taught:
    taught = await course_of_everything(academy, film)
    await academy.work()
    return taught


def lesson_of(taught: Taught) -> str:
    return f"/learn/{taught.slug}/{taught.lesson('Watch').id}"


async def watches(browser: Browser, taught: Taught) -> bool:
    """Opens the lesson; whether its video is there, and if not, that it is said why."""
    page = await browser.get(lesson_of(taught))
    assert page.status_code == 200
    assert ("<video" in page.text) is not (TOLD in page.text)
    return "<video" in page.text


async def test_one_device_more_is_told_what_to_do(academy: TestAcademy, taught: Taught) -> None:
    person = await taught.learner()
    first, second, third = [await academy.signed_in_browser(person=person) for _ in range(3)]
    assert [await watches(one, taught) for one in (first, second, first, second, third)] == [True] * 4 + [False]
    refused = await third.get(f"{lesson_of(taught)}/playback")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_streams")
    assert refused.json()["detail"].startswith(TOLD)
    api = await academy.signed_in_api(person=person)
    refused = await api.get(f"videos/{taught.lesson('Watch').video_id}/playback")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_streams")
    other = await academy.signed_in_browser(person=await taught.learner())
    assert await watches(other, taught), "the limit is that of one account"


async def test_who_plays_keeps_the_place_and_who_is_silent_loses_it(academy: TestAcademy, taught: Taught) -> None:
    person = await taught.learner()
    plays, stops, waits = [await academy.signed_in_browser(person=person) for _ in range(3)]
    assert await watches(plays, taught)
    assert await watches(stops, taught)
    for _ in range(HOLD // RENEWAL):
        academy.clock.move(seconds=RENEWAL.total_seconds())
        fresh = await plays.get(f"{lesson_of(taught)}/playback")
        assert fresh.json()["renew_in"] == RENEWAL.total_seconds()
        assert not await watches(waits, taught)
    academy.clock.move(seconds=RENEWAL.total_seconds())
    assert await watches(waits, taught)
    assert await watches(plays, taught)
    assert not await watches(stops, taught), "its place is gone"


async def test_the_api_counts_as_the_pages_do(academy: TestAcademy, taught: Taught) -> None:
    person, path = await taught.learner(), f"videos/{taught.lesson('Watch').video_id}/playback"
    devices = [await academy.signed_in_api(person=person) for _ in range(MOST + 1)]
    answers = [await api.get(path) for api in [*devices[:MOST], *devices]]
    assert [answer.status_code for answer in answers] == [200] * 2 * MOST + [409]
    assert answers[0].json()["renew_in"] == RENEWAL.total_seconds()


async def test_strangers_are_not_counted(academy: TestAcademy, taught: Taught) -> None:
    for _ in range(MOST + 1):
        stranger = academy.browser()
        assert await watches(stranger, taught)
    assert (await stranger.get(f"{lesson_of(taught)}/playback")).json()["renew_in"] == 0
    assert await academy.academy.database.collection(AccountStreams).count({}) == 0


async def test_a_video_that_cannot_be_shown_takes_no_place(academy: TestAcademy, film: bytes) -> None:
    unchecked = await course_of_everything(academy, film)
    browser = await academy.signed_in_browser(person=await unchecked.learner())
    assert "is being checked" in (await browser.get(lesson_of(unchecked))).text
    assert await academy.academy.database.collection(AccountStreams).count({}) == 0


def on_another_device(person: Principal) -> Principal:
    return msgspec.structs.replace(person, session_id=new_id())


async def test_processes_together_give_exactly_as_many_places(academy: TestAcademy) -> None:
    person = await academy.person()
    async with AsyncExitStack() as stack:
        processes = [academy.academy]
        for _ in range(2):
            process = build_academy(academy.academy.settings, academy.clock)
            await process.start(work=False)
            stack.push_async_callback(process.stop)
            processes.append(process)

        async def claims(process: Academy) -> bool:
            try:
                await process.videos.streams.claim(on_another_device(person))
            except TooManyStreams:
                return False
            return True

        given = await asyncio.gather(*(claims(process) for process in processes * 5))
    assert sum(given) == MOST


async def test_nothing_is_kept_of_who_stopped(academy: TestAcademy) -> None:
    streams, kept = academy.academy.videos.streams, academy.academy.database.collection(AccountStreams)
    stopped, watching = await academy.person(), await academy.person()
    await streams.claim(stopped)
    academy.clock.move(seconds=HOLD.total_seconds() + 1)
    await streams.claim(watching)
    await streams.sweep()
    assert [one.id for one in await kept.find({})] == [watching.user_id]
    await streams.forget_user(watching.user_id)
    assert await kept.count({}) == 0


async def test_no_limit(tmp_path: Path, film: bytes) -> None:
    async with opened_test_academy(tmp_path, MEDIA_MOST_STREAMS="0") as academy:
        taught = await course_of_everything(academy, film)
        await academy.work()
        person = await taught.learner()
        for _ in range(5):
            browser = await academy.signed_in_browser(person=person)
            assert await watches(browser, taught)
        assert (await browser.get(f"{lesson_of(taught)}/playback")).json()["renew_in"] == 0
