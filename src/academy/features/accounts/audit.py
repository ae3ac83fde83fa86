"""Writes the audit trail."""

from academy.features.accounts.model import AuditAction, AuditEntry
from academy.features.accounts.repository import AccountRepository
from academy.kit.clock import Clock


class AuditLog:
    """Notes what was done to an account, in the transaction that does it."""

    def __init__(self, repository: AccountRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def note(self, action: AuditAction, subject_id: str, *, actor_id: str = "", **details: str) -> None:
        """Writes one entry about an account; without an actor its owner did it."""
        now = self._clock.now()
        entry = AuditEntry(
            actor_id=actor_id or subject_id,
            action=action,
            subject_id=subject_id,
            details=details,
            created_at=now,
            updated_at=now,
        )
        await self._repository.insert_audit(entry)
