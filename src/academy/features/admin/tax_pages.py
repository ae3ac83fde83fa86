"""HTML handlers of the admin: the table of taxes."""

from decimal import Decimal
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from academy.features.admin.course_slugs import course_ids, courses_of
from academy.features.courses.service import CourseService
from academy.features.payments.countries import countries
from academy.features.payments.taxes import EVERYWHERE, LONGEST_NAME, TaxDetails, TaxTable
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import admins
from academy.web.pages import Pages
from academy.web.requests import PageRequest

_PAGE = "/admin/taxes"
_BASIS_POINTS_PER_PERCENT = 100


class TaxForm(msgspec.Struct, kw_only=True):
    """A new line of the table.

    Attributes:
        course: the end of its address; "" for all courses.
        basis_points: typed as percent with at most two decimals.
    """

    country: Annotated[str, Meta(min_length=1, max_length=2)]
    course: Annotated[str, Meta(max_length=80)] = ""
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    basis_points: Annotated[str, Meta(pattern=r"^[0-9]{1,3}(\.[0-9]{1,2})?$", max_length=6)]
    inclusive: bool = False

    def details(self, course_id: str) -> TaxDetails:
        """What the line is to be."""
        return TaxDetails(
            country=self.country,
            course_id=course_id,
            name=self.name,
            basis_points=int(Decimal(self.basis_points) * _BASIS_POINTS_PER_PERCENT),
            inclusive=self.inclusive,
        )


async def _page(
    request: PageRequest, pages: Pages, taxes: TaxTable, courses: CourseService, form: Form[TaxForm]
) -> Response[bytes]:
    rules = await taxes.all()
    return pages.render(
        request,
        "admin/taxes.html",
        status_code=422 if form.errors else 200,
        rules=rules,
        courses=await courses_of(courses, {rule.course_id for rule in rules}),
        countries={EVERYWHERE: "Everywhere else", **countries("en_IN", "IN")},
        form=form,
        longest_name=LONGEST_NAME,
    )


@get(_PAGE, guards=[admins], include_in_schema=False)
async def taxes_page(
    request: PageRequest,
    pages: NamedDependency[Pages],
    taxes: NamedDependency[TaxTable],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """The table of taxes."""
    return await _page(request, pages, taxes, courses, empty_form(TaxForm, country="IN", inclusive=True))


@post(_PAGE, guards=[admins], include_in_schema=False, status_code=200)
async def add_tax(
    request: PageRequest,
    pages: NamedDependency[Pages],
    principal: NamedDependency[Principal],
    taxes: NamedDependency[TaxTable],
    courses: NamedDependency[CourseService],
) -> Response[bytes]:
    """Adds a line."""
    form = await read_form(request, TaxForm)
    if form.data is not None:
        try:
            named = [form.data.course] if form.data.course else []
            ids = await course_ids(courses, principal, named, "course")
            rule = await taxes.add(form.data.details(ids[0] if ids else ""))
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", f"{rule.name} is in the table.", _PAGE)
    return await _page(request, pages, taxes, courses, form)


@post(f"{_PAGE}/{{rule_id:str}}/remove", guards=[admins], include_in_schema=False, status_code=200)
async def remove_tax(
    rule_id: FromPath[str], pages: NamedDependency[Pages], taxes: NamedDependency[TaxTable]
) -> Response[bytes]:
    """Removes a line."""
    try:
        await taxes.remove(rule_id)
    except AcademyError as error:
        return pages.redirect_with("error", error.message, _PAGE)
    return pages.redirect_with("success", "The tax is removed.", _PAGE)


handlers = [taxes_page, add_tax, remove_tax]
