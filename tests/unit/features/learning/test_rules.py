"""The pure rules: share done, where to continue, where a video resumes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from academy.features.courses.model import Course, Lesson, LessonKind, Section
from academy.features.learning.model import CourseProgress, LessonProgress
from academy.features.learning.service import lesson_to_continue, percent_done, resume_at
from academy.kit.clock import SystemClock
from academy.kit.money import Money

NOW = SystemClock().now()


def course_of(*ids: str) -> Course:
    lessons = [Lesson(id=lesson_id, title=lesson_id, kind=LessonKind.TEXT) for lesson_id in ids]
    half = len(lessons) // 2
    return Course(
        slug="a",
        title="A",
        price=Money(amount=0, currency="INR"),
        is_free=True,
        instructor_ids=["t"],
        curriculum=[Section(title="1", lessons=lessons[:half]), Section(title="2", lessons=lessons[half:])],
        created_at=NOW,
        updated_at=NOW,
    )


def progress_of(done: str = "", begun: str = "", last: str | None = None) -> CourseProgress:
    """Each letter is a lesson."""
    lessons = {lesson_id: LessonProgress(position_seconds=9.5) for lesson_id in begun}
    lessons |= {lesson_id: LessonProgress(completed=True) for lesson_id in done}
    return CourseProgress(
        user_id="u", course_id="c", lessons=lessons, last_lesson_id=last, created_at=NOW, updated_at=NOW
    )


@pytest.mark.parametrize(
    ("lessons", "done", "percent"),
    [
        ("abc", "", 0),
        ("abc", "a", 33),
        ("abc", "ab", 66),
        ("abc", "abc", 100),
        ("abc", "axyz", 33),  # lessons that left count for nothing
        ("abc", "abcxyz", 100),
        ("abcd", "abc", 75),  # a lesson was added
        ("", "abc", 0),
    ],
)
def test_percent_done(lessons: str, done: str, percent: int) -> None:
    assert percent_done(course_of(*lessons), progress_of(done)) == percent
    assert percent_done(course_of(*lessons), None) == 0


@given(st.integers(1, 300), st.data())
def test_only_a_finished_course_has_100_percent(count: int, data: st.DataObject) -> None:
    done = data.draw(st.integers(0, count))
    course = course_of(*(str(number) for number in range(count)))
    lessons = {str(number): LessonProgress(completed=True) for number in range(done)}
    held = progress_of()
    held.lessons = lessons
    assert (percent_done(course, held) == 100) is (done == count)
    assert 0 <= percent_done(course, held) <= 100


@pytest.mark.parametrize(
    ("lessons", "done", "last", "expected"),
    [
        ("abc", "", None, "a"),
        ("abc", "", "b", "b"),  # where I stopped
        ("abc", "b", "b", "c"),  # that one is done: the next
        ("abc", "bc", "c", "a"),  # nothing after it: what was left out before
        ("abc", "abc", "b", "a"),  # all done: from the start
        ("abc", "a", "gone", "b"),  # the lesson left the course
        ("bca", "ab", "a", "c"),  # the order changed
        ("", "", None, None),
    ],
)
def test_lesson_to_continue(lessons: str, done: str, last: str | None, expected: str | None) -> None:
    found = lesson_to_continue(course_of(*lessons), progress_of(done, last=last))
    assert (found.id if found else None) == expected


def test_without_progress_the_first_lesson_is_next() -> None:
    found = lesson_to_continue(course_of("a", "b"), None)
    assert found is not None
    assert found.id == "a"


@pytest.mark.parametrize(
    ("position", "duration", "start"),
    [
        (0.0, 600.0, 0.0),
        (1.9, 600.0, 0.0),  # hardly begun: from the start
        (2.0, 600.0, 2.0),
        (123.4, 600.0, 123.4),
        (569.9, 600.0, 569.9),
        (570.0, 600.0, 0.0),  # seen to the end: from the start
        (600.0, 600.0, 0.0),
        (700.0, 600.0, 0.0),  # the video was replaced by a shorter one
        (5.0, 0.0, 0.0),
    ],
)
def test_where_a_video_resumes(position: float, duration: float, start: float) -> None:
    assert resume_at(position, duration) == start
