"""The rules for what the makers of a course say about it."""

from collections.abc import Sequence

from babel import Locale

from academy.features.courses.model import Category, CourseDetails
from academy.kit.errors import InvalidError
from academy.kit.text import is_one_line

_LINES = ("title", "subtitle", "language", "tags", "outcomes", "requirements")


def check_details(details: CourseDetails, categories: Sequence[Category]) -> None:
    """Raises InvalidError naming every field that cannot stay as it is.

    The language is a code that Unicode's CLDR has a name for, with `-` between its parts (BCP 47).
    """
    fields = {name: "Write it in one line, without control characters." for name in _LINES if _breaks(details, name)}
    if not details.title.strip():
        fields["title"] = "Give the course a title."
    if details.language not in {str(code).replace("_", "-") for code in Locale("en").languages}:
        fields["language"] = "Give the code of a language, such as en, hi or pt-BR."
    if details.category and details.category not in {category.slug for category in categories}:
        fields["category"] = "Choose one of the categories."
    if details.price.amount < 0:
        fields["price"] = "The price cannot be negative."
    if fields:
        raise InvalidError("Some fields need another look.", fields=fields)


def _breaks(details: CourseDetails, name: str) -> bool:
    value = getattr(details, name)
    return not all(is_one_line(text) for text in (value if isinstance(value, list) else [value]))
