"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 20.0


def wait_for(condition: Callable[[], T], seconds: float = SECONDS) -> T:
    """Returns what `condition` returns, asking again until it is true or the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
