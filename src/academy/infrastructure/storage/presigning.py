"""Addresses and upload forms that a bucket itself accepts, signed here without asking it.

obstore signs addresses too, but binds neither what the bucket shall answer nor what a browser may send. Amazon S3 and
Google Cloud Storage sign alike; only names and the last step differ:

- https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
- https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
- https://docs.cloud.google.com/storage/docs/authentication/canonical-requests
- https://docs.cloud.google.com/storage/docs/xml-api/post-object-forms
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

import msgspec

from academy.infrastructure.storage.base import UploadForm

LONGEST_HOLD = timedelta(days=7)
"""Neither S3 nor Google Cloud Storage takes a signature that holds longer."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between the providers: the algorithm, the prefix of parameter names and the end of the scope."""

    algorithm: str
    prefix: str
    scope: str


AMAZON = Dialect(algorithm="AWS4-HMAC-SHA256", prefix="X-Amz-", scope="s3/aws4_request")
GOOGLE = Dialect(algorithm="GOOG4-RSA-SHA256", prefix="X-Goog-", scope="storage/goog4_request")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs.

    Attributes:
        name: access key id, or e-mail address of the service account.
        region: region of the bucket; `auto` at Google.
        sign: returns the signature of a text in hex; is also given the day as YYYYMMDD.
        token: the session token of temporary AWS credentials, else "".
    """

    name: str
    region: str
    sign: Callable[[str, str], str]
    token: str = ""


class Presigner:
    """Signs for one bucket. `address` is its URL without a slash at the end; `bucket` its name."""

    def __init__(self, dialect: Dialect, address: str, bucket: str) -> None:
        self._dialect = dialect
        self.address = address
        self._bucket = bucket

    def url(
        self, identity: Identity, key: str, *, now: datetime, expires_in: timedelta, answer: Mapping[str, str]
    ) -> str:
        """Returns the address that reads `key` until `now + expires_in`.

        `answer` holds headers that the bucket shall answer with, such as Content-Disposition. Raises ValueError for
        more than seven days.
        """
        # 0 is no time that the providers take.
        seconds = int(expires_in.total_seconds()) or 1
        if seconds > LONGEST_HOLD.total_seconds():
            raise ValueError("a presigned address holds seven days at most")
        stamp, scope = self._moment(identity, now)
        host, path = urlsplit(self.address).netloc, f"{urlsplit(self.address).path}/{quote(key)}"
        parameters = {
            **self._signing_fields(identity, stamp, scope),
            f"{self._dialect.prefix}Expires": str(seconds),
            f"{self._dialect.prefix}SignedHeaders": "host",
            **{f"response-{name.lower()}": value for name, value in answer.items()},
        }
        query = "&".join(f"{quote(name, safe='')}={quote(parameters[name], safe='')}" for name in sorted(parameters))
        canonical = f"GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        signature = identity.sign(f"{self._dialect.algorithm}\n{stamp}\n{scope}\n{hashed}", stamp[:8])
        return f"{self.address}/{quote(key)}?{query}&{self._dialect.prefix}Signature={signature}"

    def form(
        self, identity: Identity, key: str, *, content_type: str, limit: int, now: datetime, expires_in: timedelta
    ) -> UploadForm:
        """Returns a form that stores one file of 1 to `limit` bytes and this type under `key`, and nothing else."""
        stamp, scope = self._moment(identity, now)
        signing = self._signing_fields(identity, stamp, scope)
        fields = {"key": key, "Content-Type": content_type, **{name.lower(): text for name, text in signing.items()}}
        conditions: list[object] = [
            {"bucket": self._bucket},
            ["content-length-range", 1, limit],
            *({name: value} for name, value in fields.items()),
        ]
        ends = (now + expires_in).strftime("%Y-%m-%dT%H:%M:%SZ")
        policy = base64.b64encode(msgspec.json.encode({"expiration": ends, "conditions": conditions})).decode()
        signature = identity.sign(policy, stamp[:8])
        signed = {**fields, "policy": policy, f"{self._dialect.prefix.lower()}signature": signature}
        return UploadForm(url=f"{self.address}/", fields=signed)

    def _moment(self, identity: Identity, now: datetime) -> tuple[str, str]:
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        return stamp, f"{stamp[:8]}/{identity.region}/{self._dialect.scope}"

    def _signing_fields(self, identity: Identity, stamp: str, scope: str) -> dict[str, str]:
        prefix = self._dialect.prefix
        fields = {
            f"{prefix}Algorithm": self._dialect.algorithm,
            f"{prefix}Credential": f"{identity.name}/{scope}",
            f"{prefix}Date": stamp,
        }
        return {**fields, f"{prefix}Security-Token": identity.token} if identity.token else fields
