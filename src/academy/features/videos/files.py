"""Files that are not videos: images for everybody, documents and archives for learners."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress

from academy.features.videos.kinds import FILE_FOLDER, IMAGE_FOLDER, kind_of, limit_of, with_head
from academy.features.videos.model import FileKind, StoredFile
from academy.features.videos.repository import VideoRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.media.formats import ARCHIVES, DOCUMENTS, IMAGES, Format
from academy.infrastructure.media.images import Shape, clean_image
from academy.infrastructure.media.sniffing import safe_name, sniff
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.storage.base import ObjectTooLarge, Storage, StorageUnavailable
from academy.infrastructure.storage.settings import StorageSettings
from academy.kit.clock import Clock
from academy.kit.ids import new_id


class FileService:
    """Stores images and lesson files."""

    def __init__(self, database: Database, clock: Clock, storage: Storage, settings: StorageSettings) -> None:
        self._repository = VideoRepository(database)
        self._clock = clock
        self._storage = storage
        self._settings = settings
        # A picture of a few bytes can be hundreds of megabytes of pixels: never several at a time.
        self._one_picture = asyncio.Semaphore(1)

    async def store(
        self, principal: Principal, file_name: str, content_type: str, chunks: AsyncIterable[bytes]
    ) -> StoredFile:
        """Stores a file of whatever kind its name says, except videos. Raises what those two raise."""
        if kind_of(file_name) is FileKind.IMAGE:
            return await self.store_image(principal, file_name, content_type, chunks, Shape.PICTURE)
        return await self.store_file(principal, file_name, content_type, chunks)

    async def store_image(
        self,
        principal: Principal,
        file_name: str,
        content_type: str,
        chunks: AsyncIterable[bytes],
        shape: Shape,
        *,
        course_id: str | None = None,
    ) -> StoredFile:
        """Stores a picture that everybody may see: re-encoded as WebP, bounded, without metadata.

        `course_id` names the course whose cover it becomes.

        Raises:
            FileRefused: it is no JPEG, PNG, GIF or WebP.
            BrokenMedia: it cannot be read.
            ObjectTooLarge: it has more bytes than images may have.
            StorageUnavailable: it could not be stored.
        """
        head, whole = await with_head(chunks)
        sniff(file_name, content_type, head, IMAGES)
        sent = await self._gathered(whole, limit_of(FileKind.IMAGE, self._settings))
        async with self._one_picture:
            content = await clean_image(sent, shape)
        file_id = new_id()
        webp = next(one for one in IMAGES if one.content_type == "image/webp")

        async def cleaned() -> AsyncIterator[bytes]:
            yield content

        key = f"{IMAGE_FOLDER}{file_id}.webp"
        kind, size = FileKind.IMAGE, len(content)
        return await self._keep(principal, file_id, file_name, key, webp, cleaned(), kind, size, course_id)

    async def store_file(
        self,
        principal: Principal,
        file_name: str,
        content_type: str,
        chunks: AsyncIterable[bytes],
        *,
        course_id: str | None = None,
    ) -> StoredFile:
        """Stores a document or an archive as it is, for those who are given its address.

        Raises:
            FileRefused: name, declared type and first bytes are not those of one kind of document or archive.
            ObjectTooLarge: it has more bytes than its kind may have.
            StorageUnavailable: it could not be stored.
        """
        head, whole = await with_head(chunks)
        found = sniff(file_name, content_type, head, (*DOCUMENTS, *ARCHIVES))
        kind = FileKind.ARCHIVE if found in ARCHIVES else FileKind.DOCUMENT
        file_id = new_id()
        key = f"{FILE_FOLDER}{file_id}/file.{found.extensions[0]}"
        limit = limit_of(kind, self._settings)
        return await self._keep(principal, file_id, file_name, key, found, whole, kind, limit, course_id)

    async def _keep(
        self,
        principal: Principal,
        file_id: str,
        file_name: str,
        key: str,
        found: Format,
        chunks: AsyncIterable[bytes],
        kind: FileKind,
        limit: int,
        course_id: str | None,
    ) -> StoredFile:
        stored = await self._storage.upload(key, chunks, limit=limit, content_type=found.content_type)
        now = self._clock.now()
        file = StoredFile(
            id=file_id,
            created_at=now,
            updated_at=now,
            owner_id=principal.user_id,
            course_id=course_id,
            kind=kind,
            file_name=safe_name(file_name),
            content_type=found.content_type,
            key=key,
            size=stored.size,
            sha256=stored.sha256,
        )
        # Without its row the object is nobody's, and the daily cleaning removes it.
        await self._repository.insert_file(file)
        return file

    async def delete(self, key: str) -> None:
        """Deletes the file under `key`, if there is one; whoever calls knows that it is no longer used."""
        if await self._repository.delete_file(key):
            with suppress(StorageUnavailable):
                await self._storage.delete(key)

    async def _gathered(self, chunks: AsyncIterable[bytes], limit: int) -> bytes:
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > limit:
                raise ObjectTooLarge.over(limit)
        return bytes(content)
