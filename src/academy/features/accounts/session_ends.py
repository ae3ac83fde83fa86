"""Ends all sessions of an account, in the transaction that gives the reason for it."""

from contextlib import suppress

from academy.features.accounts.repository import AccountRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.sessions.base import SessionStore, SessionsUnavailable


class SessionEnds:
    """Ends sessions so that none of them counts any more, whether or not their store can be reached."""

    def __init__(self, database: Database, repository: AccountRepository, store: SessionStore) -> None:
        self._database = database
        self._repository = repository
        self._store = store

    async def of_all(self, user_id: str, *, but: str = "") -> None:
        """Ends all sessions of an account except one, with their refresh tokens; joins the open transaction.

        What ends them is the account's new generation. To destroy them is cleaning up: where that cannot be part of the
        transaction it follows its commit, and no harm is done when it fails.
        """
        await self._repository.begin_session_generation(user_id, but=but)
        await self._repository.delete_tokens_of(user_id, but=but)
        if self._store.joins_transactions:
            await self._store.destroy_all(user_id, but=but)
        else:
            self._database.after_commit(lambda: self._clean_up(user_id, but))

    async def _clean_up(self, user_id: str, but: str) -> None:
        with suppress(SessionsUnavailable):
            await self._store.destroy_all(user_id, but=but)
