"""The player and the dashboard as a browser without JavaScript gets them."""

import json
import re
from html import unescape

import httpx
import pytest

from academy.features.courses.curriculum import LessonDraft, SectionDraft
from academy.features.courses.model import LessonKind
from academy.features.videos.model import Video, VideoStatus
from tests.academies.in_process import Browser, TestAcademy
from tests.academies.media import PDF
from tests.unit.features.learning.taught import PAID, Taught, course_of_everything, published_course


def address(taught: Taught, title: str, action: str = "") -> str:
    return f"/learn/{taught.slug}/{taught.lesson(title).id}{action}"


def video_of(page: httpx.Response) -> str:
    found = re.search(r'<video[^>]* src="([^"]+)"', page.text)
    assert found, page.text
    return unescape(found.group(1))


async def report(browser: Browser, taught: Taught, title: str, body: str, token: str = "") -> httpx.Response:
    headers = {"Content-Type": "application/json", "X-CSRF-Token": token or await csrf(browser, taught)}
    return await browser.post(address(taught, title, "/position"), content=body, headers=headers)


async def csrf(browser: Browser, taught: Taught) -> str:
    found = re.search(r'name="_csrf_token" value="([^"]+)"', (await browser.get(f"/learn/{taught.slug}")).text)
    assert found
    return found.group(1)


async def test_the_video_from_check_to_playback(embedded_academy: TestAcademy, film: bytes) -> None:
    taught = await course_of_everything(embedded_academy, film)
    learner = await embedded_academy.signed_in_browser(person=await taught.learner())
    page = await learner.get(address(taught, "Watch"))
    assert page.status_code == 200
    assert "is being checked" in page.text
    assert "<video" not in page.text
    await embedded_academy.work()
    page = await learner.get(address(taught, "Watch"))
    assert page.headers["cache-control"] == "private, no-store"
    url = video_of(page)
    part = await learner.get(url, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"] == f"bytes 4-7/{len(film)}"
    rest = await learner.get(url, headers={"Range": f"bytes={len(film) - 10}-"})
    assert (rest.status_code, rest.content) == (206, film[-10:])
    assert (await learner.get(url.partition("?")[0])).status_code == 403
    await embedded_academy.academy.database.collection(Video).update_many(
        {}, {"$set": {"status": VideoStatus.FAILED.value}}
    )
    page = await learner.get(address(taught, "Watch"))
    assert page.status_code == 200
    assert "This video cannot be shown" in page.text
    assert "<video" not in page.text


async def test_a_lesson_without_its_material_says_so(embedded_academy: TestAcademy) -> None:
    taught = await published_course(embedded_academy)
    lessons = [LessonDraft(title=kind.value, kind=kind) for kind in LessonKind]
    taught.course = await embedded_academy.academy.courses.set_curriculum(
        taught.teacher, taught.slug, [SectionDraft(title="Bare", lessons=lessons)]
    )
    teacher = await embedded_academy.signed_in_browser(person=taught.teacher)
    for kind, text in (("video", "no video yet"), ("youtube", "no video yet"), ("file", "no file yet")):
        page = await teacher.get(address(taught, kind))
        assert (page.status_code, text in page.text) == (200, True)


async def test_every_kind_of_lesson(embedded_academy: TestAcademy, film: bytes) -> None:
    taught = await course_of_everything(embedded_academy, film)
    learner = await embedded_academy.signed_in_browser(person=await taught.learner())
    text = (await learner.get(address(taught, "Read"))).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>" not in text
    assert '<pre tabindex="0"><code>code' in text
    tube = (await learner.get(address(taught, "Tube"))).text
    assert '<iframe src="https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ" title="Tube"' in tube
    file = (await learner.get(address(taught, "File"))).text
    found = re.search(r'href="(/media/files/[^"]+)" download', file)
    assert found
    answer = await learner.get(unescape(found.group(1)))
    assert (answer.content, answer.headers["content-disposition"]) == (PDF, "attachment; filename*=utf-8''Plan.pdf")


async def test_a_free_preview_is_open_to_strangers_and_the_rest_is_locked(academy: TestAcademy, film: bytes) -> None:
    taught = await course_of_everything(academy, film)
    await academy.work()
    stranger = academy.browser()
    page = await stranger.get(address(taught, "Watch"))
    assert page.status_code == 200
    assert "This lesson is a free preview" in page.text
    assert "data-report" not in page.text
    assert "/complete" not in page.text
    assert (await stranger.get(video_of(page), headers={"Range": "bytes=0-3"})).status_code == 206
    for browser in (stranger, await academy.signed_in_browser()):
        for title in ("Read", "File", "Tube"):
            page = await browser.get(address(taught, title))
            assert page.status_code == 403
            assert f'<h1 lang="en">{title}</h1>' in page.text
            assert "Enrol for free" in page.text
            assert "/media/" not in page.text
            assert "youtube" not in page.text


async def test_a_locked_lesson_offers_what_can_be_done(embedded_academy: TestAcademy) -> None:
    paid, left = await published_course(embedded_academy, price=PAID), await published_course(embedded_academy)
    browser = embedded_academy.browser()
    page = await browser.get(address(paid, "One"))
    assert (page.status_code, "₹499" in page.text, "Enrol for free" in page.text) == (403, True, False)
    await embedded_academy.academy.courses.unpublish(left.teacher, left.slug)
    page = await browser.get(address(left, "One"))
    assert (page.status_code, "takes no new ones" in page.text) == (403, True)
    assert (await browser.get(f"/learn/{left.slug}/no-such-lesson")).status_code == 404


async def test_complete_goes_on_and_can_be_taken_back(embedded_academy: TestAcademy) -> None:
    taught = await published_course(embedded_academy, ["One", "Two"], ["Three"])
    learner = await embedded_academy.signed_in_browser(person=await taught.learner())

    async def mark(title: str, *, completed: bool) -> str:
        page, value = address(taught, title), "true" if completed else "false"
        answer = await learner.submit(page, f"{page}/complete", completed=value)
        assert answer.status_code == 200
        return answer.url.path

    assert await mark("One", completed=True) == address(taught, "Two")
    page = (await learner.get(address(taught, "One"))).text
    assert " data-done " in page
    assert page.count('aria-label="Completed"') == 1
    assert '<span id="done-count">1</span> of 3 completed' in page
    assert await mark("One", completed=False) == address(taught, "One")
    assert " data-done " not in (await learner.get(address(taught, "One"))).text
    assert await mark("Three", completed=True) == address(taught, "One"), "on to what was left out"
    assert await mark("One", completed=True) == address(taught, "Two")
    assert await mark("Two", completed=True) == f"/courses/{taught.slug}"


async def test_the_position_that_the_script_reports(embedded_academy: TestAcademy, film: bytes) -> None:
    taught = await course_of_everything(embedded_academy, film)
    await embedded_academy.work()
    person = await taught.learner()
    learner = await embedded_academy.signed_in_browser(person=person)
    assert "#t=" not in video_of(await learner.get(address(taught, "Watch")))
    stranger = await embedded_academy.signed_in_browser()
    token = await csrf(learner, taught)
    for browser, body, its_token, status in (
        (learner, '{"position_seconds": 1.5}', "forged", 403),
        (stranger, '{"position_seconds": 1.5}', token, 403),
        (learner, '{"position_seconds": "1"}', token, 422),
        (learner, '{"position_seconds": {"$ne": null}}', token, 422),
        (learner, '{"position_seconds": NaN}', token, 422),
        (learner, '{"position_seconds": 90000}', token, 422),
    ):
        assert (await report(browser, taught, "Watch", body, its_token)).status_code == status
    _, progress = await embedded_academy.academy.learning.progress(person, taught.slug)
    assert progress is None
    assert (await report(learner, taught, "Watch", '{"position_seconds": 1.85}', token)).status_code == 204
    # Less than two seconds: not worth resuming.
    assert "#t=" not in video_of(await learner.get(address(taught, "Watch")))
    await embedded_academy.academy.database.collection(Video).update_many({}, {"$set": {"duration_seconds": 90.0}})
    assert (await report(learner, taught, "Watch", '{"position_seconds": 61.25}', token)).status_code == 204
    assert video_of(await learner.get(address(taught, "Watch"))).endswith("#t=61.2")
    # A text that was opened is where the course goes on.
    assert (await report(learner, taught, "Read", "{}", token)).status_code == 204
    assert (await learner.get(f"/learn/{taught.slug}")).url.path == address(taught, "Read")
    assert (await report(learner, taught, "Watch", '{"position_seconds": 89, "completed": true}', token)).is_success
    assert " data-done " in (await learner.get(address(taught, "Watch"))).text


async def test_the_address_can_ask_for_a_second(embedded_academy: TestAcademy, film: bytes) -> None:
    taught = await course_of_everything(embedded_academy, film)
    await embedded_academy.work()
    await embedded_academy.academy.database.collection(Video).update_many({}, {"$set": {"duration_seconds": 90.0}})
    person = await taught.learner()
    learner = await embedded_academy.signed_in_browser(person=person)
    watch = taught.lesson("Watch").id
    await embedded_academy.academy.learning.record(person, taught.slug, watch, position_seconds=30.0)

    async def start(query: str) -> str:
        return video_of(await learner.get(f"{address(taught, 'Watch')}{query}")).partition("#t=")[2]

    assert await start("?t=61.25") == "61.2"
    assert await start("?t=0") == "", "from the beginning, although it was left in the middle"
    for query in ("", "?t=", "?t=x", "?t=-1", "?t=90", "?t=nan", "?t=inf", "?t=1e400", "?t=1;2"):
        assert await start(query) == "30.0", query
    assert (await learner.get(f"{address(taught, 'Read')}?t=5")).status_code == 200


async def test_fresh_addresses_for_a_player_whose_own_ran_out(academy: TestAcademy, film: bytes) -> None:
    taught = await course_of_everything(academy, film)
    stranger, learner = academy.browser(), await academy.signed_in_browser(person=await taught.learner())
    early = await learner.get(address(taught, "Watch", "/playback"))
    assert (early.status_code, early.json()["code"]) == (409, "video_not_ready")
    await academy.work()
    page = await learner.get(address(taught, "Watch"))
    told = re.search(r'data-playback="([^"]*)"', page.text)
    assert told
    for browser in (learner, stranger):
        academy.clock.move(hours=1)
        fresh = await browser.get(address(taught, "Watch", "/playback"))
        assert (fresh.status_code, fresh.headers["cache-control"]) == (200, "private, no-store")
        assert (await browser.get(fresh.json()["url"], headers={"Range": "bytes=0-3"})).status_code == 206
    before = json.loads(unescape(told.group(1)))
    assert before.keys() == fresh.json().keys()
    assert before["url"] != fresh.json()["url"]
    assert (before["hls_url"], before["thumbnails_url"], before["qualities"], before["tracks"]) == ("", "", [], [])
    for browser, title, status in ((stranger, "Read", 403), (learner, "Read", 404), (learner, "Tube", 404)):
        refused = await browser.get(address(taught, title, "/playback"))
        assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")


async def test_the_position_needs_a_session(embedded_academy: TestAcademy) -> None:
    taught = await published_course(embedded_academy)
    await taught.preview("One")
    browser = embedded_academy.browser()
    found = re.search(r'name="_csrf_token" value="([^"]+)"', (await browser.get("/login")).text)
    assert found
    assert (await report(browser, taught, "One", '{"position_seconds": 1}', found.group(1))).status_code == 401


async def test_where_a_course_opens(embedded_academy: TestAcademy) -> None:
    taught = await published_course(embedded_academy)
    person = await taught.learner()
    learner = await embedded_academy.signed_in_browser(person=person)
    teacher = await embedded_academy.signed_in_browser(person=taught.teacher)
    stranger = embedded_academy.browser()
    opened = f"/learn/{taught.slug}"
    assert (await learner.get(opened)).url.path == address(taught, "One")
    assert (await teacher.get(opened)).url.path == address(taught, "One")
    assert (await stranger.get(opened)).url.path == f"/courses/{taught.slug}"
    await taught.preview("Two")
    assert (await stranger.get(opened)).url.path == address(taught, "Two")
    await embedded_academy.academy.learning.record(person, taught.slug, taught.lesson("Three").id)
    assert (await learner.get(opened)).url.path == address(taught, "Three")
    await embedded_academy.academy.courses.unpublish(taught.teacher, taught.slug)
    assert (await stranger.get(opened)).url.path == f"/courses/{taught.slug}"
    assert (await learner.get(opened)).status_code == 200


async def test_zen_mode_is_there_from_the_start(embedded_academy: TestAcademy) -> None:
    taught = await published_course(embedded_academy)
    learner = await embedded_academy.signed_in_browser(person=await taught.learner())
    assert 'class="player"' in (await learner.get(address(taught, "One"))).text
    learner.cookies.set("academy_zen", "1", domain="academy.test")
    page = (await learner.get(address(taught, "One"))).text
    assert 'class="player is-zen"' in page
    assert 'id="zen" aria-pressed="true"' in page


async def test_titles_are_text(embedded_academy: TestAcademy) -> None:
    title = "<img src=x onerror=alert(1)>\"'&"
    taught = await published_course(embedded_academy, [title, "Two"])
    person = await taught.learner()
    learner = await embedded_academy.signed_in_browser(person=person)
    for path in (address(taught, title), address(taught, "Two"), "/dashboard"):
        page = (await learner.get(path)).text
        assert "<img src=x" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;&#34;&#39;&amp;" in page


@pytest.mark.parametrize("left", ["course", "account"])
async def test_who_lost_access_meets_the_locked_page(embedded_academy: TestAcademy, left: str) -> None:
    taught = await published_course(embedded_academy)
    person = await taught.learner()
    learner = await embedded_academy.signed_in_browser(person=person)
    assert (await learner.get(address(taught, "One"))).status_code == 200
    if left == "course":
        await embedded_academy.academy.enrolments.forget_user(person.user_id)
    else:
        learner.cookies.clear()
    assert (await learner.get(address(taught, "One"))).status_code == 403


async def test_the_dashboard(academy: TestAcademy) -> None:
    person = await academy.person(name="Asha Rao")
    learner = await academy.signed_in_browser(person=person)
    page = (await learner.get("/dashboard")).text
    assert "Welcome, Asha" in page
    assert 'href="/courses">Find a course</a>' in page

    first, second = await published_course(academy), await published_course(academy, ["Only"])
    for taught in (first, second):
        await academy.academy.enrolments.grant(person, taught.course)
    page = (await learner.get("/dashboard")).text
    assert "Start the first lesson" in page
    assert 'href="' + address(second, "Only") in page, "joined last"

    await academy.academy.learning.record(person, first.slug, first.lesson("One").id, completed=True)
    academy.clock.move(minutes=1)
    await academy.academy.learning.record(person, second.slug, second.lesson("Only").id, completed=True)
    page = (await learner.get("/dashboard")).text
    assert "Welcome back, Asha" in page
    _, _, after = page.partition('class="continue-card"')
    card, _, finished = after.partition('id="finished"')
    assert 'href="' + address(first, "Two") in card
    assert "1 of 3 lessons" in card
    assert "1 min left in this lesson" in card
    assert second.course.title in finished
    assert f'href="/courses/{second.slug}#reviews"' in finished

    for lesson in first.course.lessons():
        await academy.academy.learning.record(person, first.slug, lesson.id, completed=True)
    page = (await learner.get("/dashboard")).text
    assert "continue-card" not in page
    assert "You have finished everything" in page


async def test_the_dashboard_needs_a_session(embedded_academy: TestAcademy) -> None:
    answer = await embedded_academy.browser().get("/dashboard")
    assert answer.url.path == "/login"
    assert answer.url.params["next"] == "/dashboard"
