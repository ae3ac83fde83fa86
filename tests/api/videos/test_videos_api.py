"""The REST handlers of videos and files."""

from pathlib import Path

import pytest

from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.films import Film, make
from tests.academies.in_process import TestAcademy
from tests.academies.media import PDF, make_picture
from tests.api.videos.teaching import make_course, stored_keys


async def test_a_video_from_upload_to_playback_to_deletion(academy: TestAcademy, film: bytes) -> None:
    teacher = await academy.signed_in_api(Role.INSTRUCTOR)
    sent = await teacher.post("videos", files={"file": ("Film.mp4", film, "video/mp4")})
    assert sent.status_code == 201, sent.text
    video = sent.json()
    assert (video["status"], video["size"], video["file_name"]) == ("checking", len(film), "Film.mp4")
    early = await teacher.get(f"videos/{video['id']}/playback")
    assert (early.status_code, early.json()["code"]) == (409, "video_not_ready")
    await academy.work()
    ready = (await teacher.get(f"videos/{video['id']}")).json()
    assert (ready["status"], ready["width"], ready["height"]) == ("converting", 960, 540)
    assert [item["id"] for item in (await teacher.get("videos")).json()["items"]] == [video["id"]]
    playback = (await teacher.get(f"videos/{video['id']}/playback")).json()
    visitor = academy.browser()
    assert (await visitor.get(playback["url"])).content == film
    assert (await visitor.get(playback["poster_url"])).headers["content-type"] == "image/webp"
    assert (await teacher.delete(f"videos/{video['id']}")).status_code == 204
    assert (await teacher.get(f"videos/{video['id']}")).status_code == 404
    assert (await visitor.get(playback["url"])).status_code == 404
    assert await stored_keys(academy) == []


async def test_files(embedded_academy: TestAcademy) -> None:
    teacher = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    document = await teacher.post("files", files={"file": ("Plan.pdf", PDF, "application/pdf")})
    assert document.status_code == 201
    visitor = embedded_academy.browser()
    got = await visitor.get(document.json()["url"])
    assert (got.content, got.headers["content-disposition"]) == (PDF, "attachment; filename*=utf-8''Plan.pdf")
    image = await teacher.post("files", files={"file": ("a.jpg", make_picture(), "image/jpeg")})
    assert (image.json()["kind"], image.json()["content_type"]) == ("image", "image/webp")
    assert (await visitor.get(image.json()["url"])).status_code == 200


async def test_a_course_gets_its_media_over_the_api(academy: TestAcademy, film: bytes) -> None:
    person = await academy.person(Role.INSTRUCTOR)
    teacher = await academy.signed_in_api(person=person)
    course = await make_course(academy, person)
    watch, read = course.lessons()
    refused = await teacher.post(f"courses/{course.slug}/publish")
    assert {error["field"] for error in refused.json()["errors"]} == {f"lesson:{watch.id}", f"lesson:{read.id}"}
    to = {"course": course.slug}
    video = await teacher.post("videos", data={**to, "lesson_id": watch.id}, files={"file": ("a.mp4", film)})
    file = await teacher.post("files", data={**to, "lesson_id": read.id}, files={"file": ("a.pdf", PDF)})
    cover = await teacher.post("files", data=to, files={"file": ("a.jpg", make_picture())})
    assert [answer.status_code for answer in (video, file, cover)] == [201, 201, 201]
    assert video.json()["course_id"] == course.id
    assert (await teacher.post(f"courses/{course.slug}/publish")).status_code == 409, "the video is being checked"
    await academy.work()
    published = await teacher.post(f"courses/{course.slug}/publish")
    assert published.status_code == 200, published.text
    assert published.json()["curriculum"][0]["lessons"][0]["duration_seconds"] == 2
    learner = await academy.signed_in_api()
    assert (await learner.get(f"videos/{video.json()['id']}/playback")).status_code == 403
    assert (await learner.post(f"courses/{course.slug}/enrolments")).status_code == 201
    assert (await learner.get(f"videos/{video.json()['id']}/playback")).status_code == 200
    stored = await academy.academy.courses.get(course.slug)
    assert stored.cover_key == cover.json()["key"]


async def test_media_find_no_lesson(embedded_academy: TestAcademy, film: bytes) -> None:
    person = await embedded_academy.person(Role.INSTRUCTOR)
    teacher = await embedded_academy.signed_in_api(person=person)
    stranger = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    course = await make_course(embedded_academy, person)
    watch, read = course.lessons()
    wrong = [
        (teacher, {"course": "unknown", "lesson_id": watch.id}, 404),
        (teacher, {"lesson_id": watch.id}, 404),
        (teacher, {"course": course.slug}, 404),
        (teacher, {"course": course.slug, "lesson_id": new_id()}, 404),
        (teacher, {"course": course.slug, "lesson_id": read.id}, 404),
        (stranger, {"course": course.slug, "lesson_id": watch.id}, 404),
    ]
    for client, data, status in wrong:
        answer = await client.post("videos", data=data, files={"file": ("a.mp4", film, "video/mp4")})
        assert answer.status_code == status, answer.text
    assert await stored_keys(embedded_academy) == []


@pytest.mark.parametrize(("role", "status"), [(None, 401), (Role.LEARNER, 403)])
async def test_only_instructors_upload(embedded_academy: TestAcademy, role: Role | None, status: int) -> None:
    client = await embedded_academy.signed_in_api(role) if role else embedded_academy.api()
    for path in ("videos", "files"):
        answer = await client.post(path, files={"file": ("a.pdf", PDF, "application/pdf")})
        assert answer.status_code == status
    assert (await client.get("videos")).status_code == status
    assert await stored_keys(embedded_academy) == []


async def test_other_peoples_videos_are_unknown(embedded_academy: TestAcademy, film: bytes) -> None:
    teacher, other = [await embedded_academy.signed_in_api(Role.INSTRUCTOR) for _ in range(2)]
    video = (await teacher.post("videos", files={"file": ("a.mp4", film)})).json()
    assert (await other.get(f"videos/{video['id']}")).status_code == 404
    assert (await other.delete(f"videos/{video['id']}")).status_code == 404
    assert (await other.get("videos")).json()["items"] == []
    assert (await other.get(f"videos/{video['id']}/playback")).status_code == 403
    admin = await embedded_academy.signed_in_api(Role.ADMIN)
    assert (await admin.get(f"videos/{video['id']}")).status_code == 200


async def test_the_document_of_the_api_tells_what_an_upload_holds(embedded_academy: TestAcademy) -> None:
    document = (await embedded_academy.browser().get("/api/openapi.json")).json()
    for path in ("/api/v1/videos", "/api/v1/files"):
        body = document["paths"][path]["post"]["requestBody"]
        fields = set(body["content"]["multipart/form-data"]["schema"]["properties"])
        assert fields == {"file", "course", "lesson_id", "attachment"}


async def test_the_conversion_is_told_and_can_be_played(academy: TestAcademy, tmp_path: Path) -> None:
    teacher = await academy.signed_in_api(Role.INSTRUCTOR)
    film = make(tmp_path / "old.avi", Film(codec="mpeg4", seconds=2, sound=("mp3", 44_100, "stereo"))).read_bytes()
    address = f"videos/{(await teacher.post('videos', files={'file': ('old.avi', film)})).json()['id']}"
    await academy.work()
    under_way = (await teacher.get(address)).json()
    assert (under_way["status"], under_way["progress"], under_way["is_watchable"]) == ("converting", 0, False)
    early = await teacher.get(f"{address}/playback")
    assert (early.status_code, "being converted" in early.json()["detail"]) == (409, True)
    await academy.convert()
    ready = (await teacher.get(address)).json()
    assert (ready["status"], ready["progress"], ready["is_watchable"]) == ("ready", 100, True)
    assert ready["qualities"] == [{"name": "90p", "width": 160, "height": 90}]
    playback = (await teacher.get(f"{address}/playback")).json()
    assert (playback["url"], playback["qualities"]) == (playback["hls_url"], ready["qualities"])
    player = academy.browser()
    folder = playback["hls_url"].rpartition("/")[0]
    master = (await player.get(playback["hls_url"])).text.splitlines()
    media = (await player.get(f"{folder}/{master[-1]}")).text.splitlines()
    segment = await player.get(f"{folder}/90p/{media[-2]}")
    assert (segment.status_code, segment.content[4:8]) == (200, b"moof")
    assert (await player.get(playback["thumbnails_url"])).text.startswith("WEBVTT")
    assert (await teacher.delete(address)).status_code == 204
    assert await stored_keys(academy) == []
