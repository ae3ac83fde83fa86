"""A small world for random stories: two buyers, a course, a coupon, a gateway, its post, an academy that crashes."""

import asyncio
import itertools
import shutil
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from academy.composition import Academy, build_academy
from academy.features.accounts.administration import COMMAND_LINE
from academy.features.courses.model import Course
from academy.features.enrolment.model import Enrolment
from academy.features.payments.checkout import Wish
from academy.features.payments.coupons import CouponDetails
from academy.features.payments.model import Access, Transaction
from academy.infrastructure.gateways.base import News, NewsKind, OpenedCheckout, Order, RefundOrder
from academy.infrastructure.gateways.rehearsal import RehearsalGateway
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.errors import AcademyError, Kind
from academy.kit.ids import new_id
from academy.kit.money import Money
from academy.settings import load_settings
from tests.academies.books import Books, books, check_nothing_waits
from tests.academies.in_process import PASSWORD, MovedClock, opened_test_academy
from tests.academies.payments import paid_course
from tests.faults.payments.steps import NEVER, Steps
from tests.servers.academy import UNLIMITED

COUPON = "HALF"
COUPON_LIMIT = 2
BUYERS = 2
_ELSEWHERE = "elsewhere-"

T = TypeVar("T")


class Crash(BaseException):
    """The academy ends here, as by `kill -9`: nothing that handles errors handles it."""


class Deed(StrEnum):
    """What somebody can do."""

    BUYS = "buyer: buys"
    BUYS_BY_COUPON = "buyer: buys with the coupon"
    CANCELS = "buyer: cancels"
    PAYS = "buyer: pays"
    IS_DECLINED = "buyer: is declined"
    LEAVES = "buyer: deletes the account, and somebody else comes"
    DELIVERS = "gateway: delivers a webhook"
    REPEATS = "gateway: delivers an old webhook again"
    LOSES = "gateway: loses a webhook"
    REFUNDS = "gateway: sends a part back that nobody here asked for"
    ASKS_PART_BACK = "admin: sends a part back"
    ASKS_ALL_BACK = "admin: sends all back"
    REPRICES = "teacher: changes the price"
    UNPUBLISHES = "teacher: takes the course out of the catalogue"
    PUBLISHES = "teacher: puts it back"
    WORKS = "academy: works its jobs off"
    RECONCILES = "academy: asks the gateway"


class Act(msgspec.Struct, frozen=True):
    """A deed; `which` of the buyers, transactions or webhooks it is about, counted round and round."""

    deed: Deed
    which: int = 0


class OpenEndedGateway(RehearsalGateway):
    """A gateway whose checkouts cannot be closed and do not end, as Razorpay's orders: money can come at any time."""

    async def open(self, order: Order) -> OpenedCheckout:
        return await super().open(msgspec.structs.replace(order, expires_at=order.expires_at.replace(year=9000)))

    async def close_checkout(self, reference: str) -> bool:
        return False


class Post(httpx.AsyncBaseTransport):
    """Takes the gateway's webhooks, and keeps them until somebody delivers them."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.delivered: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.waiting.append(await request.aread())
        return httpx.Response(204)


class Cast(msgspec.Struct, frozen=True):
    """Who is there before the story begins, and where: the home of an academy that is not running."""

    home: Path
    course: Course
    teacher: Principal
    admin: Principal
    buyers: list[Principal]


async def make_cast(home: Path) -> Cast:
    """Makes an academy to tell stories in."""
    async with opened_test_academy(home) as academy:
        teacher = await academy.person(Role.INSTRUCTOR)
        course = await paid_course(academy, teacher)
        await academy.academy.coupons.create(CouponDetails(code=COUPON, percent=50, limit=COUPON_LIMIT))
        buyers = [await academy.person() for _ in range(BUYERS)]
        return Cast(home, course, teacher, await academy.person(Role.ADMIN), buyers)


class World:
    """Where one story happens. Everything that it does has come to its end, or to a crash, when it returns."""

    def __init__(self, cast: Cast, home: Path, *, closes_checkouts: bool) -> None:
        shutil.copytree(cast.home, home)
        self.cast = cast
        self.clock = MovedClock()
        self._home = home
        self._closes = closes_checkouts
        self._post = Post()
        self._buyers = list(cast.buyers)
        self._prices = itertools.cycle([99_900, 199_900, 149_900])
        self._runner = asyncio.Runner()
        self._opened: list[tuple[Academy, Steps]] = []
        self._run(self._open())

    @property
    def academy(self) -> Academy:
        """The one that runs now."""
        return self._opened[-1][0]

    def _run(self, work: Coroutine[object, object, T]) -> T:
        return self._runner.run(work)

    async def _open(self) -> None:
        environment = {"ACADEMY_HOME": str(self._home), "BCRYPT_ROUNDS": "4", **UNLIMITED}
        academy = build_academy(load_settings(environment), self.clock)
        gateway = academy.rehearsal
        assert gateway is not None
        gateway.transport = self._post  # jobs send by this one, whatever takes its place at the counter
        if not self._closes:
            public_url = academy.settings.web.public_url
            gateway = OpenEndedGateway(
                academy.database, self.clock, academy.jobs, academy.secret, public_url=public_url
            )
            academy.rehearsal = academy.gateways["rehearsal"] = gateway
        await academy.start(work=False)
        self._opened.append((academy, Steps(academy.database, _crash)))

    # --- what happens ---

    def happen(self, *acts: Act, crash_after: int = NEVER) -> None:
        """Lets acts happen at once; the academy may crash after some steps, and is started again then."""
        _, steps = self._opened[-1]
        steps.end_after(crash_after)
        try:
            self._run(self._at_once(acts))
        except* Crash:
            # By then nobody holds the leases of the jobs any more.
            self.clock.move(minutes=1)
            self._run(self._open())
        steps.end_after(NEVER)

    async def _at_once(self, acts: tuple[Act, ...]) -> None:
        async with asyncio.TaskGroup() as group:
            for act in acts:
                group.create_task(self._tried(act))

    async def _tried(self, act: Act) -> None:
        try:
            await self._do(act)
        except AcademyError as error:
            if error.kind not in (Kind.CONFLICT, Kind.INVALID, Kind.NOT_FOUND):
                raise

    async def _do(self, act: Act) -> None:
        academy, which = self.academy, act.which
        match act.deed:
            case Deed.BUYS | Deed.BUYS_BY_COUPON:
                coupon = COUPON if act.deed is Deed.BUYS_BY_COUPON else ""
                wish = Wish(slug=self.cast.course.slug, gateway="rehearsal", coupon=coupon)
                await academy.checkouts.start(self._buyers[which % BUYERS], wish)
            case Deed.LEAVES:
                await self._leave(which % BUYERS)
            case Deed.DELIVERS | Deed.LOSES | Deed.REPEATS:
                await self._deliver(act.deed, which)
            case Deed.REPRICES:
                price = Money(amount=next(self._prices), currency="INR")
                await academy.courses.change(self.cast.teacher, self.cast.course.slug, {"price": price})
            case Deed.UNPUBLISHES:
                await academy.courses.unpublish(self.cast.teacher, self.cast.course.slug)
            case Deed.PUBLISHES:
                await academy.courses.publish(self.cast.teacher, self.cast.course.slug)
            case Deed.WORKS:
                await academy.worker.drain(long_jobs=False)
            case Deed.RECONCILES:
                await academy.reconciliation.run()
            case _:
                await self._do_with(await self._transaction(which), act.deed)

    async def _do_with(self, transaction: Transaction | None, deed: Deed) -> None:
        academy = self.academy
        if transaction is None or academy.rehearsal is None:
            return
        match deed:
            case Deed.PAYS if transaction.reference:
                await academy.rehearsal.pay(transaction.reference)
            case Deed.IS_DECLINED if transaction.reference:
                await academy.rehearsal.decline(transaction.reference)
            case Deed.CANCELS:
                owner = next((one for one in self._buyers if one.user_id == transaction.user_id), self._buyers[0])
                await academy.checkouts.cancel(owner, transaction.id)
            case Deed.ASKS_PART_BACK | Deed.ASKS_ALL_BACK:
                amount = 20_000 if deed is Deed.ASKS_PART_BACK else None
                await academy.refunds.request(self.cast.admin, transaction.id, amount=amount, reason="As asked")
            case Deed.REFUNDS if transaction.access is Access.GRANTED:
                order = RefundOrder(
                    refund_id=f"{_ELSEWHERE}{new_id()}",
                    transaction_id=transaction.id,
                    payment_reference=transaction.payment_reference,
                    amount=Money(amount=30_000, currency="INR"),
                    reason="By hand",
                )
                await academy.rehearsal.refund(order)

    async def _transaction(self, which: int) -> Transaction | None:
        """One of all transactions, the newest being 0."""
        known = (await books(self.academy)).transactions[::-1]
        return known[which % len(known)] if known else None

    async def _leave(self, which: int) -> None:
        accounts, email = self.academy.administration, f"{new_id()}@example.com"
        user = await accounts.create(COMMAND_LINE, email, "Somebody New", Role.LEARNER, PASSWORD)
        somebody = Principal(user_id=user.id, session_id="", email=email, name=user.name, role=Role.LEARNER)
        leaving, self._buyers[which] = self._buyers[which], somebody
        await self.academy.accounts.delete(leaving, PASSWORD)

    async def _deliver(self, deed: Deed, which: int) -> None:
        post = self._post
        pile = post.delivered if deed is Deed.REPEATS else post.waiting
        if not pile:
            return
        body = pile[which % len(pile)]
        if deed is Deed.LOSES:
            if not _is_of_elsewhere(body):  # nothing else tells of these
                post.waiting.remove(body)
            return
        gateway = self.academy.rehearsal
        assert gateway is not None
        signature = {"rehearsal-signature": gateway.sign(body, self.clock.now())}
        await self.academy.webhook_inbox.take("rehearsal", body, signature)
        if deed is Deed.DELIVERS and body in post.waiting:
            post.waiting.remove(body)
            post.delivered.append(body)

    def repair(self) -> None:
        """An enrolment that was paid is lost, as by a restored backup; an admin finds that and repairs it."""
        self._run(self._repair())

    async def _repair(self) -> None:
        academy = self.academy
        enrolments = academy.database.collection(Enrolment)
        paid = next((one for one in await enrolments.find({}) if one.transaction_id and one.status == "active"), None)
        if paid is None or paid.transaction_id is None:
            assert (await academy.reconciliation.unserved()).items == []
            return
        lost = paid

        async def lose() -> None:
            await enrolments.delete_one({"id": lost.id})
            await academy.courses.count_enrolment(lost.course_id, -1)

        await academy.database.transaction(lose)
        [unserved] = (await academy.reconciliation.unserved()).items
        assert unserved.id == paid.transaction_id
        await academy.reconciliation.repair(unserved.id, self.cast.admin.user_id)
        assert (await academy.reconciliation.unserved()).items == []

    # --- the books ---

    def books(self) -> Books:
        """The books at this moment."""
        return self._run(books(self.academy))

    def finish(self) -> None:
        """Lets everything come to its end: the post is delivered, jobs are worked off, a day and a half passes."""
        for _ in range(6):
            self._run(self._deliver_all())
            self.clock.move(hours=6)
        self._run(self._deliver_all())

    async def _deliver_all(self) -> None:
        await self.academy.worker.drain(long_jobs=False)
        while self._post.waiting:
            await self._deliver(Deed.DELIVERS, 0)
            await self.academy.worker.drain(long_jobs=False)

    def check_nothing_waits(self) -> None:
        """Asserts what `books.check_nothing_waits` does."""
        self._run(check_nothing_waits(self.academy))

    def close(self) -> None:
        """Gives everything back, also what the crashed ones held."""
        for academy, steps in self._opened:
            steps.end_after(NEVER)
            self._run(academy.stop())
        self._runner.close()
        shutil.rmtree(self._home)


def _crash() -> None:
    raise Crash


def _is_of_elsewhere(body: bytes) -> bool:
    news = msgspec.json.decode(body, type=News)
    return news.kind is NewsKind.REFUND and news.refund is not None and news.refund.refund_id.startswith(_ELSEWHERE)
