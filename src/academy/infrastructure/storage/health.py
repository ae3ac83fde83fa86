"""The health check that every storage answers in the same way."""

from collections.abc import AsyncIterator

from academy.infrastructure.storage.base import Storage, StorageUnavailable
from academy.kit.errors import AcademyError
from academy.kit.ids import new_id


async def check_health(storage: Storage) -> str:
    """Writes, reads and deletes a tiny object; returns "" when well, else what is wrong. Never raises."""
    key, content = f"health/{new_id()}", b"well"

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    try:
        await storage.upload(key, chunks(), limit=len(content), content_type="application/octet-stream")
        read = b"".join([chunk async for chunk in storage.read(key)])
        await storage.delete(key)
    except StorageUnavailable as error:
        return error.detail or error.message
    except AcademyError as error:
        return error.message
    return "" if read == content else "The storage answers other bytes than were written to it."
