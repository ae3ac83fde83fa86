"""Uploads straight to the bucket: what arrives is looked at before it counts, and nothing is left of what does not."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from academy.features.courses.model import Course, LessonKind
from academy.infrastructure.security.principal import Principal, Role
from tests.academies import tus
from tests.academies.buckets import send_form
from tests.academies.in_process import TestAcademy, opened_test_academy
from tests.academies.media import PDF, make_picture
from tests.api.videos.conftest import LIMIT
from tests.api.videos.teaching import make_course, stored_keys

SCRIPT = b"#!/bin/sh\necho gotcha\n"


@pytest.fixture
async def academy(tmp_path: Path, bucket_variables: dict[str, str]) -> AsyncIterator[TestAcademy]:
    """An academy with its files in a bucket, and a small limit for videos."""
    async with opened_test_academy(tmp_path, MAX_VIDEO_BYTES=str(LIMIT), **bucket_variables) as opened:
        yield opened


@pytest.fixture
async def teacher(academy: TestAcademy) -> Principal:
    return await academy.person(Role.INSTRUCTOR)


@pytest.fixture
async def api(academy: TestAcademy, teacher: Principal) -> httpx.AsyncClient:
    return await academy.signed_in_api(person=teacher)


async def begun(api: httpx.AsyncClient, name: str, size: int, **more: object) -> dict[str, object]:
    answer = await api.post("uploads/direct", json={"file_name": name, "size": size, **more})
    assert answer.status_code == 201, answer.text
    form: dict[str, object] = answer.json()
    return form


async def sent(form: dict[str, object], content: bytes) -> httpx.Response:
    url, fields = form["url"], form["fields"]
    assert isinstance(url, str)
    assert isinstance(fields, dict)
    return await send_form(url, fields, content)


async def complete(api: httpx.AsyncClient, form: dict[str, object]) -> httpx.Response:
    return await api.post(f"uploads/{form['id']}/completion")


async def uploaded(api: httpx.AsyncClient, name: str, content: bytes, **more: object) -> str:
    """Uploads a whole file; returns the address of its upload."""
    form = await begun(api, name, len(content), **more)
    assert (await sent(form, content)).is_success
    answer = await complete(api, form)
    assert (answer.status_code, answer.json()["state"]) == (200, "assembling"), answer.text
    return f"uploads/{form['id']}"


def lesson_of(course: Course, kind: LessonKind) -> dict[str, object]:
    lesson = next(one for one in course.lessons() if one.kind is kind)
    return {"course": course.slug, "lesson_id": lesson.id}


async def test_files_find_their_places(
    academy: TestAcademy, teacher: Principal, api: httpx.AsyncClient, film: bytes
) -> None:
    course = await make_course(academy, teacher)
    digest = hashlib.sha256(film).hexdigest()
    video = await uploaded(
        api, "Film.MP4", film, content_type="video/mp4", sha256=digest, **lesson_of(course, LessonKind.VIDEO)
    )
    document = await uploaded(api, "Plan.pdf", PDF, **lesson_of(course, LessonKind.FILE))
    cover = await uploaded(api, "a.jpg", make_picture(), course=course.slug)
    loose = await uploaded(api, "b.pdf", PDF)
    await academy.work()
    results = {}
    for address in (video, document, cover, loose):
        answer = (await api.get(address)).json()
        assert (answer["state"], answer["failure"]) == ("done", "")
        results[address] = answer["result_id"]
    watched = (await api.get(f"videos/{results[video]}")).json()
    assert (watched["sha256"], watched["size"], watched["file_name"]) == (digest, len(film), "Film.MP4")
    now = await academy.academy.courses.for_editing(teacher, course.slug)
    watch, read = now.lessons()
    assert (watch.video_id, read.file_name) == (results[video], "Plan.pdf")
    assert now.cover_key
    assert results[document] in (read.file_key or "")
    assert [key for key in await stored_keys(academy) if key.startswith("uploads/")] == []


async def test_asking_again_makes_one_file(academy: TestAcademy, api: httpx.AsyncClient) -> None:
    form = await begun(api, "a.pdf", len(PDF))
    assert (await sent(form, PDF)).is_success
    answers = await asyncio.gather(*(complete(api, form) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert 200 in {answer.status_code for answer in answers}
    await academy.work()
    assert (await complete(api, form)).json()["state"] == "done"
    assert len(await stored_keys(academy)) == 1
    await sent(form, PDF)  # the form still holds: what it brings now belongs to nothing
    assert len(await stored_keys(academy)) == 2
    await academy.academy.uploads.sweep()
    assert len(await stored_keys(academy)) == 1


async def test_what_was_not_sent_is_waited_for(academy: TestAcademy, api: httpx.AsyncClient) -> None:
    form = await begun(api, "a.pdf", len(PDF))
    answer = await complete(api, form)
    assert (answer.status_code, answer.json()["code"]) == (409, "file_not_arrived")
    assert (await sent(form, PDF)).is_success
    assert (await complete(api, form)).status_code == 200


@pytest.mark.parametrize(
    ("content", "reason"),
    [(PDF[:-1], "bytes arrived of a file that has"), (SCRIPT.ljust(len(PDF), b"\0"), "its content is something else")],
    ids=["short", "a script"],
)
async def test_what_is_not_as_announced_is_refused_and_deleted(
    academy: TestAcademy, api: httpx.AsyncClient, content: bytes, reason: str
) -> None:
    form = await begun(api, "a.pdf", len(PDF), content_type="application/pdf")
    assert (await sent(form, content)).is_success
    answer = await complete(api, form)
    assert (answer.status_code, answer.json()["code"]) == (422, "file_refused")
    assert reason in answer.json()["detail"]
    assert await stored_keys(academy) == []
    shown = (await api.get(f"uploads/{form['id']}")).json()
    assert (shown["state"], shown["failure"]) == ("refused", answer.json()["detail"])
    assert (await complete(api, form)).status_code == 410


async def test_bytes_of_another_checksum_are_refused_and_deleted(academy: TestAcademy, api: httpx.AsyncClient) -> None:
    address = await uploaded(api, "a.pdf", PDF, sha256="0" * 64)
    await academy.work()
    shown = (await api.get(address)).json()
    assert shown["state"] == "refused"
    assert "its checksum is another one" in shown["failure"]
    assert await stored_keys(academy) == []


async def test_what_is_sent_after_the_look_changes_nothing(academy: TestAcademy, api: httpx.AsyncClient) -> None:
    form = await begun(api, "a.pdf", len(PDF))
    assert (await sent(form, PDF)).is_success
    assert (await complete(api, form)).status_code == 200
    await sent(form, SCRIPT.ljust(len(PDF), b"\0"))
    await academy.work()
    shown = (await api.get(f"uploads/{form['id']}")).json()
    assert shown["state"] == "done"
    (key,) = [key for key in await stored_keys(academy) if not key.startswith("uploads/")]
    assert b"".join([chunk async for chunk in academy.academy.storage.read(key)]) == PDF


async def test_who_cannot_reach_the_bucket_goes_on_by_tus(academy: TestAcademy, api: httpx.AsyncClient) -> None:
    form = await begun(api, "a.pdf", len(PDF))
    address = f"uploads/{form['id']}"
    assert (await tus.send(api, address, 0, PDF[:5])).status_code == 204
    answer = await complete(api, form)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_offset")
    assert (await tus.send(api, address, 5, PDF[5:])).status_code == 204
    await academy.work()
    assert (await api.get(address)).json()["state"] == "done"


async def test_what_nobody_asks_for_is_swept(academy: TestAcademy, api: httpx.AsyncClient) -> None:
    form = await begun(api, "a.pdf", len(PDF))
    assert (await sent(form, PDF)).is_success
    await academy.academy.uploads.sweep()
    assert len(await stored_keys(academy)) == 1, "its completion may still be asked for"
    academy.clock.move(hours=25)
    answer = await (await academy.signed_in_api(Role.INSTRUCTOR)).post(f"uploads/{form['id']}/completion")
    assert answer.status_code == 404, "another one's"
    await academy.academy.uploads.sweep()
    assert await stored_keys(academy) == []


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"file_name": "a.exe"}, 422),
        ({"file_name": ""}, 422),
        ({"content_type": "image/png"}, 422),
        ({"size": 0}, 422),
        ({"size": -1}, 422),
        ({"size": LIMIT + 1}, 413),
        ({"sha256": "nonsense"}, 422),
        ({"sha256": {"$ne": ""}}, 422),
        ({"key": "../other"}, 422),
        ({"course": "no-such-course"}, 404),
        ({"lesson_id": "no-such-lesson"}, 404),
    ],
    ids=str,
)
async def test_what_cannot_be_taken_gets_no_form(
    academy: TestAcademy, api: httpx.AsyncClient, changed: dict[str, object], status: int
) -> None:
    answer = await api.post("uploads/direct", json={"file_name": "a.mp4", "size": 1000, **changed})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.get("uploads")).json()["items"] == []


async def test_a_form_takes_no_more_than_was_announced(academy: TestAcademy, api: httpx.AsyncClient) -> None:
    if academy.academy.settings.storage.storage_provider == "s3":
        pytest.skip("moto does not look at the conditions of a form")
    form = await begun(api, "a.pdf", len(PDF))
    assert (await sent(form, PDF + b"x")).status_code == 400
    assert await stored_keys(academy) == []


async def test_a_folder_takes_no_direct_uploads(embedded_academy: TestAcademy) -> None:
    api = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    answer = await api.post("uploads/direct", json={"file_name": "a.pdf", "size": 1000})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_direct_uploads")
    assert "POST uploads" in answer.json()["detail"]
    assert (await api.get("uploads")).json()["items"] == []


async def test_only_instructors_get_forms(academy: TestAcademy) -> None:
    for client, status in ((academy.api(), 401), (await academy.signed_in_api(), 403)):
        for path in ("uploads/direct", "uploads/any/completion"):
            assert (await client.post(path, json={"file_name": "a.pdf", "size": 1000})).status_code == status
