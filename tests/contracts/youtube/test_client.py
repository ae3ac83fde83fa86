"""What YouTube tells about videos, against a server that answers as its API says."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.infrastructure.http import small_answers
from academy.infrastructure.youtube.client import QuotaUsedUp, YouTube, YouTubeRefused, YouTubeVideo, parse_duration
from academy.infrastructure.youtube.settings import YouTubeSettings
from academy.kit.errors import UnavailableError
from tests.simulators.local_server import Trouble
from tests.simulators.youtube import API_KEY, Fault, Video, YouTubeSite, running_youtube

TALK = "abcdefghi_1"


@pytest.fixture
def site() -> Iterator[YouTubeSite]:
    with running_youtube() as site:
        site.videos[TALK] = Video("Git & “branches”", "PT1H2M3S")
        yield site


@pytest.fixture
async def youtube(site: YouTubeSite) -> AsyncIterator[YouTube]:
    youtube = YouTube(YouTubeSettings(api_key=API_KEY, url=site.url))
    yield youtube
    await youtube.close()
    await youtube.close()


async def test_a_video_has_a_title_and_a_length(youtube: YouTube, site: YouTubeSite) -> None:
    assert await youtube.video(TALK) == YouTubeVideo(title="Git & “branches”", duration_seconds=3723)
    assert site.asked == [TALK]
    assert API_KEY not in site.addresses[0]


async def test_one_that_is_not_there_or_private_is_none(youtube: YouTube) -> None:
    assert await youtube.video("nobody_has_1") is None


async def test_a_live_stream_has_no_length_yet(youtube: YouTube, site: YouTubeSite) -> None:
    site.videos[TALK] = Video("Live", "P0D")
    assert await youtube.video(TALK) == YouTubeVideo(title="Live", duration_seconds=0)


async def test_without_a_key_nobody_is_asked(site: YouTubeSite) -> None:
    youtube = YouTube(YouTubeSettings(url=site.url))
    assert await youtube.video(TALK) is None
    assert site.server.connections == 0


@pytest.mark.parametrize("fault", [Fault.QUOTA, Fault.RATE])
async def test_a_used_up_quota_comes_back(youtube: YouTube, site: YouTubeSite, fault: Fault) -> None:
    site.fault = fault
    with pytest.raises(QuotaUsedUp):
        await youtube.video(TALK)
    site.fault = Fault.NONE
    assert await youtube.video(TALK) is not None


@pytest.mark.parametrize(
    ("fault", "key", "reason"),
    [
        (Fault.NONE, "AIza-another-key", "API_KEY_INVALID"),
        (Fault.DISABLED, API_KEY, "accessNotConfigured"),
        (Fault.NO_JSON, API_KEY, "403"),
    ],
)
async def test_a_key_that_is_refused_is_named_by_its_reason_only(
    site: YouTubeSite, fault: Fault, key: str, reason: str
) -> None:
    site.fault = fault
    youtube = YouTube(YouTubeSettings(api_key=key, url=site.url))
    with pytest.raises(YouTubeRefused, match=re.escape(f"({reason})")) as refused:
        await youtube.video(TALK)
    assert refused.value.reason == reason
    assert key not in str(refused.value)
    await youtube.close()


@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.ANOTHER_JSON, Fault.HUGE, Fault.MOVED])
async def test_other_answers_are_tried_again(youtube: YouTube, site: YouTubeSite, fault: Fault) -> None:
    site.fault = fault
    with pytest.raises(UnavailableError) as failed:
        await youtube.video(TALK)
    assert not isinstance(failed.value, QuotaUsedUp)
    assert site.asked == [TALK], "no redirect is followed"


async def test_a_length_that_is_none_is_tried_again(youtube: YouTube, site: YouTubeSite) -> None:
    site.videos[TALK] = Video("Odd", "P2M")
    with pytest.raises(UnavailableError, match="cannot be understood"):
        await youtube.video(TALK)


@pytest.mark.parametrize("trouble", [Trouble.DROP_BEFORE, Trouble.CUT, Trouble.HANG, Trouble.TRICKLE])
async def test_a_broken_line_is_tried_again(
    youtube: YouTube, site: YouTubeSite, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_answers, "_SECONDS", 0.3)
    site.server.trouble = trouble
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await youtube.video(TALK)


parts = st.integers(0, 999_999)


@given(weeks=parts, days=parts, hours=parts, minutes=parts, seconds=parts)
def test_durations_are_the_sum_of_their_parts(weeks: int, days: int, hours: int, minutes: int, seconds: int) -> None:
    total = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds
    assert parse_duration(f"P{weeks}W{days}DT{hours}H{minutes}M{seconds}S") == total
    shortened = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    if shortened:
        assert parse_duration(f"PT{shortened}") == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT15S", 15), ("PT4M", 240), ("PT1H", 3600), ("P1DT1S", 86401), ("P1W", 604800), ("P0D", 0), ("PT0S", 0)],
)
def test_durations_that_youtube_writes(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@given(st.text(alphabet="P T0123456789WDHMSY-+.,٣\n", max_size=12))
def test_other_texts_are_no_durations(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0
    assert re.fullmatch(r"P(?=[0-9T])([0-9]+W)?([0-9]+D)?(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+S)?)?", text)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P1M", "P1Y", "PT1.5S", "-PT1S", "PT1S\n", "pt1s", "PT٣S", "1:02"]
)
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)
