"""Storage in a bucket of Amazon S3, or of a server that speaks its protocol (MinIO, Ceph, R2)."""

import asyncio
import hashlib
import hmac
import importlib
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec
from obstore.store import S3Store

from academy.infrastructure.storage.object_store import ObjectStorage, client_options, retry_config
from academy.infrastructure.storage.presigning import AMAZON, Identity, Presigner
from academy.infrastructure.storage.settings import S3Settings
from academy.kit.clock import Clock

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Credential

_USUAL_REGION = "us-east-1"
# botocore renews temporary credentials ten minutes before they end, at the latest; obstore asks again five minutes
# before the end that it is told.
_CREDENTIALS_HOLD = timedelta(minutes=9)


class NoCredentials(Exception):
    """Nobody has given the academy AWS credentials."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """AWS credentials; `token` is "" unless they are temporary."""

    key_id: str
    secret: str
    token: str = ""


class S3Storage(ObjectStorage):
    """Keeps objects in S3_BUCKET. Makes no connection before it is used."""

    def __init__(self, settings: S3Settings, timeout_seconds: float, clock: Clock) -> None:
        """`timeout_seconds`: how long the bucket may take for one step of an answer."""
        self._settings = settings
        self._region = settings.region or _USUAL_REGION
        endpoint = settings.endpoint or f"https://s3.{self._region}.amazonaws.com"
        if self._region.startswith("cn-") and not settings.endpoint:
            endpoint += ".cn"
        # A name with dots fits no certificate, and other servers seldom answer to names before their own.
        is_host = not settings.endpoint and "." not in settings.bucket
        scheme, _, host = endpoint.partition("://")
        address = f"{scheme}://{settings.bucket}.{host}" if is_host else f"{endpoint}/{settings.bucket}"
        # obstore reads AWS' environment variables too, which may be meant for something else: said here, they are not.
        config: S3Config = {
            "endpoint": address if is_host else endpoint,
            "aws_endpoint_url_s3": address if is_host else endpoint,
            "skip_signature": False,
            "virtual_hosted_style_request": is_host,
            "region": self._region,
            # TLS protects what is sent. Signing it too would hash every byte a second time.
            "unsigned_payload": scheme == "https",
        }
        self._chain = _AwsChain()
        store = S3Store(
            settings.bucket,
            config=config,
            credential_provider=self._fixed if settings.access_key_id else self._renewed,
            client_options=client_options(timeout_seconds, allow_http=scheme == "http"),
            retry_config=retry_config(timeout_seconds),
        )
        advice = (
            f"The bucket {settings.bucket} at {endpoint} does not do what it is asked. Look at S3_BUCKET, S3_REGION, "
            "S3_ENDPOINT, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, what that key may do, and the clock of this machine."
        )
        super().__init__(store, Presigner(AMAZON, address, settings.bucket), clock, advice)

    async def _identity(self) -> Identity:
        """Who signs. Raises StorageUnavailable when there are no credentials."""
        found = await self._credentials()

        def sign(text: str, day: str) -> str:
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
            key = f"AWS4{found.secret}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

        return Identity(name=found.key_id, region=self._region, sign=sign, token=found.token)

    async def _credentials(self) -> Credentials:
        if self._settings.access_key_id:
            return Credentials(key_id=self._settings.access_key_id, secret=self._settings.secret_access_key)
        try:
            return await self._chain.credentials()
        except NoCredentials as error:
            raise self._unavailable(error) from error

    def _fixed(self) -> "S3Credential":
        return {
            "access_key_id": self._settings.access_key_id,
            "secret_access_key": self._settings.secret_access_key,
            "token": None,
            "expires_at": None,
        }

    async def _renewed(self) -> "S3Credential":
        found = await self._chain.credentials()
        return {
            "access_key_id": found.key_id,
            "secret_access_key": found.secret,
            "token": found.token or None,
            "expires_at": self._clock.now() + _CREDENTIALS_HOLD,
        }


class _Frozen(Protocol):
    access_key: str
    secret_key: str
    token: str | None


class _Renewed(Protocol):
    async def get_frozen_credentials(self) -> _Frozen: ...


class _AwsChain:
    """Credentials that AWS' own way finds (environment, profile, role of the machine), renewed when they end."""

    def __init__(self) -> None:
        self._found: _Renewed | None = None
        self._looking = asyncio.Lock()

    async def credentials(self) -> Credentials:
        """Returns what holds for ten minutes at least. Raises NoCredentials."""
        async with self._looking:
            if self._found is None:
                # botocore takes a third of a second to import, and only this needs it.
                session = await asyncio.to_thread(importlib.import_module, "aiobotocore.session")
                self._found = await session.get_session().get_credentials()
        if self._found is None:
            raise NoCredentials("There are no AWS credentials. Set S3_ACCESS_KEY_ID, or give the machine a role.")
        frozen = await self._found.get_frozen_credentials()
        return Credentials(key_id=frozen.access_key, secret=frozen.secret_key, token=frozen.token or "")
