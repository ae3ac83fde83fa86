"""Settings of the storage: where files lie, how large they may be, how long their addresses hold."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

MIB = 1 << 20
GIB = 1 << 30


class StorageSettings(Struct, frozen=True, kw_only=True):
    """Where uploaded files are kept and what may be uploaded."""

    storage_provider: Annotated[
        Literal["local", "s3", "gcs"],
        Meta(
            title="STORAGE_PROVIDER",
            description="Where files are kept: `local`, a folder on this machine; `s3`, a bucket of Amazon S3 or a "
            "server like it; `gcs`, a bucket of Google Cloud Storage.",
        ),
    ] = "local"
    storage_path: Annotated[
        str,
        Meta(title="STORAGE_PATH", description="Folder of the stored files. Empty: `files` in ACADEMY_HOME."),
    ] = ""
    storage_timeout_seconds: Annotated[
        float,
        Meta(
            title="STORAGE_TIMEOUT_SECONDS",
            description="How long a bucket may take for one step of an answer before it counts as away.",
            gt=0,
            le=300,
        ),
    ] = 30.0
    cdn_url: Annotated[
        str,
        Meta(
            title="CDN_URL",
            description="Address under which a content delivery network shows the bucket; covers and avatars come "
            "from there. Empty: from the bucket.",
            pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*[^\s?#/])?)?$",
            examples=["https://cdn.rtechacademy.com"],
        ),
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
    media_most_streams: Annotated[
        int,
        Meta(
            title="MEDIA_MOST_STREAMS",
            description="Devices on which one account may watch videos at the same time. 0: no limit.",
            ge=0,
            le=1000,
        ),
    ] = 3
    upload_hours: Annotated[
        int,
        Meta(
            title="UPLOAD_HOURS",
            description="How long an unfinished upload is kept after its last byte came.",
            ge=1,
            le=720,
        ),
    ] = 24


class S3Settings(Struct, frozen=True, kw_only=True):
    """A bucket of Amazon S3, or of a server that speaks its protocol."""

    bucket: Annotated[
        str,
        Meta(
            title="S3_BUCKET",
            description="Name of the bucket.",
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
            pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
            examples=["rtech-academy-files"],
        ),
    ] = ""
    region: Annotated[
        str,
        Meta(
            title="S3_REGION",
            description="Region of the bucket; may be empty with S3_ENDPOINT.",
            pattern=r"^([a-z0-9-]+)?$",
            examples=["ap-south-1"],
        ),
    ] = ""
    endpoint: Annotated[
        str,
        Meta(
            title="S3_ENDPOINT",
            description="Address of a server other than Amazon's, as this machine and browsers reach it; empty: "
            "Amazon's of the region.",
            pattern=r"^(https?://[^\s/]+)?$",
            examples=["https://minio.example.com"],
        ),
    ] = ""
    access_key_id: Annotated[
        str,
        Meta(
            title="S3_ACCESS_KEY_ID",
            description="Access key. Empty: AWS' own way to find credentials (AWS_ACCESS_KEY_ID, profile, role of the "
            "machine).",
        ),
    ] = ""
    secret_access_key: Annotated[str, Meta(title="S3_SECRET_ACCESS_KEY", description="Secret of S3_ACCESS_KEY_ID.")] = (
        ""
    )


class GcsSettings(Struct, frozen=True, kw_only=True):
    """A bucket of Google Cloud Storage."""

    bucket: Annotated[
        str,
        Meta(
            title="GCS_BUCKET",
            description="Name of the bucket.",
            # https://docs.cloud.google.com/storage/docs/buckets#naming
            pattern=r"^([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])?$",
            examples=["rtech-academy-files"],
        ),
    ] = ""
    credentials: Annotated[
        str,
        Meta(
            title="GCS_CREDENTIALS",
            description="Key of the service account that works with the bucket: the path of its JSON file, or the "
            "JSON itself.",
            examples=["/etc/academy/gcs-key.json"],
        ),
    ] = ""
    endpoint: Annotated[
        str,
        Meta(
            title="GCS_ENDPOINT",
            description="Address of the API; another one for a private endpoint.",
            pattern=r"^https?://[^\s/]+$",
        ),
    ] = "https://storage.googleapis.com"


def wrong_storage_settings(storage: StorageSettings, s3: S3Settings, gcs: GcsSettings) -> Mapping[str, str]:
    """Returns what the storage in use needs and does not have, by variable, with what to do."""
    wrong: dict[str, str] = {}
    needed = {
        "s3": {"S3_BUCKET": s3.bucket, "S3_REGION": s3.region or s3.endpoint},
        "gcs": {"GCS_BUCKET": gcs.bucket, "GCS_CREDENTIALS": gcs.credentials},
        "local": {},
    }[storage.storage_provider]
    for variable, value in needed.items():
        if not value:
            wrong[variable] = f"is required with STORAGE_PROVIDER={storage.storage_provider}."
    if storage.storage_provider == "s3" and bool(s3.access_key_id) != bool(s3.secret_access_key):
        wrong["S3_SECRET_ACCESS_KEY"] = "is required with S3_ACCESS_KEY_ID, and the other way round."  # noqa: S105
    if storage.storage_provider == "gcs" and gcs.credentials:
        # Brings the cryptography library, which others need not wait for.
        from academy.infrastructure.storage.service_account import read_service_account

        try:
            read_service_account(gcs.credentials)
        except ValueError as error:
            wrong["GCS_CREDENTIALS"] = f"does not fit: {error}. Give the path of the key file, or its content."
    if storage.storage_provider == "local" and storage.cdn_url:
        wrong["CDN_URL"] = "shows a bucket: it goes with STORAGE_PROVIDER=s3 or gcs only."
    return wrong
