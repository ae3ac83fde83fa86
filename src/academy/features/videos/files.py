"""Files that are not videos: images for everybody, documents and archives for learners."""

import asyncio
import tempfile
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from academy.features.accounts.service import hold_account
from academy.features.videos.content import keep, once
from academy.features.videos.errors import TooManyLooseFiles
from academy.features.videos.kinds import FILE_FOLDER, IMAGE_FOLDER, content_type_of, kind_of, place_of, validate_file
from academy.features.videos.model import FileKind, StoredFile
from academy.features.videos.originals import local_copy
from academy.features.videos.removal import remove_folder, remove_place
from academy.features.videos.repository import VideoRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import DatabaseUnavailable
from academy.infrastructure.media.examination import examine, is_examined
from academy.infrastructure.media.formats import IMAGES, Format
from academy.infrastructure.media.images import CleanImage, Shape, clean_image
from academy.infrastructure.media.sniffing import safe_name
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.storage.base import ObjectTooLarge, Storage, StorageUnavailable
from academy.infrastructure.storage.settings import StorageSettings
from academy.kit.clock import Clock
from academy.kit.ids import new_id

# What one account may have that no course uses, such as pictures in texts.
_MOST_LOOSE, _MOST_LOOSE_BYTES = 100, 500_000_000
_WEBP = next(one for one in IMAGES if one.content_type == "image/webp")

Attach = Callable[[StoredFile], Awaitable[None]]


async def _nothing(_: StoredFile) -> None:
    return


class FileService:
    """Stores images and lesson files."""

    def __init__(self, database: Database, clock: Clock, storage: Storage, settings: StorageSettings) -> None:
        self._database = database
        self._repository = VideoRepository(database)
        self._clock = clock
        self._storage = storage
        self._settings = settings
        # A picture of a few bytes can be hundreds of megabytes of pixels: never several at a time.
        self._one_picture = asyncio.Semaphore(1)
        # Unpacking takes a processor, and a copy of what lies in a bucket takes room on the disk.
        self._few_examinations = asyncio.Semaphore(2)

    async def store(
        self,
        principal: Principal,
        file_name: str,
        content_type: str,
        chunks: AsyncIterable[bytes],
        *,
        attach: Attach = _nothing,
        file_id: str = "",
    ) -> StoredFile:
        """Stores a file of whatever kind its name says, except videos, that belongs to no course.

        Raises TooManyLooseFiles, and what those two raise.
        """
        await self.check_room(principal.user_id, 1)
        if kind_of(file_name) is FileKind.IMAGE:
            shape = Shape.PICTURE
            return await self.store_image(
                principal, file_name, content_type, chunks, shape, attach=attach, file_id=file_id
            )
        return await self.store_file(principal, file_name, content_type, chunks, attach=attach, file_id=file_id)

    async def store_image(
        self,
        principal: Principal,
        file_name: str,
        content_type: str,
        chunks: AsyncIterable[bytes],
        shape: Shape,
        *,
        course_id: str | None = None,
        attach: Attach = _nothing,
        file_id: str = "",
    ) -> StoredFile:
        """Stores a picture that everybody may see: encoded anew as WebP, bounded, without metadata.

        A cover or avatar is also stored in smaller sizes, and all of them as AVIF, in a folder of its own.

        `course_id` names the course whose cover it becomes; `attach` puts it there, in the transaction that stores it.
        It gets the id `file_id`, or a new one.

        Raises:
            FileRefused: it is no JPEG, PNG, GIF or WebP.
            BrokenMedia: it cannot be read.
            ObjectTooLarge: it has more bytes than images may have.
            StorageUnavailable: it could not be stored.
            TooManyLooseFiles: it belongs to no course, like too many others of the account.
            AccountGone: the account was deleted or shut while the bytes came.
        """
        valid = await validate_file(file_name, content_type, chunks, [FileKind.IMAGE], self._settings)
        sent = await self._gathered(valid.chunks, valid.limit)
        async with self._one_picture:
            images = await clean_image(sent, shape)
        begun = self._begun(principal, file_name, FileKind.IMAGE, _WEBP, course_id, file_id)
        if shape.widths:
            begun = msgspec.structs.replace(begun, key=f"{IMAGE_FOLDER}{begun.id}/{images[0].width}.webp")
            await self._keep_smaller(place_of(begun), images[1:])
        # An avatar takes the place of the one before.
        is_loose = course_id is None and shape is not Shape.AVATAR
        chunks = once(images[0].content)
        return await self._keep(begun, _WEBP, chunks, len(images[0].content), attach, is_loose=is_loose)

    async def _keep_smaller(self, folder: str, images: Sequence[CleanImage]) -> None:
        """Stores a picture in its other sizes and formats. Raises StorageUnavailable, with nothing left of them."""
        try:
            for image in images:
                key = f"{folder}{image.width}.{image.extension}"
                await keep(
                    self._storage, key, once(image.content), limit=len(image.content), content_type=content_type_of(key)
                )
        except StorageUnavailable:
            with suppress(StorageUnavailable):
                await remove_folder(self._storage, folder)
            raise

    async def store_file(
        self,
        principal: Principal,
        file_name: str,
        content_type: str,
        chunks: AsyncIterable[bytes],
        *,
        course_id: str | None = None,
        attach: Attach = _nothing,
        file_id: str = "",
    ) -> StoredFile:
        """Stores a document or an archive as it is, for those who are given its address.

        `attach` puts it into its lesson, in the transaction that stores it. It gets the id `file_id`, or a new one.

        Raises:
            FileRefused: name, declared type and first bytes are not those of one kind of document or archive, or it
                holds what is made to harm (see `examine`).
            ObjectTooLarge: it has more bytes than its kind may have.
            StorageUnavailable: it could not be stored.
            TooManyLooseFiles: it belongs to no course, like too many others of the account.
            AccountGone: the account was deleted or shut while the bytes came.
        """
        kinds = [FileKind.DOCUMENT, FileKind.ARCHIVE]
        valid = await validate_file(file_name, content_type, chunks, kinds, self._settings)
        begun = self._begun(principal, file_name, valid.kind, valid.format, course_id, file_id)
        return await self._keep(begun, valid.format, valid.chunks, valid.limit, attach, is_loose=course_id is None)

    def _begun(
        self, principal: Principal, file_name: str, kind: FileKind, found: Format, course_id: str | None, file_id: str
    ) -> StoredFile:
        """Returns a file whose bytes are still to come."""
        now, file_id = self._clock.now(), file_id or new_id()
        place = f"{IMAGE_FOLDER}{file_id}" if kind is FileKind.IMAGE else f"{FILE_FOLDER}{file_id}/file"
        return StoredFile(
            id=file_id,
            created_at=now,
            updated_at=now,
            owner_id=principal.user_id,
            course_id=course_id,
            kind=kind,
            file_name=safe_name(file_name),
            content_type=found.content_type,
            key=f"{place}.{found.extensions[0]}",
            size=0,
            sha256="",
        )

    async def _keep(
        self,
        begun: StoredFile,
        found: Format,
        chunks: AsyncIterable[bytes],
        limit: int,
        attach: Attach,
        *,
        is_loose: bool,
    ) -> StoredFile:
        """Stores the bytes, then the file; a loose one only as long as its owner has room for it."""
        try:
            stored = await keep(self._storage, begun.key, chunks, limit=limit, content_type=begun.content_type)
        except Exception:
            await self._forget(begun)
            raise
        file = msgspec.structs.replace(begun, size=stored.size, sha256=stored.sha256)

        async def work() -> None:
            await hold_account(self._database, file.owner_id)
            if is_loose:
                await self.check_room(file.owner_id, file.size)
            await self._repository.insert_file(file)
            await attach(file)

        try:
            await self._examine(file, found)
            await self._database.transaction(work)
        except Exception:
            await self._forget(file)
            raise
        return file

    async def _examine(self, file: StoredFile, found: Format) -> None:
        """Looks through what is stored, where its first bytes do not tell enough. Raises FileRefused."""
        if file.kind is FileKind.IMAGE or not is_examined(found):
            return
        async with self._few_examinations:
            with tempfile.TemporaryDirectory(prefix="academy-examination-") as folder:
                await examine(await local_copy(self._storage, file.key, Path(folder)), found)

    async def check_room(self, owner_id: str, size: int) -> None:
        """Raises TooManyLooseFiles when a file of `size` bytes more that belongs to no course were too much."""
        held, held_bytes = await self._repository.loose_files_of(owner_id)
        if held >= _MOST_LOOSE or held_bytes + size > _MOST_LOOSE_BYTES:
            raise TooManyLooseFiles(_MOST_LOOSE, _MOST_LOOSE_BYTES)

    async def _forget(self, file: StoredFile) -> None:
        """Deletes the bytes of a file that was not stored after all; what this cannot do, the daily cleaning does."""
        with suppress(StorageUnavailable, DatabaseUnavailable):
            if await self._repository.file_at(file.key) is None:
                await remove_place(self._storage, place_of(file))

    async def delete(self, key: str) -> None:
        """Deletes the file under `key`, if there is one; whoever calls knows that it is no longer used."""
        if file := await self._repository.delete_file(key):
            with suppress(StorageUnavailable):
                await remove_place(self._storage, place_of(file))

    async def _gathered(self, chunks: AsyncIterable[bytes], limit: int) -> bytes:
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > limit:
                raise ObjectTooLarge.over(limit)
        return bytes(content)
