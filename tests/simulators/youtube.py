"""A YouTube that tells the titles and lengths of videos: `videos.list` of its Data API v3.

README.md names the vendor's pages that it follows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

import msgspec

from tests.simulators.local_server import Answer, LocalServer, Request, running

API_KEY = "AIzaSimulated-key_of-the-tests"

_PARTS = frozenset({"snippet", "contentDetails"})
_FIELDS = "items(snippet/title,contentDetails/duration)"
_KEY_HEADER = "x-goog-api-key"


class Fault(StrEnum):
    """What a YouTube that is reached does wrong, or is not let do."""

    NONE = "none"
    QUOTA = "quotaExceeded"
    RATE = "rateLimitExceeded"
    DISABLED = "accessNotConfigured"
    ERROR_500 = "500"
    NO_JSON = "an error page instead of JSON"
    ANOTHER_JSON = "JSON of another shape"
    HUGE = "an answer of a megabyte"
    MOVED = "a redirect"


class Video(msgspec.Struct, frozen=True):
    """A public video; `duration` in ISO 8601."""

    title: str
    duration: str


class YouTubeSite:
    """The public videos, and the API that tells about them."""

    def __init__(self) -> None:
        self.server: LocalServer
        self.api_key = API_KEY
        self.fault = Fault.NONE
        self.videos: dict[str, Video] = {}
        self.asked: list[str] = []
        """The ids of videos that were asked for, whatever the answer."""
        self.addresses: list[str] = []
        """The paths of the requests, with their queries."""

    @property
    def url(self) -> str:
        """Where its API is."""
        return self.server.url

    def answer(self, request: Request) -> Answer:
        """Answers a call of the API."""
        self.addresses.append(request.path)
        address = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.asked.append(query.get("id", ""))
        if request.headers.get(_KEY_HEADER, query.get("key")) != self.api_key:
            return _wrong_key()
        if address.path != "/youtube/v3/videos" or request.method != "GET":
            return _refusal(404, "notFound")
        return self._fault() or self._list(query)

    def _fault(self) -> Answer | None:
        answers = {
            Fault.QUOTA: _refusal(403, "quotaExceeded", "youtube.quota"),
            Fault.RATE: _refusal(429, "rateLimitExceeded"),
            Fault.DISABLED: _refusal(403, "accessNotConfigured", "usageLimits"),
            Fault.ERROR_500: _refusal(500, "backendError"),
            Fault.NO_JSON: Answer(403, b"<html><title>Sorry</title></html>", {"Content-Type": "text/html"}),
            Fault.ANOTHER_JSON: _json(200, {"items": [{"snippet": {"title": 1}}]}),
            Fault.HUGE: _json(200, {"items": [], "etag": "x" * 1_000_000}),
            Fault.MOVED: Answer(302, headers={"Location": f"{self.url}/elsewhere"}),
        }
        return answers.get(self.fault)

    def _list(self, query: dict[str, str]) -> Answer:
        if set(query.get("part", "").split(",")) != _PARTS or query.get("fields") != _FIELDS:
            return _refusal(400, "unexpectedParameter", "youtube.parameter")
        if not query.get("id"):
            return _refusal(400, "missingRequiredParameter", "youtube.parameter")
        video = self.videos.get(query["id"])
        if video is None:
            return _json(200, {"items": []})
        found = {"snippet": {"title": video.title}, "contentDetails": {"duration": video.duration}}
        return _json(200, {"items": [found]})


@contextmanager
def running_youtube() -> Iterator[YouTubeSite]:
    """Gives a YouTube that listens on a free loopback port, and ends it."""
    site = YouTubeSite()
    with running(site.answer) as server:
        site.server = server
        yield site


def _json(status: int, value: object) -> Answer:
    return Answer(status, msgspec.json.encode(value), {"Content-Type": "application/json; charset=UTF-8"})


def _refusal(status: int, reason: str, domain: str = "global", details: Sequence[object] = ()) -> Answer:
    errors = [{"message": reason, "domain": domain, "reason": reason}]
    return _json(status, {"error": {"code": status, "message": reason, "errors": errors, "details": details}})


def _wrong_key() -> Answer:
    information = "type.googleapis.com/google.rpc.ErrorInfo"
    detail = {"@type": information, "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    return _refusal(400, "badRequest", details=[detail])
