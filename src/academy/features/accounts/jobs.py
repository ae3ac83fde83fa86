"""Jobs of the accounts."""

from datetime import timedelta

import msgspec

from academy.features.accounts.code_mail import SEND_CODE
from academy.features.accounts.repository import AccountRepository
from academy.features.accounts.service import AccountService
from academy.infrastructure.database.base import Database
from academy.infrastructure.jobs.base import JobKind, JobRegistry
from academy.kit.clock import Clock

UNVERIFIED_KEPT = timedelta(days=7)


class SweepAccounts(msgspec.Struct, frozen=True):
    """Payload of the sweep: nothing to say."""


SWEEP_ACCOUNTS = JobKind("sweep_accounts", SweepAccounts)


def register_jobs(registry: JobRegistry, accounts: AccountService, database: Database, clock: Clock) -> None:
    """Registers who mails one-time codes, and the hourly sweep.

    The sweep removes expired sessions, tokens and codes, and accounts that were never proven.
    """
    repository = AccountRepository(database)

    async def sweep(payload: SweepAccounts) -> None:
        now = clock.now()
        await repository.delete_expired(now)
        await repository.delete_unverified(now - UNVERIFIED_KEPT)

    registry.register(SEND_CODE, accounts.code_mail.handle)
    registry.register(SWEEP_ACCOUNTS, sweep)
    registry.schedule(SWEEP_ACCOUNTS, SweepAccounts(), every=timedelta(hours=1))
