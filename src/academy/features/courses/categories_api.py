"""REST handlers of the categories."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from academy.features.courses.model import Category
from academy.features.courses.service import CourseService
from academy.web.guards import admins, anyone
from academy.web.listing import Listing


class CategoryAnswer(msgspec.Struct, kw_only=True):
    """A category; courses name it by its slug."""

    slug: str
    name: str


class CategoryRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A new category; its slug is made from the name."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]


def _answer(category: Category) -> CategoryAnswer:
    return CategoryAnswer(slug=category.slug, name=category.name)


@get("/api/v1/categories", guards=[anyone], tags=["courses"], summary="The categories of the catalogue")
async def list_categories(courses: NamedDependency[CourseService]) -> Listing[CategoryAnswer]:
    """Returns all categories in their order."""
    return Listing(items=[_answer(category) for category in await courses.categories()], next_cursor=None)


@post("/api/v1/categories", guards=[admins], tags=["courses"], summary="Add a category")
async def create_category(courses: NamedDependency[CourseService], data: JSONBody[CategoryRequest]) -> CategoryAnswer:
    """Adds a category at the end; a course needs one before it can be published."""
    return _answer(await courses.append_category(data.name))


handlers = [list_categories, create_category]
