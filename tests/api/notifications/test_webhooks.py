"""The webhooks of the mail providers: closed without a secret, shut to forgers, quick and repeatable for the rest."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import MailState
from tests.academies.in_process import TestAcademy, opened_test_academy

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_KEY = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
PATH = "webhooks/sendgrid"


@pytest.fixture
async def reported(tmp_path: Path) -> AsyncIterator[TestAcademy]:
    async with opened_test_academy(tmp_path, SENDGRID_WEBHOOK_PUBLIC_KEY=PUBLIC_KEY) as academy:
        yield academy


def signed(body: bytes, timestamp: str = "1790000000") -> dict[str, str]:
    signature = base64.b64encode(KEY.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    return {
        "X-Twilio-Email-Event-Webhook-Signature": signature,
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        "Content-Type": "application/json",
    }


async def test_a_bounce_reaches_the_log_and_the_list(reported: TestAcademy) -> None:
    person = await reported.person()
    await reported.academy.email.send_welcome((await reported.academy.accounts.user(person.user_id)).as_recipient())
    await reported.work()
    (mail,) = (await reported.academy.email.log.page(MailFilter())).items
    event = {
        "event": "bounce",
        "type": "bounce",
        "email": person.email,
        "reason": "550 unknown user",
        "timestamp": 1_790_000_000,
        "mail_id": mail.id,
        "sg_event_id": "e1",
    }
    body = json.dumps([event]).encode()
    for _ in range(3):
        assert (await reported.api().post(PATH, content=body, headers=signed(body))).status_code == 204
        await reported.work()
    (bounced,) = (await reported.academy.email.log.page(MailFilter())).items
    assert (bounced.state, bounced.last_error) == (MailState.BOUNCED, "550 unknown user")
    assert [one.address for one in (await reported.academy.email.suppressions.page()).items] == [person.email]


async def test_forgers_are_refused(reported: TestAcademy) -> None:
    body = json.dumps([{"event": "bounce", "type": "bounce", "email": "x@example.com", "timestamp": 1}]).encode()
    right = signed(body)
    for headers in (
        {},
        {**right, "X-Twilio-Email-Event-Webhook-Timestamp": "1790000001"},
        {**right, "X-Twilio-Email-Event-Webhook-Signature": "AAAA"},
    ):
        answer = await reported.api().post(PATH, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forged_report"), headers
    assert (await reported.api().post(PATH, content=body + b" ", headers=right)).status_code == 403
    await reported.work()
    assert (await reported.academy.email.suppressions.page()).items == []


async def test_without_a_secret_there_is_no_webhook(embedded_academy: TestAcademy) -> None:
    for path in (PATH, "webhooks/ses"):
        answer = await embedded_academy.api().post(path, content=b"[]")
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook_closed")


async def test_what_is_signed_but_no_report_is_refused_in_words(reported: TestAcademy) -> None:
    for body in (b"{", b'{"a": 1}', b"null"):
        answer = await reported.api().post(PATH, content=body, headers=signed(body))
        assert answer.status_code == 422, (body, answer.text)
