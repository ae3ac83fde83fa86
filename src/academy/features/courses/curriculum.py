"""The outline of a course: built from what an editor sends, so that lessons keep their identity."""

from collections.abc import Sequence

import msgspec

from academy.features.courses.errors import InvalidCurriculum
from academy.features.courses.model import Course, Lesson, LessonKind, Section

MOST_SECTIONS = 60
MOST_LESSONS = 500
_WORDS_PER_MINUTE = 200


class LessonDraft(msgspec.Struct, kw_only=True, frozen=True):
    """A lesson as an editor sends it; without an id it is new."""

    title: str
    kind: LessonKind
    id: str | None = None
    free_preview: bool = False
    youtube_id: str | None = None


class SectionDraft(msgspec.Struct, kw_only=True, frozen=True):
    """A section as an editor sends it; without an id it is new."""

    title: str
    id: str | None = None
    lessons: list[LessonDraft] = []


CurriculumDraft = Sequence[SectionDraft]


def build_curriculum(course: Course, draft: CurriculumDraft) -> list[Section]:
    """Returns the new outline of a course. A lesson that is named by id keeps its video, text, file and length.

    Raises:
        InvalidCurriculum: for an unknown or repeated id, an empty title, a changed kind, or too many parts.
    """
    known = {lesson.id: lesson for lesson in course.lessons()}
    sections = {section.id for section in course.curriculum}
    used: set[str] = set()
    if len(draft) > MOST_SECTIONS or sum(len(s.lessons) for s in draft) > MOST_LESSONS:
        raise InvalidCurriculum(f"A course may have at most {MOST_SECTIONS} sections and {MOST_LESSONS} lessons.")
    built: list[Section] = []
    for section in draft:
        _check_part(section.id, section.title, sections, used)
        lessons = [_build_lesson(lesson, known, used) for lesson in section.lessons]
        fresh = Section(title=section.title.strip(), lessons=lessons)
        built.append(msgspec.structs.replace(fresh, id=section.id) if section.id else fresh)
    return built


def _check_part(part_id: str | None, title: str, known: set[str], used: set[str]) -> None:
    if not title.strip():
        raise InvalidCurriculum("Every section and lesson needs a title.", fields={"title": "Give it a title."})
    if part_id is not None:
        if part_id not in known:
            raise InvalidCurriculum("The outline names a part that this course does not have. Reload the page.")
        if part_id in used:
            raise InvalidCurriculum("The outline names the same part twice. Reload the page.")
        used.add(part_id)


def _build_lesson(draft: LessonDraft, known: dict[str, Lesson], used: set[str]) -> Lesson:
    _check_part(draft.id, draft.title, set(known), used)
    title = draft.title.strip()
    if draft.id is None:
        return Lesson(title=title, kind=draft.kind, free_preview=draft.free_preview, youtube_id=draft.youtube_id or "")
    old = known[draft.id]
    if old.kind is not draft.kind:
        raise InvalidCurriculum("The kind of a lesson cannot change; add a new lesson instead.")
    youtube_id = old.youtube_id if draft.youtube_id is None else draft.youtube_id
    return msgspec.structs.replace(old, title=title, free_preview=draft.free_preview, youtube_id=youtube_id)


def totals(curriculum: Sequence[Section]) -> tuple[int, int]:
    """Returns the number of lessons and their summed length in seconds."""
    lessons = [lesson for section in curriculum for lesson in section.lessons]
    return len(lessons), sum(lesson.duration_seconds for lesson in lessons)


def reading_seconds(markdown: str) -> int:
    """Estimates how long a text takes to read, at 200 words a minute; at least one minute for any text."""
    words = len(markdown.split())
    return max(60, round(words / _WORDS_PER_MINUTE * 60)) if words else 0
