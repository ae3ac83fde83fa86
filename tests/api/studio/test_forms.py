"""The studio's forms: what they take, what they refuse, and what they keep."""

import asyncio
from pathlib import Path

import pytest

from academy.features.courses.model import LessonKind
from academy.infrastructure.security.principal import Role
from academy.kit.money import Money
from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.api.studio.making import DETAILS, field_value, make_course, text_of

SCRIPT = "<script>alert(1)</script>"


async def test_a_new_course_has_the_currency_of_the_academy(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, CURRENCY="EUR") as academy:
        person = await academy.person(Role.INSTRUCTOR)
        teacher = await academy.signed_in_browser(person=person)
        editor = await teacher.submit("/studio", "/studio/courses", title="Deutsch")
        assert (await academy.academy.courses.get("deutsch", person)).price == Money(amount=0, currency="EUR")
        assert '<option value="EUR" selected>' in editor.text


@pytest.mark.parametrize("title", ["", "   ", "!!!", "x" * 121])
async def test_a_course_needs_a_title(embedded_academy: TestAcademy, title: str) -> None:
    teacher = await embedded_academy.signed_in_browser(Role.INSTRUCTOR)
    answer = await teacher.submit("/studio", "/studio/courses", title=title)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert field_value(answer, "title") == title.strip()


async def test_prices_as_people_type_them(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person(Role.INSTRUCTOR)
    teacher = await embedded_academy.signed_in_browser(person=person)
    course = await make_course(embedded_academy, person)
    path = f"/studio/courses/{course.slug}"
    for typed, currency, amount, shown in (
        ("499", "INR", 49_900, "499"),
        ("499.50", "INR", 49_950, "499.50"),
        ("0.29", "USD", 29, "0.29"),
        ("1200", "JPY", 1_200, "1200"),
        ("1.234", "KWD", 1_234, "1.234"),
        ("10000000", "INR", 1_000_000_000, "10000000"),
        ("0", "INR", 0, "0"),
    ):
        page = await teacher.submit(path, path, **{**DETAILS, "price": typed, "currency": currency})
        assert "Saved." in text_of(page), (typed, currency)
        assert field_value(page, "price") == shown
        stored = await embedded_academy.academy.courses.get(course.slug, person)
        assert stored.price == Money(amount=amount, currency=currency)
        assert stored.is_free is (amount == 0)


WRONG = [
    ("price", "nan"), ("price", "inf"), ("price", "1e9"), ("price", "-1"), ("price", "1,499"), ("price", "4.999"),
    ("price", "99999999"), ("price", "٣"), ("price", "free"), ("price", ""), ("currency", "rupees"), ("currency", ""),
    ("category", "unknown"), ("level", "wizard"), ("title", ""), ("title", "x" * 121), ("subtitle", "x" * 201),
    ("description", "x" * 20_001), ("language", "x"), ("tags", ", ".join(map(str, range(21)))), ("tags", "x" * 41),
    ("outcomes", "\n".join(map(str, range(21)))), ("outcomes", "x" * 201), ("requirements", "x" * 4_001),
]  # fmt: skip


async def test_wrong_values_are_named_and_kept(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person(Role.INSTRUCTOR)
    teacher = await embedded_academy.signed_in_browser(person=person)
    course = await make_course(embedded_academy, person)
    path = f"/studio/courses/{course.slug}"
    before = await embedded_academy.academy.courses.get(course.slug, person)
    for name, value in WRONG:
        page = await teacher.submit(path, path, **{**DETAILS, "title": "Typed", name: value})
        assert page.status_code == 422, (name, value[:20])
        assert f'id="{name}-error"' in page.text, (name, value[:20])
        if name not in ("title", "category", "level", "currency", "language"):
            assert field_value(page, name) == " ".join(value.split())
            assert field_value(page, "title") == "Typed"
        assert 'data-unsaved="changed"' in page.text
    assert await embedded_academy.academy.courses.get(course.slug, person) == before


async def test_addresses_of_youtube_videos(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person(Role.INSTRUCTOR)
    teacher = await embedded_academy.signed_in_browser(person=person)
    course = await make_course(embedded_academy, person, LessonKind.YOUTUBE)
    lesson_id = course.lessons()[0].id
    path = f"/studio/courses/{course.slug}/lessons/{lesson_id}"
    for address in (
        "https://www.youtube.com/watch?v=abcdefghi_1",
        "https://www.youtube.com/watch?list=PL1&v=abcdefghi_1&t=3s",
        "https://m.youtube.com/watch?v=abcdefghi_1",
        "youtu.be/abcdefghi_1?si=x",
        "https://www.youtube.com/shorts/abcdefghi_1",
        "https://www.youtube.com/embed/abcdefghi_1",
        "https://www.youtube.com/live/abcdefghi_1",
        "abcdefghi_1",
    ):
        page = await teacher.submit(path, path, title="Watch", youtube=address)
        assert "Saved." in text_of(page), address
        stored = await embedded_academy.academy.courses.get(course.slug, person)
        assert stored.lessons()[0].youtube_id == "abcdefghi_1"
    for address in (
        "https://example.com/watch?v=abcdefghi_1",
        "https://www.youtube.com/",
        "javascript:alert(1)",
        "https://youtu.be/short",
        "https://youtu.be/abcdefghi_1/../../evil",
    ):
        page = await teacher.submit(path, path, title="Watch", youtube=address)
        assert page.status_code == 422, address
        assert 'id="youtube-error"' in page.text
        assert field_value(page, "youtube") == address


async def test_nothing_typed_becomes_a_script(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person(Role.INSTRUCTOR)
    teacher = await embedded_academy.signed_in_browser(person=person)
    course = await make_course(embedded_academy, person, LessonKind.TEXT)
    base = f"/studio/courses/{course.slug}"
    texts = {name: f"{name} {SCRIPT}" for name in ("title", "subtitle", "description", "tags", "outcomes")}
    pages = [
        await teacher.submit(base, base, **{**DETAILS, **texts, "requirements": SCRIPT}),
        await teacher.submit(base, f"{base}/sections", title=SCRIPT),
    ]
    path = f"{base}/lessons/{course.lessons()[0].id}"
    pages += [
        await teacher.submit(path, path, title=SCRIPT, text=f"{SCRIPT} [x](javascript:alert(1))"),
        await teacher.submit(base, "/studio/preview", text=SCRIPT),
        await teacher.get("/studio"),
        await teacher.get(base),
        await teacher.get(f"/courses/{course.slug}"),
    ]
    for page in pages:
        assert page.status_code == 200
        assert SCRIPT not in page.text
        assert 'href="javascript:' not in page.text


async def test_the_preview_shows_what_learners_will_see(embedded_academy: TestAcademy) -> None:
    teacher = await embedded_academy.signed_in_browser(Role.INSTRUCTOR)
    answer = await teacher.submit("/studio", "/studio/preview", text="# Title\n\n**bold** | x\n\n- item")
    assert answer.headers["content-type"].startswith("text/html")
    for part in ("<h2>Title</h2>", "<strong>bold</strong>", "<li>item</li>"):
        assert part in answer.text


async def test_two_people_save_the_details(academy: TestAcademy) -> None:
    person = await academy.person(Role.INSTRUCTOR)
    course = await make_course(academy, person)
    path = f"/studio/courses/{course.slug}"
    first, second = [await academy.signed_in_browser(person=person) for _ in range(2)]
    seen = field_value(await first.get(path), "seen")
    theirs = await second.submit(path, path, **{**DETAILS, "subtitle": "Theirs", "price": "5"}, seen=seen)
    assert "Saved." in text_of(theirs)
    mine = {**DETAILS, "subtitle": "Mine", "description": "My long text"}
    refused = await first.submit(path, path, **mine, seen=seen)
    assert refused.status_code == 422
    assert "Somebody else saved this while you were writing. What you typed is kept below" in text_of(refused)
    assert "It says “Theirs” now." in text_of(refused)
    assert "It says “5” now." in text_of(refused)
    assert (field_value(refused, "subtitle"), field_value(refused, "description")) == ("Mine", "My long text")
    assert (await academy.academy.courses.get(course.slug, person)).subtitle == "Theirs"
    again = await first.submit(path, path, **mine, seen=field_value(refused, "seen"))
    assert "Saved." in text_of(again)
    assert (await academy.academy.courses.get(course.slug, person)).subtitle == "Mine"


async def test_two_people_save_a_lesson(academy: TestAcademy) -> None:
    person = await academy.person(Role.INSTRUCTOR)
    course = await make_course(academy, person, LessonKind.TEXT)
    lesson_id = course.lessons()[0].id
    path = f"/studio/courses/{course.slug}/lessons/{lesson_id}"
    first, second = [await academy.signed_in_browser(person=person) for _ in range(2)]
    seen = field_value(await first.get(path), "seen")
    await second.submit(path, path, title="Theirs", text="Their text", free_preview="true", seen=seen)
    refused = await first.submit(path, path, title="Mine", text="My text", seen=seen)
    assert refused.status_code == 422
    for note in ("It says “Theirs” now.", "It says “Their text” now."):
        assert note in text_of(refused)
    assert field_value(refused, "text") == "My text"
    again = await first.submit(path, path, title="Mine", text="My text", seen=field_value(refused, "seen"))
    assert "Saved." in text_of(again)
    assert await academy.academy.courses.lesson_text(lesson_id) == "My text"


async def test_other_changes_of_the_course_are_no_conflict(academy: TestAcademy) -> None:
    person = await academy.person(Role.INSTRUCTOR)
    teacher = await academy.signed_in_browser(person=person)
    course = await make_course(academy, person, LessonKind.VIDEO, LessonKind.TEXT)
    watch, read = course.lessons()
    path, lesson_path = f"/studio/courses/{course.slug}", f"/studio/courses/{course.slug}/lessons/{read.id}"
    seen = field_value(await teacher.get(path), "seen")
    lesson_seen = field_value(await teacher.get(lesson_path), "seen")
    await academy.academy.courses.set_lesson_video(course.id, watch.id, "a video", 12)
    await teacher.submit(path, f"{path}/sections", title="Another")
    assert "Saved." in text_of(await teacher.submit(path, path, **DETAILS, seen=seen))
    saved = await teacher.submit(lesson_path, lesson_path, title="Read", text="Text", seen=lesson_seen)
    assert "Saved." in text_of(saved)
    stored = await academy.academy.courses.get(course.slug, person)
    assert (stored.subtitle, stored.lessons()[0].duration_seconds) == (DETAILS["subtitle"], 12)


async def test_saving_a_lesson_while_its_video_becomes_ready_loses_neither(academy: TestAcademy) -> None:
    person = await academy.person(Role.INSTRUCTOR)
    course = await make_course(academy, person, LessonKind.VIDEO)
    lesson_id = course.lessons()[0].id
    path = f"/studio/courses/{course.slug}/lessons/{lesson_id}"
    courses = academy.academy.courses
    teacher = await academy.signed_in_browser(person=person)
    for number in range(1, 6):
        await courses.set_lesson_video(course.id, lesson_id, None, 0)
        await asyncio.gather(
            teacher.submit(path, path, title=f"Title {number}", text=f"Text {number}"),
            courses.set_lesson_video(course.id, lesson_id, "a video", number),
        )
        lesson = (await courses.get(course.slug, person)).lessons()[0]
        assert (lesson.title, lesson.video_id, lesson.duration_seconds) == (f"Title {number}", "a video", number)
        assert await courses.lesson_text(lesson_id) == f"Text {number}"
