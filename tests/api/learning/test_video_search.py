"""The search in what is said: who finds what, and where it leads."""

import httpx
import pytest

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import Course, LessonKind
from academy.features.videos.captions_model import TrackKind
from academy.features.videos.model import Video
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.captions import ENGLISH, HINDI, captioned, cues, film_lessons, stored_video
from tests.academies.courses import enrolled_learner, published
from tests.academies.html import assert_harmless, elements, links
from tests.academies.in_process import TestAcademy

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "WEBVTT\n\n00:00:12.000 --> 00:00:14.000\nThe marzipan formula is secret\n"


class Taught:
    """A published course of films, and its teacher."""

    def __init__(self, academy: TestAcademy, teacher: Principal, course: Course, videos: list[Video]) -> None:
        self.academy = academy
        self.teacher = teacher
        self.course = course
        self.videos = videos

    def lesson(self, number: int) -> str:
        return f"/learn/{self.course.slug}/{self.course.lessons()[number].id}"

    @property
    def search(self) -> str:
        return f"/learn/{self.course.slug}/search"


async def taught(academy: TestAcademy, *titles: str, free_preview: bool = False) -> Taught:
    teacher = await academy.person(Role.INSTRUCTOR)
    course = await published(academy, teacher)
    course, videos = await film_lessons(academy, teacher, course, *(titles or ("Watch",)), free_preview=free_preview)
    return Taught(academy, teacher, course, videos)


def found(page: httpx.Response) -> list[str]:
    """What stands in the hits of a page."""
    assert page.status_code == 200
    return [element.text for element in elements(page.text, class_="said-words")]


def hits(page: httpx.Response) -> list[str]:
    """Where the hits of a page lead."""
    return [link for link in links(page.text) if "?t=" in link]


async def test_a_hit_leads_to_its_second(shared_academy: TestAcademy) -> None:
    course = await taught(shared_academy)
    await captioned(shared_academy, course.videos[0])
    learner = await shared_academy.signed_in_browser(person=await enrolled_learner(shared_academy, course.course))
    page = await learner.get(f"{course.lesson(0)}/search?q=croiss")
    assert hits(page) == [f"{course.lesson(0)}?t=95"]
    assert [mark.text for mark in elements(page.text, "mark")] == ["croissants"]
    assert "One place where “croiss” is said" in page.text
    page = await learner.get(hits(page)[0])
    assert 'src="/media/' in page.text
    assert "#t=95.0" in page.text
    part = await learner.get(f"{course.lesson(0)}/search?q=loop", headers={"HX-Request": "true"})
    assert ("<html" in part.text, len(hits(part))) == (False, 2)
    # Two cues of a stretch: the one that holds more of the words.
    page = await learner.get(f"{course.lesson(0)}/search?q=loop repeats")
    assert hits(page) == [f"{course.lesson(0)}?t=4"]


@pytest.mark.parametrize(
    ("searched", "text"),
    [
        ("CAFE owners", "Café owners count their croissants in a loop."),
        ("café", "Café owners count their croissants in a loop."),
        ("सीखेंगे", "नमस्ते, आज हम पाइथन सीखेंगे"),
        ("पाइ", "नमस्ते, आज हम पाइथन सीखेंगे"),
        ("बार चलता", "लूप बार बार चलता है"),
    ],
)
async def test_accents_beginnings_and_hindi(shared_academy: TestAcademy, searched: str, text: str) -> None:
    course = await taught(shared_academy)
    await captioned(shared_academy, course.videos[0])
    await captioned(shared_academy, course.videos[0], HINDI, "hi")
    learner = await shared_academy.signed_in_browser(person=await enrolled_learner(shared_academy, course.course))
    for page in (f"{course.lesson(0)}/search", course.search, "/search/videos"):
        assert found(await learner.get(page, params={"q": searched})) == [text]


async def test_a_course_is_searched_lesson_by_lesson(shared_academy: TestAcademy) -> None:
    course = await taught(shared_academy, "First", "Second", "Third")
    for number in (2, 0):
        await captioned(shared_academy, course.videos[number])
    await shared_academy.academy.captions.save_chapters(course.videos[1], "en", "0:00 Why a loop\n0:30 More")
    teacher = await shared_academy.signed_in_browser(person=course.teacher)
    page = await teacher.get(f"{course.search}?q=loop")
    assert [title.text for title in elements(page.text, "h2")] == ["First", "Second", "Third"]
    one, two, three = (course.lesson(number) for number in range(3))
    # "loops" and "loop" stand in one stretch.
    assert hits(page) == [f"{one}?t=1", f"{one}?t=95", f"{two}?t=0", f"{three}?t=1", f"{three}?t=95"]
    assert "5 places where" in page.text


async def test_the_search_is_offered_where_something_can_be_found(shared_academy: TestAcademy) -> None:
    course = await taught(shared_academy, "Silent", "Spoken")
    learner = await enrolled_learner(shared_academy, course.course)
    browser = await shared_academy.signed_in_browser(person=learner)

    async def is_offered() -> list[bool]:
        return [course.search in links((await browser.get(course.lesson(number))).text) for number in (0, 1)]

    assert await is_offered() == [False, False]
    await shared_academy.academy.captions.save_chapters(course.videos[1], "en", "0:00 Start\n1:05 Middle")
    assert await is_offered() == [False, False], "chapters are no words"
    await captioned(shared_academy, course.videos[1])
    assert await is_offered() == [True, True]


async def test_nobody_is_offered_to_search_what_they_may_not_watch(shared_academy: TestAcademy) -> None:
    course = await taught(shared_academy, "First", free_preview=True)
    teacher, courses = course.teacher, shared_academy.academy.courses
    (section,) = course.course.curriculum
    kept = [LessonDraft(id=one.id, title=one.title, kind=one.kind, free_preview=True) for one in section.lessons]
    locked = LessonDraft(title="Locked", kind=LessonKind.VIDEO)
    changed = await courses.set_curriculum(
        teacher, course.course.slug, [SectionDraft(id=section.id, title="Films", lessons=[*kept, locked])]
    )
    video = await stored_video(shared_academy, teacher, changed)
    await courses.set_lesson_video(changed.id, changed.lessons()[1].id, video.id, 120)
    await captioned(shared_academy, video)
    for browser, is_offered in (
        (shared_academy.browser(), False),
        (await shared_academy.signed_in_browser(person=teacher), True),
    ):
        assert (course.search in links((await browser.get(course.lesson(0))).text)) is is_offered


async def test_nobody_finds_what_they_may_not_watch(shared_academy: TestAcademy) -> None:
    paid, open_one = await taught(shared_academy), await taught(shared_academy, free_preview=True)
    for one in (paid, open_one):
        await captioned(shared_academy, one.videos[0], SECRET)
    stranger, learner_of_paid = await shared_academy.person(), await enrolled_learner(shared_academy, paid.course)
    everywhere = "/search/videos?q=marzipan"
    for person, finds in (
        (stranger, [open_one]),
        (learner_of_paid, [paid, open_one]),
        (paid.teacher, [paid, open_one]),
        (await shared_academy.person(Role.ADMIN), [paid, open_one]),
    ):
        browser = await shared_academy.signed_in_browser(person=person)
        mine = {f"{one.lesson(0)}?t=12" for one in (paid, open_one)}
        assert set(hits(await browser.get(everywhere))) & mine == {f"{one.lesson(0)}?t=12" for one in finds}
        for one in (paid, open_one):
            assert bool(hits(await browser.get(f"{one.search}?q=marzipan"))) is (one in finds)
            page = await browser.get(f"{one.lesson(0)}/search?q=marzipan")
            assert (page.status_code == 200, "formula" in page.text) == (one in finds, one in finds)
    nobody = shared_academy.browser()
    assert (await nobody.get(everywhere)).url.path == "/login"
    assert found(await nobody.get(f"{open_one.search}?q=marzipan")) == ["The marzipan formula is secret"]
    assert hits(await nobody.get(f"{paid.search}?q=marzipan")) == []


async def test_what_left_is_not_found_any_more(shared_academy: TestAcademy) -> None:
    course = await taught(shared_academy, free_preview=True)
    await captioned(shared_academy, course.videos[0], SECRET)
    courses = shared_academy.academy.courses
    learner = await enrolled_learner(shared_academy, course.course)
    browser = await shared_academy.signed_in_browser(person=learner)
    stranger = await shared_academy.signed_in_browser()

    async def finds(who: httpx.AsyncClient) -> list[bool]:
        here = f"{course.lesson(0)}?t=12"
        pages = [await who.get(f"{path}?q=marzipan") for path in ("/search/videos", course.search)]
        return [here in hits(page) for page in pages]

    assert (await finds(browser), await finds(stranger)) == ([True, True], [True, True])
    await courses.unpublish(course.teacher, course.course.slug)
    assert (await finds(browser), await finds(stranger)) == ([True, True], [False, False])
    await shared_academy.academy.enrolments.forget_user(learner.user_id)
    assert await finds(browser) == [False, False]
    teacher = await shared_academy.signed_in_browser(person=course.teacher)
    assert await finds(teacher) == [True, True]
    # The lesson shows another video now: what the old one said is nowhere to be heard.
    await courses.set_lesson_video(course.course.id, course.course.lessons()[0].id, None, 0)
    assert await finds(teacher) == [False, False]


async def test_edits_are_found_at_once(shared_academy: TestAcademy) -> None:
    course = await taught(shared_academy)
    await captioned(shared_academy, course.videos[0])
    teacher = await shared_academy.signed_in_browser(person=course.teacher)
    captions = shared_academy.academy.captions
    (track,) = await captions.tracks(course.videos[0].id)
    await captions.edit(course.videos[0], track, cues(ENGLISH.replace("croissants", "pretzels")))
    assert found(await teacher.get(f"{course.search}?q=croissants")) == []
    assert len(found(await teacher.get(f"{course.search}?q=pretzels"))) == 1
    await captions.delete(await captions.track(course.videos[0].id, TrackKind.CAPTIONS, "en"))
    assert found(await teacher.get(f"{course.search}?q=pretzels")) == []


async def test_many_hits_come_in_pages(shared_academy: TestAcademy) -> None:
    course = await taught(shared_academy, "First", "Second")
    for video in course.videos:
        times = ((f"00:{n // 3:02}:{n % 3 * 20:02}.000", f"00:{n // 3:02}:{n % 3 * 20 + 5:02}.000") for n in range(60))
        text = "WEBVTT\n\n" + "\n\n".join(f"{start} --> {end}\nword number {n}" for n, (start, end) in enumerate(times))
        await captioned(shared_academy, video, text)
    teacher = await shared_academy.signed_in_browser(person=course.teacher)
    seen: list[str] = []
    page = await teacher.get(f"{course.search}?q=word")
    assert "120 places" in page.text
    while True:
        seen += hits(page)
        following = [link.attributes["href"] for link in elements(page.text, "a", rel="next")]
        if not following:
            break
        page = await teacher.get(f"{course.search}{following[0]}")
    assert (len(seen), len(set(seen))) == (120, 120)
    page = await teacher.get("/search/videos?q=word")
    assert (len(hits(page)), f"{course.search}?q=word" in links(page.text)) == (10, True)
    assert (await teacher.get("/search/videos?q=word&cursor=nonsense")).status_code == 422
    assert (await teacher.get(f"{course.search}?q=word&cursor=nonsense")).status_code == 422


async def test_many_courses_come_in_pages(shared_academy: TestAcademy) -> None:
    learner = await shared_academy.person()
    text = "WEBVTT\n\n" + "\n\n".join(f"00:{n:02}:00.000 --> 00:{n:02}:05.000\nparsnip" for n in range(12))
    made = [await taught(shared_academy) for _ in range(7)]
    for course in made:
        await captioned(shared_academy, course.videos[0], text)
        await shared_academy.academy.enrolments.grant(learner, course.course)
    browser = await shared_academy.signed_in_browser(person=learner)
    page = await browser.get("/search/videos?q=parsnip")
    first = hits(page)
    (following,) = [link.attributes["href"] for link in elements(page.text, "a", rel="next")]
    last = hits(await browser.get(f"/search/videos{following}"))
    assert (len(first), len(last)) == (50, 20)
    assert {path.partition("?")[0] for path in first + last} == {course.lesson(0) for course in made}


async def test_nothing_is_found_by_no_word(shared_academy: TestAcademy) -> None:
    course = await taught(shared_academy)
    await captioned(shared_academy, course.videos[0])
    teacher = await shared_academy.signed_in_browser(person=course.teacher)
    for asked in ("", "...", "v", "\ua66e-", course.videos[0].id):
        for address in (f"{course.lesson(0)}/search", course.search, "/search/videos"):
            assert found(await teacher.get(address, params={"q": asked})) == []


async def test_whatever_is_said_is_text(shared_embedded_academy: TestAcademy) -> None:
    nasty = "<img src=x onerror=alert(1)>\"'&"
    course = await taught(shared_embedded_academy, nasty)
    said = f"WEBVTT\n\n00:01.000 --> 00:02.000\nmarzipan &lt;script&gt;alert(1)&lt;/script&gt; {nasty}"
    await captioned(shared_embedded_academy, course.videos[0], said)
    await shared_embedded_academy.academy.captions.save_chapters(course.videos[0], "en", f"0:00 marzipan {nasty}")
    teacher = await shared_embedded_academy.signed_in_browser(person=course.teacher)
    for path in (
        course.lesson(0),
        f"{course.lesson(0)}/search?q=marzipan",
        f"{course.search}?q=marzipan",
        "/search/videos?q=marzipan",
        f"/search/videos?q={'%3Cscript%3Ealert(1)%3C/script%3E'}",
    ):
        page = await teacher.get(path)
        assert page.status_code == 200
        assert_harmless(page.text)
        assert "<script>alert" not in page.text
    assert "marzipan <script>alert(1)</script>" in found(await teacher.get(f"{course.search}?q=marzipan"))[1]


async def test_the_lesson_lists_its_chapters_and_tracks(shared_embedded_academy: TestAcademy) -> None:
    course = await taught(shared_embedded_academy)
    page = await (await shared_embedded_academy.signed_in_browser(person=course.teacher)).get(course.lesson(0))
    assert ("said-search" in page.text, "chapter-list" in page.text, "<track" in page.text) == (False, False, False)
    await captioned(shared_embedded_academy, course.videos[0])
    captions = shared_embedded_academy.academy.captions
    await captions.set_default(course.videos[0].id, (await captions.tracks(course.videos[0].id))[0].id)
    await captions.save_chapters(course.videos[0], "en", "0:00 Start\n1:05 Middle")
    learner = await enrolled_learner(shared_embedded_academy, course.course)
    browser = await shared_embedded_academy.signed_in_browser(person=learner)
    page = await browser.get(course.lesson(0))
    assert hits(page) == [f"{course.lesson(0)}?t=0", f"{course.lesson(0)}?t=65"]
    tracks = [track.attributes for track in elements(page.text, "track")]
    assert [(one["kind"], one["srclang"], one["label"], "default" in one) for one in tracks] == [
        ("captions", "en", "English", True),
        ("chapters", "en", "Chapters", False),
    ]
    assert (await browser.get(tracks[0]["src"])).text == ENGLISH
    for wrong in ("-1", "x", "1e3", "9999999", "²"):
        assert "#t=" not in (await browser.get(course.lesson(0), params={"t": wrong})).text
