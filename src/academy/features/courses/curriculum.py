"""The outline of a course: built from what an editor sends, so that lessons keep their identity; and what it lacks."""

from collections.abc import Callable, Container, Sequence

import msgspec

from academy.features.courses.errors import InvalidCurriculum
from academy.features.courses.model import Course, Lesson, LessonKind, Section
from academy.kit.text import is_one_line

MOST_SECTIONS = 60
MOST_LESSONS = 500
LONGEST_TITLE = 120
UNTITLED_YOUTUBE = "YouTube video"
"""What a YouTube lesson without a title is called until its title at YouTube is known."""
_WORDS_PER_MINUTE = 200


class LessonDraft(msgspec.Struct, kw_only=True, frozen=True):
    """A lesson as an editor sends it; without an id it is new. A YouTube lesson may have no title."""

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


def _check_part(part_id: str | None, title: str, known: Container[str], used: set[str]) -> None:
    if not title.strip():
        raise InvalidCurriculum("Every section and lesson needs a title.", fields={"title": "Give it a title."})
    if not is_one_line(title):
        text = "A title is one line, without control characters."
        raise InvalidCurriculum(text, fields={"title": text})
    if part_id is not None:
        if part_id not in known:
            raise InvalidCurriculum("The outline names a part that this course does not have. Reload the page.")
        if part_id in used:
            raise InvalidCurriculum("The outline names the same part twice. Reload the page.")
        used.add(part_id)


def _build_lesson(draft: LessonDraft, known: dict[str, Lesson], used: set[str]) -> Lesson:
    title = draft.title.strip() or (UNTITLED_YOUTUBE if draft.kind is LessonKind.YOUTUBE else "")
    _check_part(draft.id, title, known, used)
    if draft.id is None:
        return Lesson(title=title, kind=draft.kind, free_preview=draft.free_preview, youtube_id=draft.youtube_id or "")
    old = known[draft.id]
    if old.kind is not draft.kind:
        raise InvalidCurriculum("The kind of a lesson cannot change; add a new lesson instead.")
    youtube_id = old.youtube_id if draft.youtube_id is None else draft.youtube_id
    changed = msgspec.structs.replace(old, title=title, free_preview=draft.free_preview)
    return with_youtube_id(changed, youtube_id)


def with_lessons(curriculum: Sequence[Section], change: Callable[[Lesson], Lesson]) -> list[Section]:
    """Returns the outline with each lesson replaced by what `change` makes of it."""
    return [
        msgspec.structs.replace(section, lessons=[change(lesson) for lesson in section.lessons])
        for section in curriculum
    ]


def outline_fields(curriculum: Sequence[Section]) -> dict[str, object]:
    """Returns the fields of a course that hold its outline: sections, number of lessons, their summed length."""
    lessons = [lesson for section in curriculum for lesson in section.lessons]
    return {
        "curriculum": msgspec.to_builtins(curriculum),
        "lesson_count": len(lessons),
        "duration_seconds": sum(lesson.duration_seconds for lesson in lessons),
    }


def reading_seconds(markdown: str) -> int:
    """Estimates how long a text takes to read, at 200 words a minute; at least one minute for any text."""
    words = len(markdown.split())
    return max(60, round(words / _WORDS_PER_MINUTE * 60)) if words else 0


def with_video(lesson: Lesson, video_id: str | None, seconds: int) -> Lesson:
    """Returns the lesson with a video of this length; 0 seconds say that it is still being checked.

    A lesson that shows a video already keeps showing it until the new one is checked.
    """
    if video_id is not None and seconds == 0 and lesson.duration_seconds:
        return msgspec.structs.replace(lesson, new_video_id=video_id)
    return msgspec.structs.replace(lesson, video_id=video_id, new_video_id=None, duration_seconds=seconds)


def with_checked_video(lesson: Lesson, video_id: str, seconds: int) -> Lesson:
    """Returns the lesson after one of its videos was found to be this long, or with 0 seconds to be gone.

    When one is gone, another one that is being checked takes its place.
    """
    if video_id not in (lesson.video_id, lesson.new_video_id):
        return lesson
    if seconds:
        return with_video(lesson, video_id, seconds)
    if lesson.new_video_id == video_id:
        return msgspec.structs.replace(lesson, new_video_id=None)
    return msgspec.structs.replace(lesson, video_id=lesson.new_video_id, new_video_id=None, duration_seconds=0)


def with_youtube_id(lesson: Lesson, youtube_id: str) -> Lesson:
    """Returns the lesson with this video of YouTube, "" for none; the length of another one is not known yet."""
    if youtube_id == lesson.youtube_id:
        return lesson
    return msgspec.structs.replace(lesson, youtube_id=youtube_id, duration_seconds=0)


def with_youtube_facts(lesson: Lesson, youtube_id: str, title: str, seconds: int) -> Lesson:
    """Returns the lesson, if it shows this video, with its length, and its title unless somebody gave it one."""
    if lesson.youtube_id != youtube_id:
        return lesson
    title = " ".join(title.split())[:LONGEST_TITLE].strip()
    is_wanted = lesson.title == UNTITLED_YOUTUBE and title and is_one_line(title)
    return msgspec.structs.replace(lesson, title=title if is_wanted else lesson.title, duration_seconds=seconds)


def unknown_youtube_lessons(before: Course, after: Course) -> list[Lesson]:
    """Returns the lessons whose video at YouTube became another one, or whose title was left to it, by an edit."""
    known = {lesson.id: lesson for lesson in before.lessons()}

    def is_unknown(lesson: Lesson) -> bool:
        old = known.get(lesson.id)
        if old is None or old.youtube_id != lesson.youtube_id:
            return True
        return lesson.title == UNTITLED_YOUTUBE != old.title

    return [lesson for lesson in after.lessons() if lesson.youtube_id and is_unknown(lesson)]


def missing_for_publication(course: Course) -> dict[str, str]:
    """Returns what a course still lacks: field -> what to do. Empty when it can be published."""
    missing: dict[str, str] = {}
    if not course.subtitle.strip():
        missing["subtitle"] = "Add a subtitle: one line that says what the course is about."
    if not course.description.strip():
        missing["description"] = "Describe the course."
    if not course.category:
        missing["category"] = "Choose a category."
    if not course.lessons():
        missing["curriculum"] = "Add at least one lesson."
    for lesson in course.lessons():
        lack = _lacks(lesson)
        if lack:
            missing[f"lesson:{lesson.id}"] = f"“{lesson.title}”: {lack}"
    return missing


def _lacks(lesson: Lesson) -> str:
    """What a lesson still lacks, "" when nothing."""
    match lesson.kind:
        case LessonKind.VIDEO:
            return "" if lesson.video_id and lesson.duration_seconds else "upload its video and wait until it is ready."
        case LessonKind.TEXT:
            return "" if lesson.has_text else "write its text."
        case LessonKind.FILE:
            return "" if lesson.file_key else "upload its file."
        case LessonKind.YOUTUBE:
            return "" if lesson.youtube_id else "add the address of its YouTube video."
