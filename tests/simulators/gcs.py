"""A bucket of Google Cloud Storage that keeps objects in memory: its XML API, as obstore and browsers use it.

README.md names the vendor's pages that it follows.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from academy.kit.ids import new_id
from tests.simulators.gcs_checks import Gate, Refusal
from tests.simulators.local_server import Answer, LocalServer, Request, running

EMAIL = "academy@rtech.iam.gserviceaccount.com"
BUCKET = "academy-files"

_SMALLEST_PART = 5 << 20
_PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Fault(StrEnum):
    """What a bucket that is reached does wrong."""

    NONE = "none"
    ERROR_500 = "500"
    ERROR_503 = "503"
    DENIED = "the account may do nothing"


class Stored(msgspec.Struct, frozen=True):
    """An object."""

    content: bytes
    content_type: str
    generation: int
    updated: datetime

    @property
    def tag(self) -> str:
        """Its entity tag."""
        return _tag(self.content)

    @property
    def headers(self) -> dict[str, str]:
        """What an answer says about it."""
        return {
            "ETag": self.tag,
            "Last-Modified": format_datetime(self.updated, usegmt=True),
            "Content-Type": self.content_type,
            "x-goog-generation": str(self.generation),
            "Accept-Ranges": "bytes",
        }


class _Multipart(msgspec.Struct):
    key: str
    content_type: str
    parts: dict[int, bytes] = {}


class Gcs:
    """The bucket, with its server."""

    def __init__(self) -> None:
        self.server: LocalServer
        self.fault = Fault.NONE
        self.bucket = BUCKET
        self.page = 1000
        """How many objects one answer lists."""
        self.cors_origin = ""
        """Whose pages may send forms (https://docs.cloud.google.com/storage/docs/cross-origin)."""
        self.objects: dict[str, Stored] = {}
        self.multiparts: dict[str, _Multipart] = {}
        """Uploads in parts that were neither completed nor taken back."""
        self._key = rsa.generate_private_key(65537, 2048)
        self._gate = Gate(EMAIL, self._key.public_key())
        self._generation = 0

    @property
    def url(self) -> str:
        """Where its API is."""
        return self.server.url

    @property
    def account_key(self) -> str:
        """The key file of the account that may use the bucket."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        account = {"type": "service_account", "client_email": EMAIL, "private_key_id": "1", "private_key": pem}
        return msgspec.json.encode(account).decode()

    def answer(self, request: Request) -> Answer:
        """Answers a call."""
        try:
            return self._answer(request)
        except Refusal as refusal:
            body = (
                f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{refusal.code}</Code>"
                f"<Message>{escape(refusal.text)}</Message></Error>"
            ).encode()
            is_head = request.method == "HEAD"
            return Answer(refusal.status, b"" if is_head else body, {"Content-Type": "application/xml; charset=UTF-8"})

    def _answer(self, request: Request) -> Answer:
        if self.fault is Fault.ERROR_500:
            raise Refusal(500, "InternalError", "We encountered an internal error. Please try again.")
        if self.fault is Fault.ERROR_503:
            raise Refusal(503, "ServiceUnavailable", "Service is not available. Please retry.")
        url = urlsplit(request.path)
        bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        if not key and request.method in {"OPTIONS", "POST"}:
            return self._form(request, bucket)
        overrides: Mapping[str, str] = {}
        if "X-Goog-Signature" in query:
            overrides = self._gate.check_address(request)
        else:
            self._gate.check_token(request)
        if self.fault is Fault.DENIED:
            raise Refusal(403, "AccessDenied", f"{EMAIL} does not have storage.objects access to the bucket.")
        if bucket != self.bucket:
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist.")
        if not key:
            return self._list(query)
        return self._object(request, key, query, overrides)

    def _form(self, request: Request, bucket: str) -> Answer:
        """Takes a file by a form, or answers a browser that asks whether another site's page may send one."""
        is_known = self.cors_origin and request.headers.get("origin") == self.cors_origin
        allowed = {"Access-Control-Allow-Origin": self.cors_origin} if is_known else {}
        if request.method == "OPTIONS":
            return Answer(200, headers={**allowed, "Access-Control-Allow-Methods": "POST"} if allowed else {})
        upload = self._gate.check_form(request, bucket)
        self._store(upload.key, upload.content, upload.content_type)
        return Answer(204, headers=allowed)

    def _object(self, request: Request, key: str, query: Mapping[str, str], overrides: Mapping[str, str]) -> Answer:
        if "uploadId" in query or "uploads" in query:
            return self._in_parts(request, key, query)
        match request.method:
            case "GET" | "HEAD":
                return self._read(request, self._stored(key), overrides)
            case "DELETE":
                self._stored(key)
                del self.objects[key]
                return Answer(204)
            case "PUT" if "x-goog-copy-source" in request.headers:
                source = self._stored(unquote(request.headers["x-goog-copy-source"]).partition("/")[2])
                return _xml("CopyObjectResult", ETag=self._store(key, source.content, source.content_type).tag)
            case "PUT":
                return Answer(200, headers=self._store(key, request.body, _type_of(request)).headers)
        raise Refusal(405, "MethodNotAllowed", "The method is not allowed against this resource.")

    def _in_parts(self, request: Request, key: str, query: Mapping[str, str]) -> Answer:
        if "uploads" in query:
            upload_id = new_id()
            self.multiparts[upload_id] = _Multipart(key, _type_of(request))
            return _xml("InitiateMultipartUploadResult", Bucket=self.bucket, Key=key, UploadId=upload_id)
        upload = self.multiparts.get(query["uploadId"])
        if upload is None:
            raise Refusal(404, "NoSuchUpload", "The requested upload was not found.")
        match request.method:
            case "PUT":
                upload.parts[int(query["partNumber"])] = request.body
                return Answer(200, headers={"ETag": _tag(request.body)})
            case "POST":
                stored = self._store(upload.key, _joined(upload, request.body.decode()), upload.content_type)
                del self.multiparts[query["uploadId"]]
                return _xml("CompleteMultipartUploadResult", ETag=stored.tag)
            case "DELETE":
                del self.multiparts[query["uploadId"]]
                return Answer(204)
        raise Refusal(405, "MethodNotAllowed", "The method is not allowed against this resource.")

    def _store(self, key: str, content: bytes, content_type: str) -> Stored:
        self._generation += 1
        self.objects[key] = Stored(content, content_type, self._generation, datetime.now(UTC))
        return self.objects[key]

    def _stored(self, key: str) -> Stored:
        if key not in self.objects:
            raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
        return self.objects[key]

    def _read(self, request: Request, stored: Stored, overrides: Mapping[str, str]) -> Answer:
        content, headers, status = stored.content, stored.headers, 200
        for name in ("content-type", "content-disposition"):
            if value := overrides.get(f"response-{name}"):
                headers[name.title()] = value
        if found := _RANGE.fullmatch(request.headers.get("range", "")):
            first, last = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
            if first >= len(content):
                raise Refusal(416, "InvalidRange", "The requested range cannot be satisfied.")
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content, status = content[first : last + 1], 206
        if request.method == "HEAD":
            return Answer(status, headers={**headers, "Content-Length": str(len(content))})
        return Answer(status, content, headers)

    def _list(self, query: Mapping[str, str]) -> Answer:
        after = max(query.get("start-after", ""), query.get("continuation-token", ""))
        keys = sorted(key for key in self.objects if key.startswith(query.get("prefix", "")) and key > after)
        page = keys[: min(self.page, int(query.get("max-keys", "1000")))]
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key].content)}</Size>"
            f"<LastModified>{self.objects[key].updated:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{self.objects[key].tag}</ETag></Contents>"
            for key in page
        )
        is_cut = len(page) < len(keys)
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if is_cut else ""
        text = f"<ListBucketResult><IsTruncated>{str(is_cut).lower()}</IsTruncated>{more}{entries}</ListBucketResult>"
        return Answer(200, text.encode(), {"Content-Type": "application/xml; charset=UTF-8"})


def _joined(upload: _Multipart, body: str) -> bytes:
    """Returns the parts that a completion names. Raises Refusal."""
    content: list[bytes] = []
    for part in _PART.findall(body):
        number = int(re.findall(r"<PartNumber>(\d+)</PartNumber>", part)[0])
        tag = re.findall(r"<ETag>(.*?)</ETag>", part)[0].replace("&quot;", '"')
        if tag != _tag(upload.parts.get(number, b"")):
            raise Refusal(400, "InvalidPart", "One or more of the specified parts could not be found.")
        content.append(upload.parts[number])
    if not content:
        raise Refusal(400, "MalformedCompleteMultipartUploadRequest", "There are no parts.")
    if any(len(part) < _SMALLEST_PART for part in content[:-1]):
        raise Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum.")
    return b"".join(content)


def _type_of(request: Request) -> str:
    return request.headers.get("content-type", "application/octet-stream")


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _xml(name: str, **fields: str) -> Answer:
    inner = "".join(f"<{field}>{escape(value)}</{field}>" for field, value in fields.items())
    return Answer(200, f"<{name}>{inner}</{name}>".encode(), {"Content-Type": "application/xml; charset=UTF-8"})


@contextmanager
def running_gcs() -> Iterator[Gcs]:
    """Gives a bucket with its server, and ends it."""
    gcs = Gcs()
    with running(gcs.answer) as gcs.server:
        yield gcs
