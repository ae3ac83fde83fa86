"""REST handlers of the reviews."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from academy.features.courses.model import Review
from academy.features.courses.reviews import LONGEST_REVIEW, MOST_STARS, ReviewService
from academy.features.courses.service import CourseService
from academy.infrastructure.security.principal import Principal
from academy.web.guards import anyone, signed_in
from academy.web.listing import Cursor, Limit, Listing


class ReviewAnswer(msgspec.Struct, kw_only=True):
    """A review; `author` is the learner's name."""

    id: str
    author: str
    stars: int
    text: str
    created_at: datetime
    updated_at: datetime


class ReviewRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """My review."""

    stars: Annotated[int, Meta(ge=1, le=MOST_STARS)]
    text: Annotated[str, Meta(max_length=LONGEST_REVIEW)] = ""


def _review_answer(review: Review) -> ReviewAnswer:
    return ReviewAnswer(
        id=review.id,
        author=review.author_name,
        stars=review.stars,
        text=review.text,
        created_at=review.created_at,
        updated_at=review.updated_at,
    )


@get("/api/v1/courses/{slug:str}/reviews", guards=[anyone], tags=["courses"], summary="A course's reviews")
async def list_reviews(
    slug: FromPath[str],
    visitor: NamedDependency[Principal | None],
    courses: NamedDependency[CourseService],
    reviews: NamedDependency[ReviewService],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Listing[ReviewAnswer]:
    """Returns the reviews, newest first."""
    page = await reviews.of_course(await courses.get(slug, visitor), limit=limit, cursor=cursor)
    return Listing(items=[_review_answer(review) for review in page.items], next_cursor=page.next_cursor)


@put("/api/v1/courses/{slug:str}/reviews", guards=[signed_in], tags=["courses"], summary="Write my review")
async def put_review(
    slug: FromPath[str],
    principal: NamedDependency[Principal],
    reviews: NamedDependency[ReviewService],
    data: JSONBody[ReviewRequest],
) -> ReviewAnswer:
    """Writes or rewrites the caller's review; only learners of the course may."""
    return _review_answer(await reviews.write(principal, slug, data.stars, data.text))


handlers = [list_reviews, put_review]
