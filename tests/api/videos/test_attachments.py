"""Files beside a lesson: put there in every way that files come, shown to those who may open it, and taken away."""

import re
from html import unescape

import httpx
import pytest

from academy.features.courses.attachments import MOST_ATTACHMENTS
from academy.features.courses.model import Course
from academy.features.videos.model import StoredFile
from academy.infrastructure.security.principal import Principal, Role
from tests.academies import hostile, tus
from tests.academies.in_process import TestAcademy
from tests.academies.media import PDF
from tests.api.videos.teaching import stored_keys
from tests.unit.features.learning.taught import Taught, published_course


@pytest.fixture
async def taught(academy: TestAcademy) -> Taught:
    """A course with the lessons "One", which is a free preview, "Two" and "Three"."""
    taught = await published_course(academy)
    await taught.preview("One")
    return taught


@pytest.fixture
async def api(taught: Taught) -> httpx.AsyncClient:
    return await taught.academy.signed_in_api(person=taught.teacher)


def place(taught: Taught, title: str = "One") -> dict[str, str]:
    return {"course": taught.slug, "lesson_id": taught.lesson(title).id, "attachment": "true"}


async def attach(api: httpx.AsyncClient, taught: Taught, name: str, content: bytes = PDF) -> httpx.Response:
    return await api.post("files", data=place(taught), files={"file": (name, content)})


async def attached(client: httpx.AsyncClient, taught: Taught, title: str = "One") -> list[dict[str, object]]:
    answer = await client.get(f"courses/{taught.slug}/lessons/{taught.lesson(title).id}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["attachments"]
    return found


async def test_they_come_in_order_and_are_downloaded_under_their_names(taught: Taught, api: httpx.AsyncClient) -> None:
    archive = hostile.zipped({"code.py": b"print()"})
    assert (await attach(api, taught, "Slides.pdf")).status_code == 201
    await tus.upload(api, "Code.zip", archive, **place(taught))
    await taught.academy.work()
    slides, code = await attached(api, taught)
    assert [(one["name"], one["size"]) for one in (slides, code)] == [
        ("Slides.pdf", len(PDF)),
        ("Code.zip", len(archive)),
    ]
    learner = await taught.academy.signed_in_browser(person=await taught.learner())
    page = await learner.get(f"/learn/{taught.slug}/{taught.lesson('One').id}")
    links = [unescape(link) for link in re.findall(r'href="(/media/files/[^"]+)" download aria-label', page.text)]
    answers = [await learner.get(link) for link in links]
    assert [answer.content for answer in answers] == [PDF, archive]
    assert answers[1].headers["content-disposition"] == "attachment; filename*=utf-8''Code.zip"
    assert (await learner.get(links[0].partition("?")[0])).status_code == 403, "not without its signature"


async def test_only_who_may_open_the_lesson_gets_them(taught: Taught, api: httpx.AsyncClient) -> None:
    for title in ("One", "Two"):
        data = place(taught, title)
        assert (await api.post("files", data=data, files={"file": ("a.pdf", PDF)})).status_code == 201
    stranger, learner = taught.academy.api(), await taught.academy.signed_in_api(person=await taught.learner())
    assert len(await attached(stranger, taught, "One")) == 1, "a free preview"
    assert len(await attached(learner, taught, "Two")) == 1
    two = f"courses/{taught.slug}/lessons/{taught.lesson('Two').id}"
    assert (await stranger.get(two)).status_code == 403
    page = await taught.academy.browser().get(f"/learn/{taught.slug}/{taught.lesson('Two').id}")
    assert (page.status_code, "/media/" in page.text) == (403, False)


async def test_they_are_removed_by_those_who_may(taught: Taught, api: httpx.AsyncClient) -> None:
    for name in ("a.pdf", "b.pdf"):
        await attach(api, taught, name)
    first, second = await attached(api, taught)
    path = f"courses/{taught.slug}/lessons/{taught.lesson('One').id}/attachments"
    other = await taught.academy.signed_in_api(Role.INSTRUCTOR)
    assert (await other.delete(f"{path}/{first['id']}")).status_code in (403, 404)
    for wrong in ("nonsense", taught.lesson("One").id):
        answer = await api.delete(f"{path}/{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (404, "attachment_not_found")
    assert (await api.delete(f"{path.replace(taught.lesson('One').id, 'none')}/{first['id']}")).status_code == 404
    assert (await api.delete(f"{path}/{first['id']}")).status_code == 204
    assert [one["id"] for one in await attached(api, taught)] == [second["id"]]
    assert len(await stored_keys(taught.academy)) == 1
    studio = await taught.academy.signed_in_browser(person=taught.teacher)
    page = f"/studio/courses/{taught.slug}/lessons/{taught.lesson('One').id}"
    assert "b.pdf" in (await studio.get(page)).text
    shown = await studio.submit(page, f"{page}/attachments/{second['id']}/delete")
    assert (shown.status_code, "The attachment is deleted." in shown.text, "b.pdf" in shown.text) == (200, True, False)
    assert await stored_keys(taught.academy) == []


async def test_what_is_no_document_or_archive_is_refused(taught: Taught, api: httpx.AsyncClient, film: bytes) -> None:
    for name, content in (("a.exe", b"MZ"), ("a.mp4", film), ("a.jpg", b"\xff\xd8\xff"), ("a.zip", hostile.zip_bomb())):
        assert (await attach(api, taught, name, content)).status_code == 422
    elsewhere = {**place(taught), "lesson_id": "none"}
    assert (await api.post("files", data=elsewhere, files={"file": ("a.pdf", PDF)})).status_code == 404
    assert await attached(api, taught) == []
    assert await stored_keys(taught.academy) == []


async def test_a_lesson_has_a_bounded_number(academy: TestAcademy, taught: Taught, api: httpx.AsyncClient) -> None:
    for number in range(MOST_ATTACHMENTS - 1):
        await attach(api, taught, f"{number}.pdf")
    waiting = await tus.upload(api, "late.pdf", PDF, **place(taught))
    assert (await attach(api, taught, "last.pdf")).status_code == 201
    refused = await attach(api, taught, "one more.pdf")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_attachments")
    await academy.work()
    shown = (await api.get(waiting)).json()
    assert (shown["state"], shown["is_attachment"]) == ("refused", True)
    assert "at most 20 attachments" in shown["failure"]
    assert len(await stored_keys(academy)) == MOST_ATTACHMENTS


async def test_they_stay_when_the_outline_changes_and_go_with_the_course(
    academy: TestAcademy, taught: Taught, api: httpx.AsyncClient
) -> None:
    await attach(api, taught, "a.pdf")
    await taught.arrange(["Three", "One"], renamed={"One": "First"})
    taught.course = await lesson_course(academy, taught.teacher, taught.slug)
    assert len(await attached(api, taught, "First")) == 1
    academy.clock.move(days=2)
    await academy.work()
    assert len(await stored_keys(academy)) == 1, "the daily cleaning knows it"
    assert (await (await academy.signed_in_api(person=taught.teacher)).delete(f"courses/{taught.slug}")).is_success
    assert await stored_keys(academy) == []
    assert await academy.academy.database.collection(StoredFile).count({}) == 0


async def lesson_course(academy: TestAcademy, teacher: Principal, slug: str) -> Course:
    return await academy.academy.courses.for_editing(teacher, slug)
