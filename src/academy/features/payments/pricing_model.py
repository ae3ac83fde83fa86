"""Documents of what a price is made of and numbered by: coupons, taxes, counters."""

from datetime import datetime
from typing import ClassVar

from academy.infrastructure.database.document import Document, Index


class Coupon(Document, kw_only=True):
    """A code that makes courses cheaper.

    Attributes:
        code: capitals and digits, unique.
        percent: whole percent off; 0 when `amount_off` says it.
        amount_off: minor units of `currency` off.
        is_limited, left: whether it can be used so many times only, and how many are left; below 0 when money came late
            for uses that others had taken meanwhile. A transaction that comes to nothing gives its use back.
        used: how many transactions used it, open ones included.
        once_per_buyer: whether a buyer can use it for one course only.
        course_ids: the courses it is for; empty: all.
    """

    __collection__: ClassVar[str] = "coupons"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("code",), unique=True), Index(("-created_at",)))

    code: str
    percent: int = 0
    amount_off: int = 0
    currency: str = ""
    is_limited: bool = False
    left: int = 0
    used: int = 0
    once_per_buyer: bool = True
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    course_ids: list[str] = []
    is_active: bool = True


class TaxRule(Document, kw_only=True):
    """A line of the table of taxes: what buyers of a country pay on all courses, or on one.

    Attributes:
        country: ISO 3166-1 alpha-2, or `*` for all that have no line of their own.
        course_id: "" for all courses that have no line of their own.
        basis_points: hundredths of a percent.
        inclusive: whether prices hold it already; else it is added.
    """

    __collection__: ClassVar[str] = "tax_rules"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("country", "course_id", "name"), unique=True),)

    country: str
    course_id: str = ""
    name: str
    basis_points: int
    inclusive: bool = True


class Counter(Document, kw_only=True):
    """Counts without gaps: it grows in the transaction of what it numbers. Its id is its name."""

    __collection__: ClassVar[str] = "counters"

    value: int = 0
