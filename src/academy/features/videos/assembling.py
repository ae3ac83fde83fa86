"""Makes a video or file of an upload whose bytes are all here.

The video or file gets the id that was noted with the last byte, and is stored in the transaction that marks the upload
done. However often the job is tried, and wherever it is killed, there is one of it in the end and no part is left.
"""

import asyncio
import hashlib

from academy.features.accounts.errors import AccountGone
from academy.features.accounts.model import User
from academy.features.courses.errors import CourseNotFound, TooManyAttachments
from academy.features.courses.service import CourseService, may_edit
from academy.features.videos.content import NewFile, StoredParts
from academy.features.videos.errors import TooManyLooseFiles, UploadNotFound
from academy.features.videos.model import FileKind, Upload, UploadState
from academy.features.videos.placing import Place, Placing
from academy.features.videos.resumable import AssembleUpload, UploadService
from academy.features.videos.upload_repository import UploadRepository
from academy.infrastructure.database.base import Database
from academy.infrastructure.media.sniffing import FileRefused
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.storage.base import Storage
from academy.kit.clock import Clock
from academy.kit.errors import AcademyError, Kind, NotFoundError

_FINAL = frozenset({Kind.INVALID, Kind.FORBIDDEN, Kind.NOT_FOUND, Kind.TOO_LARGE, Kind.UNAUTHENTICATED})
_FINAL_CONFLICTS = (AccountGone, TooManyLooseFiles, TooManyAttachments)
_LOST = "Some of this file's bytes were lost on our side. Upload it again."
_DAMAGED = "This file was damaged on its way: its checksum is another one. Upload it again."
_GIVEN_UP = "This file could not be put together, although it was tried several times. Upload it again."


class Assembly:
    """Handles ASSEMBLE_UPLOAD. Running it again, or twice at once, ends in the same state."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        clock: Clock,
        uploads: UploadService,
        courses: CourseService,
        placing: Placing,
    ) -> None:
        self._repository = UploadRepository(database)
        self._storage = storage
        self._clock = clock
        self._uploads = uploads
        self._courses = courses
        self._placing = placing

    async def __call__(self, job: AssembleUpload) -> None:
        """Makes the video or file, or notes why there is none. Raises StorageUnavailable to be tried again."""
        upload = await self._repository.get(job.upload_id)
        if upload is not None and upload.state is UploadState.ASSEMBLING:
            try:
                await self._assemble(upload)
            except UploadNotFound:  # it was taken back meanwhile
                pass
            except AcademyError as error:
                if error.kind not in _FINAL and not isinstance(error, _FINAL_CONFLICTS):
                    raise
                # The storage's own word for a part that is missing means nothing to people.
                await self._uploads.refuse(upload, _LOST if error.code == NotFoundError.code else error.message)
        await self._uploads.remove_parts(job.upload_id)

    async def give_up(self, job: AssembleUpload) -> None:
        """Tells the owner when it never comes to an end. Its parts are left to the sweep: a transaction is open."""
        await self._repository.refuse(job.upload_id, _GIVEN_UP, self._clock.now())

    async def _assemble(self, upload: Upload) -> None:
        file = NewFile(
            file_name=upload.file_name,
            content_type=upload.declared_type,
            chunks=StoredParts(self._storage, upload.keys),
        )
        await self._check_digest(upload)
        user = await self._repository.active_user(upload.owner_id)
        if user is None:
            raise AccountGone
        owner = _principal(user)
        place = await self._place(upload, owner)

        async def finish() -> None:
            if not await self._repository.finish(upload.id, self._clock.now()):
                raise UploadNotFound

        if upload.kind is FileKind.VIDEO:
            await self._placing.put_video(file, owner, place, also=finish, video_id=upload.result_id)
        elif place is None:
            await self._placing.put_loose(file, owner, also=finish, file_id=upload.result_id)
        elif place.lesson_id:
            await self._placing.put_file(file, owner, place, also=finish, file_id=upload.result_id)
        else:
            await self._placing.put_cover(file, owner, place.course, also=finish, file_id=upload.result_id)

    async def _check_digest(self, upload: Upload) -> None:
        """Raises FileRefused when the bytes are not those that the client announced the SHA-256 of."""
        if not upload.sha256:
            return
        digest = hashlib.sha256()
        async for chunk in StoredParts(self._storage, upload.keys):
            await asyncio.to_thread(digest.update, chunk)
        if digest.hexdigest() != upload.sha256:
            raise FileRefused(_DAMAGED)

    async def _place(self, upload: Upload, owner: Principal) -> Place | None:
        if upload.course_id is None:
            return None
        course = await self._courses.by_id(upload.course_id)
        if course is None or not may_edit(course, owner):
            raise CourseNotFound
        return Place(course, upload.lesson_id, upload.is_attachment)


def _principal(user: User) -> Principal:
    return Principal(user_id=user.id, session_id="", email=user.email, name=user.name, role=user.role)
