"""The forms of the studio: what is typed, and what it means."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from academy.features.courses.curriculum import LONGEST_TITLE, UNTITLED_YOUTUBE, with_youtube_id
from academy.features.courses.model import Course, CourseDetails, Lesson, LessonKind, Level
from academy.kit.errors import InvalidError
from academy.kit.money import Money
from academy.web.forms import Form, empty_form

LONGEST_TEXT = 200_000
LONGEST_DESCRIPTION = 20_000
MOST_ITEMS, LONGEST_ITEM, LONGEST_TAG = 20, 200, 40
_HIGHEST_PRICE = 10_000_000
_YOUTUBE_ID = re.compile(
    r"^(?:https?://)?(?:www\.|m\.)?(?:youtube\.com/(?:watch\?(?:.*&)?v=|embed/|shorts/|live/)|youtu\.be/)?([\w-]{11})(?:[?&#].*)?$",
    re.ASCII,
)

Title = Annotated[str, Meta(min_length=1, max_length=LONGEST_TITLE)]
ShortText = Annotated[str, Meta(max_length=200)]


class NewCourseForm(msgspec.Struct, kw_only=True):
    """The first step: a title."""

    title: Title


class DetailsForm(msgspec.Struct, kw_only=True):
    """What a course says about itself. Lists are one item a line; tags are separated by commas.

    Attributes:
        seen: fingerprint of the details as they were when the form was made; "" saves in any case.
    """

    title: Title
    subtitle: ShortText = ""
    description: Annotated[str, Meta(max_length=LONGEST_DESCRIPTION)] = ""
    category: Annotated[str, Meta(max_length=80)] = ""
    level: Level = Level.BEGINNER
    language: Annotated[str, Meta(min_length=2, max_length=8)] = "en"
    price: Annotated[str, Meta(min_length=1, max_length=20)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", max_length=3)]
    tags: Annotated[str, Meta(max_length=800)] = ""
    outcomes: Annotated[str, Meta(max_length=4_000)] = ""
    requirements: Annotated[str, Meta(max_length=4_000)] = ""
    seen: Annotated[str, Meta(max_length=64)] = ""

    def details(self) -> CourseDetails:
        """The details as the service takes them. Raises InvalidError."""
        return CourseDetails(
            title=self.title,
            subtitle=self.subtitle,
            description=self.description,
            category=self.category,
            level=self.level,
            language=self.language,
            price=parse_price(self.price, self.currency),
            tags=_items("tags", self.tags.lower().split(","), LONGEST_TAG),
            outcomes=_items("outcomes", self.outcomes.splitlines(), LONGEST_ITEM),
            requirements=_items("requirements", self.requirements.splitlines(), LONGEST_ITEM),
        )


class SectionForm(msgspec.Struct, kw_only=True):
    """A new or renamed section."""

    title: Title


class NewLessonForm(msgspec.Struct, kw_only=True):
    """A new lesson at the end of a section."""

    title: Title
    kind: LessonKind


class LessonForm(msgspec.Struct, kw_only=True):
    """A lesson's form; `seen` as in DetailsForm. Only a YouTube lesson may have no title."""

    title: Annotated[str, Meta(max_length=LONGEST_TITLE)] = ""
    free_preview: bool = False
    youtube: Annotated[str, Meta(max_length=200)] = ""
    text: Annotated[str, Meta(max_length=LONGEST_TEXT)] = ""
    seen: Annotated[str, Meta(max_length=64)] = ""

    def change(self, lesson: Lesson) -> Lesson:
        """Returns the lesson with what the form says. Raises InvalidError."""
        changed = msgspec.structs.replace(lesson, title=self.title, free_preview=self.free_preview)
        if lesson.kind is LessonKind.YOUTUBE:
            changed.title = self.title or UNTITLED_YOUTUBE
            return with_youtube_id(changed, parse_youtube(self.youtube))
        if not self.title:
            raise InvalidError("Every lesson needs a title.", fields={"title": "Give it a title."})
        return changed


class OrderForm(msgspec.Struct, kw_only=True):
    """The outline in a new order, one `section:ID` or `lesson:ID` a line, lessons after their section."""

    order: Annotated[str, Meta(min_length=1, max_length=60_000)]


def details_form(course: Course) -> Form[DetailsForm]:
    """The details form filled with what the course says now."""
    values = {
        "title": course.title,
        "subtitle": course.subtitle,
        "description": course.description,
        "category": course.category,
        "level": course.level.value,
        "language": course.language,
        "price": course.price.plain,
        "currency": course.price.currency,
        "tags": ", ".join(course.tags),
        "outcomes": "\n".join(course.outcomes),
        "requirements": "\n".join(course.requirements),
    }
    return empty_form(DetailsForm, **values, seen=fingerprint(values))


def lesson_form(lesson: Lesson, text: str) -> Form[LessonForm]:
    """The lesson's form filled with what the lesson says now."""
    values = {
        "title": lesson.title,
        "free_preview": lesson.free_preview,
        "youtube": f"https://youtu.be/{lesson.youtube_id}" if lesson.youtube_id else "",
        "text": text,
    }
    return empty_form(LessonForm, **values, seen=fingerprint(values))


def fingerprint(values: Mapping[str, object]) -> str:
    """Returns a short text that is another one when any of the values is."""
    return hashlib.blake2b(msgspec.json.encode(list(values.items())), digest_size=12).hexdigest()


def note_changes(form: Form[DetailsForm] | Form[LessonForm], present: Form[DetailsForm] | Form[LessonForm]) -> bool:
    """Whether the form shows other values than are stored since somebody else stored them.

    Then the form says so at each field that differs, keeps what was typed, and saves it when it is sent again.
    """
    if form.values.get("seen") in ("", present.values["seen"]):
        return False
    form.values["seen"] = present.values["seen"]
    differing = [name for name, value in present.values.items() if name != "seen" and form.values.get(name) != value]
    for name in differing:
        form.errors[name] = _changed_to(present.values[name])
    form.errors[""] = (
        "Somebody else saved this while you were writing. What you typed is kept below, and nothing is saved yet: "
        "compare the marked fields, then save again."
        if differing
        else "Somebody else saved exactly this meanwhile. Save again if you like; nothing is lost."
    )
    return True


def _changed_to(value: object) -> str:
    if isinstance(value, bool):
        return f"It is switched {'on' if value else 'off'} now."
    text = " ".join(str(value).split())
    shown = f"“{text[:160]}{'…' if len(text) > 160 else ''}”" if text else "nothing"  # noqa: PLR2004 - a readable length
    return f"It says {shown} now."


def parse_price(text: str, currency: str) -> Money:
    """Returns the price that a text means. Raises InvalidError naming the field."""
    price = Money.parse(text, currency)
    if price is None or price.major_units > _HIGHEST_PRICE:
        example = "499 or 499.50" if Money(amount=0, currency=currency).exponent else "499"
        reason = f"Write the price in {currency} as a plain number, such as {example}; 0 is free."
        raise InvalidError(reason, fields={"price": reason})
    return price


def parse_youtube(text: str) -> str:
    """Returns the id of the YouTube video at an address, "" for none. Raises InvalidError naming the field."""
    found = _YOUTUBE_ID.match(text)
    if text and found is None:
        reason = "Paste the address of a YouTube video, such as https://www.youtube.com/watch?v=… or https://youtu.be/…"
        raise InvalidError(reason, fields={"youtube": reason})
    return found.group(1) if found else ""


def _items(field: str, texts: Sequence[str], longest: int) -> list[str]:
    """Returns the texts that say something, each once. Raises InvalidError naming the field."""
    items = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if len(items) > MOST_ITEMS or any(len(item) > longest for item in items):
        reason = f"At most {MOST_ITEMS}, each of at most {longest} characters."
        raise InvalidError(reason, fields={field: reason})
    return items
