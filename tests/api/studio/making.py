"""What an instructor has and does in the tests of the studio."""

import re

import httpx

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import Course, CourseDetails, LessonKind
from academy.infrastructure.security.principal import Principal
from academy.kit.money import Money
from tests.academies.html import elements, text
from tests.academies.in_process import Browser, TestAcademy

DETAILS = {
    "title": "Git for people who write code",
    "subtitle": "Branches without fear",
    "description": "## What it is\n\nGit keeps **every** version.",
    "category": "programming",
    "level": "beginner",
    "language": "en",
    "price": "0",
    "currency": "INR",
    "tags": "git, Tools",
    "outcomes": "Commit\nBranch",
    "requirements": "A keyboard",
}


async def make_course(academy: TestAcademy, teacher: Principal, *kinds: LessonKind, title: str = "Git") -> Course:
    """A draft, complete but for its lessons: one section with a lesson of each kind, called by it."""
    courses = academy.academy.courses
    await courses.add_category("programming", "Programming", 0)
    free = Money(amount=0, currency="INR")
    details = CourseDetails(title=title, subtitle="Well", description="All", category="programming", price=free)
    course = await courses.create(teacher, details)
    lessons = [LessonDraft(title=kind.value, kind=kind) for kind in kinds]
    return await courses.set_curriculum(teacher, course.slug, [SectionDraft(title="One", lessons=lessons)])


def outline(course: Course) -> list[tuple[str, list[str]]]:
    """The titles of the sections with those of their lessons."""
    return [(section.title, [lesson.title for lesson in section.lessons]) for section in course.curriculum]


def field_value(page: httpx.Response, name: str) -> str:
    """What the details' or lesson's form of the page holds in a text field, white space folded."""
    [field] = elements(page.text, id=name) or elements(page.text, "input", type="hidden", name=name)
    return field.attributes["value"] if field.name == "input" else field.text


def text_of(page: httpx.Response) -> str:
    """All words of the page's body."""
    return text(page.text)


async def csrf_headers(browser: Browser, page: str) -> dict[str, str]:
    """The header that the studio's scripts send, taken from a page as they do."""
    found = re.search(r'data-token="([^"]+)"', (await browser.get(page)).text)
    assert found, f"{page} has no token for scripts"
    return {"X-CSRF-Token": found.group(1)}
