"""An academy that is open for one command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from academy.composition import Academy, build_academy
from academy.infrastructure.monitoring.logs import configure_logs
from academy.kit.clock import Clock
from academy.settings import Settings


@asynccontextmanager
async def opened_academy(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Academy]:
    """Gives a started academy whose worker rests, and stops it. Raises DatabaseUnavailable."""
    configure_logs(settings.web.log_level)
    academy = build_academy(settings, clock)
    await academy.start(work=False)
    try:
        yield academy
    finally:
        await academy.stop()
