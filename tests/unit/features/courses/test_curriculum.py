"""The outline of a course: what an editor sends becomes sections and lessons that keep who they are."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from academy.features.courses.curriculum import (
    UNTITLED_YOUTUBE,
    LessonDraft,
    SectionDraft,
    build_curriculum,
    missing_for_publication,
    outline_fields,
    reading_seconds,
    unknown_youtube_lessons,
    with_checked_video,
    with_video,
    with_youtube_facts,
)
from academy.features.courses.errors import InvalidCurriculum
from academy.features.courses.model import Course, Lesson, LessonKind, Section
from academy.kit.money import Money

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def course(*sections: Section, **facts: object) -> Course:
    fields = {"subtitle": "s", "description": "d", "category": "c"} | facts
    price = Money(amount=0, currency="INR")
    return Course(
        slug="a",
        title="A",
        price=price,
        is_free=True,
        instructor_ids=["t"],
        curriculum=list(sections),
        created_at=NOW,
        updated_at=NOW,
        **fields,  # type: ignore[arg-type]
    )


FILM = Lesson(id="film", title="Film", kind=LessonKind.VIDEO, video_id="v", duration_seconds=90)
TEXT = Lesson(id="text", title="Text", kind=LessonKind.TEXT, has_text=True, duration_seconds=60)
TALK = Lesson(id="talk", title="Talk", kind=LessonKind.YOUTUBE, youtube_id="abcdefghijk", duration_seconds=30)
BEFORE = course(Section(id="one", title="One", lessons=[FILM, TEXT]), Section(id="two", title="Two", lessons=[TALK]))


def keep(lesson: Lesson, **changes: object) -> LessonDraft:
    fields = {"id": lesson.id, "title": lesson.title, "kind": lesson.kind} | changes
    return LessonDraft(**fields)  # type: ignore[arg-type]


def test_lessons_keep_what_they_hold_wherever_they_move() -> None:
    built = build_curriculum(
        BEFORE,
        [
            SectionDraft(title=" New ", lessons=[keep(TALK), keep(FILM, title=" Renamed ", free_preview=True)]),
            SectionDraft(id="one", title="One", lessons=[LessonDraft(title="Fresh", kind=LessonKind.TEXT)]),
        ],
    )
    assert [section.title for section in built] == ["New", "One"]
    assert built[1].id == "one"
    assert built[0].id not in {"one", "two"}
    talk, film = built[0].lessons
    assert talk == TALK
    assert (film.id, film.title, film.free_preview) == ("film", "Renamed", True)
    assert (film.video_id, film.duration_seconds) == ("v", 90)
    assert built[1].lessons[0].id not in {"film", "text", "talk"}


def test_a_youtube_address_changes_only_when_one_is_sent() -> None:
    [kept] = build_curriculum(BEFORE, [SectionDraft(title="A", lessons=[keep(TALK)])])[0].lessons
    [changed] = build_curriculum(BEFORE, [SectionDraft(title="A", lessons=[keep(TALK, youtube_id="x")])])[0].lessons
    assert (kept.youtube_id, changed.youtube_id) == ("abcdefghijk", "x")
    assert (kept.duration_seconds, changed.duration_seconds) == (30, 0), "nobody knows yet how long the other one is"


def test_only_a_youtube_lesson_may_wait_for_its_title() -> None:
    draft = LessonDraft(title=" ", kind=LessonKind.YOUTUBE, youtube_id="abcdefghijk")
    [untitled] = build_curriculum(BEFORE, [SectionDraft(title="A", lessons=[draft])])[0].lessons
    assert untitled.title == UNTITLED_YOUTUBE
    told = with_youtube_facts(untitled, "abcdefghijk", f"  Many\twords {'x' * 200}", 40)
    assert (told.title, told.duration_seconds) == (f"Many words {'x' * 109}", 40)
    assert with_youtube_facts(untitled, "another_one", "Title", 40) == untitled
    assert with_youtube_facts(TALK, "abcdefghijk", "Title", 40).title == "Talk"


def test_youtube_is_asked_about_what_an_edit_made_unknown() -> None:
    def asked(*lessons: Lesson) -> list[str]:
        after = msgspec.structs.replace(BEFORE, curriculum=[Section(title="A", lessons=list(lessons))])
        return [lesson.id for lesson in unknown_youtube_lessons(BEFORE, after)]

    untitled = msgspec.structs.replace(TALK, title=UNTITLED_YOUTUBE)
    assert asked(FILM, TALK, msgspec.structs.replace(TALK, title="Renamed")) == []
    assert asked(msgspec.structs.replace(TALK, youtube_id="another_one")) == ["talk"]
    assert asked(msgspec.structs.replace(TALK, youtube_id="")) == []
    assert asked(untitled) == ["talk"]
    assert asked(msgspec.structs.replace(TALK, id="fresh")) == ["fresh"]
    waiting = msgspec.structs.replace(BEFORE, curriculum=[Section(title="A", lessons=[untitled])])
    assert unknown_youtube_lessons(waiting, waiting) == []


@pytest.mark.parametrize(
    "draft",
    [
        [SectionDraft(title=" ")],
        [SectionDraft(title="A", id="three")],
        [SectionDraft(title="A", id="film")],
        [SectionDraft(title="A", id="")],
        [SectionDraft(title="A", id="one"), SectionDraft(title="B", id="one")],
        [SectionDraft(title="A", lessons=[keep(FILM), keep(FILM)])],
        [SectionDraft(title="A", lessons=[keep(FILM)]), SectionDraft(title="B", lessons=[keep(FILM)])],
        [SectionDraft(title="A", lessons=[keep(FILM, kind=LessonKind.TEXT)])],
        [SectionDraft(title="A", lessons=[keep(FILM, title="")])],
        [SectionDraft(title="A")] * 61,
        [SectionDraft(title="A", lessons=[LessonDraft(title="B", kind=LessonKind.TEXT)] * 501)],
    ],
)
def test_an_outline_that_breaks_a_rule_is_refused(draft: list[SectionDraft]) -> None:
    with pytest.raises(InvalidCurriculum):
        build_curriculum(BEFORE, draft)


@given(some.permutations([FILM, TEXT, TALK]), some.integers(min_value=0, max_value=3))
def test_every_order_keeps_every_lesson(order: list[Lesson], cut: int) -> None:
    drafts = [
        SectionDraft(title="A", lessons=[keep(lesson) for lesson in order[:cut]]),
        SectionDraft(title="B", lessons=[keep(lesson) for lesson in order[cut:]]),
    ]
    after = course(*build_curriculum(BEFORE, drafts))
    assert after.lessons() == order
    fields = outline_fields(after.curriculum)
    assert (fields["lesson_count"], fields["duration_seconds"]) == (3, 180)


@pytest.mark.parametrize(("words", "seconds"), [(0, 0), (1, 60), (200, 60), (201, 60), (300, 90), (1000, 300)])
def test_reading_takes_a_minute_for_two_hundred_words(words: int, seconds: int) -> None:
    assert reading_seconds("word " * words) == seconds


def test_a_new_video_waits_until_it_is_checked() -> None:
    waiting = with_video(FILM, "new", 0)
    assert (waiting.video_id, waiting.new_video_id, waiting.duration_seconds) == ("v", "new", 90)
    ready = with_video(waiting, "new", 40)
    assert (ready.video_id, ready.new_video_id, ready.duration_seconds) == ("new", None, 40)
    assert with_checked_video(waiting, "new", 0) == FILM
    gone = with_checked_video(FILM, "v", 0)
    assert (gone.video_id, gone.duration_seconds) == (None, 0)


def test_a_first_video_is_held_while_it_is_checked() -> None:
    empty = Lesson(title="Film", kind=LessonKind.VIDEO)
    held = with_video(empty, "first", 0)
    assert (held.video_id, held.duration_seconds) == ("first", 0)
    assert set(missing_for_publication(course(Section(title="A", lessons=[held])))) == {f"lesson:{held.id}"}


def test_what_is_missing_is_named_by_field() -> None:
    assert missing_for_publication(BEFORE) == {}
    bare = course(subtitle=" ", description="", category="")
    assert set(missing_for_publication(bare)) == {"subtitle", "description", "category", "curriculum"}
    lacking = [Lesson(id=kind.value, title=kind.value, kind=kind) for kind in LessonKind]
    missing = missing_for_publication(course(Section(title="A", lessons=lacking)))
    assert set(missing) == {f"lesson:{kind.value}" for kind in LessonKind}
    assert all(f"“{kind.value}”" in missing[f"lesson:{kind.value}"] for kind in LessonKind)
