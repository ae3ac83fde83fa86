"""What a health check's answer becomes."""

import asyncio

import pytest

from academy.features.admin import service
from academy.features.admin.service import _checked


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
    well, ill, degraded = await _checked(_well), await _checked(_ill), await _checked(_ill, is_vital=False)
    assert (well.status, well.detail) == ("healthy", "")
    assert (ill.status, ill.detail) == ("error", "The disk is full.")
    assert (degraded.status, degraded.detail) == ("degraded", "The disk is full.")


async def test_a_check_that_breaks_is_an_answer_too() -> None:
    check = await _checked(_broken)
    assert (check.status, check.detail) == ("error", "The check failed: RuntimeError('no such bucket')")


async def test_a_check_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_CHECK_SECONDS", 0.01)
    check = await _checked(_silent)
    assert (check.status, check.detail) == ("error", "No answer within 0 s.")
    assert check.duration_ms >= 10
