"""A circuit breaker: what is broken is left alone for a while instead of being waited for again and again."""

from datetime import datetime, timedelta

from academy.kit.clock import Clock

_LONGEST_PAUSE_FACTOR = 10


class CircuitBreaker:
    """Counts failures in a row, and tells whether a call should be tried.

    Closed, every call may be tried. After `failures` failures in a row it opens: no call for `pause`. Then one call at
    a time may probe: its success closes the circuit, its failure opens it again for twice as long, up to ten pauses.
    Every call that was allowed must end in `succeeded`, `failed` or `abandoned`.
    """

    def __init__(self, clock: Clock, *, failures: int, pause: timedelta) -> None:
        self._clock = clock
        self._most_failures = failures
        self._first_pause = pause
        self._pause = pause
        self._failures = 0
        self._open_until: datetime | None = None
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        """Whether the last calls failed and none has succeeded since."""
        return self._open_until is not None

    @property
    def is_resting(self) -> bool:
        """Whether no call is tried at the moment."""
        return self._open_until is not None and self._clock.now() < self._open_until

    def allows(self) -> bool:
        """Whether a call should be tried now. True while open means: the caller is the probe."""
        if self._open_until is None:
            return True
        if self._is_probing or self._clock.now() < self._open_until:
            return False
        self._is_probing = True
        return True

    def succeeded(self) -> None:
        """Closes the circuit."""
        self._failures = 0
        self._pause = self._first_pause
        self._open_until = None
        self._is_probing = False

    def failed(self) -> None:
        """Counts a failure, and opens the circuit when there were enough, or when the probe failed."""
        self._failures += 1
        if self._is_probing:
            self._pause = min(self._pause * 2, self._first_pause * _LONGEST_PAUSE_FACTOR)
        elif self._open_until is not None or self._failures < self._most_failures:
            return  # a call that began before the circuit opened tells nothing new
        self._is_probing = False
        self._open_until = self._clock.now() + self._pause

    def abandoned(self) -> None:
        """The call ended without telling whether the other side is well: it was cancelled."""
        self._is_probing = False
