"""What Google Cloud Storage looks at before it does anything: tokens, signatures of addresses, and of upload forms."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tests.simulators.local_server import Request

_ALGORITHM = "GOOG4-RSA-SHA256"
_LONGEST = 604_800
_SCOPES = {
    "https://www.googleapis.com/auth/devstorage.full_control",
    "https://www.googleapis.com/auth/devstorage.read_write",
    "https://www.googleapis.com/auth/cloud-platform",
}
# Fields of a form that no condition has to name.
_FREE_FIELDS = {"policy", "x-goog-signature", "file", "bucket"}


class Refusal(Exception):
    """The request is not let in."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text


class Upload(msgspec.Struct, frozen=True):
    """What a checked form brings."""

    key: str
    content_type: str
    content: bytes


class Gate:
    """Knows the service account and lets in what it signed."""

    def __init__(self, email: str, key: rsa.RSAPublicKey) -> None:
        self._email = email
        self._key = key
        self._jwk = RSAKey.import_key(key)

    def check_token(self, request: Request) -> None:
        """Checks a self-signed token (https://google.aip.dev/auth/4111). Raises Refusal."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            raise Refusal(401, "AuthenticationRequired", "Authentication required.")
        try:
            claims = jwt.decode(token, self._jwk, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as error:
            raise Refusal(401, "AuthenticationRequired", "Invalid token.") from error
        moment = datetime.now(UTC).timestamp()
        is_current = claims["iat"] - 60 <= moment < claims["exp"] <= claims["iat"] + 3600
        if not is_current or {claims["iss"], claims["sub"]} != {self._email}:
            raise Refusal(401, "AuthenticationRequired", "The token is not current.")
        if _SCOPES.isdisjoint(str(claims["scope"]).split()):
            raise Refusal(403, "AccessDenied", "The token's scope does not cover this.")

    def check_address(self, request: Request) -> dict[str, str]:
        """Checks a V4 signed address and returns its parameters. Raises Refusal."""
        url = urlsplit(request.path)
        given = dict(parse_qsl(url.query, keep_blank_values=True))
        signature = given.pop("X-Goog-Signature")
        stamp = self._checked_scope(given["X-Goog-Algorithm"], given["X-Goog-Credential"], given["X-Goog-Date"])
        seconds = int(given["X-Goog-Expires"])
        if not 0 < seconds <= _LONGEST:
            raise Refusal(400, "InvalidArgument", "X-Goog-Expires must be less than a week.")
        query = "&".join(f"{quote(name, safe='')}={quote(given[name], safe='')}" for name in sorted(given))
        names = given["X-Goog-SignedHeaders"]
        headers = "".join(f"{name}:{request.headers[name]}\n" for name in names.split(";"))
        canonical = "\n".join([request.method, url.path, query, headers, names, "UNSIGNED-PAYLOAD"])
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        scope = given["X-Goog-Credential"].partition("/")[2]
        self._check("\n".join([_ALGORITHM, given["X-Goog-Date"], scope, hashed]), signature)
        if not stamp - timedelta(minutes=15) <= datetime.now(UTC) < stamp + timedelta(seconds=seconds):
            raise Refusal(400, "ExpiredToken", "Invalid argument: the signature has expired.")
        return given

    def check_form(self, request: Request, bucket: str) -> Upload:
        """Checks a form with a signed policy and returns the file. Raises Refusal."""
        fields, content = _fields(request)
        policy = msgspec.json.decode(base64.b64decode(fields["policy"]), type=dict[str, object])
        self._checked_scope(fields["x-goog-algorithm"], fields["x-goog-credential"], fields["x-goog-date"])
        self._check(fields["policy"], fields["x-goog-signature"])
        if datetime.now(UTC) >= datetime.fromisoformat(str(policy["expiration"])):
            raise Refusal(400, "ExpiredToken", "The policy has expired.")
        conditions = policy["conditions"]
        assert isinstance(conditions, list)
        unproved = {name for name in fields if name not in _FREE_FIELDS}
        for condition in conditions:
            if isinstance(condition, dict):
                ((name, wanted),) = condition.items()
                if wanted != (bucket if name == "bucket" else fields.get(name)):
                    raise Refusal(403, "AccessDenied", f"Policy condition failed: {name}.")
                unproved.discard(name)
            else:
                kind, least, most = condition
                assert kind == "content-length-range"
                if len(content) < least:
                    raise Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum.")
                if len(content) > most:
                    raise Refusal(400, "EntityTooLarge", "Your proposed upload exceeds the maximum.")
        if unproved:
            raise Refusal(403, "AccessDenied", f"Policy did not reference these fields: {sorted(unproved)}.")
        return Upload(fields["key"], fields.get("Content-Type", "application/octet-stream"), content)

    def _checked_scope(self, algorithm: str, credential: str, date: str) -> datetime:
        email, day, _region, service, end = credential.split("/")
        stamp = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        whole = (algorithm, email, day, service, end)
        if whole != (_ALGORITHM, self._email, f"{stamp:%Y%m%d}", "storage", "goog4_request"):
            raise Refusal(403, "InvalidSecurity", "The credential scope is not valid.")
        return stamp

    def _check(self, text: str, signature: str) -> None:
        try:
            self._key.verify(bytes.fromhex(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError) as error:
            raise Refusal(403, "SignatureDoesNotMatch", "Access denied.") from error


def _fields(request: Request) -> tuple[Mapping[str, str], bytes]:
    """Returns the fields of a form, and the bytes of its file, which has to come last."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parsed = message_from_bytes(head + request.body)
    parts = parsed.get_payload()
    assert isinstance(parts, list)
    fields: dict[str, str] = {}
    for part in parts:
        assert isinstance(part, Message)
        name = str(part.get_param("name", header="content-disposition"))
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        if name == "file":
            if part is not parts[-1]:
                raise Refusal(400, "InvalidArgument", "The file must be the last field.")
            return fields, payload
        fields[name] = payload.decode()
    raise Refusal(400, "InvalidArgument", "The form has no file.")
