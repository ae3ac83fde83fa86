"""Views of videos: each viewer counts once a day, and only when they really watched.

A fact with a unique key (video, day, viewer) is written in the transaction that adds one to the video's counter: calls
that are repeated, doubled or raced change nothing. Viewers are kept as keyed hashes over the day: facts tell neither
who somebody is nor that it is the same person as yesterday.
"""

import hashlib
import hmac
from datetime import timedelta

import msgspec

from academy.features.videos.model import Video, VideoView
from academy.features.videos.repository import VideoRepository, ViewRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.jobs.base import JobKind, JobRegistry
from academy.kit.clock import Clock

_WATCHED_SECONDS = 10.0
_FASTEST_SPEED = 2
# A page may stay open for long before its video is played.
_TICKET_HOLDS = timedelta(days=2)
# Yesterday's facts stay: the clocks of several servers differ.
_KEPT_DAYS = 2


class SweepViews(msgspec.Struct, kw_only=True):
    """Payload of the job that forgets the facts of past days; the counters stay."""


SWEEP_VIEWS = JobKind("sweep_views", SweepViews, max_attempts=3)


def watched_seconds(duration_seconds: float) -> float:
    """Returns how many seconds of a video must be played to count: 10, of a short one half."""
    return min(_WATCHED_SECONDS, duration_seconds / 2)


class ViewService:
    """Counts views.

    A `viewer` is any text that stays the same for one person or browser over a day. Whoever asks for a page with a
    video gets a ticket for it; a view counts when the ticket is old enough for the video to have been watched since.
    """

    def __init__(self, database: Database, clock: Clock, secret: bytes) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret
        self._videos = VideoRepository(database)
        self._repository = ViewRepository(database)

    def ticket(self, video_id: str, viewer: str) -> str:
        """Returns what proves to `count` that this viewer was given this video, and when."""
        issued = f"{self._clock.now().timestamp():.3f}"
        return f"{issued}.{self._mark('ticket', video_id, viewer, issued)}"

    async def count(self, video_id: str, viewer: str, ticket: str) -> bool:
        """Counts a view; returns whether it did: not twice on a day, nor with a ticket that is no proof."""
        video = await self._videos.get(video_id)
        if video is None or not self._proves(ticket, video, viewer):
            return False
        day = self._day()
        who = self._mark("viewer", video_id, viewer, day)
        if await self._repository.find(video_id, day, who) is not None:
            return False
        now = self._clock.now()
        view = VideoView(video_id=video_id, day=day, viewer=who, created_at=now, updated_at=now)

        async def work() -> None:
            await self._repository.insert(view)
            await self._repository.add_to_count(video_id)

        try:
            await self._database.transaction(work)
        except UniqueViolation:  # the same view, counted at the same moment
            return False
        return True

    async def sweep(self, _: SweepViews) -> None:
        """Forgets the facts of past days."""
        await self._repository.delete_before(self._day(timedelta(days=_KEPT_DAYS - 1)))

    def _day(self, ago: timedelta = timedelta()) -> str:
        return (self._clock.now() - ago).date().isoformat()

    def _proves(self, ticket: str, video: Video, viewer: str) -> bool:
        issued, _, mark = ticket.rpartition(".")
        expected = self._mark("ticket", video.id, viewer, issued)
        if not hmac.compare_digest(expected.encode(), mark.encode("utf-8", "surrogatepass")):
            return False
        age = self._clock.now().timestamp() - float(issued)
        needed = watched_seconds(video.duration_seconds) / _FASTEST_SPEED
        return needed <= age <= _TICKET_HOLDS.total_seconds()

    def _mark(self, *parts: str) -> str:
        text = "\n".join(("academy video view v1", *parts))
        return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def register_view_jobs(registry: JobRegistry, views: ViewService) -> None:
    """Names the handler of the daily sweep."""
    registry.register(SWEEP_VIEWS, views.sweep)
    registry.schedule(SWEEP_VIEWS, SweepViews(), every=timedelta(days=1))
