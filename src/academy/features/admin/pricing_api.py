"""REST handlers of the admin: what changes a price, coupons and taxes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from academy.features.admin.course_slugs import MOST_COURSES, course_ids, courses_of
from academy.features.courses.model import Course
from academy.features.courses.service import CourseService
from academy.features.payments.coupons import LONGEST_CODE, CouponDetails, Coupons
from academy.features.payments.pricing_model import Coupon, TaxRule
from academy.features.payments.taxes import LONGEST_NAME, TaxDetails, TaxTable
from academy.infrastructure.security.principal import Principal
from academy.web.guards import admins
from academy.web.listing import Cursor, Limit, Listing

_Slug = Annotated[str, Meta(min_length=1, max_length=80)]
_Moment = Annotated[datetime, Meta(tz=True)]
_MOST = 1_000_000_000


class CouponRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A new coupon: `percent`, or `amount_off` in minor units of `currency`. `courses` are slugs; none means all."""

    code: Annotated[str, Meta(min_length=1, max_length=LONGEST_CODE)]
    percent: Annotated[int, Meta(ge=0, le=100)] = 0
    amount_off: Annotated[int, Meta(ge=0, le=_MOST * 1_000)] = 0
    currency: Annotated[str, Meta(pattern=r"^([A-Z]{3})?$", max_length=3)] = ""
    limit: Annotated[int, Meta(ge=1, le=_MOST)] | None = None
    once_per_buyer: bool = True
    starts_at: _Moment | None = None
    ends_at: _Moment | None = None
    courses: Annotated[list[_Slug], Meta(max_length=MOST_COURSES)] = []


class CouponAnswer(msgspec.Struct, kw_only=True):
    """A coupon. `left` is null without a limit; `courses` are the slugs of those it is for, empty: all."""

    code: str
    percent: int
    amount_off: int
    currency: str
    used: int
    left: int | None
    once_per_buyer: bool
    starts_at: datetime | None
    ends_at: datetime | None
    courses: list[str]
    is_active: bool
    created_at: datetime


class TaxRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A line of the table of taxes.

    `country` is ISO 3166-1 alpha-2 or `*` for all without a line of their own; `course` a slug, empty for all courses;
    `basis_points` hundredths of a percent; `inclusive` tells whether prices hold the tax already.
    """

    country: Annotated[str, Meta(pattern=r"^([A-Z]{2}|\*)$", max_length=2)]
    course: Annotated[str, Meta(max_length=80)] = ""
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    basis_points: Annotated[int, Meta(ge=0, le=10_000)]
    inclusive: bool = True


class TaxAnswer(msgspec.Struct, kw_only=True):
    """A line of the table; `course` is empty for all courses, and null when the course is deleted."""

    id: str
    country: str
    course: str | None
    name: str
    basis_points: int
    inclusive: bool


def _coupon_answer(coupon: Coupon, courses: Mapping[str, Course]) -> CouponAnswer:
    return CouponAnswer(
        code=coupon.code,
        percent=coupon.percent,
        amount_off=coupon.amount_off,
        currency=coupon.currency,
        used=coupon.used,
        left=max(coupon.left, 0) if coupon.is_limited else None,
        once_per_buyer=coupon.once_per_buyer,
        starts_at=coupon.starts_at,
        ends_at=coupon.ends_at,
        courses=[courses[one].slug for one in coupon.course_ids if one in courses],
        is_active=coupon.is_active,
        created_at=coupon.created_at,
    )


def _tax_answer(rule: TaxRule, courses: Mapping[str, Course]) -> TaxAnswer:
    course = courses.get(rule.course_id)
    return TaxAnswer(
        id=rule.id,
        country=rule.country,
        course="" if not rule.course_id else course.slug if course else None,
        name=rule.name,
        basis_points=rule.basis_points,
        inclusive=rule.inclusive,
    )


@get("/api/v1/admin/coupons", guards=[admins], tags=["admin"], summary="Coupons")
async def list_coupons(
    coupons: NamedDependency[Coupons],
    courses: NamedDependency[CourseService],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[CouponAnswer]:
    """Returns coupons, newest first."""
    page = await coupons.page(limit=limit, cursor=cursor)
    named = await courses_of(courses, {one for coupon in page.items for one in coupon.course_ids})
    return Listing(items=[_coupon_answer(one, named) for one in page.items], next_cursor=page.next_cursor)


@post("/api/v1/admin/coupons", guards=[admins], tags=["admin"], summary="Make a coupon")
async def create_coupon(
    principal: NamedDependency[Principal],
    coupons: NamedDependency[Coupons],
    courses: NamedDependency[CourseService],
    data: JSONBody[CouponRequest],
) -> CouponAnswer:
    """Makes a coupon that can be used at once, or from `starts_at` on."""
    ids = await course_ids(courses, principal, data.courses, "courses")
    details = CouponDetails(
        code=data.code,
        percent=data.percent,
        amount_off=data.amount_off,
        currency=data.currency,
        limit=data.limit,
        once_per_buyer=data.once_per_buyer,
        starts_at=data.starts_at,
        ends_at=data.ends_at,
        course_ids=ids,
    )
    return _coupon_answer(await coupons.create(details), await courses_of(courses, ids))


async def _set_active(coupons: Coupons, courses: CourseService, code: str, *, active: bool) -> CouponAnswer:
    coupon = await coupons.set_active(code, active=active)
    return _coupon_answer(coupon, await courses_of(courses, coupon.course_ids))


@post(
    "/api/v1/admin/coupons/{code:str}/shut", guards=[admins], tags=["admin"], status_code=200, summary="Shut a coupon"
)
async def shut_coupon(
    code: FromPath[str], coupons: NamedDependency[Coupons], courses: NamedDependency[CourseService]
) -> CouponAnswer:
    """Ends the use of a coupon; what was begun with it goes on."""
    return await _set_active(coupons, courses, code, active=False)


@post(
    "/api/v1/admin/coupons/{code:str}/open", guards=[admins], tags=["admin"], status_code=200, summary="Open a coupon"
)
async def open_coupon(
    code: FromPath[str], coupons: NamedDependency[Coupons], courses: NamedDependency[CourseService]
) -> CouponAnswer:
    """Lets a coupon be used again."""
    return await _set_active(coupons, courses, code, active=True)


@get("/api/v1/admin/taxes", guards=[admins], tags=["admin"], summary="Taxes")
async def list_taxes(taxes: NamedDependency[TaxTable], courses: NamedDependency[CourseService]) -> Listing[TaxAnswer]:
    """Returns the whole table, by country."""
    rules = await taxes.all()
    named = await courses_of(courses, {rule.course_id for rule in rules})
    return Listing(items=[_tax_answer(rule, named) for rule in rules], next_cursor=None)


@post("/api/v1/admin/taxes", guards=[admins], tags=["admin"], summary="Add a tax")
async def add_tax(
    principal: NamedDependency[Principal],
    taxes: NamedDependency[TaxTable],
    courses: NamedDependency[CourseService],
    data: JSONBody[TaxRequest],
) -> TaxAnswer:
    """Adds a line; it counts for payments that begin from now on."""
    ids = await course_ids(courses, principal, [data.course] if data.course else [], "course")
    details = TaxDetails(
        country=data.country,
        course_id=ids[0] if ids else "",
        name=data.name,
        basis_points=data.basis_points,
        inclusive=data.inclusive,
    )
    return _tax_answer(await taxes.add(details), await courses_of(courses, ids))


@delete("/api/v1/admin/taxes/{rule_id:str}", guards=[admins], tags=["admin"], summary="Remove a tax")
async def remove_tax(rule_id: FromPath[str], taxes: NamedDependency[TaxTable]) -> None:
    """Removes a line; payments that have begun keep it."""
    await taxes.remove(rule_id)


handlers = [list_coupons, create_coupon, shut_coupon, open_coupon, list_taxes, add_tax, remove_tax]
