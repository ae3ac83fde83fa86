"""The landing page, the catalogue, the course page, reviews."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, Parameter
from msgspec import Meta

from academy.features.courses.model import Course, Level
from academy.features.courses.repository import CatalogueFilter, CourseSort
from academy.features.courses.reviews import LONGEST_REVIEW, MOST_STARS, ReviewService
from academy.features.courses.service import CourseService, LearnerState, LearnerStates, may_edit
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, InvalidError
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import anyone, signed_in
from academy.web.markdown import render_markdown_async
from academy.web.pages import Pages
from academy.web.requests import PageRequest

COURSES_ON_LANDING = 6
COURSES_ON_PAGE = 12
RELATED_COURSES = 3


class ReviewForm(msgspec.Struct, kw_only=True):
    """The review form on the course page."""

    stars: Annotated[int, Meta(ge=1, le=MOST_STARS)]
    text: Annotated[str, Meta(max_length=LONGEST_REVIEW)] = ""


class CatalogueQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue's address, read leniently: a value that means nothing does not narrow."""

    q: str = ""
    category: str = ""
    level: str = ""
    language: str = ""
    price: str = ""
    min_rating: str = ""
    sort: str = ""

    def filter(self) -> CatalogueFilter:
        """The filter these values mean."""
        return CatalogueFilter(
            q=self.q[:200],
            category=self.category,
            level=Level(self.level) if self.level in set(Level) else None,
            language=self.language,
            price=self.price if self.price in ("free", "paid") else "",
            min_rating=float(self.min_rating) if self.min_rating in ("3", "4", "4.5") else 0.0,
            sort=CourseSort(self.sort) if self.sort in set(CourseSort) else None,
        )

    def chosen(self) -> dict[str, str]:
        """The values that are set, for links that keep them."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}


async def _learner_states(
    visitor: Principal | None, shown: list[Course], learner_states: LearnerStates
) -> dict[str, LearnerState]:
    if visitor is None or not shown:
        return {}
    return dict(await learner_states(visitor.user_id, [course.id for course in shown]))


@get("/", guards=[anyone], include_in_schema=False)
async def landing(
    request: PageRequest,
    pages: NamedDependency[Pages],
    courses: NamedDependency[CourseService],
    reviews: NamedDependency[ReviewService],
    visitor: NamedDependency[Principal | None],
    learner_states: NamedDependency[LearnerStates],
) -> Response[bytes]:
    """What this academy is, and where to begin."""
    featured = await courses.catalogue(CatalogueFilter(sort=CourseSort.POPULAR), limit=COURSES_ON_LANDING)
    people = await courses.instructors(featured.items)
    praised = await reviews.best()
    praised_courses = await courses.many(sorted({review.course_id for review in praised}))
    return pages.render(
        request,
        "courses/landing.html",
        featured=featured.items,
        course_total=featured.total,
        people=people,
        categories=await courses.categories(),
        reviews=[(r, praised_courses[r.course_id]) for r in praised if r.course_id in praised_courses],
        states=await _learner_states(visitor, featured.items, learner_states),
    )


@get("/courses", guards=[anyone], include_in_schema=False)
async def catalogue(
    request: PageRequest,
    pages: NamedDependency[Pages],
    courses: NamedDependency[CourseService],
    visitor: NamedDependency[Principal | None],
    learner_states: NamedDependency[LearnerStates],
    cursor: Annotated[str, Parameter(max_length=2000)] = "",
) -> Response[bytes]:
    """The catalogue; htmx asks for the results alone."""
    fields = CatalogueQuery.__struct_fields__
    query = CatalogueQuery(**{name: request.query_params.get(name, "").strip() for name in fields})
    found = await courses.catalogue(query.filter(), limit=COURSES_ON_PAGE, cursor=cursor or None)
    only_results = request.headers.get("hx-request") == "true" and "hx-boosted" not in request.headers
    response = pages.render(
        request,
        "courses/_results.html" if only_results else "courses/catalogue.html",
        found=found,
        query=query,
        chosen=query.chosen(),
        cursor=cursor,
        people=await courses.instructors(found.items),
        categories=await courses.categories(),
        states=await _learner_states(visitor, found.items, learner_states),
    )
    response.headers["Vary"] = "HX-Request, Cookie"
    return response


async def _course_page(
    request: PageRequest,
    pages: Pages,
    courses: CourseService,
    reviews: ReviewService,
    visitor: Principal | None,
    learner_states: LearnerStates,
    slug: str,
    form: Form[ReviewForm] | None = None,
    status_code: int = 200,
    cursor: str | None = None,
) -> Response[bytes]:
    course = await courses.get(slug, visitor)
    states = await _learner_states(visitor, [course], learner_states)
    mine = await reviews.mine(visitor, course) if visitor and course.id in states else None
    related = await courses.catalogue(CatalogueFilter(category=course.category), limit=RELATED_COURSES + 1)
    others = [other for other in related.items if other.id != course.id][:RELATED_COURSES]
    if form is None:
        form = empty_form(ReviewForm, stars=mine.stars if mine else "", text=mine.text if mine else "")
    return pages.render(
        request,
        "courses/course.html",
        status_code=status_code,
        course=course,
        people=await courses.instructors([course, *others]),
        description_html=await render_markdown_async(course.description),
        categories={category.slug: category.name for category in await courses.categories()},
        reviews=await reviews.of_course(course, cursor=cursor),
        my_review=mine,
        review_form=form,
        state=states.get(course.id),
        related=others,
        may_edit=may_edit(course, visitor),
    )


@get("/courses/{slug:str}", guards=[anyone], include_in_schema=False)
async def course_page(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    courses: NamedDependency[CourseService],
    reviews: NamedDependency[ReviewService],
    visitor: NamedDependency[Principal | None],
    learner_states: NamedDependency[LearnerStates],
    cursor: Annotated[str, Parameter(max_length=2000)] = "",
) -> Response[bytes]:
    """The course page."""
    return await _course_page(request, pages, courses, reviews, visitor, learner_states, slug, cursor=cursor or None)


@post("/courses/{slug:str}/reviews", guards=[signed_in], include_in_schema=False, status_code=200)
async def write_review(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    courses: NamedDependency[CourseService],
    reviews: NamedDependency[ReviewService],
    principal: NamedDependency[Principal],
    learner_states: NamedDependency[LearnerStates],
) -> Response[bytes]:
    """Writes the visitor's review."""
    form = await read_form(request, ReviewForm)
    if form.data is not None:
        try:
            await reviews.write(principal, slug, form.data.stars, form.data.text)
        except InvalidError as error:
            form.blame(error)
        except AcademyError as error:
            return pages.redirect_with("error", error.message, f"/courses/{slug}")
        else:
            return pages.redirect_with("success", "Thank you, your review is on the page.", f"/courses/{slug}#reviews")
    return await _course_page(
        request, pages, courses, reviews, principal, learner_states, slug, form=form, status_code=422
    )


handlers = [landing, catalogue, course_page, write_review]
