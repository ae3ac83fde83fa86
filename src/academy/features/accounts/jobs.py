"""Jobs of the accounts."""

from datetime import timedelta

import msgspec

from academy.features.accounts.repository import AccountRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.jobs.base import JobKind, JobRegistry
from academy.kit.clock import Clock

UNVERIFIED_KEPT = timedelta(days=7)


class SweepAccounts(msgspec.Struct, frozen=True):
    """Payload of the sweep: nothing to say."""


SWEEP_ACCOUNTS = JobKind("sweep_accounts", SweepAccounts)


def register_jobs(registry: JobRegistry, database: Database, clock: Clock) -> None:
    """Registers the hourly sweep of expired sessions, tokens and codes, and of accounts that were never proven."""
    repository = AccountRepository(database)

    async def sweep(payload: SweepAccounts) -> None:
        now = clock.now()
        await repository.delete_expired(now)
        await repository.delete_unverified(now - UNVERIFIED_KEPT)

    registry.register(SWEEP_ACCOUNTS, sweep)
    registry.schedule(SWEEP_ACCOUNTS, SweepAccounts(), every=timedelta(hours=1))
