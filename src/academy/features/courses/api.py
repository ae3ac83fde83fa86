"""REST handlers of the catalogue and the courses; their reviews' stand in reviews_api.py."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, Parameter
from msgspec import Meta

from academy.features.accounts.model import User
from academy.features.courses import categories_api, reviews_api
from academy.features.courses.curriculum import LONGEST_TITLE, LessonDraft, SectionDraft
from academy.features.courses.model import Course, CourseDetails, CourseStatus, Lesson, LessonKind, Level, Section
from academy.features.courses.repository import CatalogueFilter, CourseSort
from academy.features.courses.service import CourseService
from academy.infrastructure.security.principal import Principal
from academy.kit.money import Money
from academy.web.guards import anyone, instructors
from academy.web.listing import Cursor, Limit, Listing
from academy.web.preconditions import if_unchanged, revision_of

Title = Annotated[str, Meta(min_length=1, max_length=LONGEST_TITLE)]
ShortText = Annotated[str, Meta(max_length=200)]
# Bytes: the longest texts of a course, with six bytes for each escaped letter; and the texts of many lessons at once.
LARGEST_COURSE = 256 << 10
LARGEST_CURRICULUM = 8 << 20
ETag = Annotated[str | None, HeaderParameter(name="If-Match", description="`ETag` of the course as you read it.")]


class MoneyAnswer(msgspec.Struct, kw_only=True):
    """Integer minor units and an ISO 4217 currency."""

    amount: int
    currency: str


class RatingAnswer(msgspec.Struct, kw_only=True):
    """Average of the stars (two decimals, 0 without reviews) and number of reviews."""

    average: float
    count: int


class InstructorAnswer(msgspec.Struct, kw_only=True):
    """Who teaches."""

    id: str
    name: str
    headline: str


class LessonAnswer(msgspec.Struct, kw_only=True):
    """A lesson of the curriculum."""

    id: str
    title: str
    kind: LessonKind
    duration_seconds: int
    free_preview: bool


class SectionAnswer(msgspec.Struct, kw_only=True):
    """A section of the curriculum."""

    id: str
    title: str
    lessons: list[LessonAnswer]


class CourseSummary(msgspec.Struct, kw_only=True):
    """A course in a list."""

    id: str
    slug: str
    title: str
    subtitle: str
    description: str
    category: str
    level: Level
    language: str
    status: CourseStatus
    price: MoneyAnswer
    rating: RatingAnswer
    instructors: list[InstructorAnswer]
    published_at: datetime | None


class CourseAnswer(CourseSummary, kw_only=True):
    """A single course, with its curriculum."""

    tags: list[str]
    outcomes: list[str]
    requirements: list[str]
    curriculum: list[SectionAnswer]


class PriceRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Integer minor units and an ISO 4217 currency."""

    amount: Annotated[int, Meta(ge=0, le=100_000_000_00)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", max_length=3)]


class CourseRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A new course. Without `slug`, the address is made from the title."""

    title: Title
    slug: Annotated[str, Meta(max_length=80)] = ""
    subtitle: ShortText = ""
    description: Annotated[str, Meta(max_length=20_000)] = ""
    category: Annotated[str, Meta(max_length=80)] = ""
    level: Level = Level.BEGINNER
    language: Annotated[str, Meta(min_length=2, max_length=8)] = "en"
    price: PriceRequest
    tags: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=20)] = []
    outcomes: Annotated[list[ShortText], Meta(max_length=20)] = []
    requirements: Annotated[list[ShortText], Meta(max_length=20)] = []


class CourseChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Fields of a course to change; what is left out stays."""

    title: Title | msgspec.UnsetType = msgspec.UNSET
    subtitle: ShortText | msgspec.UnsetType = msgspec.UNSET
    description: Annotated[str, Meta(max_length=20_000)] | msgspec.UnsetType = msgspec.UNSET
    category: Annotated[str, Meta(max_length=80)] | msgspec.UnsetType = msgspec.UNSET
    level: Level | msgspec.UnsetType = msgspec.UNSET
    language: Annotated[str, Meta(min_length=2, max_length=8)] | msgspec.UnsetType = msgspec.UNSET
    price: PriceRequest | msgspec.UnsetType = msgspec.UNSET
    tags: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=20)] | msgspec.UnsetType = msgspec.UNSET
    outcomes: Annotated[list[ShortText], Meta(max_length=20)] | msgspec.UnsetType = msgspec.UNSET
    requirements: Annotated[list[ShortText], Meta(max_length=20)] | msgspec.UnsetType = msgspec.UNSET


class LessonRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A lesson; with `id` an existing one, without a new one. `text` (Markdown) replaces the lesson's text.

    Only a YouTube lesson may have an empty title: it takes the one at YouTube as soon as the academy knows it.
    """

    title: Annotated[str, Meta(max_length=LONGEST_TITLE)]
    kind: LessonKind
    id: str | None = None
    free_preview: bool = False
    youtube_id: Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{11})?$", max_length=11)] | None = None
    text: Annotated[str, Meta(max_length=200_000)] | None = None


class SectionRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A section with its lessons in order."""

    title: Title
    id: str | None = None
    lessons: Annotated[list[LessonRequest], Meta(max_length=200)] = []


class CurriculumRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole outline in its new order. Parts that are left out are removed."""

    sections: Annotated[list[SectionRequest], Meta(max_length=60)]


def summary_fields(course: Course, people: dict[str, User]) -> dict[str, object]:
    """What every answer about a course holds."""
    return {
        "id": course.id,
        "slug": course.slug,
        "title": course.title,
        "subtitle": course.subtitle,
        "description": course.description,
        "category": course.category,
        "level": course.level,
        "language": course.language,
        "status": course.status,
        "price": MoneyAnswer(amount=course.price.amount, currency=course.price.currency),
        "rating": RatingAnswer(average=course.rating.average, count=course.rating.count),
        "instructors": [
            InstructorAnswer(id=user.id, name=user.name, headline=user.profile.headline)
            for user_id in course.instructor_ids
            if (user := people.get(user_id))
        ],
        "published_at": course.published_at,
    }


async def _answer(course: Course, courses: CourseService, status_code: int = 200) -> Response[CourseAnswer]:
    people = await courses.instructors([course])
    body = CourseAnswer(
        **summary_fields(course, people),  # type: ignore[arg-type]
        tags=course.tags,
        outcomes=course.outcomes,
        requirements=course.requirements,
        curriculum=[_section_answer(section) for section in course.curriculum],
    )
    return Response(body, status_code=status_code, headers={"ETag": f'"{course.revision}"'})


def _section_answer(section: Section) -> SectionAnswer:
    return SectionAnswer(id=section.id, title=section.title, lessons=[_lesson_answer(x) for x in section.lessons])


def _lesson_answer(lesson: Lesson) -> LessonAnswer:
    return LessonAnswer(
        id=lesson.id,
        title=lesson.title,
        kind=lesson.kind,
        duration_seconds=lesson.duration_seconds,
        free_preview=lesson.free_preview,
    )


@get("/api/v1/courses", guards=[anyone], tags=["courses"], summary="The catalogue: published courses")
async def list_courses(
    courses: NamedDependency[CourseService],
    q: Annotated[str, Parameter(max_length=200, description="Words to search.")] = "",
    category: Annotated[str, Parameter(max_length=80)] = "",
    level: FromQuery[Level | None] = None,
    language: Annotated[str, Parameter(max_length=8)] = "",
    price: Annotated[str, Parameter(pattern="^(free|paid)?$", description="`free` or `paid`.")] = "",
    min_rating: Annotated[float, Parameter(ge=0, le=5, description="Least average of stars.")] = 0.0,
    sort: FromQuery[CourseSort | None] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[CourseSummary]:
    """Searches and filters the catalogue. Without `sort`, a search is ordered by how well it matches."""
    wanted = CatalogueFilter(
        q=q, category=category, level=level, language=language, price=price, min_rating=min_rating, sort=sort
    )
    page = await courses.catalogue(wanted, limit=limit, cursor=cursor)
    people = await courses.instructors(page.items)
    items = [CourseSummary(**summary_fields(course, people)) for course in page.items]  # type: ignore[arg-type]
    return Listing(items=items, next_cursor=page.next_cursor)


@post(
    "/api/v1/courses",
    guards=[instructors],
    tags=["courses"],
    summary="Make a course (a draft)",
    request_max_body_size=LARGEST_COURSE,
)
async def create_course(
    principal: NamedDependency[Principal], courses: NamedDependency[CourseService], data: JSONBody[CourseRequest]
) -> Response[CourseAnswer]:
    """Makes a draft that belongs to the caller."""
    fields = msgspec.structs.asdict(data)
    slug = fields.pop("slug")
    details = CourseDetails(**{**fields, "price": Money(**msgspec.structs.asdict(data.price))})
    return await _answer(await courses.create(principal, details, slug=slug), courses, status_code=201)


@get("/api/v1/courses/{slug:str}", guards=[anyone], tags=["courses"], summary="One course with its curriculum")
async def get_course(
    slug: FromPath[str], visitor: NamedDependency[Principal | None], courses: NamedDependency[CourseService]
) -> Response[CourseAnswer]:
    """Returns a course; drafts only to their makers."""
    return await _answer(await courses.get(slug, visitor), courses)


@patch(
    "/api/v1/courses/{slug:str}",
    guards=[instructors],
    tags=["courses"],
    summary="Change a course",
    request_max_body_size=LARGEST_COURSE,
)
async def change_course(
    slug: FromPath[str],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    data: JSONBody[CourseChange],
    if_match: ETag = None,
) -> Response[CourseAnswer]:
    """Changes the given fields. With `If-Match`, only if nobody changed the course since."""
    given = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    if isinstance(data.price, PriceRequest):
        given["price"] = Money(**msgspec.structs.asdict(data.price))
    changed = await if_unchanged(
        courses.change(principal, slug, given, revision=revision_of(if_match, "the course")), if_match
    )
    return await _answer(changed, courses)


@delete(
    "/api/v1/courses/{slug:str}", guards=[instructors], tags=["courses"], summary="Delete a course without learners"
)
async def delete_course(
    slug: FromPath[str], principal: NamedDependency[Principal], courses: NamedDependency[CourseService]
) -> None:
    """Deletes a course that nobody is enrolled in."""
    await courses.delete(principal, slug)


@post("/api/v1/courses/{slug:str}/publish", guards=[instructors], tags=["courses"], status_code=200, summary="Publish")
async def publish_course(
    slug: FromPath[str], principal: NamedDependency[Principal], courses: NamedDependency[CourseService]
) -> Response[CourseAnswer]:
    """Puts the course into the catalogue, or answers 409 with a list of what is missing."""
    return await _answer(await courses.publish(principal, slug), courses)


@post(
    "/api/v1/courses/{slug:str}/unpublish", guards=[instructors], tags=["courses"], status_code=200, summary="Unpublish"
)
async def unpublish_course(
    slug: FromPath[str], principal: NamedDependency[Principal], courses: NamedDependency[CourseService]
) -> Response[CourseAnswer]:
    """Takes the course out of the catalogue; its learners keep it."""
    return await _answer(await courses.unpublish(principal, slug), courses)


@put(
    "/api/v1/courses/{slug:str}/curriculum",
    guards=[instructors],
    tags=["courses"],
    summary="Replace the outline",
    request_max_body_size=LARGEST_CURRICULUM,
)
async def put_curriculum(
    slug: FromPath[str],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    data: JSONBody[CurriculumRequest],
    if_match: ETag = None,
) -> Response[CourseAnswer]:
    """Sets order, titles, sections and lessons. Lessons named by id keep their content and learners' progress."""
    draft = [
        SectionDraft(title=s.title, id=s.id, lessons=[_lesson_draft(lesson) for lesson in s.lessons])
        for s in data.sections
    ]
    texts = [[lesson.text for lesson in section.lessons] for section in data.sections]
    changing = courses.set_curriculum(principal, slug, draft, revision=revision_of(if_match, "the course"), texts=texts)
    return await _answer(await if_unchanged(changing, if_match), courses)


def _lesson_draft(lesson: LessonRequest) -> LessonDraft:
    return LessonDraft(
        title=lesson.title,
        kind=lesson.kind,
        id=lesson.id,
        free_preview=lesson.free_preview,
        youtube_id=None if lesson.youtube_id is None else lesson.youtube_id.strip(),
    )


handlers = [
    list_courses,
    create_course,
    get_course,
    change_course,
    delete_course,
    publish_course,
    unpublish_course,
    put_curriculum,
    *categories_api.handlers,
    *reviews_api.handlers,
]
