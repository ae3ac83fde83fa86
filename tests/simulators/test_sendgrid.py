"""The simulated SendGrid itself: it refuses what SendGrid documents, and signs its webhook so that all can check it."""

import asyncio
import base64
from collections.abc import Iterator

import httpx
import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.simulators.local_server import Answer, Request, running
from tests.simulators.sendgrid import API_KEY, SIGNATURE_HEADER, TIMESTAMP_HEADER, SendGrid, running_sendgrid

MAIL: dict[str, object] = {
    "personalizations": [{"to": [{"email": "asha@example.com"}]}],
    "from": {"email": "post@mail.example", "name": "Academy"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}],
    "custom_args": {"mail_id": "m1"},
    "headers": {"Message-ID": "<m1@mail.example>"},
}


@pytest.fixture
def sendgrid() -> Iterator[SendGrid]:
    with running_sendgrid() as sendgrid:
        yield sendgrid


def post(sendgrid: SendGrid, body: object, *, key: str = API_KEY, kind: str = "application/json") -> httpx.Response:
    headers = {"Content-Type": kind}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return httpx.post(f"{sendgrid.url}/v3/mail/send", content=content, headers=headers)


def test_a_good_mail_is_taken(sendgrid: SendGrid) -> None:
    answer = post(sendgrid, MAIL)
    assert (answer.status_code, answer.content) == (202, b"")
    (taken,) = sendgrid.mails_to("asha@example.com")
    assert answer.headers["X-Message-Id"] == taken.sg_message_id
    assert (taken.text, taken.html) == ("Hello", "<p>Hello</p>")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": [{"email": "nobody"}]}]}, "personalizations.0.to.0.email"),
        (
            {"personalizations": [{"to": [{"email": f"{'a' * 64}@{'b.' * 140}example"}]}]},
            "personalizations.0.to.0.email",
        ),
        ({"personalizations": [{"to": [{"email": "a@b.example"}, {"email": "A@b.example"}]}]}, "personalizations"),
        ({"from": None}, "from"),
        ({"from": {"email": "post"}}, "from.email"),
        ({"subject": ""}, "subject"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"content": [{"type": "text/html", "value": "a"}, {"type": "text/plain", "value": "a"}]}, "content"),
        ({"content": [{"type": "text/plain;x", "value": "a"}]}, "content.0.type"),
        ({"headers": {"Subject": "Another"}}, "headers"),
        ({"headers": {"Dkim-Signature": "x"}}, "headers"),
        ({"headers": {"X A": "x"}}, "headers"),
        ({"headers": {"X-A": 1}}, "headers"),
        ({"custom_args": {"n": 1}}, "custom_args"),
        ({"custom_args": {"n": "x" * 10_000}}, "custom_args"),
        ({"template_id": "d-1"}, None),
    ],
)
def test_a_bad_mail_is_refused_with_the_field_that_is_wrong(
    sendgrid: SendGrid, change: dict[str, object], field: str | None
) -> None:
    answer = post(sendgrid, {**MAIL, **change})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert error["message"]
    assert sendgrid.mails == []


@pytest.mark.parametrize("missing", ["personalizations", "from", "content"])
def test_what_is_required_is_missed(sendgrid: SendGrid, missing: str) -> None:
    answer = post(sendgrid, {name: value for name, value in MAIL.items() if name != missing})
    assert answer.status_code == 400
    assert missing in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]"])
def test_what_is_no_mail_at_all_is_refused(sendgrid: SendGrid, body: bytes) -> None:
    assert post(sendgrid, body).status_code == 400


def test_keys_and_types_are_checked(sendgrid: SendGrid) -> None:
    assert post(sendgrid, MAIL, key="").status_code == 401
    assert post(sendgrid, MAIL, key="SG.another").status_code == 401
    assert post(sendgrid, MAIL, kind="text/plain").status_code == 415
    authorized = {"Authorization": f"Bearer {API_KEY}"}
    assert httpx.get(f"{sendgrid.url}/v3/mail/send", headers=authorized).status_code == 405
    assert httpx.get(f"{sendgrid.url}/v3/else", headers=authorized).status_code == 404


def test_the_rate_limit_is_counted_in_every_answer(sendgrid: SendGrid) -> None:
    sendgrid.most_requests = 2
    answers = [post(sendgrid, MAIL) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].headers["X-RateLimit-Limit"] == "2"
    assert answers[2].json()["errors"] == [{"message": "too many requests", "field": None, "help": None}]


async def test_the_webhook_is_called_with_signed_events(sendgrid: SendGrid) -> None:
    await asyncio.to_thread(post, sendgrid, MAIL)
    (taken,) = sendgrid.mails
    calls: list[Request] = []

    def take(request: Request) -> Answer:
        calls.append(request)
        return Answer(204)

    kinds = ["processed", "delivered", "deferred", "bounce", "dropped", "spamreport", "unsubscribe"]
    with running(take) as academy:
        events = [sendgrid.event(kind, taken) for kind in kinds]
        assert await sendgrid.post_events(f"{academy.url}/hook", events) == 204
    (call,) = calls
    assert call.path == "/hook"
    check_signature(sendgrid, call)
    told = msgspec.json.decode(call.body, type=list[dict[str, object]])
    assert [event["event"] for event in told] == kinds
    assert all(event["mail_id"] == "m1" and event["smtp-id"] == "<m1@mail.example>" for event in told)
    assert len({event["sg_event_id"] for event in told}) == len(kinds)
    with pytest.raises(InvalidSignature):
        check_signature(sendgrid, msgspec.structs.replace(call, body=call.body.replace(b"asha", b"eve1")))


def check_signature(sendgrid: SendGrid, call: Request) -> None:
    key = load_der_public_key(base64.b64decode(sendgrid.webhook_public_key))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    signature = base64.b64decode(call.headers[SIGNATURE_HEADER.lower()])
    signed = call.headers[TIMESTAMP_HEADER.lower()].encode() + call.body
    key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
