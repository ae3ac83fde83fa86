"""What an instructor has and does in the tests of the studio."""

import html
import re

import httpx

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import Course, LessonKind
from academy.features.courses.service import CourseDetails
from academy.infrastructure.security.principal import Principal
from academy.kit.money import Money
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
    """What a text field of the page holds."""
    named = rf'(?:id="{name}"|type="hidden") name="{name}"'
    found = re.search(rf'<input {named}[^>]*? value="([^"]*)"|<textarea {named}[^>]*>\n([^<]*)</textarea>', page.text)
    assert found, f"no field {name}"
    return html.unescape(found.group(1) if found.group(1) is not None else found.group(2))


def text_of(page: httpx.Response) -> str:
    """The page without its tags, white space as one space."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


async def csrf_headers(browser: Browser, page: str) -> dict[str, str]:
    """The header that the studio's scripts send, taken from a page as they do."""
    found = re.search(r'data-token="([^"]+)"', (await browser.get(page)).text)
    assert found, f"{page} has no token for scripts"
    return {"X-CSRF-Token": found.group(1)}
