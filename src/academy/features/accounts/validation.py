"""The rules for what people say about themselves: address, name, links, preferences."""

from collections.abc import Callable
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from academy.features.accounts.model import Preferences, Profile
from academy.kit.errors import InvalidError

LONGEST_NAME = 80
SEVERAL_MISTAKES = "Some fields need another look."
MOST_LINKS, LONGEST_LINK = 5, 200
THEMES = ("auto", "light", "dark")
LANGUAGES = ("en", "hi")

# Invisible, but part of how names are written in Devanagari, Persian and other scripts.
_JOINERS = str.maketrans("", "", "\u200c\u200d")


def checked_email(email: str, field: str = "email") -> str:
    """Returns the address in its normal form. Raises InvalidError naming `field` for one that cannot exist."""
    try:
        address = validate_email(email.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        text = f"This is not an e-mail address: {error}"
        raise InvalidError(text, fields={field: text}) from error
    if "=?" in address:  # allowed by RFC 5322, used by nobody but those who want mail clients to decode it (RFC 2047)
        text = "An e-mail address with =? in it cannot be used here."
        raise InvalidError(text, fields={field: text})
    return address


def check_all(*checks: Callable[[], object]) -> None:
    """Makes all checks, so that one answer names every wrong field. Raises InvalidError; alone, a mistake's own."""
    mistakes: list[InvalidError] = []
    for check in checks:
        try:
            check()
        except InvalidError as mistake:
            mistakes.append(mistake)
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        fields = {field: text for mistake in mistakes for field, text in mistake.fields.items()}
        raise InvalidError(SEVERAL_MISTAKES, fields=fields)


def checked_name(name: str) -> str:
    """Returns the name without outer and doubled spaces. Raises InvalidError for an empty, long or unprintable one."""
    cleaned = " ".join(name.split())
    visible = cleaned.translate(_JOINERS)
    if not visible.strip() or len(cleaned) > LONGEST_NAME or not visible.isprintable():
        text = f"Give a name of 1 to {LONGEST_NAME} characters."
        raise InvalidError(text, fields={"name": text})
    return cleaned


def checked_profile(profile: Profile) -> Profile:
    """Returns the profile without outer spaces and empty links; the avatar is none of its business.

    Raises InvalidError naming `links`.
    """
    links = [link.strip() for link in profile.links if link.strip()]
    if any(not link.startswith(("https://", "http://")) or any(c.isspace() for c in link) for link in links):
        text = "A link begins with https:// or http:// and has no spaces in it."
        raise InvalidError(text, fields={"links": text})
    if len(links) > MOST_LINKS or any(len(link) > LONGEST_LINK for link in links):
        text = f"Give at most {MOST_LINKS} links of at most {LONGEST_LINK} characters."
        raise InvalidError(text, fields={"links": text})
    return Profile(headline=" ".join(profile.headline.split()), bio=profile.bio.strip(), links=links)


def check_preferences(preferences: Preferences) -> None:
    """Refuses what is not on offer. Raises InvalidError naming every wrong field."""
    offers = {"theme": THEMES, "language": LANGUAGES, "time_zone": available_timezones()}
    wrong = {
        name: "Choose one of the options." for name, offer in offers.items() if getattr(preferences, name) not in offer
    }
    if wrong:
        raise InvalidError(SEVERAL_MISTAKES, fields=wrong)
