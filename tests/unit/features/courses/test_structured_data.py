"""What search engines read of a course."""

from datetime import UTC, datetime

import pytest

from academy.features.accounts.model import User
from academy.features.courses.model import Course, Level, Rating
from academy.features.courses.structured_data import course_structured_data
from academy.kit.money import Money
from academy.web.settings import WebSettings

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SETTINGS = WebSettings(academy_name="Loom", base_url="https://loom.example")
TEACHER = User(
    id="t", email="m@example.com", email_key="m@example.com", name="Maya Rao", created_at=NOW, updated_at=NOW
)


def course(**facts: object) -> Course:
    fields: dict[str, object] = {
        "slug": "weaving",
        "title": "Weaving",
        "subtitle": "By hand",
        "price": Money(amount=0, currency="INR"),
        "is_free": True,
        "instructor_ids": ["t", "gone"],
        "level": Level.ADVANCED,
        "language": "hi",
        "duration_seconds": 7_500,
    }
    return Course(**{**fields, **facts}, created_at=NOW, updated_at=NOW)  # type: ignore[arg-type]


def described(**facts: object) -> dict[str, object]:
    return course_structured_data(course(**facts), {"t": TEACHER}, SETTINGS)


def test_it_says_who_teaches_what_for_whom() -> None:
    data = described()
    assert (data["name"], data["description"], data["inLanguage"]) == ("Weaving", "By hand", "hi")
    assert data["educationalLevel"] == "Advanced"
    assert data["provider"] == {"@type": "Organization", "name": "Loom", "sameAs": "https://loom.example"}
    assert data["hasCourseInstance"] == {
        "@type": "CourseInstance",
        "courseMode": "Online",
        "courseWorkload": "PT2H5M",
        "instructor": [{"@type": "Person", "name": "Maya Rao"}],
    }


def test_an_address_of_other_letters_is_encoded() -> None:
    assert described(slug="कला")["url"] == "https://loom.example/courses/%E0%A4%95%E0%A4%B2%E0%A4%BE"


@pytest.mark.parametrize(
    ("seconds", "duration"),
    [(0, "PT1M"), (59, "PT1M"), (60, "PT1M"), (3_600, "PT1H"), (3_659, "PT1H1M"), (90_000, "PT25H")],
)
def test_lengths_are_whole_minutes(seconds: int, duration: str) -> None:
    instance = described(duration_seconds=seconds)["hasCourseInstance"]
    assert isinstance(instance, dict)
    assert instance["courseWorkload"] == duration


@pytest.mark.parametrize(
    ("amount", "currency", "price", "category"),
    [
        (0, "INR", "0.00", "Free"),
        (149_900, "INR", "1499.00", "Paid"),
        (5, "JPY", "5", "Paid"),
        (1_234, "KWD", "1.234", "Paid"),
    ],
)
def test_the_price_is_in_whole_units(amount: int, currency: str, price: str, category: str) -> None:
    assert described(price=Money(amount=amount, currency=currency))["offers"] == {
        "@type": "Offer",
        "category": category,
        "price": price,
        "priceCurrency": currency,
    }


def test_a_rating_is_given_only_where_there_is_one() -> None:
    assert "aggregateRating" not in described()
    rating = described(rating=Rating(count=3, total=13, average=4.33))["aggregateRating"]
    assert isinstance(rating, dict)
    assert (rating["ratingValue"], rating["ratingCount"], rating["bestRating"]) == (4.33, 3, 5)
