"""The demo academy is what the README promises: real courses, and videos that play."""

from pathlib import Path

import av

from academy.cli.opened import opened_academy
from academy.demo.loader import wants_demo
from academy.features.courses.model import LessonKind
from academy.features.courses.repository import CatalogueFilter
from academy.features.payments.model import TransactionFilter, TransactionStatus
from academy.settings import load_settings
from tests.servers.demo import copy_of


async def test_it_has_courses_in_all_categories_with_text_reviews_and_videos(demo_home: Path, tmp_path: Path) -> None:
    home = copy_of(demo_home, tmp_path / "home")
    async with opened_academy(load_settings({"ACADEMY_HOME": str(home)})) as academy:
        courses = (await academy.courses.catalogue(CatalogueFilter(), limit=50)).items
        assert len(courses) >= 12
        assert {course.category for course in courses} == {one.slug for one in await academy.courses.categories()}
        assert len({course.category for course in courses}) >= 4
        assert all(course.rating.count >= 4 and course.lesson_count >= 8 for course in courses)
        words = [len((await academy.courses.lesson_text(x.id)).split()) for c in courses for x in c.lessons()]
        assert min(words) >= 100
        films = [x.video_id for c in courses for x in c.lessons() if x.kind is LessonKind.VIDEO]
        assert len(films) >= 3
        paid = {course.id for course in courses if not course.price.is_free}
        sold = (await academy.payments.page(TransactionFilter(status=TransactionStatus.PAID), limit=200)).items
        assert {one.course_id for one in sold} == paid, "what costs was bought"
        assert len(sold) == sum(course.enrolment_count for course in courses if course.id in paid)
        assert (await academy.reconciliation.unserved()).items == []
        assert len({one.coupon_code for one in sold}) == 2
        assert all(one.quote.taxes for one in sold)
        assert (await academy.payments.oldest_waiting()) is None
        assert not await wants_demo(academy), "started again, it leaves the academy alone"
    for path in sorted((home / "files" / "videos").glob("*/original.mp4")):
        with av.open(str(path)) as film:
            assert film.duration is not None
            assert 20 <= film.duration / av.time_base <= 60
            assert (film.streams.video[0].codec_context.name, film.streams.audio[0].codec_context.name) == (
                "h264",
                "aac",
            )
