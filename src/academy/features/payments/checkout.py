"""Buying: what it costs, and the way to the gateway."""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from academy.features.accounts.service import hold_account
from academy.features.courses.model import Course, CourseStatus
from academy.features.courses.service import CourseService
from academy.features.payments.access import AccessDoor
from academy.features.payments.countries import countries
from academy.features.payments.coupons import Coupons, canonical
from academy.features.payments.errors import (
    AlreadyEnrolled,
    CheckoutOver,
    GatewayNotOffered,
    KeyReused,
    NotCancellable,
    NotForSale,
    TransactionNotFound,
)
from academy.features.payments.gst_states import GST_STATES
from academy.features.payments.invoice import Buyer
from academy.features.payments.model import StateChange, Transaction, TransactionStatus, open_key
from academy.features.payments.reconciliation import Reconciliation
from academy.features.payments.repository import TransactionRepository
from academy.features.payments.settings import PaymentSettings
from academy.features.payments.settlement import Settlement
from academy.features.payments.tax import Quote
from academy.features.payments.tax_ids import parse_tax_id
from academy.features.payments.taxes import INDIA, TaxTable
from academy.infrastructure.database.base import Database
from academy.infrastructure.database.errors import UniqueViolation
from academy.infrastructure.gateways.base import Gateway, GatewayRefused, GatewayUnavailable, OpenedCheckout, Order
from academy.infrastructure.security.principal import Principal
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError

# When a gateway is asked for the first time whether a payment came whose webhook did not.
_FIRST_CHECK = timedelta(minutes=5)
_MOST_TRIES = 4
_TOO_MUCH = "Too much happened at once. Try again."


class BuyerDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer says for the invoice; without a country the seller's counts."""

    country: str = ""
    state: str = ""
    tax_id: str = ""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer asks for.

    Attributes:
        idempotency_key: the same key with the same wish is answered with the same transaction.
    """

    slug: str
    gateway: str = ""
    coupon: str = ""
    details: BuyerDetails = BuyerDetails()
    idempotency_key: str = ""


class CheckoutService:
    """Checkouts. A buyer has one open transaction for a course, however often they click."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        courses: CourseService,
        gateways: Mapping[str, Gateway],
        settlement: Settlement,
        reconciliation: Reconciliation,
        access: AccessDoor,
        coupons: Coupons,
        taxes: TaxTable,
        settings: PaymentSettings,
        *,
        offered: Sequence[str],
        public_url: str,
    ) -> None:
        """`gateways`: all that are set up; `offered`: those of them that buyers may choose from, in order."""
        self._database = database
        self._clock = clock
        self._courses = courses
        self._gateways = gateways
        self._settlement = settlement
        self._reconciliation = reconciliation
        self._access = access
        self._coupons = coupons
        self._taxes = taxes
        self._settings = settings
        self._offered = offered
        self._url = public_url
        self._transactions = TransactionRepository(database)

    @property
    def gateways(self) -> list[Gateway]:
        """The ways to pay that buyers are offered, in order."""
        return [self._gateways[name] for name in self._offered]

    def gateway(self, name: str) -> Gateway | None:
        """Returns a gateway that is set up, whether buyers are offered it or not."""
        return self._gateways.get(name)

    @property
    def seller_country(self) -> str:
        """The country that counts for buyers who say none, ISO 3166-1 alpha-2."""
        return self._settings.seller_country

    async def course_for_sale(self, slug: str, visitor: Principal | None) -> Course:
        """Returns a course that can be bought. Raises CourseNotFound, NotForSale, AlreadyEnrolled."""
        course = await self._courses.get(slug, visitor)
        if visitor and await self._access.is_held(visitor.user_id, course.id):
            raise AlreadyEnrolled
        if course.status is not CourseStatus.PUBLISHED:
            raise NotForSale
        if course.price.is_free:
            raise NotForSale("This course costs nothing: enrol on its page.")
        return course

    async def quote(self, visitor: Principal | None, course: Course, coupon: str, details: BuyerDetails) -> Quote:
        """Returns what a visitor would pay for a course. Raises CouponInvalid, InvalidError for a state or tax id."""
        user_id = visitor.user_id if visitor else ""
        discount = await self._coupons.discount(coupon, user_id, course.id, course.price) if coupon else 0
        return await self._taxes.quote(course.price, discount, course.id, self._buyer(visitor, details))

    def _buyer(self, visitor: Principal | None, details: BuyerDetails) -> Buyer:
        """Raises InvalidError for a country, a state or a tax id that cannot be."""
        country = details.country or self._settings.seller_country
        if country not in countries("en", ""):
            raise _wrong("country", "Choose a country of the list.")
        tax_id = parse_tax_id(details.tax_id, country) if details.tax_id else ""
        state = details.state if country == INDIA else ""
        if state and state not in GST_STATES:
            raise _wrong("state", "Choose a state of the list.")
        if country == INDIA and tax_id:
            # Where a registered buyer is, their GSTIN says (IGST Act 2017, section 12 (2) (a)).
            if state not in ("", tax_id[:2]):
                raise _wrong("state", f"This GSTIN is of {GST_STATES.get(tax_id[:2], 'another state')}.")
            state = tax_id[:2]
        return Buyer(
            name=visitor.name if visitor else "",
            email=visitor.email if visitor else "",
            country=country,
            state=state,
            tax_id=tax_id,
        )

    async def start(self, buyer: Principal, wish: Wish) -> Transaction:
        """Begins to buy: returns a transaction that says where to pay, or one that is paid where nothing is to be.

        The same wish again, or twice at once, is the same transaction. Another wish for the same course closes the
        one before it. Raises CourseNotFound, NotForSale, AlreadyEnrolled, CouponInvalid, GatewayNotOffered, KeyReused,
        AccountGone, GatewayUnavailable, GatewayRefused.
        """
        for more_tries in reversed(range(_MOST_TRIES)):
            try:
                transaction, is_in_the_way = await self._database.transaction(lambda: self._reserve(buyer, wish))
            except UniqueViolation:
                continue  # a double click: the other request's transaction is there to be found now
            if not is_in_the_way:
                return await self._opened(buyer, transaction)
            if more_tries:  # else the buyer would lose one checkout and get none for it
                await self._give_up(transaction, "The buyer began anew.")
        raise NotForSale(_TOO_MUCH)

    async def _reserve(self, buyer: Principal, wish: Wish) -> tuple[Transaction, bool]:
        """Returns the transaction for the wish, or one for another wish that has to be closed first (True)."""
        request_key = f"{buyer.user_id}:{wish.idempotency_key}" if wish.idempotency_key else None
        asked = msgspec.structs.replace(wish, idempotency_key="")
        request_hash = _digest(asked)
        if request_key and (known := await self._transactions.of_request(request_key)):
            if known.request_hash != request_hash:
                raise KeyReused
            if known.is_closed:
                raise CheckoutOver(known.failure)
            return known, False
        course = await self.course_for_sale(wish.slug, buyer)
        key = open_key(buyer.user_id, course.id)
        terms = _digest((asked, course.price, buyer.name, buyer.email))
        if (held := await self._transactions.open_of(key)) is not None:
            return held, not self._goes_on(held, terms)
        quote = await self.quote(buyer, course, wish.coupon, wish.details)
        if quote.total and wish.gateway not in self._offered:
            raise GatewayNotOffered
        transaction = self._made(buyer, course, wish, quote)
        transaction.open_key, transaction.terms = key, terms
        transaction.request_key, transaction.request_hash = request_key, request_hash
        await hold_account(self._database, buyer.user_id)
        if transaction.coupon_code:
            await self._coupons.take(transaction)
        await self._transactions.insert(transaction)
        if not quote.total:
            return await self._settlement.settle(transaction, cause="A coupon paid all of it."), False
        return transaction, False

    def _goes_on(self, held: Transaction, terms: str) -> bool:
        """Whether the same is wished as before, and can be paid yet."""
        now = self._clock.now()
        # Gateways take no checkout that is over soon: what could not be opened for a while is made anew.
        is_stale = held.status is TransactionStatus.CREATED and held.created_at < now - _FIRST_CHECK
        return held.terms == terms and held.expires_at > now and not is_stale

    def _made(self, buyer: Principal, course: Course, wish: Wish, quote: Quote) -> Transaction:
        now = self._clock.now()
        begun = StateChange(status=TransactionStatus.CREATED, at=now, cause="The buyer began.", actor_id=buyer.user_id)
        return Transaction(
            user_id=buyer.user_id,
            buyer=self._buyer(buyer, wish.details),
            course_id=course.id,
            course_slug=course.slug,
            course_title=course.title,
            gateway=wish.gateway if quote.total else "",
            amount=msgspec.structs.replace(course.price, amount=quote.total),
            quote=quote,
            coupon_code=canonical(wish.coupon) if wish.coupon else "",
            history=[begun],
            terms="",
            expires_at=now + timedelta(minutes=self._settings.checkout_minutes),
            check_at=now + _FIRST_CHECK,
            created_at=now,
            updated_at=now,
        )

    async def _opened(self, buyer: Principal, transaction: Transaction) -> Transaction:
        """Returns the transaction with a checkout at its gateway; opens one where there is none yet."""
        if transaction.status is not TransactionStatus.CREATED:
            return transaction
        gateway = self._gateways.get(transaction.gateway)
        if gateway is None:
            raise GatewayNotOffered
        pages = f"{self._url}/checkout/{transaction.course_slug}"
        order = Order(
            transaction_id=transaction.id,
            amount=transaction.amount,
            description=transaction.course_title,
            buyer_name=buyer.name,
            buyer_email=buyer.email,
            return_url=f"{pages}/{transaction.id}",
            cancel_url=f"{pages}/{transaction.id}/cancelled",
            ordered_at=transaction.created_at,
            expires_at=transaction.expires_at,
        )
        try:
            opened = await gateway.open(order)
        except GatewayRefused as error:
            await self._close(transaction.id, TransactionStatus.FAILED, error.message, failure=error.message)
            raise
        pending = await self._database.transaction(lambda: self._pending(transaction.id, opened))
        if pending.is_closed:
            with contextlib.suppress(GatewayUnavailable):
                await gateway.close_checkout(opened.reference)
            raise NotForSale(_TOO_MUCH)
        return pending

    async def _pending(self, transaction_id: str, opened: OpenedCheckout) -> Transaction:
        transaction = await self._transactions.existing(transaction_id)
        now = self._clock.now()
        if transaction.reference:
            return transaction  # the same request, twice at once
        transaction.reference = opened.reference
        if transaction.is_closed:
            # Another wish of the buyer closed it meanwhile: the reconciliation closes it at the gateway, too.
            transaction.check_at = now
        elif transaction.status is TransactionStatus.CREATED:
            transaction.became(TransactionStatus.PENDING, now, "The gateway opened a checkout.")
            transaction.checkout_url, transaction.payload = opened.checkout_url, dict(opened.payload)
        return await self._transactions.replace(transaction)

    async def _close(self, transaction_id: str, status: TransactionStatus, cause: str, failure: str = "") -> None:
        async def work() -> None:
            transaction = await self._transactions.existing(transaction_id)
            await self._settlement.close(transaction, status, cause, failure=failure)

        await self._database.transaction(work)

    async def cancel(self, buyer: Principal, transaction_id: str) -> Transaction:
        """Gives up an open transaction. Raises TransactionNotFound, NotCancellable."""
        transaction = await self.of_buyer(buyer, transaction_id)
        if not transaction.is_open:
            raise NotCancellable
        return await self._give_up(transaction, "The buyer cancelled.", actor_id=buyer.user_id)

    async def _give_up(self, transaction: Transaction, cause: str, actor_id: str = "") -> Transaction:
        """Closes a transaction at its gateway and here, unless it turns out to be paid.

        A gateway that is away does not keep its buyer: it is asked later.
        """
        is_certain = False
        with contextlib.suppress(GatewayUnavailable):
            is_certain = await self._closed_at_gateway(transaction)

        async def work() -> Transaction:
            stored = await self._transactions.existing(transaction.id)
            may_still_be_paid = not is_certain or stored.reference != transaction.reference
            return await self._settlement.close(
                stored, TransactionStatus.CANCELLED, cause, actor_id=actor_id, may_still_be_paid=may_still_be_paid
            )

        given_up = await self._database.transaction(work)
        if given_up.reference != transaction.reference:  # it was opened at the gateway meanwhile
            with contextlib.suppress(GatewayUnavailable):
                await self._closed_at_gateway(given_up)
        return given_up

    async def _closed_at_gateway(self, transaction: Transaction) -> bool:
        """Whether nobody can pay a transaction any more; if not, what was paid of it is known here by now."""
        gateway = self._gateways.get(transaction.gateway)
        if gateway is None or not transaction.reference:
            return True
        if await gateway.close_checkout(transaction.reference):
            return True
        await self._reconciliation.ask(transaction)
        return False

    async def standing(self, buyer: Principal, transaction_id: str) -> Transaction:
        """Returns how a checkout ended or stands: of one for which money came late, the transaction of that money.

        Raises TransactionNotFound.
        """
        transaction = await self.of_buyer(buyer, transaction_id)
        return (
            await self._transactions.late_for(transaction.id) or transaction if transaction.is_closed else transaction
        )

    async def of_buyer(self, buyer: Principal, transaction_id: str) -> Transaction:
        """Returns one of the buyer's transactions. Raises TransactionNotFound."""
        transaction = await self._transactions.get(transaction_id)
        if transaction is None or transaction.user_id != buyer.user_id:
            raise TransactionNotFound
        return transaction

    async def returned(self, buyer: Principal, transaction_id: str, fields: Mapping[str, str]) -> Transaction:
        """Takes what the gateway's script gave the buyer's browser, and asks the gateway what was paid.

        `fields` that the gateway has not signed count for nothing. Raises TransactionNotFound, GatewayUnavailable.
        """
        transaction = await self.of_buyer(buyer, transaction_id)
        gateway = self._gateways.get(transaction.gateway)
        if gateway is None or not transaction.is_open or not gateway.check_return(transaction.reference, fields):
            return transaction
        return await self._reconciliation.ask(transaction)


def _digest(asked: object) -> str:
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()


def _wrong(field: str, text: str) -> InvalidError:
    return InvalidError(text, fields={field: text})
