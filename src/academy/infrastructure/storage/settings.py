"""Settings of the storage: where files lie, how large they may be, how long their addresses hold."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

MIB = 1 << 20
GIB = 1 << 30


class StorageSettings(Struct, frozen=True, kw_only=True):
    """Where uploaded files are kept and what may be uploaded."""

    storage_provider: Annotated[
        Literal["local"],
        Meta(title="STORAGE_PROVIDER", description="Where files are kept: `local`, a folder on this machine."),
    ] = "local"
    storage_path: Annotated[
        str,
        Meta(title="STORAGE_PATH", description="Folder of the stored files. Empty: `files` in ACADEMY_HOME."),
    ] = ""
    max_video_bytes: Annotated[
        int, Meta(title="MAX_VIDEO_BYTES", description="Largest video that may be uploaded, in bytes.", ge=1)
    ] = GIB
    max_image_bytes: Annotated[
        int, Meta(title="MAX_IMAGE_BYTES", description="Largest image that may be uploaded, in bytes.", ge=1)
    ] = 5 * MIB
    max_document_bytes: Annotated[
        int, Meta(title="MAX_DOCUMENT_BYTES", description="Largest document that may be uploaded, in bytes.", ge=1)
    ] = 50 * MIB
    max_archive_bytes: Annotated[
        int, Meta(title="MAX_ARCHIVE_BYTES", description="Largest archive that may be uploaded, in bytes.", ge=1)
    ] = GIB
    media_url_seconds: Annotated[
        int,
        Meta(
            title="MEDIA_URL_SECONDS",
            description="How long the signed address of a video or file holds; longer than one sitting.",
            ge=60,
            le=604_800,
        ),
    ] = 21_600
