"""Uploads in parts: begun, continued after any interruption, ended. What they become is the job of `assembling`."""

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from academy.features.accounts.service import hold_account
from academy.features.videos.errors import TooManyBytes, UploadBusy, UploadNotFound, UploadOver, WrongOffset
from academy.features.videos.files import FileService
from academy.features.videos.kinds import FORMATS, kind_of, limit_of
from academy.features.videos.model import UPLOAD_FOLDER, FileKind, Upload, UploadState
from academy.features.videos.placing import Place
from academy.features.videos.receiving import LEASE, Checksum, Writer
from academy.features.videos.upload_repository import UploadRepository
from academy.infrastructure.database.base import LARGEST_PAGE, Database, Page
from academy.infrastructure.jobs.base import JobKind, JobQueue
from academy.infrastructure.media.sniffing import FileRefused, named_format, safe_name
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.storage.base import ObjectTooLarge, Storage, StorageUnavailable
from academy.infrastructure.storage.settings import StorageSettings
from academy.kit.clock import Clock
from academy.kit.ids import new_id, new_request_id


class AssembleUpload(msgspec.Struct, kw_only=True):
    """Payload of the job that makes a video or file of an upload whose bytes are all here."""

    upload_id: str


class SweepUploads(msgspec.Struct, kw_only=True):
    """Payload of the job that removes uploads whose time is over, and parts of none."""


# A gigabyte is read and written once: nothing that a worker should be thought dead for.
ASSEMBLE_UPLOAD = JobKind("assemble_upload", AssembleUpload, max_attempts=6, longest_pause=timedelta(minutes=10))
SWEEP_UPLOADS = JobKind("sweep_uploads", SweepUploads, max_attempts=3)


# Returns the names of the parts that are all of an upload. Raises FileRefused when they are not what was announced.
Bring = Callable[[Upload], Awaitable[list[str]]]


class NewUpload(msgspec.Struct, frozen=True, kw_only=True):
    """What a client tells when it begins an upload.

    Attributes:
        file_name: as the client calls the file: not to be trusted.
        content_type: as the client declares it; "" when it does not.
        length: bytes that the file has.
        metadata: all that was told, as it was told.
        sha256: of the file, in hex; "" when it is not told.
    """

    file_name: str
    content_type: str
    length: int
    metadata: str
    sha256: str = ""


class UploadService:
    """Uploads in parts of instructors."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: JobQueue,
        storage: Storage,
        files: FileService,
        settings: StorageSettings,
    ) -> None:
        self._database = database
        self._repository = UploadRepository(database)
        self._clock = clock
        self._queue = queue
        self._storage = storage
        self._files = files
        self._settings = settings

    @property
    def largest(self) -> int:
        """The most bytes that a file of any kind may have."""
        return max(limit_of(kind, self._settings) for kind in FileKind)

    async def begin(self, principal: Principal, new: NewUpload, place: Place | None) -> Upload:
        """Begins an upload for a place, or for none.

        Raises:
            FileRefused: the place takes no files of this kind, or name and declared type contradict each other.
            ObjectTooLarge: a file of this kind may not have so many bytes.
            TooManyLooseFiles, LessonNotFound, AccountGone.
        """
        kind = self._accepted_kind(new, place.kinds if place else tuple(FileKind))
        if new.length > (limit := limit_of(kind, self._settings)):
            raise ObjectTooLarge.over(limit)
        if place is None and kind is not FileKind.VIDEO:
            await self._files.check_room(principal.user_id, new.length)
        now = self._clock.now()
        upload = Upload(
            created_at=now,
            updated_at=now,
            owner_id=principal.user_id,
            course_id=place.course.id if place else None,
            lesson_id=place.lesson_id if place else "",
            is_attachment=place.is_attachment if place else False,
            kind=kind,
            file_name=safe_name(new.file_name),
            declared_type=new.content_type,
            sha256=new.sha256,
            metadata=new.metadata,
            length=new.length,
            expires_at=self._expiry(now),
        )

        async def work() -> None:
            await hold_account(self._database, principal.user_id)
            await self._repository.insert(upload)

        await self._database.transaction(work)
        return upload

    def _accepted_kind(self, new: NewUpload, kinds: Sequence[FileKind]) -> FileKind:
        formats = [one for kind in kinds for one in FORMATS[kind]]
        named_format(new.file_name, new.content_type, formats)
        kind = kind_of(new.file_name)
        if not new.length or kind is None:
            raise FileRefused("The file is empty. Choose another one.", fields={"file": "The file is empty."})
        return kind

    async def get(self, principal: Principal, upload_id: str) -> Upload:
        """Returns an upload to its owner. Raises UploadNotFound, for other people's too, and UploadOver when old."""
        upload = await self._repository.get(upload_id)
        if upload is None or upload.owner_id != principal.user_id:
            raise UploadNotFound
        if upload.state is UploadState.RECEIVING and upload.expires_at <= self._clock.now():
            raise UploadOver(f"Nothing came for {self._settings.upload_hours} hours. Begin the upload anew.")
        return upload

    async def list_not_done(self, principal: Principal, *, limit: int = 20, cursor: str | None = None) -> Page[Upload]:
        """Returns the caller's uploads that are on their way or were refused, newest first. Raises InvalidCursor."""
        return await self._repository.not_done(principal.user_id, limit, cursor)

    async def append(
        self,
        principal: Principal,
        upload_id: str,
        offset: int,
        chunks: AsyncIterable[bytes],
        *,
        announced: int | None,
        checksum: Checksum | None,
    ) -> Upload:
        """Adds bytes at `offset`; returns the upload as it is then. With the last byte, a job takes it on.

        Args:
            principal: its owner.
            offset: where the bytes belong: behind those that are stored.
            chunks: the bytes as they come. When they break off, what came is kept.
            announced: how many they will be, when the client tells.
            checksum: what they must hash to; then they are kept only as a whole.

        Raises:
            UploadNotFound, UploadOver, WrongOffset, UploadBusy: it does not go on, or not like this.
            FileRefused: the file is not what it says; the upload is over and nothing of it is left.
            TooManyBytes, TooManyParts, ChecksumMismatch, StorageUnavailable, and what `chunks` raises.
        """
        upload = await self.get(principal, upload_id)
        self._check_appendable(upload, offset, announced)
        if upload.state is not UploadState.RECEIVING:
            return upload
        taken = await self._take(principal, upload, offset, announced)
        try:
            return await Writer(taken, self._repository, self._storage, self._clock, self._advance).write(
                chunks, checksum
            )
        except FileRefused as error:
            await self.refuse(taken, error.message)
            raise
        finally:
            await self._repository.release(taken.id, taken.writer or "")

    async def adopt(self, principal: Principal, upload_id: str, bring: Bring) -> Upload:
        """Makes parts that came by another way than `append` the whole upload; a job takes it on.

        Returns the upload as it is then; also when that was done before. Raises what `bring` raises; when that is
        FileRefused, the upload is over and nothing of it is left. Raises what `append` raises, too.
        """
        upload = await self.get(principal, upload_id)
        if upload.state in {UploadState.ASSEMBLING, UploadState.DONE}:
            return upload
        self._check_appendable(upload, 0, None)
        taken = await self._take(principal, upload, 0, None)
        try:
            return await self._advance(taken, await bring(taken), taken.length)
        except FileRefused as error:
            await self.refuse(taken, error.message)
            raise
        finally:
            await self._repository.release(taken.id, taken.writer or "")

    async def _take(self, principal: Principal, upload: Upload, offset: int, announced: int | None) -> Upload:
        """Makes this request the upload's writer. Raises UploadBusy, and what stands in its way since it was read."""
        writer, now = new_request_id(), self._clock.now()
        taken = await self._repository.take(upload.id, offset, writer, now, now + LEASE)
        if taken is None:
            self._check_appendable(await self.get(principal, upload.id), offset, announced)
            raise UploadBusy
        return taken

    def _check_appendable(self, upload: Upload, offset: int, announced: int | None) -> None:
        if upload.state is UploadState.REFUSED:
            raise UploadOver(upload.failure)
        if offset != upload.offset:
            raise WrongOffset(upload.offset)
        if announced is not None and announced > upload.length - offset:
            raise TooManyBytes(upload.length)

    async def _advance(self, upload: Upload, parts: list[str], offset: int) -> Upload:
        now = self._clock.now()
        fields: dict[str, object] = {"offset": offset, "updated_at": now, "expires_at": self._expiry(now)}
        is_whole = offset == upload.length
        if is_whole:
            fields |= {"state": UploadState.ASSEMBLING.value, "result_id": new_id(), "writer": None}
        fields["writer_until"] = None if is_whole else now + LEASE

        async def work() -> Upload:
            advanced = await self._repository.advance(upload.id, upload.writer or "", upload.offset, parts, fields)
            if advanced is None:
                raise UploadBusy
            if is_whole:
                await self._queue.enqueue(ASSEMBLE_UPLOAD, AssembleUpload(upload_id=upload.id), key=upload.id)
            return advanced

        return await self._database.transaction(work)

    def _expiry(self, now: datetime) -> datetime:
        return now + timedelta(hours=self._settings.upload_hours)

    async def refuse(self, upload: Upload, failure: str) -> None:
        """Ends an upload with the reason, which stays until it is removed; its bytes go at once."""
        if await self._repository.refuse(upload.id, failure, self._clock.now()):
            await self.remove_parts(upload.id)

    async def terminate(self, principal: Principal, upload_id: str) -> None:
        """Removes an upload with its bytes; what was made of it stays. Raises UploadNotFound."""
        upload = await self._repository.get(upload_id)
        if upload is None or upload.owner_id != principal.user_id or not await self._repository.delete(upload_id):
            raise UploadNotFound
        await self.remove_parts(upload_id)

    async def forget_owner(self, user_id: str) -> None:
        """Removes a deleted account's uploads, in the open transaction."""
        upload_ids = await self._repository.delete_of_owner(user_id)

        async def remove() -> None:
            for upload_id in upload_ids:
                await self.remove_parts(upload_id)

        self._database.after_commit(remove)

    async def remove_parts(self, upload_id: str) -> None:
        """Deletes all bytes of an upload that are still in parts; what this cannot do, the sweep does."""
        with suppress(StorageUnavailable):
            while found := await self._storage.list_files(f"{UPLOAD_FOLDER}{upload_id}/", limit=LARGEST_PAGE):
                for part in found:
                    await self._storage.delete(part.key)

    async def sweep(self) -> None:
        """Removes uploads whose time is over, and parts of no unfinished upload. Raises StorageUnavailable."""
        while await self._repository.delete_expired(self._clock.now(), LARGEST_PAGE):
            pass
        after = ""
        while page := await self._storage.list_files(UPLOAD_FOLDER, after=after, limit=LARGEST_PAGE):
            after = page[-1].key
            owners = {part.key: part.key.removeprefix(UPLOAD_FOLDER).partition("/")[0] for part in page}
            needed = await self._repository.unfinished(sorted(set(owners.values())))
            for key, owner in owners.items():
                if owner not in needed:
                    await self._storage.delete(key)
