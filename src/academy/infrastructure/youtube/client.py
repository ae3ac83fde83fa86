"""What YouTube tells about a video: `videos.list` of the YouTube Data API v3.

https://developers.google.com/youtube/v3/docs/videos/list says what goes in, https://developers.google.com/youtube/v3/docs/videos
what comes out, https://developers.google.com/youtube/v3/docs/errors and
https://developers.google.com/youtube/v3/docs/core_errors what can go wrong.
"""

import re

import httpx
import msgspec
from msgspec import Struct

from academy.infrastructure.http.bodies import UNREADABLE
from academy.infrastructure.http.small_answers import SmallAnswer, SmallAnswers
from academy.infrastructure.youtube.settings import YouTubeSettings
from academy.kit.errors import UnavailableError

_DURATION = re.compile(r"P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?", re.ASCII)
_SECONDS_OF_PARTS = (604_800, 86_400, 3_600, 60, 1)
# What the day's or the minute's share is called when it is used up; all come with the status 403, newer ones with 429.
_USED_UP = frozenset({"quotaExceeded", "dailyLimitExceeded", "rateLimitExceeded", "userRateLimitExceeded"})
_NOT_LET_IN = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
_LONGEST_REASON = 60


class QuotaUsedUp(UnavailableError):
    """The key has asked as often as it may for now; a new day's share comes at midnight Pacific Time."""


class YouTubeRefused(Exception):
    """YouTube takes no question with this key, whatever the video: somebody has to look at YOUTUBE_API_KEY.

    Attributes:
        reason: YouTube's name for it, such as `API_KEY_INVALID` or `accessNotConfigured`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"YouTube refuses the key ({reason}).")
        self.reason = reason


class YouTubeVideo(Struct, frozen=True, kw_only=True):
    """A video; the length of a live stream that is not over is 0 seconds."""

    title: str
    duration_seconds: int


class _Snippet(Struct):
    title: str


class _Details(Struct):
    duration: str


class _Item(Struct, rename="camel"):
    snippet: _Snippet
    content_details: _Details


class _Videos(Struct):
    items: list[_Item] = []


class _Reason(Struct):
    reason: str = ""


class _Error(Struct):
    errors: list[_Reason] = []
    details: list[_Reason] = []


class _Refusal(Struct):
    error: _Error


class YouTube:
    """Asks with our key. It connects when it is first used."""

    def __init__(self, settings: YouTubeSettings) -> None:
        self._settings = settings
        self._answers = SmallAnswers("YouTube")

    async def video(self, video_id: str) -> YouTubeVideo | None:
        """Returns what is known of a video; None when it does not exist or is private, or when no key is set.

        Raises UnavailableError to be asked again, QuotaUsedUp to be asked again much later, YouTubeRefused.
        """
        if not self._settings.api_key:
            return None
        answer = await self._answers.get(
            f"{self._settings.url}/youtube/v3/videos",
            query={
                "part": "snippet,contentDetails",
                "id": video_id,
                "fields": "items(snippet/title,contentDetails/duration)",
            },
            # Not as `key` in the address: addresses get into logs. https://docs.cloud.google.com/apis/docs/system-parameters
            headers={"X-Goog-Api-Key": self._settings.api_key},
        )
        if answer.status != httpx.codes.OK:
            raise _failure(answer)
        try:
            found = msgspec.json.decode(answer.body, type=_Videos).items
            return _video(found[0]) if found else None
        except (*UNREADABLE, ValueError) as error:
            raise UnavailableError("YouTube's answer cannot be understood.") from error

    async def close(self) -> None:
        """Closes the kept connections. Safe to call twice."""
        await self._answers.close()


def parse_duration(text: str) -> int:
    """Returns the seconds of an ISO 8601 duration as YouTube writes it: `PT1H2M3S`, `P1DT2H`, `P1W`; `P0D` is 0.

    Raises ValueError for anything else, such as months, whose length nobody knows.
    """
    found = _DURATION.fullmatch(text)
    parts = found.groups() if found else ()
    if not any(parts) or text.endswith("T"):
        raise ValueError(f"{text[:_LONGEST_REASON]!r} is no duration.")
    return sum(int(part or 0) * seconds for part, seconds in zip(parts, _SECONDS_OF_PARTS, strict=True))


def _video(item: _Item) -> YouTubeVideo:
    return YouTubeVideo(title=item.snippet.title, duration_seconds=parse_duration(item.content_details.duration))


def _failure(answer: SmallAnswer) -> UnavailableError | YouTubeRefused:
    reasons = _reasons(answer.body)
    if answer.status == httpx.codes.TOO_MANY_REQUESTS or not _USED_UP.isdisjoint(reasons):
        return QuotaUsedUp("The academy has asked YouTube as often as it may for now.")
    if answer.status in _NOT_LET_IN:
        return YouTubeRefused(reasons[0] if reasons else str(answer.status))
    return UnavailableError(f"YouTube answers with {answer.status}.")


def _reasons(body: bytes) -> list[str]:
    """Returns the names that YouTube gives an error, the most exact one first."""
    try:
        error = msgspec.json.decode(body, type=_Refusal).error
    except UNREADABLE:
        return []
    return [one.reason[:_LONGEST_REASON] for one in [*error.details, *error.errors] if one.reason]
