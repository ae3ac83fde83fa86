"""The whole academy with its files in a bucket."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from academy.infrastructure.security.principal import Role
from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.academies.media import PDF, make_picture
from tests.api.videos.teaching import make_course, stored_keys

CDN = "https://cdn.example.com/academy"


@pytest.fixture
async def academy(tmp_path: Path, bucket_variables: dict[str, str]) -> AsyncIterator[TestAcademy]:
    async with opened_test_academy(tmp_path, CDN_URL=CDN, **bucket_variables) as opened:
        yield opened


async def fetched(academy: TestAcademy, url: str) -> bytes:
    """What a browser gets that follows the academy's answer to the bucket."""
    answer = await academy.api().get(f"http://academy.test{url}")
    assert answer.status_code == 302, answer.text
    async with httpx.AsyncClient() as client:
        return (await client.get(answer.headers["location"])).raise_for_status().content


async def test_files_live_in_the_bucket_from_upload_to_deletion(academy: TestAcademy, film: bytes) -> None:
    teacher = await academy.person(Role.INSTRUCTOR)
    course = await make_course(academy, teacher)
    watch, read = course.lessons()
    api = await academy.signed_in_api(person=teacher)
    to = {"course": course.slug}
    video = await api.post("videos", data={**to, "lesson_id": watch.id}, files={"file": ("a.mp4", film)})
    document = await api.post("files", data={**to, "lesson_id": read.id}, files={"file": ("a.pdf", PDF)})
    cover = await api.post("files", data=to, files={"file": ("a.jpg", make_picture())})
    assert {video.status_code, document.status_code, cover.status_code} == {201}, video.text
    await academy.work()

    playback = (await api.get(f"videos/{video.json()['id']}/playback")).json()
    assert await fetched(academy, playback["url"]) == film
    assert (await fetched(academy, playback["poster_url"]))[8:12] == b"WEBP"
    assert await fetched(academy, document.json()["url"]) == PDF
    shown = await api.get(f"http://academy.test{cover.json()['url']}")
    assert shown.headers["location"].startswith(f"{CDN}/public/images/")
    assert not (academy.academy.settings.home.path / "files").exists(), "nothing lies on the disk"

    assert (await api.delete(f"courses/{course.slug}")).status_code == 204
    await academy.work()
    assert await stored_keys(academy) == []


async def test_pages_may_show_what_comes_from_there(academy: TestAcademy) -> None:
    answer = await academy.browser().get("/courses")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    for directive in ("img-src", "media-src"):
        assert policy[directive].endswith(f" {academy.academy.storage.address}/ {CDN}/")
    assert policy["connect-src"] == f"'self' {academy.academy.storage.address}/"
    assert policy["script-src"] == policy["default-src"] == "'self'"


async def test_the_health_tells_of_the_bucket(academy: TestAcademy) -> None:
    report = await academy.academy.admin.health()
    assert report.checks["storage"].status == "healthy"
