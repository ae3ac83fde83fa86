"""Signatures equal those that Amazon and Google publish, and those that Amazon's own library makes."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from botocore.auth import S3SigV4PostAuth, S3SigV4QueryAuth  # type: ignore[import-untyped]  # it ships no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # it ships no types
from botocore.credentials import Credentials  # type: ignore[import-untyped]  # it ships no types

from academy.infrastructure.storage.presigning import AMAZON, GOOGLE, LONGEST_HOLD, Identity, Presigner

# The example of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ADDRESS = "https://examplebucket.s3.amazonaws.com"
SIGNATURE = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
MAY_2013 = datetime(2013, 5, 24, tzinfo=UTC)
REGION = "us-east-1"
DAY = timedelta(days=1)


def identity(token: str = "") -> Identity:
    def sign(text: str, day: str) -> str:
        key = f"AWS4{SECRET}".encode()
        for part in (day, REGION, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    return Identity(name=KEY_ID, region=REGION, sign=sign, token=token)


def presigner(address: str = ADDRESS) -> Presigner:
    return Presigner(AMAZON, address, "examplebucket")


def moment_of(fields: dict[str, str], name: str) -> datetime:
    return datetime.strptime(fields[name], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def test_the_published_example() -> None:
    url = presigner().url(identity(), "test.txt", now=MAY_2013, expires_in=DAY, answer={})
    assert url.startswith(f"{ADDRESS}/test.txt?")
    assert dict(parse_qsl(urlsplit(url).query))["X-Amz-Signature"] == SIGNATURE


def test_the_example_that_google_checks_its_own_libraries_by() -> None:
    """The case "Simple GET" of storage/v1/v4_signatures.json in https://github.com/googleapis/conformance-tests."""
    email = "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com"
    signed: list[tuple[str, str]] = []

    def sign(text: str, day: str) -> str:
        signed.append((text, day))
        return "5197"

    bucket = Presigner(GOOGLE, "https://storage.googleapis.com/test-bucket", "test-bucket")
    url = bucket.url(
        Identity(name=email, region="auto", sign=sign),
        "test-object",
        now=datetime(2019, 2, 1, 9, tzinfo=UTC),
        expires_in=timedelta(seconds=10),
        answer={},
    )
    hashed = "00e2fb794ea93d7adb703edaebdd509821fcc7d4f1a79ac5c8d2b394df109320"
    text = f"GOOG4-RSA-SHA256\n20190201T090000Z\n20190201/auto/storage/goog4_request\n{hashed}"
    assert signed == [(text, "20190201")]
    assert url.endswith("&X-Goog-Expires=10&X-Goog-SignedHeaders=host&X-Goog-Signature=5197")


@pytest.mark.parametrize("token", ["", "a/session+token=="])
@pytest.mark.parametrize("address", [ADDRESS, "http://127.0.0.1:9000/examplebucket"])
def test_an_address_is_the_one_that_botocore_makes(address: str, token: str) -> None:
    wanted = {"response-content-type": "video/mp4", "response-content-disposition": "inline; filename*=utf-8''a%20b"}
    request = AWSRequest("GET", f"{address}/videos/1/a.mp4", params=wanted)
    S3SigV4QueryAuth(Credentials(KEY_ID, SECRET, token or None), "s3", REGION, expires=60).add_auth(request)
    theirs = dict(parse_qsl(urlsplit(request.url).query))
    url = presigner(address).url(
        identity(token),
        "videos/1/a.mp4",
        now=moment_of(theirs, "X-Amz-Date"),
        expires_in=timedelta(minutes=1),
        answer={"Content-Type": "video/mp4", "Content-Disposition": "inline; filename*=utf-8''a%20b"},
    )
    assert dict(parse_qsl(urlsplit(url).query)) == theirs


@pytest.mark.parametrize("token", ["", "a/session+token=="])
def test_a_form_is_the_one_that_botocore_makes(token: str) -> None:
    form = presigner().form(
        identity(token), "in/1.mp4", content_type="video/mp4", limit=1000, now=MAY_2013, expires_in=DAY
    )
    fields = dict(form.fields)
    policy = msgspec.json.decode(base64.b64decode(fields["policy"]), type=dict[str, object])
    assert form.url == f"{ADDRESS}/"
    assert policy["expiration"] == "2013-05-25T00:00:00Z"
    conditions = policy["conditions"]
    assert isinstance(conditions, list)
    assert {"bucket": "examplebucket"} in conditions
    assert ["content-length-range", 1, 1000] in conditions
    for name in fields.keys() - {"policy", "x-amz-signature"}:
        assert {name: fields[name]} in conditions, "each field is bound"

    request = AWSRequest("POST", ADDRESS)
    own = {"key": fields["key"], "Content-Type": fields["Content-Type"]}
    given = {"expiration": policy["expiration"], "conditions": [c for c in conditions if "x-amz" not in str(c)]}
    request.context["s3-presign-post-fields"], request.context["s3-presign-post-policy"] = own, given
    S3SigV4PostAuth(Credentials(KEY_ID, SECRET, token or None), "s3", REGION).add_auth(request)
    assert own.keys() == fields.keys()
    assert identity().sign(own["policy"], own["x-amz-date"][:8]) == own["x-amz-signature"]


def test_an_address_holds_for_a_second_at_least() -> None:
    url = presigner().url(identity(), "a", now=MAY_2013, expires_in=timedelta(seconds=0.2), answer={})
    assert "X-Amz-Expires=1&" in url


def test_no_address_holds_longer_than_the_providers_take() -> None:
    with pytest.raises(ValueError, match="seven days"):
        presigner().url(identity(), "a", now=MAY_2013, expires_in=LONGEST_HOLD + timedelta(seconds=1), answer={})
