"""A course as search engines read it: schema.org's Course, in JSON-LD."""

from collections.abc import Mapping
from urllib.parse import quote

from academy.features.accounts.model import User
from academy.features.courses.model import Course
from academy.kit.money import Money
from academy.web.settings import WebSettings


def course_structured_data(course: Course, people: Mapping[str, User], settings: WebSettings) -> dict[str, object]:
    """Returns the description of a course by https://schema.org/Course, ready to be written as JSON.

    The properties are those that https://developers.google.com/search/docs/appearance/structured-data/course-info asks
    for.
    """
    academy = {"@type": "Organization", "name": settings.academy_name, "sameAs": settings.public_url}
    teachers = [people[user_id].name for user_id in course.instructor_ids if user_id in people]
    instance: dict[str, object] = {
        "@type": "CourseInstance",
        "courseMode": "Online",
        "courseWorkload": _iso_duration(course.duration_seconds),
        "instructor": [{"@type": "Person", "name": name} for name in teachers],
    }
    described: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Course",
        "name": course.title,
        "description": course.subtitle,
        "url": f"{settings.public_url}/courses/{quote(course.slug)}",
        "inLanguage": course.language,
        "educationalLevel": course.level.value.capitalize(),
        "teaches": course.outcomes,
        "coursePrerequisites": course.requirements,
        "provider": academy,
        "offers": _offer(course.price),
        "hasCourseInstance": instance,
    }
    if course.rating.count:
        described["aggregateRating"] = {
            "@type": "AggregateRating",
            "ratingValue": course.rating.average,
            "ratingCount": course.rating.count,
            "bestRating": 5,
            "worstRating": 1,
        }
    return described


def _offer(price: Money) -> dict[str, object]:
    amount = f"{price.amount / 10**price.exponent:.{price.exponent}f}"
    return {
        "@type": "Offer",
        "category": "Free" if price.is_free else "Paid",
        "price": amount,
        "priceCurrency": price.currency,
    }


def _iso_duration(seconds: int) -> str:
    """Returns a length of time by ISO 8601 in hours and minutes, at least a minute: `PT2H5M`."""
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    return f"PT{f'{hours}H' if hours else ''}{f'{minutes}M' if minutes else ''}"
