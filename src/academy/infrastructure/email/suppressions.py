"""The addresses that get no mail, since providers reported that it bounces or is not wanted."""

from collections.abc import Sequence

from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.email.model import Mail, MailState, Suppression, SuppressionReason
from academy.infrastructure.email.reports import DeliveryReport, ReportKind
from academy.kit.clock import Clock
from academy.kit.errors import NotFoundError
from academy.kit.text import email_key

_OUTCOMES = {
    ReportKind.BOUNCED: (MailState.BOUNCED, SuppressionReason.BOUNCED),
    ReportKind.COMPLAINED: (MailState.COMPLAINED, SuppressionReason.COMPLAINED),
}


class SuppressionList:
    """Keeps the list, and notes in the mail log what became of a mail."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._suppressions = database.collection(Suppression)
        self._mails = database.collection(Mail)

    async def among(self, address_keys: Sequence[str]) -> dict[str, Suppression]:
        """Returns those of the addresses that get no mail: address key -> why."""
        query = {"address_key": {"$in": sorted(set(address_keys))}, "lifted_at": None}
        return {one.address_key: one for one in await self._suppressions.find(query, sort=("address_key",))}

    async def record(self, report: DeliveryReport) -> None:
        """Stops mail to the address of a report and notes it at its mail; as often as the report may come.

        A report from before an admin lifted the address changes nothing.
        """
        state, reason = _OUTCOMES[report.kind]
        now, key = self._clock.now(), email_key(report.address)
        fresh = Suppression(
            address=report.address,
            address_key=key,
            reason=reason,
            provider=report.provider,
            detail=report.detail,
            mail_id=report.mail_id,
            reported_at=report.reported_at,
            created_at=now,
            updated_at=now,
        )

        async def work() -> None:
            held = await self._suppressions.find_and_update(
                {"address_key": key}, {"$max": {"updated_at": now}}, insert=fresh
            )
            if held is None:
                return
            if held.lifted_at is not None:
                if report.reported_at <= held.lifted_at:
                    return  # an admin has looked at the address since
                again: dict[str, object] = {"reason": reason, "provider": report.provider, "detail": report.detail}
                again |= {"mail_id": report.mail_id, "reported_at": report.reported_at, "lifted_at": None}
                await self._suppressions.update_one({"address_key": key}, {"$set": again})
            if report.mail_id:
                note = {"state": state, "last_error": report.detail, "updated_at": now}
                await self._mails.update_one({"id": report.mail_id, "to_key": key}, {"$set": note})

        await self._database.transaction(work)

    async def page(self, *, limit: int = 50, cursor: str | None = None) -> Page[Suppression]:
        """Returns the addresses that get no mail, the latest report first. Raises InvalidCursor."""
        return await self._suppressions.page({"lifted_at": None}, sort=("-reported_at",), limit=limit, cursor=cursor)

    async def lift(self, suppression_id: str) -> Suppression:
        """Lets an address get mail again. Raises NotFoundError."""
        now = self._clock.now()
        lifted = await self._suppressions.find_and_update(
            {"id": suppression_id, "lifted_at": None}, {"$set": {"lifted_at": now, "updated_at": now}}
        )
        if lifted is None:
            raise NotFoundError("This address is not on the list, or was lifted already.")
        return lifted

    async def forget(self, address_keys: Sequence[str]) -> None:
        """Removes addresses of a deleted account; joins the open transaction."""
        await self._suppressions.delete_many({"address_key": {"$in": list(address_keys)}})
