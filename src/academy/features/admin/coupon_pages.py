"""HTML handlers of the admin: the coupons."""

from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from academy.features.admin.course_slugs import course_ids, courses_of
from academy.features.admin.pages import ROWS, list_cursor
from academy.features.courses.service import CourseService
from academy.features.payments.coupons import LONGEST_CODE, CouponDetails, Coupons
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, InvalidError
from academy.kit.money import Money
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import admins
from academy.web.pages import Pages
from academy.web.requests import PageRequest
from academy.web.settings import WebSettings

_PAGE = "/admin/coupons"
_DAY = timedelta(days=1)
_LATEST = date(9000, 1, 1)


class CouponForm(msgspec.Struct, kw_only=True):
    """A new coupon.

    Attributes:
        amount_off: in major units of `currency`.
        starts_at, ends_at: the first and the last day, where the admin is.
        courses: ends of addresses, separated by commas or spaces; "" for all courses.
    """

    code: Annotated[str, Meta(min_length=1, max_length=LONGEST_CODE)]
    percent: Annotated[int, Meta(ge=1, le=100)] | None = None
    amount_off: Annotated[str, Meta(max_length=20)] = ""
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", max_length=3)]
    limit: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None
    once_per_buyer: bool = False
    starts_at: date | None = None
    ends_at: date | None = None
    courses: Annotated[str, Meta(max_length=2_000)] = ""

    def details(self, ids: list[str], time_zone: str) -> CouponDetails:
        """What the coupon is to be, for the courses with these ids. Raises InvalidError."""
        off = Money.parse(self.amount_off, self.currency) if self.amount_off else None
        if self.amount_off and off is None:
            text = f"Write the amount in {self.currency} as a plain number, such as 500."
            raise InvalidError(text, fields={"amount_off": text})
        zone = ZoneInfo(time_zone)
        return CouponDetails(
            code=self.code,
            percent=self.percent or 0,
            amount_off=off.amount if off else 0,
            currency=self.currency,
            limit=self.limit,
            once_per_buyer=self.once_per_buyer,
            starts_at=_midnight("starts_at", self.starts_at, zone) if self.starts_at else None,
            ends_at=_midnight("ends_at", self.ends_at, zone, after=_DAY) if self.ends_at else None,
            course_ids=ids,
        )


def _midnight(field: str, day: date, zone: ZoneInfo, after: timedelta = timedelta()) -> datetime:
    """The beginning of a day, or of one after it. Raises InvalidError for a day too far away to be reckoned with."""
    if not date(2000, 1, 1) <= day <= _LATEST:
        text = "This day is too far away."
        raise InvalidError(text, fields={field: text})
    return datetime.combine(day + after, time(), zone)


async def _page(
    request: PageRequest, pages: Pages, coupons: Coupons, courses: CourseService, form: Form[CouponForm]
) -> Response[bytes]:
    cursor = list_cursor(request)
    page = await coupons.page(limit=ROWS, cursor=cursor)
    return pages.render(
        request,
        "admin/coupons.html",
        status_code=422 if form.errors else 200,
        page=page,
        courses=await courses_of(courses, {one for coupon in page.items for one in coupon.course_ids}),
        form=form,
        longest_code=LONGEST_CODE,
        cursor=cursor,
    )


@get(_PAGE, guards=[admins], include_in_schema=False)
async def coupons_page(
    request: PageRequest,
    pages: NamedDependency[Pages],
    coupons: NamedDependency[Coupons],
    courses: NamedDependency[CourseService],
    web_settings: NamedDependency[WebSettings],
) -> Response[bytes]:
    """The coupons."""
    form = empty_form(CouponForm, currency=web_settings.currency, once_per_buyer=True)
    return await _page(request, pages, coupons, courses, form)


@post(_PAGE, guards=[admins], include_in_schema=False, status_code=200)
async def create_coupon(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    coupons: NamedDependency[Coupons],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Makes a coupon."""
    form = await read_form(request, CouponForm)
    if form.data is not None:
        try:
            slugs = form.data.courses.replace(",", " ").split()
            ids = await course_ids(courses, principal, slugs, "courses")
            coupon = await coupons.create(form.data.details(ids, principal.time_zone))
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", f"The coupon {coupon.code} can be used.", _PAGE)
    return await _page(request, pages, coupons, courses, form)


async def _set_active(pages: Pages, coupons: Coupons, code: str, text: str, *, active: bool) -> Response[bytes]:
    try:
        coupon = await coupons.set_active(code, active=active)
    except AcademyError as error:
        return pages.redirect_with("error", error.message, _PAGE)
    return pages.redirect_with("success", text.format(coupon.code), _PAGE)


@post(f"{_PAGE}/{{code:str}}/shut", guards=[admins], include_in_schema=False, status_code=200)
async def shut_coupon(
    code: FromPath[str], pages: NamedDependency[Pages], coupons: NamedDependency[Coupons]
) -> Response[bytes]:
    """Ends the use of a coupon."""
    return await _set_active(pages, coupons, code, "The coupon {} takes nothing off any more.", active=False)


@post(f"{_PAGE}/{{code:str}}/open", guards=[admins], include_in_schema=False, status_code=200)
async def open_coupon(
    code: FromPath[str], pages: NamedDependency[Pages], coupons: NamedDependency[Coupons]
) -> Response[bytes]:
    """Lets a coupon be used again."""
    return await _set_active(pages, coupons, code, "The coupon {} can be used again.", active=True)


handlers = [coupons_page, create_coupon, shut_coupon, open_coupon]
