"""Documents of the courses: course with its curriculum, category, review."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from academy.infrastructure.database.document import Document, Index, SearchField
from academy.infrastructure.jobs.base import Event
from academy.kit.ids import new_id
from academy.kit.money import Money


class Level(StrEnum):
    """For whom a course is."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


class CourseStatus(StrEnum):
    """A draft is its makers'; a published course is in the catalogue; an unpublished one is its learners' only."""

    DRAFT = "draft"
    PUBLISHED = "published"
    UNPUBLISHED = "unpublished"


class LessonKind(StrEnum):
    """What a lesson is made of."""

    VIDEO = "video"
    TEXT = "text"
    FILE = "file"
    YOUTUBE = "youtube"


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file beside a lesson: id and key of the stored file, the name that browsers save it under, size in bytes."""

    id: str
    key: str
    name: str
    size: int


class Lesson(msgspec.Struct, kw_only=True):
    """A lesson in the curriculum. Its id never changes, so that progress survives every edit.

    Attributes:
        duration_seconds: length of the video, or the estimated reading time of the text.
        video_id: of kind VIDEO: the Video.
        new_video_id: of kind VIDEO: the Video that takes its place as soon as it is found to be good.
        file_key, file_name: of kind FILE: the stored object and the name shown.
        youtube_id: of kind YOUTUBE: the video's id at YouTube.
        has_text: whether a LessonText with the same id exists.
        attachments: files to download beside it, in the order in which they came.
    """

    id: str = msgspec.field(default_factory=new_id)
    title: str
    kind: LessonKind
    free_preview: bool = False
    duration_seconds: int = 0
    video_id: str | None = None
    new_video_id: str | None = None
    file_key: str | None = None
    file_name: str = ""
    youtube_id: str = ""
    has_text: bool = False
    attachments: list[Attachment] = []


class LessonVideo(msgspec.Struct, frozen=True, kw_only=True):
    """What the feature that holds the videos tells the makers of a lesson about its video.

    Attributes:
        state: `checking`, `converting`, `ready` or `failed`; then `failure` says why, in words for the instructor.
        note: what is not as it should be although it can be watched, in such words.
        progress: of the conversion, in percent.
        url, poster_url: signed addresses that hold for a while; None unless it can be watched.
        views: how often it was watched, counted once per viewer and day.
    """

    id: str
    state: str
    failure: str
    note: str
    progress: int
    file_name: str
    content_type: str
    size: int
    duration_seconds: float
    width: int
    height: int
    url: str | None
    poster_url: str | None
    views: int


class Section(msgspec.Struct, kw_only=True):
    """A titled group of lessons."""

    id: str = msgspec.field(default_factory=new_id)
    title: str
    lessons: list[Lesson] = []


class Rating(msgspec.Struct, kw_only=True):
    """The facts about a course's reviews, always exactly those of the reviews.

    Attributes:
        count: number of reviews.
        total: sum of their stars.
        stars_1 … stars_5: reviews with that many stars (the histogram).
        average: total / count rounded to two decimals, 0 without reviews; kept for sorting.
    """

    count: int = 0
    total: int = 0
    stars_1: int = 0
    stars_2: int = 0
    stars_3: int = 0
    stars_4: int = 0
    stars_5: int = 0
    average: float = 0.0


class Course(Document, kw_only=True):
    """A course.

    Attributes:
        slug: unique, part of the address; never changes.
        instructor_ids: users who may edit it; the first made it.
        price: what a learner pays; amount 0 is free.
        is_free: kept beside price for filtering by index.
        published_at: first publication; None for drafts.
        enrolment_count: changed with each enrolment in its transaction.
        lesson_count, duration_seconds: sums of the curriculum, kept for cards.
        revision: counts the edits by its makers (not enrolments and reviews); the API's ETag.
        cover_key: stored cover image (WebP); None shows a generated one.
    """

    __collection__: ClassVar[str] = "courses"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("slug",), unique=True),
        Index(("status", "-published_at")),
        Index(("status", "-enrolment_count")),
        Index(("status", "-rating.average")),
        Index(("status", "price.amount")),
        Index(("status", "category", "-published_at")),
        Index(("status", "level", "-published_at")),
        Index(("status", "language", "-published_at")),
        Index(("status", "is_free", "-published_at")),
        Index(("instructor_ids", "-updated_at")),
        Index(("-updated_at",)),
    )
    __search__: ClassVar[tuple[SearchField, ...]] = (
        SearchField("title", 8),
        SearchField("subtitle", 4),
        SearchField("tags", 4),
        SearchField("description", 1),
    )

    slug: str
    title: str
    subtitle: str = ""
    description: str = ""
    category: str = ""
    level: Level = Level.BEGINNER
    language: str = "en"
    price: Money
    is_free: bool
    tags: list[str] = []
    outcomes: list[str] = []
    requirements: list[str] = []
    instructor_ids: list[str]
    status: CourseStatus = CourseStatus.DRAFT
    published_at: datetime | None = None
    revision: int = 1
    cover_key: str | None = None
    curriculum: list[Section] = []
    lesson_count: int = 0
    duration_seconds: int = 0
    rating: Rating = msgspec.field(default_factory=Rating)
    enrolment_count: int = 0

    def lessons(self) -> list[Lesson]:
        """All lessons in the order of the curriculum."""
        return [lesson for section in self.curriculum for lesson in section.lessons]

    def lesson(self, lesson_id: str) -> Lesson | None:
        """The lesson with this id, or None."""
        return next((lesson for lesson in self.lessons() if lesson.id == lesson_id), None)


class CourseDetails(msgspec.Struct, kw_only=True, frozen=True):
    """What the makers of a course say about it."""

    title: str
    subtitle: str = ""
    description: str = ""
    category: str = ""
    level: Level = Level.BEGINNER
    language: str = "en"
    price: Money
    tags: list[str] = []
    outcomes: list[str] = []
    requirements: list[str] = []


class LessonText(Document, kw_only=True):
    """The Markdown of a lesson; its id is the lesson's id. Kept apart so that lists of courses stay small."""

    __collection__: ClassVar[str] = "lesson_texts"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("course_id",)),)

    course_id: str
    markdown: str


class Category(Document, kw_only=True):
    """A category of the catalogue, in the order of `position`."""

    __collection__: ClassVar[str] = "categories"
    __indexes__: ClassVar[tuple[Index, ...]] = (Index(("slug",), unique=True), Index(("position",)))

    slug: str
    name: str
    position: int


class Review(Document, kw_only=True):
    """What an enrolled learner says of a course; one per learner and course. `author_name` is as it was then."""

    __collection__: ClassVar[str] = "reviews"
    __indexes__: ClassVar[tuple[Index, ...]] = (
        Index(("course_id", "user_id"), unique=True),
        Index(("course_id", "-created_at")),
        Index(("user_id",)),
        Index(("stars", "-created_at")),
    )

    course_id: str
    user_id: str
    author_name: str
    stars: int
    text: str = ""


class CourseReviewed(Event, frozen=True, kw_only=True):
    """A learner wrote their first review of a course."""

    __event__: ClassVar[str] = "course_reviewed"

    course_id: str
    user_id: str
    review_id: str
    stars: int


class LearnerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner has to do with a course: how far they are, and the lesson *Continue* leads to.

    Attributes:
        done: ids of the lessons that are done.
    """

    percent: int
    next_lesson_id: str | None
    done: frozenset[str]


LearnerStates = Callable[[str, Sequence[str]], Awaitable[Mapping[str, LearnerState]]]
"""Asks a higher feature: for this user, the state in each of these courses in which they are enrolled."""

OnOutlineChanged = Callable[[Course, Course], Awaitable[None]]
"""Told, in the transaction that changes its outline, of the course before and after."""
