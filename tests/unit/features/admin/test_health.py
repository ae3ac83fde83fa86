"""What a health check's answer becomes."""

import asyncio
from contextlib import suppress

import pytest

from academy.features.admin import service
from academy.features.admin.service import HealthCheck


async def _well() -> str:
    return ""


async def _ill() -> str:
    return "The disk is full."


async def _broken() -> str:
    raise RuntimeError("no such bucket")


async def _silent() -> str:
    await asyncio.Event().wait()
    return ""


async def test_a_check_that_answers() -> None:
    well, ill, degraded = (
        await HealthCheck(_well).run(),
        await HealthCheck(_ill).run(),
        await HealthCheck(_ill, is_vital=False).run(),
    )
    assert (well.status, well.detail) == ("healthy", "")
    assert (ill.status, ill.detail) == ("error", "The disk is full.")
    assert (degraded.status, degraded.detail) == ("degraded", "The disk is full.")


async def test_a_check_that_breaks_is_an_answer_too() -> None:
    check = await HealthCheck(_broken).run()
    assert (check.status, check.detail) == ("error", "The check failed: RuntimeError('no such bucket')")


async def test_a_check_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_CHECK_SECONDS", 0.01)
    check = await HealthCheck(_silent).run()
    assert (check.status, check.detail) == ("error", "No answer within 0 s.")
    assert check.duration_ms >= 10


async def test_a_check_that_cannot_be_cancelled_is_left_behind_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_CHECK_SECONDS", 0.01)
    answers, begun = asyncio.Event(), 0

    async def hung() -> str:
        nonlocal begun
        begun += 1
        while not answers.is_set():
            with suppress(asyncio.CancelledError):
                await answers.wait()
        return ""

    check = HealthCheck(hung)
    assert [(await check.run()).detail for _ in range(3)] == ["No answer within 0 s."] * 3
    assert begun == 1
    answers.set()
    assert (await check.run()).status == "healthy"
