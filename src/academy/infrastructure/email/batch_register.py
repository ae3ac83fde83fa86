"""What holds for a batch as a whole: that it is sent, or that it was dropped."""

from datetime import datetime

from academy.infrastructure.database.base import Database
from academy.infrastructure.database.batches import update_in_batches
from academy.infrastructure.email.model import Mail, MailBatch, MailState
from academy.kit.clock import Clock
from academy.kit.errors import ConflictError, NotFoundError

_TAKEN_BACK = "It was taken back, with the rest of its batch, before it left."


class BatchRegister:
    """Knows the batches. Who gives a batch something to send changes its document in the same transaction.

    So a drop and a writer wait for each other on both engines, and nothing is added to a batch that was dropped.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._batches = database.collection(MailBatch)
        self._mails = database.collection(Mail)
        self._clock = clock

    async def change(self, batch_id: str, *, started_at: datetime | None = None) -> None:
        """Notes, in the open transaction, that a batch is given something to send; begins a batch that is new.

        Raises ConflictError when it was dropped.
        """
        now = self._clock.now()
        change = {"updated_at": now} | ({"started_at": started_at} if started_at else {})
        new = MailBatch(id=batch_id, started_at=started_at, created_at=now, updated_at=now)
        _refuse_dropped(await self._batches.find_and_update({"id": batch_id}, {"$set": change}, insert=new))

    async def get(self, batch_id: str) -> MailBatch | None:
        """Returns a batch, if there is one."""
        return await self._batches.get(batch_id)

    async def check(self, batch_id: str) -> None:
        """Raises NotFoundError when there is no such batch, ConflictError when it was dropped."""
        batch = await self.get(batch_id)
        if batch is None:
            raise NotFoundError(f"There is no batch {batch_id}.")
        _refuse_dropped(batch)

    async def drop(self, batch_id: str) -> int:
        """Drops a batch for good, then takes back what has not left. Returns how many mails that were.

        Raises NotFoundError when there is no such batch.
        """
        now = self._clock.now()
        dropped = {"$set": {"dropped_at": now, "updated_at": now}}
        is_new = await self._batches.update_one({"id": batch_id, "dropped_at": None}, dropped)
        if not is_new and await self.get(batch_id) is None:
            raise NotFoundError(f"There is no batch {batch_id}.")
        return await self._take_back(batch_id)

    async def is_dropped(self, batch_id: str) -> bool:
        """Whether a batch was dropped; what still waits of it is taken back then.

        For who was just about to send it: what was given up before may have begun to wait again during the drop.
        """
        batch = await self.get(batch_id)
        if batch is None or batch.dropped_at is None:
            return False
        await self._take_back(batch_id)
        return True

    async def _take_back(self, batch_id: str) -> int:
        fields = {"state": MailState.DROPPED, "given_up": False, "last_error": _TAKEN_BACK}
        change = {"$set": {**fields, "updated_at": self._clock.now()}}
        waiting = {"batch_id": batch_id, "state": MailState.QUEUED}
        # Those would be tried again, too, as soon as somebody has its job tried again.
        given_up = {"batch_id": batch_id, "state": MailState.FAILED, "given_up": True}
        return sum(
            [await update_in_batches(self._mails, query, change, sort=("created_at",)) for query in (waiting, given_up)]
        )


def _refuse_dropped(batch: MailBatch | None) -> None:
    if batch is not None and batch.dropped_at is not None:
        raise ConflictError(f"Batch {batch.id} was dropped. Begin a new one.")
