"""What the driver tells about its work: open connections and slow commands."""

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
    ConnectionCheckedInEvent,
    ConnectionCheckedOutEvent,
    ConnectionCheckOutFailedEvent,
    ConnectionCheckOutStartedEvent,
    ConnectionClosedEvent,
    ConnectionCreatedEvent,
    ConnectionPoolListener,
    ConnectionReadyEvent,
    PoolClearedEvent,
    PoolClosedEvent,
    PoolCreatedEvent,
    PoolReadyEvent,
)

# MongoDB's own profiler calls slower commands slow by default.
SLOW_MICROSECONDS = 100_000


class SlowCommands(CommandListener):
    """Counts commands that took longer than the slow limit."""

    def __init__(self) -> None:
        self.count = 0

    def started(self, event: CommandStartedEvent) -> None:
        """Does nothing: only ends are counted."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Counts it when it was slow."""
        self.count += event.duration_micros > SLOW_MICROSECONDS

    def failed(self, event: CommandFailedEvent) -> None:
        """Counts it when it was slow."""
        self.count += event.duration_micros > SLOW_MICROSECONDS


class OpenConnections(ConnectionPoolListener):
    """Counts the connections that the pools hold."""

    def __init__(self) -> None:
        self.count = 0

    def connection_created(self, event: ConnectionCreatedEvent) -> None:
        """Counts one more."""
        self.count += 1

    def connection_closed(self, event: ConnectionClosedEvent) -> None:
        """Counts one less."""
        self.count -= 1

    def pool_created(self, event: PoolCreatedEvent) -> None:
        """Does nothing: a pool begins empty."""

    def pool_ready(self, event: PoolReadyEvent) -> None:
        """Does nothing: connections tell of themselves."""

    def pool_cleared(self, event: PoolClearedEvent) -> None:
        """Does nothing: connections tell of themselves."""

    def pool_closed(self, event: PoolClosedEvent) -> None:
        """Does nothing: connections tell of themselves."""

    def connection_ready(self, event: ConnectionReadyEvent) -> None:
        """Does nothing: it was counted when created."""

    def connection_check_out_started(self, event: ConnectionCheckOutStartedEvent) -> None:
        """Does nothing: use is not counted."""

    def connection_check_out_failed(self, event: ConnectionCheckOutFailedEvent) -> None:
        """Does nothing: use is not counted."""

    def connection_checked_out(self, event: ConnectionCheckedOutEvent) -> None:
        """Does nothing: use is not counted."""

    def connection_checked_in(self, event: ConnectionCheckedInEvent) -> None:
        """Does nothing: use is not counted."""
