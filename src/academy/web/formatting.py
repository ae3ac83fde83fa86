"""How values look to people: money, dates, durations. Used as Jinja functions."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date as babel_date
from babel.dates import format_datetime, format_timedelta

from academy.kit.clock import Clock
from academy.kit.money import Money
from academy.kit.money_format import format_money

_SECOND = timedelta(seconds=1)
_MINUTE = 60
HUES = 8


class Formatter:
    """Formats for one language and time zone."""

    def __init__(self, language: str, time_zone: str, clock: Clock) -> None:
        self._locale = "en_IN" if language == "en" else language
        self._zone = ZoneInfo(time_zone)
        self._clock = clock

    def money(self, amount: int, currency: str) -> str:
        """Returns minor units as money, e.g. 149900 INR -> ₹1,499; whole amounts without decimals."""
        return format_money(Money(amount=amount, currency=currency), self._locale, whole_without_decimals=True)

    def date(self, moment: datetime) -> str:
        """Returns the day of `moment` in the visitor's zone, e.g. 23 Nov 2026."""
        return babel_date(moment.astimezone(self._zone), format="medium", locale=self._locale)

    def moment(self, moment: datetime) -> str:
        """Returns day and time of `moment` in the visitor's zone, e.g. 23 Nov 2026, 2:05:09 pm."""
        return format_datetime(moment.astimezone(self._zone), format="medium", locale=self._locale)

    def language(self, code: str) -> str:
        """Returns the name of a language, e.g. hi -> Hindi; an unknown code as it is."""
        names: Mapping[str, str] = Locale.parse(self._locale).languages
        return names.get(code, code)

    def relative(self, moment: datetime) -> str:
        """Returns how long ago `moment` was, e.g. 3 days ago."""
        distance = moment - self._clock.now()
        if abs(distance) < _SECOND:
            distance = -_SECOND  # "in 0 seconds" is no answer
        return format_timedelta(distance, add_direction=True, locale=self._locale)


def format_duration(seconds: float) -> str:
    """Returns a length of time shortly: `45 s`, `12 min`, `1 h 5 min`."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / _MINUTE), _MINUTE)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def hue_number(text: str) -> int:
    """Returns the hue, 0 to 7, in which a generated cover or avatar is drawn; always the same for a text."""
    return hashlib.blake2b(text.encode(), digest_size=1).digest()[0] % HUES


def initials(text: str) -> str:
    """Returns the first letters of the first and the last word, as capitals: `Maya Rao` -> `MR`."""
    words = [word for word in text.split() if word[0].isalnum()]
    return "".join(word[0] for word in dict.fromkeys((words[0], words[-1]))).upper() if words else "?"
