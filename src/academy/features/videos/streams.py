"""The limit of devices on which one account watches videos at the same time.

A device is a session: a page that is loaded again, or another window, takes no second place. A place is taken with the
addresses of a video and held for HOLD; a player that plays asks for fresh addresses every RENEWAL and so keeps it. One
that is paused, shut or off the net lets it go by saying nothing.

All places of an account are one document, replaced only by who read it last: so the limit is exact in any number of
processes. Addresses that were given hold on for MEDIA_URL_SECONDS: this keeps accounts from being shared, and does not
protect a video from somebody who writes a player of their own.
"""

from datetime import timedelta

import msgspec

from academy.features.videos.errors import TooManyStreams
from academy.features.videos.model import AccountStreams, StreamPlace
from academy.features.videos.repository import StreamRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation, VersionConflict
from academy.infrastructure.jobs.base import JobKind, JobRegistry
from academy.infrastructure.security.principal import Principal
from academy.kit.clock import Clock

HOLD = timedelta(minutes=2)
RENEWAL = timedelta(seconds=45)
# A device that loses so many races in a row is let through: better one too many than somebody who may not watch.
_TRIES = 10


class SweepStreams(msgspec.Struct, kw_only=True):
    """Payload of the job that removes what is kept of accounts that do not watch any more."""


SWEEP_STREAMS = JobKind("sweep_streams", SweepStreams, max_attempts=3)


class StreamService:
    """Gives accounts places to watch. `most`: how many at the same time; 0: there is no limit."""

    def __init__(self, database: Database, clock: Clock, most: int) -> None:
        self._repository = StreamRepository(database)
        self._clock = clock
        self._most = most

    def renew_in(self, viewer: Principal | None) -> int:
        """Returns after how many seconds of playing a viewer has to claim again; 0: never."""
        return int(RENEWAL.total_seconds()) if viewer and self._most else 0

    async def claim(self, viewer: Principal | None) -> None:
        """Takes a place for the viewer's device, or keeps the one that it has. Strangers need none.

        Raises TooManyStreams.
        """
        if viewer is None or not self._most:
            return
        for _ in range(_TRIES):
            try:
                await self._claim(viewer)
            except (UniqueViolation, VersionConflict):  # another device of the account, at the same moment
                continue
            return

    async def _claim(self, viewer: Principal) -> None:
        now = self._clock.now()
        held = await self._repository.of(viewer.user_id)
        others = [
            place
            for place in (held.places if held else [])
            if place.until > now and place.session_id != viewer.session_id
        ]
        if len(others) >= self._most:
            raise TooManyStreams(self._most)
        places = [*others, StreamPlace(session_id=viewer.session_id, until=now + HOLD)]
        if held is None:
            await self._repository.insert(
                AccountStreams(id=viewer.user_id, created_at=now, updated_at=now, places=places)
            )
        else:
            await self._repository.replace(msgspec.structs.replace(held, places=places, updated_at=now))

    async def forget_user(self, user_id: str) -> None:
        """Removes a deleted account's places, in the open transaction."""
        await self._repository.delete_of(user_id)

    async def sweep(self) -> None:
        """Removes what is kept of accounts that do not watch any more."""
        await self._repository.delete_before(self._clock.now() - HOLD)


def register_stream_jobs(registry: JobRegistry, streams: StreamService) -> None:
    """Names the handler of the daily sweep."""

    async def sweep(_: SweepStreams) -> None:
        await streams.sweep()

    registry.register(SWEEP_STREAMS, sweep)
    registry.schedule(SWEEP_STREAMS, SweepStreams(), every=timedelta(days=1))
