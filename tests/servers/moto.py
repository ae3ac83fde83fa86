"""AWS for tests: moto's server in a process of its own, on a free port. It keeps everything in memory."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import msgspec

from tests.servers.mongodb import ServerFailed, free_port
from tests.servers.process import ServerProcess

START_SECONDS = 60.0
REGION = "ap-south-1"
ACCESS_KEY_ID, SECRET_ACCESS_KEY = "AKIATESTS", "the-secret-of-the-tests"
"""moto takes every key."""


class SesMail(msgspec.Struct, frozen=True):
    """A message that SES took as MIME."""

    id: str
    source: str
    destinations: list[str]
    raw_data: str

    @property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        parsed = message_from_bytes(self.raw_data.encode(), policy=SMTP)
        assert isinstance(parsed, EmailMessage)
        return parsed


class _SesModels(msgspec.Struct):
    raw_messages: list[SesMail] = msgspec.field(name="RawMessage", default_factory=list)


class _Models(msgspec.Struct):
    ses: _SesModels = msgspec.field(default_factory=_SesModels)


class Moto:
    """A running moto. Tests that share one tell their things apart by names and addresses of their own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def verify_identity(self, identity: str, region: str = REGION) -> None:
        """Lets SES send from an address, or from every address of a domain."""
        httpx.post(
            f"{self.url}/v2/email/identities",
            json={"EmailIdentity": identity},
            headers=_authorization("ses", region),
        ).raise_for_status()

    def make_bucket(self, name: str) -> None:
        """Makes an empty bucket in REGION."""
        place = (
            f"<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        )
        httpx.put(f"{self.url}/{name}", content=place, headers=_authorization("s3", REGION)).raise_for_status()

    def unfinished_uploads(self, bucket: str) -> list[str]:
        """Returns the keys of the bucket's multipart uploads that were neither completed nor aborted."""
        answer = httpx.get(f"{self.url}/{bucket}?uploads", headers=_authorization("s3", REGION)).raise_for_status()
        return re.findall(r"<Upload>.*?<Key>(.*?)</Key>", answer.text, re.DOTALL)

    def ses_mails_to(self, address: str) -> list[SesMail]:
        """Returns the mails that SES took for an address, in all regions, oldest first."""
        answer = httpx.get(f"{self.url}/moto-api/data.json", timeout=30).raise_for_status()
        mails = msgspec.json.decode(answer.content, type=_Models).ses.raw_messages
        return [mail for mail in mails if address in mail.destinations]


def _authorization(service: str, region: str) -> dict[str, str]:
    """A call is led to its service by the credential that it names; moto checks no signature."""
    credential = f"{ACCESS_KEY_ID}/20260101/{region}/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"}


@contextmanager
def running_moto() -> Iterator[Moto]:
    """Gives a moto: the one of TEST_MOTO_URL when set, else one started here and ended after."""
    given = os.environ.get("TEST_MOTO_URL", "")
    if given:
        yield Moto(given)
        return
    with TemporaryDirectory(prefix="academy-moto-") as folder:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        log = Path(folder) / "log"
        process = ServerProcess()
        process.spawn([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], output=log)
        try:
            _wait_until_ready(process, url, log)
            yield Moto(url)
        finally:
            process.kill()


def _wait_until_ready(process: ServerProcess, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if process.returncode is not None or time.monotonic() > deadline:
            raise ServerFailed(f"moto does not answer: {log.read_text('utf-8', 'replace')[-2000:]}")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/moto-api/data.json", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
