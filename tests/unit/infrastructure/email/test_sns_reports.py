"""Signed messages of SNS: the certificate comes from SNS of the topic's region or the message does not count."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from academy.infrastructure.email.reports import DeliveryReport, ForgedReport, ReportKind
from academy.infrastructure.email.sns_reports import SnsReports
from academy.kit.errors import AcademyError, UnavailableError

TOPIC = "arn:aws:sns:ap-south-1:123456789012:mail-events"
SNS = "https://sns.ap-south-1.amazonaws.com"
CERTIFICATE_URL = f"{SNS}/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = f"{SNS}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY, days: tuple[int, int] = (-10, 10)) -> bytes:
    """A certificate that is valid from and until so many days from now."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begins, ends = (NOW + timedelta(days=count) for count in days)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begins, ends)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


PEM = pem()


class Sns:
    """What stands behind the addresses of SNS, who signs there, and the clock of who reads it."""

    def __init__(self, topic: str = TOPIC) -> None:
        self.answers: dict[str, bytes] = {CERTIFICATE_URL: PEM, SUBSCRIBE_URL: b"<ConfirmSubscriptionResponse/>"}
        self.asked: list[str] = []
        self.moment = NOW
        self.reports = SnsReports(topic, self.fetch, self)

    def now(self) -> datetime:
        return self.moment

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.answers:
            raise UnavailableError("SNS answers with 404.")
        return self.answers[url]


@pytest.fixture
def sns() -> Sns:
    return Sns()


def canonical(message: dict[str, str]) -> bytes:
    """As the developer guide words it: these names if they are there, in this order, each with its value, in lines."""
    notification = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    confirmation = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    names = notification if message["Type"] == "Notification" else confirmation
    return "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode()


def signed(content: object, key: rsa.RSAPrivateKey = KEY, hashed: str = "", /, **fields: str) -> dict[str, str]:
    """A message of the topic, with a right signature unless the arguments say otherwise."""
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": content if isinstance(content, str) else json.dumps(content),
        "Timestamp": "2026-11-24T11:59:59.123Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": f"{SNS}/?Action=Unsubscribe",
        **fields,
    }
    algorithm = HASHES[hashed or message["SignatureVersion"]]
    signature = key.sign(canonical(message), padding.PKCS1v15(), algorithm)
    return {"Signature": base64.b64encode(signature).decode(), **message}


def body(message: dict[str, str]) -> bytes:
    return json.dumps(message).encode()


MAIL = {"messageId": "0100", "tags": {"ses:configuration-set": ["mails"], "mail_id": ["0190-01"]}}
WHEN = {"timestamp": "2017-08-05T00:41:02.669Z"}


def bounce(kind: str = "Permanent", **fields: object) -> dict[str, object]:
    asha = {"emailAddress": "asha@example.com", "diagnosticCode": "smtp; 550 5.1.1 user\nunknown", "status": "5.1.1"}
    said = {"bounceType": kind, "bounceSubType": "General", "bouncedRecipients": [asha], **WHEN, **fields}
    return {"eventType": "Bounce", "bounce": said, "mail": MAIL}


def complaint(**fields: object) -> dict[str, object]:
    people = [{"emailAddress": "asha@example.com"}, {"emailAddress": "ravi@example.com"}]
    said = {"complainedRecipients": people, "complaintFeedbackType": "abuse", **WHEN, **fields}
    return {"eventType": "Complaint", "complaint": said, "mail": {"messageId": "0100"}}


ASHA_BOUNCED = DeliveryReport(
    provider="ses",
    kind=ReportKind.BOUNCED,
    address="asha@example.com",
    mail_id="0190-01",
    detail="smtp; 550 5.1.1 user unknown",
    reported_at=datetime(2017, 8, 5, 0, 41, 2, 669_000, tzinfo=UTC),
)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [{}, {"Subject": "Amazon SES Email Event Notification"}])
async def test_a_permanent_bounce_is_reported(sns: Sns, version: str, subject: dict[str, str]) -> None:
    message = signed(bounce(), SignatureVersion=version, **subject)
    assert await sns.reports.read(body(message)) == [ASHA_BOUNCED]
    assert await sns.reports.read(json.dumps({**message, "Subject": subject.get("Subject")}).encode()) == [ASHA_BOUNCED]


async def test_a_complaint_is_reported_for_each_recipient(sns: Sns) -> None:
    reports = await sns.reports.read(body(signed(complaint())))
    assert [one.address for one in reports] == ["asha@example.com", "ravi@example.com"]
    assert {(one.kind, one.mail_id, one.detail) for one in reports} == {(ReportKind.COMPLAINED, "", "abuse")}


async def test_feedback_without_event_publishing_is_read_too(sns: Sns) -> None:
    event = bounce()
    event["notificationType"] = event.pop("eventType")
    assert await sns.reports.read(body(signed(event))) == [ASHA_BOUNCED]


@pytest.mark.parametrize(
    "content",
    [
        *(bounce(kind) for kind in ("Transient", "Undetermined")),
        *(complaint(complaintFeedbackType=kind) for kind in ("not-spam", "auth-failure")),
        {"eventType": "Delivery", "delivery": {"recipients": ["asha@example.com"]}},
        {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have successfully subscribed."},
        "Successfully validated SNS topic for Amazon SES event publishing.",
        *("", "null", "[1]"),
        *({"eventType": kind} for kind in ("Bounce", ["Bounce"])),
        *(bounce(timestamp=time) for time in ("yesterday", "2017-08-05T00:41:02", None)),
        bounce(bouncedRecipients={}),
        bounce(bouncedRecipients=[]),
    ],
)
async def test_what_passes_or_makes_no_sense_is_not_reported(sns: Sns, content: object) -> None:
    assert await sns.reports.read(body(signed(content))) == []


async def test_an_odd_recipient_or_tag_does_not_spoil_the_report(sns: Sns) -> None:
    good = {"emailAddress": "asha@example.com"}
    odd = [None, {}, {"emailAddress": 5}, {"emailAddress": "nobody"}, {"emailAddress": "a@b\nc"}]
    mails: list[object] = [None, {"tags": []}, {"tags": {"mail_id": []}}, {"tags": {"mail_id": "0190-01"}}]
    for mail in mails:
        event = {**bounce(bouncedRecipients=[*odd, good]), "mail": mail}
        (report,) = await sns.reports.read(body(signed(event)))
        assert (report.address, report.mail_id, report.detail) == ("asha@example.com", "", "General")


async def test_only_what_sns_signed_counts(sns: Sns) -> None:
    right = signed(bounce(), Subject="A bounce")
    other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    without = [{other: value for other, value in right.items() if other != name} for name in right]
    for forged in (
        *({**right, name: right[name] + "x"} for name in ("Message", "MessageId", "Subject", "Timestamp")),
        *(one for one in without if "UnsubscribeURL" in one),
        *({**right, "Type": other} for other in ("UnsubscribeConfirmation", "Anything")),
        *({**right, "Signature": other} for other in ("", "é", right["Signature"] + "x")),
        *({**right, "SignatureVersion": other} for other in ("1", "3")),
        signed(bounce(), other_key),
        signed(bounce(), KEY, "1"),
        signed(bounce(), TopicArn=TOPIC + "-2"),
    ):
        with pytest.raises(ForgedReport):
            await sns.reports.read(body(forged))
    assert await sns.reports.read(body(right)) == [ASHA_BOUNCED]


async def test_a_topic_that_is_not_ours_makes_us_fetch_nothing(sns: Sns) -> None:
    with pytest.raises(ForgedReport):
        await sns.reports.read(body(signed(bounce(), TopicArn="arn:aws:sns:ap-south-1:999999999999:mail-events")))
    for raw in (json.dumps(bounce()).encode(), b"", b"{", b"null", b"[]", b"\xff"):
        with pytest.raises(ForgedReport):
            await sns.reports.read(raw)
    assert sns.asked == []


# {} stands for the host of SNS in the topic's region.
NOT_OF_SNS = {
    "scheme": ["http://{}/c.pem", "ftp://{}/c.pem", "file:///etc/c.pem", "//{}/c.pem", "https:{}/c.pem", "/c.pem", ""],
    "port": ["https://{}:443/c.pem", "https://{}:8443/c.pem", "https://{}:/c.pem"],
    "user": ["https://{}@evil.example/c.pem", "https://{}:x@evil.example/c.pem", "https://user@{}/c.pem"],
    "short": ["https://sns.x@evil/c.pem", "https://sns.x/c.pem", "https://{}", "https://localhost/c.pem"],
    "longer": ["https://{}.evil.example/c.pem", "https://{}.cn/c.pem", "https://{}./c.pem", "https://x.{}/c.pem"],
    "region": ["https://sns.us-east-1.amazonaws.com/c.pem", "https://sns.amazonaws.com/c.pem"],
    "bucket": ["https://sns.s3.amazonaws.com/c.pem", "https://sns.s3-us-west-2.amazonaws.com/c.pem"],
    "elsewhere": ["https://evil.example/{}/c.pem", "https://evil.example/?https://{}/c.pem", "https://evil.example#{}"],
    "slashes": ["https://evil.example\\@{}/c.pem", "https://{}\\@evil.example/c.pem", "https:\\\\{}/c.pem"],
    "lines": ["https://{}/\r\nHost: evil/c.pem", "https://{}\n/c.pem", " https://{}/c.pem", "https://{}/a b.pem"],
    "numbers": ["https://127.0.0.1/c.pem", "https://2130706433/c.pem", "https://[::1]/c.pem", "https://169.254.1.1/c"],
    "letters": ["https://ｓns.ap-south-1.amazonaws.com/c.pem", "HTTPS://{}/c.pem"],
}


@pytest.mark.parametrize(
    "url", [url.format("sns.ap-south-1.amazonaws.com") for one in NOT_OF_SNS.values() for url in one]
)
async def test_nothing_is_fetched_from_anybody_but_sns(sns: Sns, url: str) -> None:
    sns.answers[url] = PEM
    with pytest.raises(ForgedReport):
        await sns.reports.read(body(signed(bounce(), SigningCertURL=url)))
    confirmation = signed("Confirm", Type="SubscriptionConfirmation", Token="2336", SubscribeURL=url)
    with pytest.raises(ForgedReport):
        await sns.reports.read(body(confirmation))
    assert set(sns.asked) <= {CERTIFICATE_URL}


@pytest.mark.parametrize(
    "path", ["/", "/cert", "/cert.pem.txt", "/?x=.pem", "/cert.pem?Action=x", "/cert.pem#.pem", "/cert.PEM"]
)
async def test_a_certificate_is_a_file_of_sns(sns: Sns, path: str) -> None:
    sns.answers[SNS + path] = PEM
    with pytest.raises(ForgedReport):
        await sns.reports.read(body(signed(bounce(), SigningCertURL=SNS + path)))
    assert sns.asked == []


async def test_a_topic_in_china_is_served_from_there() -> None:
    topic = "arn:aws-cn:sns:cn-north-1:123456789012:mail-events"
    url = "https://sns.cn-north-1.amazonaws.com.cn/cert.pem"
    sns = Sns(topic)
    sns.answers[url] = PEM
    assert await sns.reports.read(body(signed(bounce(), TopicArn=topic, SigningCertURL=url))) == [ASHA_BOUNCED]
    with pytest.raises(ForgedReport):
        await sns.reports.read(body(signed(bounce(), TopicArn=topic, SigningCertURL=CERTIFICATE_URL)))
    assert sns.asked == [url]


async def test_a_certificate_is_fetched_once_and_counts_while_it_is_valid(sns: Sns) -> None:
    message = body(signed(bounce()))
    for _ in range(3):
        assert await sns.reports.read(message) == [ASHA_BOUNCED]
    assert sns.asked == [CERTIFICATE_URL]
    for days in (-11, 11):
        sns.moment = NOW + timedelta(days=days)
        with pytest.raises(ForgedReport):
            await sns.reports.read(message)
    sns.moment = NOW
    assert await sns.reports.read(message) == [ASHA_BOUNCED]


async def test_only_a_few_certificates_are_kept(sns: Sns) -> None:
    urls = [f"{SNS}/{number}.pem" for number in range(20)]
    sns.answers.update(dict.fromkeys(urls, PEM))
    for url in [*urls, urls[-1], urls[0]]:
        sns.moment += timedelta(seconds=10)
        await sns.reports.read(body(signed(bounce(), SigningCertURL=url)))
    assert sns.asked == [*urls, urls[0]], "the latest one is kept, the first one is not"


NO_PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
ELLIPTIC = pem(ec.generate_private_key(ec.SECP256R1()))


async def test_what_is_no_certificate_of_now_proves_nothing(sns: Sns) -> None:
    for answer in (b"", b"<html>", NO_PEM, ELLIPTIC, pem(days=(-10, -1)), pem(days=(1, 10))):
        sns.answers[CERTIFICATE_URL] = answer
        with pytest.raises(ForgedReport):
            await SnsReports(TOPIC, sns.fetch, sns).read(body(signed(bounce())))


async def forge(sns: Sns, url: str, error: type[AcademyError] = UnavailableError) -> None:
    with pytest.raises(error):
        await sns.reports.read(body({**signed(bounce()), "SigningCertURL": url}))


async def test_a_forger_causes_few_fetches(sns: Sns) -> None:
    await sns.reports.read(body(signed(bounce())))
    for number in range(30):
        await forge(sns, f"{SNS}/{number}.pem")
    assert len(sns.asked) == 10
    assert await sns.reports.read(body(signed(bounce()))) == [ASHA_BOUNCED], "the kept certificate needs no fetch"
    sns.moment += timedelta(minutes=1)
    await forge(sns, f"{SNS}/30.pem")
    assert len(sns.asked) == 11


@pytest.mark.parametrize(("answer", "error"), [(None, UnavailableError), (b"<html>", ForgedReport)])
async def test_a_failure_is_remembered_until_amazon_sends_again(
    sns: Sns, answer: bytes | None, error: type[AcademyError]
) -> None:
    url = f"{SNS}/other.pem"
    if answer is not None:
        sns.answers[url] = answer
    for _ in range(5):
        await forge(sns, url, error)
    assert sns.asked == [url]
    sns.answers[url] = PEM
    sns.moment += timedelta(seconds=20)
    assert await sns.reports.read(body(signed(bounce(), SigningCertURL=url))) == [ASHA_BOUNCED]


async def test_one_certificate_is_fetched_at_a_time_and_once_for_all_who_wait(sns: Sns) -> None:
    running, most, go_on = 0, 0, asyncio.Event()

    async def fetch(url: str) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go_on.wait()
        running -= 1
        return await sns.fetch(url)

    reports, url = SnsReports(TOPIC, fetch, sns), f"{SNS}/other.pem"
    sns.answers[url] = PEM
    messages = [body(signed(bounce(), SigningCertURL=one)) for one in (CERTIFICATE_URL, url) for _ in range(3)]
    reading = [asyncio.create_task(reports.read(message)) for message in messages]
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(*reading) == [[ASHA_BOUNCED]] * 6
    assert (most, sns.asked) == (1, [CERTIFICATE_URL, url])


async def test_when_sns_cannot_be_reached_amazon_shall_send_again(sns: Sns) -> None:
    kept = sns.answers.pop(CERTIFICATE_URL)
    with pytest.raises(UnavailableError):
        await sns.reports.read(body(signed(bounce())))
    sns.answers[CERTIFICATE_URL] = kept
    sns.moment += timedelta(seconds=20)
    assert await sns.reports.read(body(signed(bounce()))) == [ASHA_BOUNCED]


async def test_a_subscription_is_confirmed(sns: Sns) -> None:
    message = signed("Confirm", Type="SubscriptionConfirmation", Token="2336412f37", SubscribeURL=SUBSCRIBE_URL)
    assert await sns.reports.read(body(message)) == []
    assert sns.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]
    other_url = f"{SNS}/?Action=ConfirmSubscription&Token=other"
    for changed in ({"SubscribeURL": other_url}, {"Token": "other"}, {"Type": "Notification"}):
        with pytest.raises(ForgedReport):
            await sns.reports.read(body({**message, **changed}))
    assert sns.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]
    del sns.answers[SUBSCRIBE_URL]
    with pytest.raises(UnavailableError):
        await sns.reports.read(body(message))


async def test_the_end_of_a_subscription_is_logged(sns: Sns) -> None:
    message = signed("Bye", Type="UnsubscribeConfirmation", Token="2336412f37", SubscribeURL=SUBSCRIBE_URL)
    with capture_logs() as logs:
        assert await sns.reports.read(body(message)) == []
    assert [(log["event"], log["topic"]) for log in logs] == [("sns_topic_unsubscribed", TOPIC)]
    assert sns.asked == [CERTIFICATE_URL], "nobody subscribes again by itself"


@settings(deadline=None)
@given(st.binary(max_size=200) | st.dictionaries(st.sampled_from(sorted(signed(""))), st.text() | st.none()))
async def test_no_stranger_gets_further_than_the_door(content: object) -> None:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(ForgedReport):
        await Sns().reports.read(raw)


@settings(deadline=None)
@given(st.text(), st.text(), st.text())
async def test_no_words_in_a_message_break_the_reading(message: str, subject: str, signature: str) -> None:
    sns = Sns()
    assert await sns.reports.read(body(signed(message, Subject=subject))) == []
    with pytest.raises(ForgedReport):
        await sns.reports.read(body({**signed(bounce()), "MessageId": "\ud800" + message, "Signature": signature}))
