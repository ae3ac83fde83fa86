"""Every query of the uploads in parts."""

from collections.abc import Sequence
from datetime import datetime

from academy.features.accounts.model import User, UserStatus
from academy.features.videos.model import Upload, UploadState
from academy.infrastructure.database.base import Database, Page

_UNFINISHED = [UploadState.RECEIVING.value, UploadState.ASSEMBLING.value]


class UploadRepository:
    """Uploads in parts."""

    def __init__(self, database: Database) -> None:
        self._uploads = database.collection(Upload)
        self._users = database.collection(User)

    async def insert(self, upload: Upload) -> None:
        """Stores a new upload."""
        await self._uploads.insert(upload)

    async def get(self, upload_id: str) -> Upload | None:
        """Returns the upload with this id."""
        return await self._uploads.get(upload_id)

    async def not_done(self, owner_id: str, limit: int, cursor: str | None) -> Page[Upload]:
        """Returns a user's uploads that are on their way or were refused, newest first."""
        query = {"owner_id": owner_id, "state": {"$in": [*_UNFINISHED, UploadState.REFUSED.value]}}
        return await self._uploads.page(query, sort=("-created_at",), limit=limit, cursor=cursor)

    async def take(self, upload_id: str, offset: int, writer: str, now: datetime, until: datetime) -> Upload | None:
        """Lets a writer add bytes at `offset` until a time; None when these are not the next, or another one writes."""
        return await self._uploads.find_and_update(
            {
                "id": upload_id,
                "state": UploadState.RECEIVING.value,
                "offset": offset,
                "$or": [{"writer_until": None}, {"writer_until": {"$lte": now}}],
            },
            {"$set": {"writer": writer, "writer_until": until}},
        )

    async def renew(self, upload_id: str, writer: str, until: datetime) -> bool:
        """Lets the writer go on until a time; whether it still may."""
        return await self._uploads.update_one(_written_by(upload_id, writer), {"$set": {"writer_until": until}})

    async def release(self, upload_id: str, writer: str) -> None:
        """Lets others write."""
        await self._uploads.update_one(_written_by(upload_id, writer), {"$set": {"writer": None, "writer_until": None}})

    async def advance(
        self, upload_id: str, writer: str, offset: int, parts: Sequence[str], fields: dict[str, object]
    ) -> Upload | None:
        """Adds stored parts behind `offset` and sets fields; None when the writer may not (any more)."""
        return await self._uploads.find_and_update(
            {**_written_by(upload_id, writer), "offset": offset},
            {"$set": fields, "$push": {"parts": {"$each": list(parts)}}},
        )

    async def refuse(self, upload_id: str, failure: str, now: datetime) -> bool:
        """Notes why an unfinished upload becomes nothing; whether it was one."""
        query = {"id": upload_id, "state": {"$in": _UNFINISHED}}
        over = {"state": UploadState.REFUSED.value, "failure": failure, "updated_at": now}
        return await self._uploads.update_one(
            query, {"$set": {**over, "parts": [], "writer": None, "writer_until": None}}
        )

    async def finish(self, upload_id: str, now: datetime) -> bool:
        """Notes that an upload became its video or file; whether it was waiting for that."""
        query = {"id": upload_id, "state": UploadState.ASSEMBLING.value}
        fields = {"state": UploadState.DONE.value, "parts": [], "updated_at": now}
        return await self._uploads.update_one(query, {"$set": fields})

    async def delete(self, upload_id: str) -> bool:
        """Removes an upload; whether there was one."""
        return await self._uploads.delete_one({"id": upload_id})

    async def delete_of_owner(self, owner_id: str) -> list[str]:
        """Removes a user's uploads; returns their ids."""
        ids: list[str] = []
        while found := await self._uploads.find({"owner_id": owner_id}):
            ids += [upload.id for upload in found]
            await self._uploads.delete_many({"id": {"$in": [upload.id for upload in found]}})
        return ids

    async def delete_expired(self, now: datetime, limit: int) -> list[str]:
        """Removes at most `limit` (up to 200) uploads whose time is over, unless they are being put together."""
        query = {"expires_at": {"$lte": now}, "state": {"$ne": UploadState.ASSEMBLING.value}}
        found = await self._uploads.find(query, sort=("expires_at",), limit=limit)
        # With the query again: more may have come for one of them.
        return [upload.id for upload in found if await self._uploads.delete_one({**query, "id": upload.id})]

    async def unfinished(self, ids: Sequence[str]) -> set[str]:
        """Returns those of the ids (at most 200) whose parts are needed."""
        found = await self._uploads.find({"id": {"$in": list(ids)}, "state": {"$in": _UNFINISHED}})
        return {upload.id for upload in found}

    async def active_user(self, user_id: str) -> User | None:
        """Returns the account with this id when it is in use."""
        user = await self._users.get(user_id)
        return user if user and user.status is UserStatus.ACTIVE else None


def _written_by(upload_id: str, writer: str) -> dict[str, object]:
    return {"id": upload_id, "writer": writer, "state": UploadState.RECEIVING.value}
