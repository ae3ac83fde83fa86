"""Storage in a bucket of Google Cloud Storage, spoken to by its XML API with a service account's key."""

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from obstore.store import GCSStore

from academy.infrastructure.storage.object_store import ObjectStorage, client_options, retry_config
from academy.infrastructure.storage.presigning import GOOGLE, Identity, Presigner
from academy.infrastructure.storage.service_account import read_service_account
from academy.infrastructure.storage.settings import GcsSettings
from academy.kit.clock import Clock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class GcsStorage(ObjectStorage):
    """Keeps objects in GCS_BUCKET. Makes no connection before it is used."""

    def __init__(self, settings: GcsSettings, timeout_seconds: float, clock: Clock) -> None:
        """`timeout_seconds`: how long the bucket may take for one step. Raises ValueError for a key that is none."""
        account = read_service_account(settings.credentials)
        self._key: RSAPrivateKey = account.private_key()
        self._email = account.client_email
        store = GCSStore(
            settings.bucket,
            service_account_key=account.as_json(),
            base_url=settings.endpoint,
            skip_signature=False,
            client_options=client_options(timeout_seconds, allow_http=settings.endpoint.startswith("http://")),
            retry_config=retry_config(timeout_seconds),
        )
        advice = (
            f"The bucket {settings.bucket} at {settings.endpoint} does not do what it is asked. Look at GCS_BUCKET, "
            f"GCS_CREDENTIALS, GCS_ENDPOINT, the roles of {self._email}, and the clock of this machine."
        )
        address = f"{settings.endpoint}/{settings.bucket}"
        super().__init__(store, Presigner(GOOGLE, address, settings.bucket), clock, advice)

    async def _identity(self) -> Identity:
        """The service account."""
        return Identity(name=self._email, region="auto", sign=self._sign)

    def _sign(self, text: str, _day: str) -> str:
        return self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
