"""The courses' job: what YouTube tells about the videos of YouTube lessons."""

from datetime import timedelta

import msgspec
import structlog

from academy.features.courses.curriculum import unknown_youtube_lessons
from academy.features.courses.model import Course
from academy.features.courses.service import CourseService
from academy.infrastructure.jobs.base import JobKind, JobQueue, JobRegistry, PutBack
from academy.infrastructure.youtube.client import QuotaUsedUp, YouTube, YouTubeRefused
from academy.kit.clock import Clock

# A new share comes once a day; the next hour may be after it.
_PAUSE_WITHOUT_QUOTA = timedelta(hours=1)


class FetchYouTubeLesson(msgspec.Struct, frozen=True, kw_only=True):
    """Payload: the course, and the video at YouTube that lessons of it show."""

    course_id: str
    youtube_id: str


FETCH_YOUTUBE_LESSON = JobKind("fetch_youtube_lesson", FetchYouTubeLesson)


async def fetch_youtube_lessons(queue: JobQueue, before: Course, after: Course) -> None:
    """Has YouTube asked about the videos that came by an edit of a course. Called in its transaction."""
    for youtube_id in {lesson.youtube_id for lesson in unknown_youtube_lessons(before, after)}:
        job = FetchYouTubeLesson(course_id=after.id, youtube_id=youtube_id)
        await queue.enqueue(FETCH_YOUTUBE_LESSON, job, key=f"{after.id}:{youtube_id}")


class YouTubeFetch:
    """Handles FETCH_YOUTUBE_LESSON. Running it again ends in the same state."""

    def __init__(self, courses: CourseService, youtube: YouTube, clock: Clock) -> None:
        self._courses = courses
        self._youtube = youtube
        self._clock = clock

    async def __call__(self, job: FetchYouTubeLesson) -> None:
        """Tells the lessons what YouTube says; a video that YouTube does not show leaves them as they are.

        Raises UnavailableError to be tried again, PutBack when the key may not ask more for now. A key that YouTube
        refuses is the operator's to mend: the log says so, and the lesson works without.
        """
        log = structlog.get_logger().bind(course_id=job.course_id, youtube_id=job.youtube_id)
        try:
            video = await self._youtube.video(job.youtube_id)
        except QuotaUsedUp as error:
            log.warning("youtube_quota_used_up")
            raise PutBack(self._clock.now() + _PAUSE_WITHOUT_QUOTA) from error
        except YouTubeRefused as error:
            log.error("youtube_refuses_key", reason=error.reason, look_at="YOUTUBE_API_KEY")  # noqa: TRY400 - no trace
            return
        if video is not None:
            await self._courses.set_youtube_facts(job.course_id, job.youtube_id, video.title, video.duration_seconds)


def register_jobs(registry: JobRegistry, courses: CourseService, youtube: YouTube, clock: Clock) -> None:
    """Names the handler of this feature's job."""
    registry.register(FETCH_YOUTUBE_LESSON, YouTubeFetch(courses, youtube, clock))
