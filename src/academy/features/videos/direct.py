"""Uploads that a browser or program sends straight to the bucket, by a form, without passing through the academy.

Such an upload is one like every other (see `resumable`): whoever fails to reach the bucket sends its bytes by tus
instead. What arrived was seen by nobody, and its form can be sent again until it expires: so it is first copied to
where no form leads, then looked at, and then goes the way of all uploads.
"""

from datetime import timedelta

import msgspec

from academy.features.videos.content import StoredParts, with_head
from academy.features.videos.errors import NoDirectUploads, NotArrived
from academy.features.videos.kinds import FORMATS
from academy.features.videos.model import Upload
from academy.features.videos.placing import Place
from academy.features.videos.resumable import NewUpload, UploadService
from academy.infrastructure.media.sniffing import FileRefused, named_format, sniff
from academy.infrastructure.security.principal import Principal
from academy.infrastructure.storage.base import ObjectTooLarge, Storage, UploadForm
from academy.kit.errors import NotFoundError
from academy.kit.ids import new_id

FORM_HOLDS = timedelta(hours=1)
# The most that both providers take in one form, and copy in one request.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
_LARGEST = 5 << 30
_SENT = "direct"


class DirectUpload(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that was begun, and the form by which its file goes to the bucket."""

    upload: Upload
    form: UploadForm


class DirectUploadService:
    """Uploads of instructors straight to the bucket."""

    def __init__(self, storage: Storage, uploads: UploadService) -> None:
        self._storage = storage
        self._uploads = uploads

    async def begin(self, principal: Principal, new: NewUpload, place: Place | None) -> DirectUpload:
        """Begins an upload and returns the form that takes its file, of exactly this type and at most this length.

        Raises NoDirectUploads, StorageUnavailable, and what `UploadService.begin` raises.
        """
        if not self._storage.address:
            raise NoDirectUploads
        if new.length > _LARGEST:
            raise ObjectTooLarge.over(_LARGEST)
        upload = await self._uploads.begin(principal, new, place)
        found = named_format(upload.file_name, upload.declared_type, FORMATS[upload.kind])
        form = await self._storage.upload_form(
            _key(upload), content_type=found.content_type, limit=upload.length, expires_in=FORM_HOLDS
        )
        if form is None:
            raise NoDirectUploads
        return DirectUpload(upload=upload, form=form)

    async def complete(self, principal: Principal, upload_id: str) -> Upload:
        """Takes on what arrived in the bucket; returns the upload as it is then. Asking again changes nothing.

        Raises NotArrived, FileRefused for a file that is not what was announced (nothing of it is left), and what
        `UploadService.adopt` raises.
        """
        return await self._uploads.adopt(principal, upload_id, self._bring)

    async def _bring(self, upload: Upload) -> list[str]:
        name = new_id()
        kept = f"{upload.folder}{name}"
        try:
            await self._storage.copy(_key(upload), kept)
        except NotFoundError as error:
            raise NotArrived from error
        size = await self._storage.size(kept)
        if size != upload.length:
            raise FileRefused(f"{size} bytes arrived of a file that has {upload.length}. Upload it again.")
        head, _ = await with_head(StoredParts(self._storage, [kept]))
        sniff(upload.file_name, upload.declared_type, head, FORMATS[upload.kind])
        return [name]


def _key(upload: Upload) -> str:
    """Where the form puts the file."""
    return f"{upload.folder}{_SENT}"
