"""Coupons: what they take off, who may use them, and the admin's list of them."""

import re
from datetime import datetime

import msgspec

from academy.features.payments.errors import CouponInvalid, CouponNotFound
from academy.features.payments.model import (
    Transaction,
)
from academy.features.payments.pricing_model import Coupon
from academy.features.payments.repository import CouponRepository, TransactionRepository
from academy.infrastructure.database.base import Database, Page
from academy.infrastructure.database.errors import UniqueViolation
from academy.kit.clock import Clock
from academy.kit.errors import InvalidError
from academy.kit.money import Money

LONGEST_CODE = 40
_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{2,39}")
_WHOLE = 100


class CouponDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What an admin says of a coupon. Either `percent` or `amount_off` is set; `limit` None: any number of uses."""

    code: str
    percent: int = 0
    amount_off: int = 0
    currency: str = ""
    limit: int | None = None
    once_per_buyer: bool = True
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    course_ids: list[str] = []


class Coupons:
    """Coupons."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._coupons = CouponRepository(database)
        self._transactions = TransactionRepository(database)

    async def discount(self, code: str, user_id: str, course_id: str, price: Money) -> int:
        """Returns how many minor units a coupon takes off a course's price for a buyer ("" for one not known yet).

        Takes no use of it. Raises CouponInvalid.
        """
        coupon = await self._coupons.of_code(canonical(code))
        if coupon is None or not coupon.is_active:
            raise CouponInvalid("There is no such coupon. Look at how it is spelt.")
        now = self._clock.now()
        if coupon.starts_at and now < coupon.starts_at:
            raise CouponInvalid(f"This coupon holds from {coupon.starts_at:%-d %B %Y} on.")
        if coupon.ends_at and now >= coupon.ends_at:
            raise CouponInvalid("This coupon has run out.")
        if coupon.course_ids and course_id not in coupon.course_ids:
            raise CouponInvalid("This coupon is for other courses.")
        if coupon.amount_off and coupon.currency != price.currency:
            raise CouponInvalid(f"This coupon is for prices in {coupon.currency}.")
        mine = await self._transactions.with_coupon(user_id, coupon.code) if user_id else []
        # What the buyer holds of it for this very course is theirs to use: going on takes it along.
        holds_it = any(one.coupon_held and one.course_id == course_id for one in mine)
        used = any(one.holds_money or (one.coupon_held and one.course_id != course_id) for one in mine)
        if used and coupon.once_per_buyer:
            raise CouponInvalid("You have used this coupon before.")
        if coupon.is_limited and coupon.left <= 0 and not holds_it:
            raise CouponInvalid("This coupon was used as often as it could be.")
        return _taken_off(coupon, price.amount)

    async def take(self, transaction: Transaction) -> None:
        """Takes one use for a transaction that is being made, in the open database transaction.

        A use that the buyer holds for the same course, by a checkout that was given up but may still be paid, goes
        over. Raises CouponInvalid when somebody took the last one.
        """
        transaction.coupon_held = True
        for earlier in await self._transactions.with_coupon(transaction.user_id, transaction.coupon_code):
            if earlier.coupon_held and earlier.course_id == transaction.course_id:
                earlier.coupon_held = False
                await self._transactions.replace(earlier)
                return
        if not await self._coupons.take(transaction.coupon_code):
            raise CouponInvalid("This coupon was used as often as it could be.")

    async def give_back(self, code: str) -> None:
        """Gives a use back, in the open transaction."""
        await self._coupons.give_back(code)

    async def count_late_use(self, code: str) -> None:
        """Notes that money came for a use that was given back."""
        await self._coupons.count_use(code)

    async def create(self, details: CouponDetails) -> Coupon:
        """Makes a coupon. Raises InvalidError, with the field that is wrong."""
        now = self._clock.now()
        _check(details)
        coupon = Coupon(
            code=canonical(details.code),
            percent=details.percent,
            amount_off=details.amount_off,
            currency=details.currency if details.amount_off else "",
            is_limited=details.limit is not None,
            left=details.limit or 0,
            once_per_buyer=details.once_per_buyer,
            starts_at=details.starts_at,
            ends_at=details.ends_at,
            course_ids=details.course_ids,
            created_at=now,
            updated_at=now,
        )
        try:
            await self._coupons.insert(coupon)
        except UniqueViolation as error:
            text = "There is a coupon with this code already."
            raise InvalidError(text, fields={"code": text}) from error
        return coupon

    async def set_active(self, code: str, *, active: bool) -> Coupon:
        """Shuts a coupon, or opens it again; transactions that use it go on. Raises CouponNotFound."""

        async def work() -> Coupon:
            coupon = await self._coupons.of_code(canonical(code))
            if coupon is None:
                raise CouponNotFound
            return await self._coupons.replace(
                msgspec.structs.replace(coupon, is_active=active, updated_at=self._clock.now())
            )

        return await self._database.transaction(work)

    async def page(self, *, limit: int = 50, cursor: str | None = None) -> Page[Coupon]:
        """Returns the coupons, newest first. Raises InvalidCursor."""
        return await self._coupons.page(limit, cursor)


def canonical(code: str) -> str:
    """A code as it is kept: capitals, no spaces around it."""
    return code.strip().upper()[:LONGEST_CODE]


def _taken_off(coupon: Coupon, price: int) -> int:
    """Minor units off; a percentage is rounded in favour of the buyer, and nothing costs less than nothing."""
    if coupon.percent:
        return -(-price * coupon.percent // _WHOLE)
    return min(coupon.amount_off, price)


def _check(details: CouponDetails) -> None:
    mistakes: dict[str, str] = {}
    if not _CODE.fullmatch(canonical(details.code)):
        mistakes["code"] = "A code is 3 to 40 letters, digits, hyphens or underscores, such as WELCOME-25."
    if bool(details.percent) == bool(details.amount_off):
        mistakes["percent"] = "Say either how many percent or what amount it takes off."
    elif details.percent and not 1 <= details.percent <= _WHOLE:
        mistakes["percent"] = "This must be from 1 to 100."
    elif details.amount_off < 0:
        mistakes["amount_off"] = "This must be above 0."
    elif details.amount_off and len(details.currency) != 3:  # noqa: PLR2004 - ISO 4217
        mistakes["currency"] = "Say in which currency, such as INR."
    if details.limit is not None and details.limit < 1:
        mistakes["limit"] = "This must be 1 or more; leave it empty for any number of uses."
    if details.starts_at and details.ends_at and details.starts_at >= details.ends_at:
        mistakes["ends_at"] = "It must end after it begins."
    if mistakes:
        raise InvalidError(next(iter(mistakes.values())), fields=mistakes)
