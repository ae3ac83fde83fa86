"""The landing page, the catalogue, the course page, reviews."""

import asyncio
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, Parameter
from msgspec import Meta

from academy.features.accounts.model import User
from academy.features.accounts.service import AccountService
from academy.features.courses.model import Course, CourseStatus, LearnerState, LearnerStates, Level, Review
from academy.features.courses.repository import MOST_COUNTED, CatalogueFilter, CourseSort
from academy.features.courses.reviews import LONGEST_REVIEW, MOST_STARS, ReviewService
from academy.features.courses.service import CourseService, may_edit
from academy.features.courses.structured_data import course_structured_data
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError, InvalidError
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import admins, anyone, signed_in
from academy.web.markdown import render_markdown_async
from academy.web.pages import Pages
from academy.web.requests import PageRequest, wants_fragment
from academy.web.settings import WebSettings

COURSES_ON_LANDING = 9
COURSES_ON_PAGE = 12
RELATED_COURSES = 3
TESTIMONIALS = 3
LONGEST_CATEGORY = 60
_REVIEWS_TO_CHOOSE_FROM = 24
_RATINGS = ("4.5", "4", "3")


class ReviewForm(msgspec.Struct, kw_only=True):
    """The review form on the course page."""

    stars: Annotated[int, Meta(ge=1, le=MOST_STARS)]
    text: Annotated[str, Meta(max_length=LONGEST_REVIEW)] = ""


class CategoryForm(msgspec.Struct, kw_only=True):
    """The name of a category."""

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_CATEGORY)]


class CatalogueQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue's address, read leniently: a value that means nothing does not narrow."""

    q: str = ""
    category: str = ""
    level: str = ""
    language: str = ""
    price: str = ""
    min_rating: str = ""
    sort: str = ""

    @classmethod
    def of(cls, request: PageRequest) -> "CatalogueQuery":
        """Reads the address of a request."""
        given = {name: request.query_params.get(name, "").strip() for name in cls.__struct_fields__}
        return cls(
            q=given["q"][:200],
            category=given["category"],
            level=given["level"] if given["level"] in set(Level) else "",
            language=given["language"],
            price=given["price"] if given["price"] in ("free", "paid") else "",
            min_rating=given["min_rating"] if given["min_rating"] in _RATINGS else "",
            sort=given["sort"] if given["sort"] in set(CourseSort) else "",
        )

    def filter(self) -> CatalogueFilter:
        """The filter these values mean."""
        return CatalogueFilter(
            q=self.q,
            category=self.category,
            level=Level(self.level) if self.level else None,
            language=self.language,
            price=self.price,
            min_rating=float(self.min_rating or 0),
            sort=CourseSort(self.sort) if self.sort else None,
        )

    def chosen(self) -> dict[str, str]:
        """The values that are set, for links that keep them."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}

    def narrowing(self) -> dict[str, str]:
        """The values that are set and leave courses out: all but the order."""
        return {name: value for name, value in self.chosen().items() if name != "sort"}

    def without(self, name: str) -> dict[str, str]:
        """The values that are set, less one."""
        return {other: value for other, value in self.chosen().items() if other != name}


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
    accounts: NamedDependency[AccountService],
) -> Response[bytes]:
    """What this academy is, and where to begin; as long as it has no course, what its owner does next."""
    popular, facets = await asyncio.gather(
        courses.counted_catalogue(CatalogueFilter(sort=CourseSort.POPULAR), limit=COURSES_ON_LANDING), courses.facets()
    )
    if not popular.items:
        drafts = await courses.taught_by(visitor, limit=1) if visitor else None
        response = pages.render(
            request,
            "courses/setup.html",
            categories=facets.categories,
            has_admin=await accounts.has_admin(),
            draft=next(iter(drafts.items), None) if drafts else None,
        )
        # The owner follows these steps, also on the command line, and looks here for what is done.
        response.headers["Cache-Control"] = "private, no-store"
        return response
    people, states, testimonials = await asyncio.gather(
        courses.instructors(popular.items),
        _learner_states(visitor, popular.items, learner_states),
        _testimonials(courses, reviews),
    )
    return pages.render(
        request,
        "courses/landing.html",
        featured=popular.items,
        course_total=popular.total,
        most_counted=MOST_COUNTED,
        people=people,
        teachers=_teachers(popular.items, people),
        categories=facets.categories,
        testimonials=testimonials,
        states=states,
    )


def _teachers(shown: list[Course], people: dict[str, User]) -> list[User]:
    """The people who teach the courses, in the order of the courses."""
    ids = dict.fromkeys(user_id for course in shown for user_id in course.instructor_ids)
    return [people[user_id] for user_id in ids if user_id in people]


async def _testimonials(courses: CourseService, reviews: ReviewService) -> list[tuple[Review, Course]]:
    """Praise for published courses, at most one review of each."""
    praise = await reviews.best(_REVIEWS_TO_CHOOSE_FROM)
    newest_first = {review.course_id: review for review in reversed(praise)}
    praised = await courses.many(sorted(newest_first))
    return [
        (review, praised[review.course_id])
        for review in praise
        if newest_first[review.course_id] is review
        and review.course_id in praised
        and praised[review.course_id].status is CourseStatus.PUBLISHED
    ][:TESTIMONIALS]


@get("/categories", guards=[admins], include_in_schema=False)
async def categories_page(
    request: PageRequest, pages: NamedDependency[Pages], courses: NamedDependency[CourseService]
) -> Response[bytes]:
    """The categories of the catalogue; a course needs one before it can be published."""
    return await _categories(request, pages, courses, empty_form(CategoryForm, name=""))


async def _categories(
    request: PageRequest, pages: Pages, courses: CourseService, form: Form[CategoryForm]
) -> Response[bytes]:
    return pages.render(
        request,
        "courses/categories.html",
        status_code=422 if form.errors else 200,
        categories=await courses.categories(),
        unused=await courses.category_list.unused(),
        longest_name=LONGEST_CATEGORY,
        form=form,
    )


@post("/categories", guards=[admins], include_in_schema=False, status_code=200)
async def add_category(
    request: PageRequest, pages: NamedDependency[Pages], courses: NamedDependency[CourseService]
) -> Response[bytes]:
    """Adds a category."""
    form = await read_form(request, CategoryForm)
    if form.data is not None:
        try:
            await courses.append_category(form.data.name)
        except AcademyError as error:
            form.blame(error)
        else:
            return pages.redirect_with("success", f"“{form.data.name}” is a subject now.", "/categories")
    return await _categories(request, pages, courses, form)


@post("/categories/{slug:str}", guards=[admins], include_in_schema=False, status_code=200)
async def rename_category(
    request: PageRequest, slug: FromPath[str], pages: NamedDependency[Pages], courses: NamedDependency[CourseService]
) -> Response[bytes]:
    """Gives a category another name."""
    form = await read_form(request, CategoryForm)
    if form.data is None:
        text = f"A subject needs a name of at most {LONGEST_CATEGORY} characters."
        return pages.redirect_with("error", text, "/categories")
    try:
        await courses.category_list.rename(slug, form.data.name)
    except AcademyError as error:
        return pages.redirect_with("error", error.message, "/categories")
    return pages.redirect_with("success", f"The subject is called “{form.data.name}” now.", "/categories")


@post("/categories/{slug:str}/remove", guards=[admins], include_in_schema=False, status_code=200)
async def remove_category(
    slug: FromPath[str], pages: NamedDependency[Pages], courses: NamedDependency[CourseService]
) -> Response[bytes]:
    """Removes a category that no course is in."""
    try:
        await courses.category_list.remove(slug)
    except AcademyError as error:
        return pages.redirect_with("error", error.message, "/categories")
    return pages.redirect_with("success", "The subject is removed.", "/categories")


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
    wanted = CatalogueQuery.of(request)
    found, facets = await asyncio.gather(
        courses.counted_catalogue(wanted.filter(), limit=COURSES_ON_PAGE, cursor=cursor or None), courses.facets()
    )
    people, states = await asyncio.gather(
        courses.instructors(found.items), _learner_states(visitor, found.items, learner_states)
    )
    only_results = wants_fragment(request.scope)
    response = pages.render(
        request,
        "courses/_results.html" if only_results else "courses/catalogue.html",
        found=found,
        most_counted=MOST_COUNTED,
        wanted=wanted,
        cursor=cursor,
        people=people,
        categories=facets.categories,
        languages=facets.languages,
        states=states,
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
    web_settings: WebSettings,
    slug: str,
    form: Form[ReviewForm] | None = None,
    cursor: str | None = None,
) -> Response[bytes]:
    course = await courses.get(slug, visitor)
    states, mine, shown, similar, facets, description = await asyncio.gather(
        _learner_states(visitor, [course], learner_states),
        _my_review(reviews, visitor, course),
        reviews.of_course(course, cursor=cursor),
        courses.catalogue(CatalogueFilter(category=course.category), limit=RELATED_COURSES + 1),
        courses.facets(),
        render_markdown_async(course.description),
    )
    related = [other for other in similar.items if other.id != course.id][:RELATED_COURSES]
    people = await courses.instructors([course, *related])
    return pages.render(
        request,
        "courses/course.html",
        status_code=422 if form else 200,
        course=course,
        people=people,
        teachers=_teachers([course], people),
        description_html=description,
        category=next((one for one in facets.categories if one.slug == course.category), None),
        reviews=shown,
        cursor=cursor or "",
        my_review=mine,
        review_form=form or empty_form(ReviewForm, stars=mine.stars if mine else "", text=mine.text if mine else ""),
        longest_review=LONGEST_REVIEW,
        state=states.get(course.id),
        related=related,
        may_edit=may_edit(course, visitor),
        structured_data=course_structured_data(course, people, web_settings),
    )


async def _my_review(reviews: ReviewService, visitor: Principal | None, course: Course) -> Review | None:
    return await reviews.mine(visitor, course) if visitor else None


@get("/courses/{slug:str}", guards=[anyone], include_in_schema=False)
async def course_page(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    courses: NamedDependency[CourseService],
    reviews: NamedDependency[ReviewService],
    visitor: NamedDependency[Principal | None],
    learner_states: NamedDependency[LearnerStates],
    web_settings: NamedDependency[WebSettings],
    cursor: Annotated[str, Parameter(max_length=2000)] = "",
) -> Response[bytes]:
    """The course page."""
    return await _course_page(
        request, pages, courses, reviews, visitor, learner_states, web_settings, slug, cursor=cursor or None
    )


@post("/courses/{slug:str}/reviews", guards=[signed_in], include_in_schema=False, status_code=200)
async def write_review(
    request: PageRequest,
    slug: FromPath[str],
    pages: NamedDependency[Pages],
    courses: NamedDependency[CourseService],
    reviews: NamedDependency[ReviewService],
    principal: NamedDependency[Principal],
    learner_states: NamedDependency[LearnerStates],
    web_settings: NamedDependency[WebSettings],
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
    return await _course_page(request, pages, courses, reviews, principal, learner_states, web_settings, slug, form)


handlers = [
    landing,
    categories_page,
    add_category,
    rename_category,
    remove_category,
    catalogue,
    course_page,
    write_review,
]
