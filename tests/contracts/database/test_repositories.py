"""Every query that the academy makes is served by an index, on both engines.

Every public coroutine of every repository is called with plausible arguments over some hundreds of documents, and each
query it makes on the way is explained. A repository or a method that is added is called, too, without a word here.
"""

import contextlib
import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

import msgspec
import pytest

import academy.features
from academy.composition import DOCUMENTS
from academy.features.accounts.model import CodePurpose, CodeTry
from academy.features.courses.model import Level
from academy.features.courses.repository import CatalogueFilter, CourseSort
from academy.features.enrolment.model import LearnerEnrolled
from academy.features.learning.model import LessonProgress
from academy.features.payments.invoice import Buyer
from academy.features.payments.model import TransactionFilter, TransactionStatus
from academy.features.videos.captions_model import CaptionLine, TrackKind
from academy.infrastructure.database.base import Database
from academy.infrastructure.email.base import EmailMessage, Recipient
from academy.infrastructure.email.batches import Announcement, BatchRecipient
from academy.infrastructure.email.chain import ProviderChain
from academy.infrastructure.email.inbox import InboxProvider
from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import Mail, MailState
from academy.infrastructure.email.rendering import Branding, MailKind, MailRenderer
from academy.infrastructure.email.reports import DeliveryReport, ReportKind
from academy.infrastructure.email.sending import SEND_MAIL, SendBatch, SendMail
from academy.infrastructure.email.service import EmailService
from academy.infrastructure.email.settings import EmailSettings
from academy.infrastructure.jobs.model import Job
from academy.infrastructure.jobs.queue import DatabaseJobQueue, Schedule
from academy.infrastructure.sessions.database import DatabaseSessionStore
from academy.kit.clock import SystemClock
from academy.kit.errors import AcademyError
from tests.contracts.database.places import Place
from tests.contracts.database.recording import Query, RecordingDatabase
from tests.contracts.database.sample import START, arguments, sample

Method = Callable[..., Awaitable[object]]

DOCUMENT_COUNT = 300

ANYBODY = Recipient(address="a@b.example", name="A")
NEWS = Announcement(title="t", message="m", action="a", action_url="https://a.example")
RECEIPT = dict.fromkeys(("transaction_id", "course_title", "amount", "invoice_number", "date"), "x")
RECEIPT |= {"course_url": "https://a.example", "receipt_url": "https://a.example"}
REPORT = DeliveryReport(
    provider="ses", kind=ReportKind.BOUNCED, address="to7", mail_id="mails7", detail="d", reported_at=START
)
WELCOME = msgspec.structs.replace(sample(Mail, 7), kind="welcome", values={"name": "A"}, to="a@b.example")

# What the type of a parameter does not tell.
KNOWN: dict[object, list[object]] = {
    "text": ["", "name1"],
    "cursor": [None],
    CatalogueFilter: [
        CatalogueFilter(sort=sort, **narrowed)
        for sort in (None, *CourseSort)
        for narrowed in (
            {},
            {"category": "category7"},
            {"level": Level.BEGINNER},
            {"language": "language7"},
            {"price": "free"},
            {"price": "paid", "min_rating": 4.0},
            {"category": "category7", "level": Level.ADVANCED, "language": "language7", "price": "free"},
            {"category": "category7", "q": "title"},
        )
    ],
    "kind": [SEND_MAIL],
    "track.kind": [TrackKind.CAPTIONS],
    CodeTry: [CodeTry(id="t", purpose=CodePurpose.SIGN_IN, at=START)],
    Job: [msgspec.structs.replace(sample(Job, 7), kind=SEND_MAIL.name)],
    Schedule: [Schedule(SEND_MAIL, SendMail(mail_id="mails7"), timedelta(hours=1))],
    "key": ["", "one"],
    SendMail: [SendMail(mail_id="mails7")],
    SendBatch: [SendBatch(batch_id="batch_id7"), SendBatch(batch_id="mail_batches7")],
    "batch_id": ["mail_batches7", "none"],
    "enqueue.payload": [SendMail(mail_id="mails7")],
    "enqueue_once.payload": [SendMail(mail_id="mails7")],
    "publish.event": [LearnerEnrolled(enrolment_id="e", user_id="user7", course_id="course7", granted_at=START)],
    EmailMessage: [
        EmailMessage(
            mail_id="m",
            message_id="<m>",
            sender="a@b.example",
            sender_name="A",
            to="c@d.example",
            subject="s",
            text="t",
            html="h",
        )
    ],
    "send.kind": [MailKind.WELCOME],
    "send.values": [{"name": "A"}],
    "receipt": [RECEIPT],
    "send_otp.purpose": ["sign_in"],
    Announcement: [NEWS],
    BatchRecipient: [BatchRecipient(to=ANYBODY, unsubscribe_url="https://a.example")],
    "recipients": [[BatchRecipient(to=ANYBODY, unsubscribe_url="https://a.example")]],
    TransactionFilter: [
        TransactionFilter(**narrowed)
        for narrowed in (
            {},
            {"status": TransactionStatus.PAID},
            {"gateway": "gateway7"},
            {"gateway": "gateway7", "status": TransactionStatus.PAID},
            {"user_id": "user7", "status": TransactionStatus.PAID},
            {"course_id": "course7", "gateway": "gateway7"},
            {"coupon_code": "coupon_code7"},
            {"disputed": True},
            {"disputed": True, "status": TransactionStatus.PAID, "gateway": "gateway7"},
        )
    ],
    MailFilter: [
        MailFilter(),
        MailFilter(state=MailState.SENT),
        MailFilter(to="a@b.example"),
        MailFilter(batch_id="b"),
    ],
    Buyer: [Buyer(name="B", email="b@c.example", country="IN")],
    DeliveryReport: [REPORT],
    Mail: [WELCOME],
    Recipient: [ANYBODY],
    LessonProgress: [LessonProgress(position_seconds=1.0)],
    "lines": [[msgspec.structs.replace(sample(CaptionLine, 100_001), id="fresh")]],
    "where": [{"video_id": {"$in": ["video_id7"]}}],
}


def repository_classes() -> list[type]:
    """Returns every class in a feature's repository module that is made of a database."""
    found: list[type] = []
    for feature in pkgutil.iter_modules(academy.features.__path__, "academy.features."):
        if any(module.name == "repository" for module in pkgutil.iter_modules(_path(feature.name))):
            module = importlib.import_module(f"{feature.name}.repository")
            classes = inspect.getmembers(module, inspect.isclass)
            found += [one for name, one in classes if one.__module__ == module.__name__ and name.endswith("Repository")]
    return found


def _path(name: str) -> list[str]:
    return list(importlib.import_module(name).__path__)


def everyone_who_asks(database: Database) -> list[object]:
    """Returns one object of each class that makes queries."""
    clock = SystemClock()
    queue = DatabaseJobQueue(database, clock)
    queue.register(SEND_MAIL, _do_nothing)
    inbox = InboxProvider(database, clock)
    branding = Branding(name="A", accent="#123456", logo_url="", support_email="a@b.example", url="http://127.0.0.1")
    mail = EmailService(
        database,
        queue,
        ProviderChain([inbox], {}, clock),
        MailRenderer(branding),
        clock,
        EmailSettings(),
        _nothing_unwanted,
        academy_name="A",
        academy_url="http://127.0.0.1",
    )
    parts = [mail, mail.log, mail.sender, mail.suppressions, mail.batches]
    sessions = DatabaseSessionStore(database, clock)
    return [*(one(database) for one in repository_classes()), queue, inbox, sessions, *parts]


async def _nothing_unwanted(mails: Sequence[Mail]) -> dict[str, str]:
    return {}


async def _do_nothing(payload: SendMail) -> None:
    """Takes a job."""


def methods(asking: object) -> Iterator[str]:
    """Gives the names of the public coroutines of an object."""
    for name, _ in inspect.getmembers(type(asking), inspect.iscoroutinefunction):
        if not name.startswith("_"):
            yield name


@pytest.fixture
async def filled(place: Place) -> AsyncIterator[Database]:
    database = place.database()
    await database.connect()
    await database.create_indexes(DOCUMENTS)
    for document_type in DOCUMENTS:
        await database.collection(document_type).insert_many([sample(document_type, n) for n in range(DOCUMENT_COUNT)])
    yield database
    await database.disconnect()


async def test_every_query_is_served_by_an_index(filled: Database) -> None:
    recording = RecordingDatabase(filled)
    called = 0
    for asking in everyone_who_asks(recording.as_database()):
        for name in methods(asking):
            recording.asked_by = f"{type(asking).__name__}.{name}"
            for positional, keywords in arguments(getattr(asking, name), KNOWN):
                await _call(filled, getattr(asking, name), positional, keywords)
                called += 1
    assert called > 100
    drops = [query for query in recording.queries if query.asked_by == "Batches.drop"]
    assert {"dropped_at", "state", "given_up"} <= {field for query in drops for field in query.query}
    assert [one for query in recording.queries if (one := await _complaint(query))] == []


class _Undo(Exception):
    """Rolls back what a method did, so that the next one finds the same documents."""


async def _call(database: Database, method: Method, positional: list[object], keywords: dict[str, object]) -> None:
    async def work() -> None:
        # Not found, taken: what matters is what it asked on the way.
        with contextlib.suppress(AcademyError):
            await method(*positional, **keywords)
        raise _Undo

    with contextlib.suppress(_Undo):
        await database.transaction(work)


async def _complaint(query: Query) -> str:
    """Returns what is wrong with the way a query would run; "" when an index serves it."""
    if query.method == "search":
        # It finds by words, which have their own index.
        return ""
    if not query.query and query.limit is None:
        # All documents are counted, which is what was asked for.
        return ""
    plan = await query.collection.explain(query.query, sort=query.sort, limit=query.limit)
    how = f"{query.method} {query.query} {query.sort} by {plan}"
    return f"{query.asked_by} reads the whole collection: {how}" if plan.scans_collection else ""
