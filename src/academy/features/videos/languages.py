"""Languages of captions: BCP 47 tags (RFC 5646) and their names."""

import re

from babel import Locale, UnknownLocaleError

from academy.kit.errors import InvalidError

_TAG = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?", re.ASCII | re.IGNORECASE)


def known_language(tag: str) -> str:
    """Returns a language tag in its usual writing: `hi`, `pt-BR`, `zh-Hant-TW`.

    Raises InvalidError, which blames the field `language`, for a tag that is malformed or names no language.
    """
    found = _TAG.fullmatch(tag.strip().replace("_", "-"))
    if found is None or _names().get(found.group(1).lower()) is None:
        raise InvalidError(
            "Name the language by its tag, such as en, hi or pt-BR.",
            fields={"language": "Use a language tag, such as en, hi or pt-BR."},
        )
    language, script, region = found.groups()
    parts = [language.lower(), script.title() if script else "", region.upper() if region else ""]
    return "-".join(part for part in parts if part)


def language_label(tag: str) -> str:
    """Returns what speakers of a language call it: `हिन्दी`, `português (Brasil)`; the tag when that is not known."""
    try:
        name = Locale.parse(tag, sep="-").get_display_name()
    except (UnknownLocaleError, ValueError):
        name = _names().get(tag.partition("-")[0])
    return name or tag


def language_choices() -> list[tuple[str, str]]:
    """Returns tags of languages with their English names, by name, for a form to offer."""
    return sorted(((tag, name) for tag, name in _names().items() if len(tag) == 2), key=lambda pair: pair[1])  # noqa: PLR2004 - the tags of ISO 639-1, the widespread languages


def _names() -> dict[str, str]:
    return dict(Locale("en").languages)
