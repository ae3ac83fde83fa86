"""What people are told by mail: each fact once, and beyond what they must know only what they did not decline."""

import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.resources import files
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date

from academy.features.accounts.administration import AccountAdministration
from academy.features.accounts.model import Topic, User, UserStatus
from academy.features.accounts.service import AccountService
from academy.features.courses.model import Course, CourseReviewed
from academy.features.courses.service import CourseService
from academy.features.enrolment.model import LearnerEnrolled
from academy.features.learning.model import CourseCompleted
from academy.features.notifications.unsubscribe import UnsubscribeTokens
from academy.features.payments.invoice import SELLERS_ZONE
from academy.features.payments.model import PaymentReceived, PaymentRefunded
from academy.infrastructure.database.base import LARGEST_PAGE
from academy.infrastructure.email.batches import Announcement, BatchRecipient
from academy.infrastructure.email.model import Mail
from academy.infrastructure.email.rendering import MailKind
from academy.infrastructure.email.service import EmailService
from academy.kit.errors import InvalidError, NotFoundError
from academy.kit.ids import new_id
from academy.kit.money_format import format_money

_MOST_NAMED = 5
_MOST_SHOWN = 3


class AddressWithVariables(msgspec.Struct, frozen=True):
    """One row of an announcement's recipients: whose account, and what stands in the places of the text."""

    address: str
    variables: Mapping[str, str]


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an announcement would reach, how many, and what the first of them would read as its subject."""

    people: int
    first_addresses: Sequence[str]
    first_subject: str


class NotificationService:
    """Turns events into mails. Every method that takes an event may be called again with it, to no effect."""

    def __init__(
        self,
        accounts: AccountService,
        administration: AccountAdministration,
        courses: CourseService,
        email: EmailService,
        tokens: UnsubscribeTokens,
        *,
        public_url: str,
    ) -> None:
        self._accounts = accounts
        self._administration = administration
        self._courses = courses
        self._email = email
        self._tokens = tokens
        self._url = public_url
        words = files("academy.features.notifications") / "texts.toml"
        self._texts: dict[str, dict[str, dict[str, str]]] = tomllib.loads(words.read_text("utf-8"))

    # --- what people must know ---

    async def confirm_enrolment(self, event: LearnerEnrolled) -> None:
        """Tells a learner that a course is open to them."""
        user, course = await self._both(event.user_id, event.course_id)
        if user is not None and course is not None:
            await self._email.send_enrolment_confirmation(
                user.as_recipient(),
                course_title=course.title,
                course_url=f"{self._url}/learn/{course.slug}",
                cause=f"enrolment:{event.enrolment_id}:{event.granted_at:%Y%m%d%H%M%S%f}",
            )

    async def send_receipt(self, event: PaymentReceived) -> None:
        """Sends the receipt of a payment, in the words and figures of its payer's language."""
        user, course = await self._both(event.user_id, event.course_id)
        if user is None:
            return
        locale = f"{user.preferences.language}_IN"
        receipt = {
            "transaction_id": event.transaction_id,
            "course_title": course.title if course else "",
            "course_url": f"{self._url}/courses/{course.slug}" if course else self._url,
            "amount": format_money(event.amount, locale),
            "invoice_number": event.invoice_number,
            "date": format_date(event.paid_at.astimezone(ZoneInfo(SELLERS_ZONE)), format="long", locale=locale),
            "receipt_url": f"{self._url}/account/receipts/{event.transaction_id}",
        }
        await self._email.send_payment_receipt(user.as_recipient(), receipt, cause=f"receipt:{event.transaction_id}")

    async def send_refund_notice(self, event: PaymentRefunded) -> None:
        """Tells a buyer that money went back, and whether the course is closed to them now."""
        user, course = await self._both(event.user_id, event.course_id)
        if user is None:
            return
        language = user.preferences.language if user.preferences.language in self._texts else "en"
        texts = self._texts[language]["refund_closes" if event.ends_access else "refund"]
        values = {
            "course": course.title if course else "",
            "amount": format_money(event.amount, f"{language}_IN"),
            "number": event.credit_note_number,
        }
        await self._email.send_notification(
            user.as_recipient(),
            title=texts["title"].format(**values),
            message=texts["message"].strip().format(**values),
            action=texts["action"],
            action_url=f"{self._url}/account/receipts/{event.transaction_id}",
            unsubscribe_url="",
            cause=f"refund:{event.refund_id}",
        )

    # --- what they may decline ---

    async def congratulate(self, event: CourseCompleted) -> None:
        """Tells a learner that a whole course is done."""
        user, course = await self._both(event.user_id, event.course_id)
        if user is None or course is None:
            return
        cause = f"course_completed:{event.user_id}:{event.course_id}"
        await self._notify(user, Topic.COURSE_COMPLETED, course, cause)

    async def tell_teachers(self, event: CourseReviewed) -> None:
        """Tells the instructors of a course that somebody reviewed it."""
        course = await self._courses.by_id(event.course_id)
        if course is None:
            return
        teachers = await self._administration.many(course.instructor_ids)
        for teacher in teachers.values():
            if teacher.id != event.user_id:
                cause = f"course_reviewed:{event.review_id}:{teacher.id}"
                await self._notify(teacher, Topic.COURSE_REVIEWED, course, cause, stars=str(event.stars))

    async def _notify(self, user: User, topic: Topic, course: Course, cause: str, **values: str) -> None:
        if topic in user.preferences.declined or user.status is not UserStatus.ACTIVE:
            return
        texts = self._texts.get(user.preferences.language, self._texts["en"])[topic]
        filled = {name: text.strip().format(course=course.title, **values) for name, text in texts.items()}
        await self._email.send_notification(
            user.as_recipient(),
            title=filled["title"],
            message=filled["message"],
            action=filled["action"],
            action_url=f"{self._url}/courses/{course.slug}#reviews",
            unsubscribe_url=self._unsubscribe_url(user, topic),
            cause=cause,
        )

    async def _both(self, user_id: str, course_id: str) -> tuple[User | None, Course | None]:
        users = await self._administration.many([user_id])
        return users.get(user_id), await self._courses.by_id(course_id)

    # --- announcements ---

    async def announce_to_all(self, announcement: Announcement, batch_id: str | None = None) -> str:
        """Writes to every account in use that wants announcements. Returns the batch's id.

        Called again with the same `batch_id` after it was stopped half-way, it goes on. Raises InvalidError for a
        place in the text that has no value, ConflictError when the batch was dropped.
        """
        batch = batch_id or new_id()
        async for some in self._everybody():
            await self._email.batches.write(batch, announcement, some)
        await self._email.batches.start(batch)
        return batch

    async def announce_to(
        self, announcement: Announcement, rows: Sequence[AddressWithVariables], batch_id: str | None = None
    ) -> str:
        """Writes to some accounts, with the variables of each; who declined announcements gets none.

        Returns the batch's id. Raises InvalidError when an address has no account, unless the batch was begun before:
        then it may have lost it since; or a place in the text no value. ConflictError when the batch was dropped.
        """
        return await self._email.send_batch(await self._chosen(rows, batch_id), announcement, batch_id=batch_id)

    async def audience(
        self, announcement: Announcement, rows: Sequence[AddressWithVariables] | None, batch_id: str | None = None
    ) -> Audience:
        """Returns whom `announce_to` the rows, or without them `announce_to_all`, would write to; writes nothing.

        Of a batch that was begun, it leaves out those whose mail is written already.

        Raises InvalidError as those do.
        """
        people, addresses, subject = 0, list[str](), ""
        async for found in self._everybody() if rows is None else _at_once(await self._chosen(rows, batch_id)):
            some = found if batch_id is None else await self._email.batches.missing(batch_id, found)
            subjects = [self._email.batches.subject(announcement, one) for one in some]
            subject = subject or next(iter(subjects), "")
            addresses = [*addresses, *(one.to.address for one in some)][:_MOST_SHOWN]
            people += len(some)
        return Audience(people=people, first_addresses=addresses, first_subject=subject)

    async def _everybody(self) -> AsyncIterator[list[BatchRecipient]]:
        """Gives the accounts in use that want announcements, page by page."""
        cursor = None
        while True:
            page = await self._administration.active(cursor=cursor)
            yield [self._addressed(user, {}) for user in page.items if _wants_announcements(user)]
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _chosen(self, rows: Sequence[AddressWithVariables], batch_id: str | None = None) -> list[BatchRecipient]:
        """Returns those accounts of the rows that want announcements.

        Raises InvalidError for a row without account, unless the batch was begun before.
        """
        is_begun = batch_id is not None and await self._email.batches.get(batch_id) is not None
        known: dict[str, User] = {}
        for start in range(0, len(rows), LARGEST_PAGE):
            known |= await self._administration.lookup_many([row.address for row in rows[start : start + LARGEST_PAGE]])
        unknown = [row.address for row in rows if row.address not in known]
        if unknown and not is_begun:
            named = ", ".join(unknown[:_MOST_NAMED]) + (" …" if len(unknown) > _MOST_NAMED else "")
            raise InvalidError(f"Mail goes to people with an account only; these have none: {named}")
        users = [(known[row.address], row.variables) for row in rows if row.address in known]
        chosen = {user.id: self._addressed(user, values) for user, values in users if _wants_announcements(user)}
        return list(chosen.values())

    def _addressed(self, user: User, variables: Mapping[str, str]) -> BatchRecipient:
        return BatchRecipient(
            to=user.as_recipient(),
            variables=variables,
            unsubscribe_url=self._unsubscribe_url(user, Topic.ANNOUNCEMENTS),
        )

    # --- declining ---

    def _unsubscribe_url(self, user: User, topic: Topic) -> str:
        return f"{self._url}/unsubscribe/{self._tokens.token(user.id, topic)}"

    def topic_of(self, token: str) -> Topic:
        """Returns what a mail's token declines. Raises NotFoundError for a token that is not ours."""
        return self._tokens.read(token)[1]

    async def decline(self, token: str) -> Topic:
        """Ends mails about the token's topic to its account; to no effect when they ended before.

        Raises NotFoundError for a token that is not ours.
        """
        user_id, topic = self._tokens.read(token)
        await self._accounts.decline(user_id, topic)
        return topic

    async def unwanted(self, mails: Sequence[Mail]) -> dict[str, str]:
        """Of some mails, returns those that must not leave any more: id -> why. One query for up to 200 of them.

        Mail to a deleted account never leaves; notifications leave only to accounts in use that did not decline them,
        and that still have the address: the old one may be somebody else's by now.
        """
        users = await self._administration.many([mail.user_id for mail in mails if mail.user_id is not None])
        objections = {}
        for mail in mails:
            if mail.user_id is not None and (objection := self._objection(mail, users.get(mail.user_id))):
                objections[mail.id] = objection
        return objections

    def _objection(self, mail: Mail, user: User | None) -> str:
        if user is None:
            return "The account of its recipient was deleted."
        if mail.kind != MailKind.NOTIFICATION:
            return ""
        if user.status is not UserStatus.ACTIVE:
            return f"The account of its recipient is {user.status.value}."
        if mail.to_key != user.email_key:
            return "The account of its recipient has got another address."
        try:
            topic = self.topic_of(mail.unsubscribe_url.rpartition("/")[2])
        except NotFoundError:
            return ""  # nobody can decline with this address any more: the academy has got another secret
        return f"Its recipient declined mail about {topic.described}." if topic in user.preferences.declined else ""


async def _at_once(recipients: list[BatchRecipient]) -> AsyncIterator[list[BatchRecipient]]:
    yield recipients


def _wants_announcements(user: User) -> bool:
    return user.status is UserStatus.ACTIVE and Topic.ANNOUNCEMENTS not in user.preferences.declined
