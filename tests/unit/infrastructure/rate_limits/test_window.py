"""The arithmetic of the sliding window, tried with any quota and any moments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.infrastructure.rate_limits.base import Rule, Standing
from academy.infrastructure.rate_limits.window import Quota, Window, quota_of, standing_of
from academy.settings import SettingsError, load_settings

START = 1_000_000
quotas = st.builds(Quota, tries=st.integers(1, 40), window=st.sampled_from([1_000, 7_000, 60_000, 3_600_000]))
pauses = st.lists(st.integers(0, 9_000), min_size=1, max_size=150)


def hit(window: Window, quota: Quota, now: int) -> Standing:
    return standing_of(Rule.CODES, quota, window.hit(quota, now))


def tried(quota: Quota, waits: list[int]) -> tuple[Window, int, list[int], Standing]:
    """Tries after each of the waits; returns also the moments of the tries that were allowed, and the last standing."""
    window, now, allowed = Window(START), START, []
    for wait in waits:
        now += wait * quota.window // 6_000
        standing = hit(window, quota, now)
        allowed += [now] * standing.is_allowed
    return window, now, allowed, standing


@given(quotas, pauses, st.sampled_from([10, 4, 1]))
def test_no_double_burst_fits_at_an_edge(quota: Quota, waits: list[int], part: int) -> None:
    """In any span: one burst, and what trickles in while it slides out as if it had been spread evenly."""
    allowed = tried(quota, waits)[2]
    assert allowed, "the first is"
    span = quota.window // part
    for moment in allowed:
        assert sum(moment <= other < moment + span for other in allowed) <= quota.tries + quota.tries / part + 1


@given(quotas, pauses)
def test_who_waits_as_long_as_told_is_let_in_and_not_a_second_before(quota: Quota, waits: list[int]) -> None:
    window, now, _, _ = tried(quota, waits)
    while (standing := hit(window, quota, now)).is_allowed:
        pass
    assert standing.remaining == 0
    early = now + (standing.reset_seconds - 1) * 1000
    assert early == now or not hit(window, quota, early).is_allowed
    assert hit(window, quota, now + standing.reset_seconds * 1000).is_allowed


@given(quotas, pauses)
def test_the_quota_is_whole_when_it_is_told_to_be(quota: Quota, waits: list[int]) -> None:
    window, now, _, standing = tried(quota, waits)
    if standing.is_allowed:
        after = hit(window, quota, now + standing.reset_seconds * 1000)
        assert (after.is_allowed, after.remaining) == (True, quota.tries - 1)


@given(quotas, pauses)
def test_what_remains_can_be_had_at_once_and_no_more(quota: Quota, waits: list[int]) -> None:
    window, now, _, standing = tried(quota, waits)
    for _ in range(standing.remaining):
        assert hit(window, quota, now).is_allowed
    assert not hit(window, quota, now).is_allowed


def test_a_full_burst_is_followed_by_one_window_of_nothing() -> None:
    quota, window = Quota(10, 600_000), Window(START)
    assert [hit(window, quota, START).is_allowed for _ in range(11)] == [True] * 10 + [False]
    assert hit(window, quota, START + 599_999).reset_seconds == 1
    standings = [hit(window, quota, START + 600_000) for _ in range(2)]
    assert [(one.is_allowed, one.reset_seconds) for one in standings] == [(True, 600), (False, 60)]


def test_a_clock_that_is_set_back_lets_nobody_wait_longer() -> None:
    quota, window = Quota(2, 60_000), Window(START)
    for _ in range(2):
        assert hit(window, quota, START).is_allowed
    back = hit(window, quota, START - 900_000)
    assert (back.is_allowed, back.reset_seconds) == (False, 60)
    assert hit(window, quota, START - 840_000).is_allowed


def test_quotas_are_read() -> None:
    assert quota_of("1200 per minute") == Quota(1200, 60_000)
    assert quota_of("10 per 10 minutes") == Quota(10, 600_000)
    assert quota_of("1 per day") == Quota(1, 86_400_000)
    assert quota_of("5 per 2 hours") == Quota(5, 7_200_000)
    assert quota_of("3 per second") == Quota(3, 1_000)
    assert quota_of("off") is None


@pytest.mark.parametrize("text", ["0 per minute", "5 per 0 minutes", "00 per hour", "5 per 00 hours", "5", "per hour"])
def test_a_quota_of_nothing_or_of_no_time_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"RATE_LIMIT_REQUESTS": text})
    told = refused.value.mistakes["RATE_LIMIT_REQUESTS"]
    assert told.startswith(f"'{text}' does not fit. It takes a text such as 1200 per minute.")
    assert told.endswith("`off`: no limit.")
