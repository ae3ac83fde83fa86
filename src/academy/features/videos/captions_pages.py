"""The studio's pages of captions and chapters: upload, download, small fixes. They work without JavaScript, too."""

import asyncio
from typing import Annotated, Literal

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from msgspec import Meta

from academy.features.courses.model import Course, Lesson, LessonKind
from academy.features.courses.service import CourseService
from academy.features.videos.captions import CaptionService
from academy.features.videos.captions_api import WEBVTT
from academy.features.videos.captions_model import CaptionTrack, TrackKind
from academy.features.videos.errors import TrackNotFound, VideoNotFound
from academy.features.videos.languages import language_choices
from academy.features.videos.model import Video
from academy.features.videos.placing import Place
from academy.features.videos.service import VideoService
from academy.infrastructure.database.errors import VersionConflict
from academy.infrastructure.media.webvtt import LARGEST_FILE, LONGEST_CUE, MOST_CUES, read_captions, write_captions
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.security.principal import Principal
from academy.kit.errors import AcademyError
from academy.web.forms import Form, empty_form, read_form
from academy.web.guards import instructors
from academy.web.pages import Pages
from academy.web.rate_limits import RATE_LIMIT
from academy.web.requests import PageRequest

_PAGE = "/studio/courses/{slug:str}/lessons/{lesson_id:str}/captions"
_TRACK = f"{_PAGE}/{{track_id:str}}"
# More than captions may have, so that it is the reader who says what is wrong.
_LARGEST_FORM = 6 << 20


class UploadForm(msgspec.Struct, kw_only=True):
    """New captions; their file comes beside these fields."""

    language: Annotated[str, Meta(min_length=1, max_length=20)]
    kind: Literal["captions", "subtitles"] = "captions"
    is_default: bool = False


class ChaptersForm(msgspec.Struct, kw_only=True):
    """The chapters, one a line."""

    chapters: Annotated[str, Meta(max_length=20_000)] = ""


class CuesForm(msgspec.Struct, kw_only=True):
    """The whole WebVTT file of a track; `revision` is that of the track as the form was made."""

    text: Annotated[str, Meta(max_length=LARGEST_FILE)] = ""
    revision: Annotated[int, Meta(ge=1)]


class DefaultForm(msgspec.Struct, kw_only=True):
    """Whether a track is shown without being asked."""

    is_default: bool = False


class _Lesson(msgspec.Struct, frozen=True):
    """A lesson with its video, for its makers."""

    course: Course
    lesson: Lesson
    video: Video | None

    @property
    def address(self) -> str:
        return f"/studio/courses/{self.course.slug}/lessons/{self.lesson.id}/captions"

    def watched(self) -> Video:
        """The video. Raises VideoNotFound when the lesson has none."""
        if self.video is None:
            raise VideoNotFound
        return self.video


async def _lesson(
    slug: FromPath[str],
    lesson_id: FromPath[str],
    principal: NamedDependency[Principal],
    courses: NamedDependency[CourseService],
    captions: NamedDependency[CaptionService],
) -> _Lesson:
    """Returns a video lesson to the makers of its course. Raises CourseNotFound, NotYourCourse, LessonNotFound."""
    place = Place(await courses.for_editing(principal, slug), lesson_id)
    lesson = place.lesson(LessonKind.VIDEO)
    try:
        video = await captions.video_in(place.course.id, lesson.video_id)
    except VideoNotFound:
        video = None
    return _Lesson(place.course, lesson, video)


async def _track(
    track_id: FromPath[str], held: NamedDependency[_Lesson], captions: NamedDependency[CaptionService]
) -> CaptionTrack:
    """Returns captions or subtitles; chapters have a form of their own. Raises TrackNotFound, VideoNotFound."""
    track = await captions.track_with(held.watched().id, track_id)
    if track.kind is TrackKind.CHAPTERS:
        raise TrackNotFound
    return track


_OF_LESSON = {"held": Provide(_lesson)}
_OF_TRACK = {**_OF_LESSON, "track": Provide(_track)}


async def _overview(
    request: PageRequest,
    pages: Pages,
    captions: CaptionService,
    held: _Lesson,
    upload: Form[UploadForm] | None = None,
    chapters: Form[ChaptersForm] | None = None,
) -> Response[bytes]:
    tracks = await captions.tracks(held.video.id) if held.video else []
    if chapters is None:
        typed = await captions.chapters_as_typed(held.video.id) if held.video else ""
        chapters = empty_form(ChaptersForm, chapters=typed)
    return pages.render(
        request,
        "videos/captions.html",
        status_code=422 if chapters.errors or (upload and upload.errors) else 200,
        course=held.course,
        lesson=held.lesson,
        video=held.video,
        here=held.address,
        tracks=[track for track in tracks if track.kind is not TrackKind.CHAPTERS],
        languages=language_choices(),
        upload=upload or empty_form(UploadForm, language=held.course.language.partition("-")[0], kind="captions"),
        chapters=chapters,
    )


@get(_PAGE, guards=[instructors], dependencies=_OF_LESSON, include_in_schema=False)
async def show_captions(
    request: PageRequest,
    pages: NamedDependency[Pages],
    held: NamedDependency[_Lesson],
    captions: NamedDependency[CaptionService],
) -> Response[bytes]:
    """The captions and chapters of a lesson's video."""
    return await _overview(request, pages, captions, held)


@post(
    _PAGE,
    guards=[instructors],
    dependencies=_OF_LESSON,
    include_in_schema=False,
    opt={RATE_LIMIT: Rule.UPLOADS},
    request_max_body_size=_LARGEST_FORM,
    status_code=200,
)
async def upload_captions(
    request: PageRequest,
    pages: NamedDependency[Pages],
    held: NamedDependency[_Lesson],
    captions: NamedDependency[CaptionService],
) -> Response[bytes]:
    """Adds captions from a file."""
    form = await read_form(request, UploadForm)
    sent = (await request.form()).get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        form.errors["file"] = "Choose a file: WebVTT (.vtt) or SubRip (.srt)."
    elif form.data is not None:
        try:
            cues = await asyncio.to_thread(read_captions, await sent.read(LARGEST_FILE + 1))
            kind = TrackKind(form.data.kind)
            await captions.add(held.watched(), kind, form.data.language, cues, is_default=form.data.is_default)
        except VideoNotFound:
            raise
        except AcademyError as error:
            form.errors.update(error.fields or {"file": error.message})
        finally:
            await sent.close()
    if form.errors:
        return await _overview(request, pages, captions, held, upload=form)
    return pages.redirect_with("success", "The captions are added.", held.address)


@post(
    "/studio/courses/{slug:str}/lessons/{lesson_id:str}/chapters",
    guards=[instructors],
    dependencies=_OF_LESSON,
    include_in_schema=False,
    status_code=200,
)
async def save_chapters(
    request: PageRequest,
    pages: NamedDependency[Pages],
    held: NamedDependency[_Lesson],
    captions: NamedDependency[CaptionService],
) -> Response[bytes]:
    """Saves the chapters; an empty list takes them away."""
    form = await read_form(request, ChaptersForm)
    if form.data is not None:
        try:
            count = await captions.save_chapters(held.watched(), held.course.language, form.data.chapters)
        except VideoNotFound:
            raise
        except AcademyError as error:
            form.blame(error)
        else:
            told = f"{count} chapters are saved." if count else "The video has no chapters now."
            return pages.redirect_with("success", told, f"{held.address}#chapters-title")
    return await _overview(request, pages, captions, held, chapters=form)


async def _editor(
    request: PageRequest,
    pages: Pages,
    videos: VideoService,
    held: _Lesson,
    track: CaptionTrack,
    form: Form[CuesForm],
) -> Response[bytes]:
    video_id = held.watched().id
    shown = (await videos.lesson_videos([video_id])).get(video_id)
    return pages.render(
        request,
        "videos/captions_editor.html",
        status_code=422 if form.errors else 200,
        course=held.course,
        lesson=held.lesson,
        here=held.address,
        track=track,
        form=form,
        video_url=shown.url if shown else None,
        poster_url=shown.poster_url if shown else None,
        most_cues=MOST_CUES,
        longest_cue=LONGEST_CUE,
    )


@get(_TRACK, guards=[instructors], dependencies=_OF_TRACK, include_in_schema=False)
async def edit_captions(
    request: PageRequest,
    pages: NamedDependency[Pages],
    held: NamedDependency[_Lesson],
    track: NamedDependency[CaptionTrack],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
) -> Response[bytes]:
    """The editor of a track."""
    form = empty_form(CuesForm, text=write_captions(await captions.cues(track)), revision=track.revision)
    return await _editor(request, pages, videos, held, track, form)


@post(
    _TRACK,
    guards=[instructors],
    dependencies=_OF_TRACK,
    include_in_schema=False,
    request_max_body_size=_LARGEST_FORM,
    status_code=200,
)
async def save_captions(
    request: PageRequest,
    pages: NamedDependency[Pages],
    held: NamedDependency[_Lesson],
    track: NamedDependency[CaptionTrack],
    videos: NamedDependency[VideoService],
    captions: NamedDependency[CaptionService],
) -> Response[bytes]:
    """Saves the cues, unless somebody else saved others since the form was made; then the form says so."""
    form = await read_form(request, CuesForm)
    if form.data is not None:
        try:
            cues = await asyncio.to_thread(read_captions, form.data.text)
            await captions.edit(held.watched(), track, cues, revision=form.data.revision)
        except VersionConflict:
            form.values["revision"] = (await captions.track_with(track.video_id, track.id)).revision
            form.errors[""] = (
                "Somebody else saved these captions while you were writing. What you typed is kept below, and nothing "
                "is saved yet: save again to put yours in place of theirs, or reload the page to see theirs."
            )
        except AcademyError as error:
            form.errors["text"] = error.message
        else:
            return pages.redirect_with("success", "Saved.", f"{held.address}/{track.id}")
    return await _editor(request, pages, videos, held, track, form)


@get(f"{_TRACK}/file", guards=[instructors], dependencies=_OF_TRACK, include_in_schema=False)
async def download_captions(
    held: NamedDependency[_Lesson],
    track: NamedDependency[CaptionTrack],
    captions: NamedDependency[CaptionService],
) -> Response[str]:
    """The WebVTT file of a track, to be saved."""
    _, text = await captions.file(track.id)
    disposition = f'attachment; filename="{track.kind.value}.{track.language}.vtt"'
    return Response(text, media_type=WEBVTT, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})


@post(f"{_TRACK}/delete", guards=[instructors], dependencies=_OF_TRACK, include_in_schema=False, status_code=200)
async def delete_captions_here(
    pages: NamedDependency[Pages],
    held: NamedDependency[_Lesson],
    track: NamedDependency[CaptionTrack],
    captions: NamedDependency[CaptionService],
) -> Response[bytes]:
    """Deletes a track."""
    await captions.delete(track)
    return pages.redirect_with("success", "The captions are deleted.", held.address)


@post(f"{_TRACK}/default", guards=[instructors], dependencies=_OF_TRACK, include_in_schema=False, status_code=200)
async def set_default_captions(
    request: PageRequest,
    pages: NamedDependency[Pages],
    held: NamedDependency[_Lesson],
    track: NamedDependency[CaptionTrack],
    captions: NamedDependency[CaptionService],
) -> Response[bytes]:
    """Has the player show a track without being asked, or not any more."""
    form = await read_form(request, DefaultForm)
    is_default = form.data is not None and form.data.is_default
    await captions.set_default(track.video_id, track.id if is_default else "")
    told = "Learners see these captions from the start now." if is_default else "Captions are off at the start now."
    return pages.redirect_with("success", told, held.address)


handlers = [
    show_captions,
    upload_captions,
    save_chapters,
    edit_captions,
    save_captions,
    download_captions,
    delete_captions_here,
    set_default_captions,
]
