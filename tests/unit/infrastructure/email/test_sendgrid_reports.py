"""SendGrid's signed events: nothing unsigned counts, nothing that passes counts, nothing odd spoils the rest."""

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from academy.infrastructure.email import sendgrid_reports
from academy.infrastructure.email.reports import DeliveryReport, ForgedReport, ReportKind
from academy.kit.errors import InvalidError, Kind

TIMESTAMP = "1790000000"
KEY = ec.generate_private_key(ec.SECP256R1())


def public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def signature(body: bytes, key: ec.EllipticCurvePrivateKey = KEY, timestamp: str = TIMESTAMP) -> str:
    return base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()


def read_signed(body: bytes) -> list[DeliveryReport]:
    return sendgrid_reports.read(body, signature(body), TIMESTAMP, public(KEY))


def event(name: str, **fields: object) -> dict[str, object]:
    return {"event": name, "email": "asha@example.com", "timestamp": 1_513_299_569, **fields}


def kinds(*events: object) -> list[ReportKind]:
    return [report.kind for report in read_signed(json.dumps(events).encode())]


def test_a_bounce_tells_all_there_is_to_know() -> None:
    bounce = event(
        "bounce",
        type="bounce",
        reason="550 5.1.1 unknown\r\n  user",
        status="5.1.1",
        mail_id="01900000-0000-7000-8000-000000000001",
        sg_event_id="e1",
        **{"smtp-id": "<1@example.com>"},
    )
    assert read_signed(json.dumps([bounce]).encode()) == [
        DeliveryReport(
            provider="sendgrid",
            kind=ReportKind.BOUNCED,
            address="asha@example.com",
            mail_id="01900000-0000-7000-8000-000000000001",
            detail="550 5.1.1 unknown user",
            reported_at=datetime(2017, 12, 15, 0, 59, 29, tzinfo=UTC),
        )
    ]


@pytest.mark.parametrize(
    ("reported", "kind"),
    [
        (event("bounce", type="bounce"), ReportKind.BOUNCED),
        (event("dropped", reason="Bounced Address"), ReportKind.BOUNCED),
        (event("dropped", reason="Invalid"), ReportKind.BOUNCED),
        (event("dropped", reason="Spam Reporting Address"), ReportKind.COMPLAINED),
        (event("spamreport"), ReportKind.COMPLAINED),
    ],
)
def test_what_lasts_is_reported(reported: dict[str, object], kind: ReportKind) -> None:
    assert kinds(reported) == [kind]


@pytest.mark.parametrize(
    "passing",
    [
        event("bounce", type="blocked"),
        event("bounce"),
        event("dropped", reason="Invalid SMTPAPI header"),
        event("dropped", reason="Unsubscribed Address"),
        event("dropped", reason="Spam Content (if Spam Checker app is enabled)"),
        event("dropped"),
        event("deferred", response="400 try again later"),
        *(
            event(name)
            for name in (
                "unsubscribe",
                "group_unsubscribe",
                "processed",
                "delivered",
                "open",
                "click",
                "group_resubscribe",
                "account_status",
                "",
            )
        ),
    ],
)
def test_what_passes_is_not_reported(passing: dict[str, object]) -> None:
    assert kinds(passing) == []


@pytest.mark.parametrize(
    "odd",
    [
        None,
        1,
        "bounce",
        [],
        {},
        {"event": "spamreport"},
        event("spamreport", email="not an address"),
        event("spamreport", email="a@example.com\nBcc: b@example.com"),
        event("spamreport", email="a@" + "x" * 400),
        event("spamreport", email=None),
        event("spamreport", timestamp="yesterday"),
        event("spamreport", timestamp=1e300),
        event("spamreport", timestamp=-(10**30)),
        event("bounce", type={"bounce": True}),
        {**event("spamreport"), "event": 7},
    ],
)
def test_an_odd_event_does_not_spoil_the_others(odd: object) -> None:
    assert kinds(event("spamreport"), odd, event("bounce", type="bounce")) == [
        ReportKind.COMPLAINED,
        ReportKind.BOUNCED,
    ]


def test_a_mail_that_is_not_ours_has_no_id_and_a_long_reason_is_cut() -> None:
    long = event("bounce", type="bounce", reason="x" * 10_000, mail_id=["no", "text"])
    (report,) = read_signed(json.dumps([long]).encode())
    assert (report.mail_id, len(report.detail)) == ("", 300)
    (report,) = read_signed(json.dumps([event("spamreport")]).encode())
    assert (report.mail_id, report.detail) == ("", "spamreport")


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"event": "bounce"}', b"\xff\xfe", b'["\\'])
def test_what_is_signed_but_no_array_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidError):
        read_signed(body)


def test_only_the_signature_of_this_body_and_this_time_counts() -> None:
    body = json.dumps([event("spamreport")]).encode()
    right = signature(body)
    other_curve = ec.generate_private_key(ec.SECP384R1())
    other_key = ec.generate_private_key(ec.SECP256R1())
    no_curve = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert len(sendgrid_reports.read(body, right, TIMESTAMP, public(KEY))) == 1
    for forged in (
        (body + b" ", right, TIMESTAMP, public(KEY)),
        (body, right, "1790000001", public(KEY)),
        (body, right, "", public(KEY)),
        (body, right, "é\ud800", public(KEY)),
        (body, "", TIMESTAMP, public(KEY)),
        (body, "AAAA", TIMESTAMP, public(KEY)),
        (body, "not base64!", TIMESTAMP, public(KEY)),
        (body, "é", TIMESTAMP, public(KEY)),
        (body, right + "\n", TIMESTAMP, public(KEY)),
        (body, signature(body, other_key), TIMESTAMP, public(KEY)),
        (body, right, TIMESTAMP, public(other_key)),
        (body, signature(body, other_curve), TIMESTAMP, public(other_curve)),
        (body, right, TIMESTAMP, public(no_curve)),
        (body, right, TIMESTAMP, ""),
        (body, right, TIMESTAMP, "AAAA"),
        (body, right, TIMESTAMP, "é"),
    ):
        with pytest.raises(ForgedReport) as caught:
            sendgrid_reports.read(*forged)
        assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, "forged_report")


def test_the_example_of_the_vendor_is_accepted() -> None:
    """The key, signature and time that SendGrid publishes with its own libraries; the body is no array."""
    body = b'{"category":"example_payload","event":"test_event","message_id":"message_id"}'
    with pytest.raises(InvalidError):
        sendgrid_reports.read(
            body,
            "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH2j/0=",
            "1588788367",
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu"
            "/1FwCM/QmGUhA==",
        )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"event": st.sampled_from(["bounce", "dropped", "spamreport"]) | JSON_VALUES, "email": JSON_VALUES},
            optional={"timestamp": JSON_VALUES, "type": JSON_VALUES, "reason": JSON_VALUES, "mail_id": JSON_VALUES},
        )
    )
)
def test_no_signed_event_breaks_the_reading(events: list[dict[str, object]]) -> None:
    body = json.dumps([*events, event("spamreport")]).encode()
    assert read_signed(body)[-1].kind is ReportKind.COMPLAINED


@settings(deadline=None)
@given(st.binary(max_size=200), st.text(max_size=80), st.text(max_size=20), st.text(max_size=80))
def test_no_stranger_gets_further_than_the_door(body: bytes, signed: str, timestamp: str, key: str) -> None:
    for known in (key, public(KEY)):
        with pytest.raises(ForgedReport):
            sendgrid_reports.read(body, signed, timestamp, known)
