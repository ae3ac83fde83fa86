"""The rules of tus 1.0 (https://tus.io/protocols/resumable-upload), one by one."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest

from academy.features.videos.model import VideoStatus
from academy.infrastructure.security.principal import Role
from tests.academies import tus
from tests.academies.in_process import TestAcademy
from tests.academies.media import PDF, make_picture, stream
from tests.api.videos.conftest import LIMIT
from tests.api.videos.teaching import files_on_disk, make_course, stored_keys

MIB = 1 << 20


@pytest.fixture
async def teacher(embedded_academy: TestAcademy) -> httpx.AsyncClient:
    return await embedded_academy.signed_in_api(Role.INSTRUCTOR)


def checksum(algorithm: str, content: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


async def test_a_video_comes_in_pieces(academy: TestAcademy, film: bytes) -> None:
    person = await academy.person(Role.INSTRUCTOR)
    client = await academy.signed_in_api(person=person)
    begun = await client.post("uploads", headers=tus.creation("film.mp4", len(film), filetype="video/mp4"))
    assert (begun.status_code, begun.headers["Upload-Offset"], begun.headers["Tus-Resumable"]) == (201, "0", "1.0.0")
    assert begun.headers["Location"].startswith("/api/v1/uploads/")
    address = begun.headers["Location"].removeprefix("/api/v1/")
    half = len(film) // 2
    first = await tus.send(client, address, 0, film[:half])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(half))
    assert "GMT" in first.headers["Upload-Expires"]
    known = await client.head(address, headers=tus.VERSION)
    assert (known.headers["Upload-Offset"], known.headers["Upload-Length"]) == (str(half), str(len(film)))
    assert known.headers["Upload-Metadata"] == tus.encoded({"filename": "film.mp4", "filetype": "video/mp4"})
    assert (known.headers["Cache-Control"], known.content) == ("no-store", b"")
    last = await tus.send(client, address, half, stream(film[half:]))
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(film)))
    assert (await client.get(address)).json()["state"] == "assembling"
    await academy.work()
    done = (await client.get(address)).json()
    assert done["state"] == "done"
    video = (await client.get(f"videos/{done['result_id']}")).json()
    assert (video["sha256"], video["size"]) == (hashlib.sha256(film).hexdigest(), len(film))
    assert video["status"] == VideoStatus.CONVERTING
    assert not [key for key in await stored_keys(academy) if key.startswith("uploads/")]
    assert await tus.offset(client, address) == len(film)


async def test_files_go_where_they_belong(academy: TestAcademy, film: bytes) -> None:
    person = await academy.person(Role.INSTRUCTOR)
    client = await academy.signed_in_api(person=person)
    course = await make_course(academy, person)
    watch, read = course.lessons()
    await tus.upload(client, "film.mp4", film, course=course.slug, lesson_id=watch.id)
    await tus.upload(client, "plan.pdf", PDF, course=course.slug, lesson_id=read.id)
    await tus.upload(client, "cover.jpg", make_picture(), course=course.slug)
    loose = await tus.upload(client, "loose.pdf", PDF)
    await academy.work()
    now = await academy.academy.courses.get(course.slug, person)
    assert (now.cover_key or "").endswith(".webp")
    assert [lesson.file_name for lesson in now.lessons()] == ["", "plan.pdf"]
    videos = (await client.get("videos")).json()["items"]
    assert [(video["id"], video["status"]) for video in videos] == [(now.lessons()[0].video_id, "converting")]
    assert (await client.get(loose)).json()["state"] == "done"
    assert len(await stored_keys(academy)) == 4 + 2 * 4, "the video, its poster, two documents, the cover in four sizes"
    assert (await client.get("uploads")).json()["items"] == []


async def test_what_a_place_does_not_take_is_refused_at_once(academy: TestAcademy) -> None:
    person = await academy.person(Role.INSTRUCTOR)
    client = await academy.signed_in_api(person=person)
    other = await academy.signed_in_api(Role.INSTRUCTOR)
    course = await make_course(academy, person)
    watch, read = course.lessons()
    lesson = {"course": course.slug, "lesson_id": watch.id}
    for name, length, place, status, reason in (
        ("film.exe", 10, {}, 422, "Choose one of: mp4"),
        ("film.mp4", 0, {}, 422, "empty"),
        ("film.mp4", LIMIT + 1, {}, 413, "larger than the 2 MB"),
        ("film.mp4", 10**17, {}, 413, "larger than"),
        ("cover.jpg", 6 * MIB, {"course": course.slug}, 413, "larger than the 5 MB"),
        ("plan.pdf", 10, lesson, 422, "Choose one of: mp4"),
        ("film.mp4", 10, {**lesson, "lesson_id": read.id}, 422, "Choose one of: pdf"),
        ("film.mp4", 10, {"course": course.slug}, 422, "Choose one of: jpg"),
        ("film.mp4", 10, {**lesson, "lesson_id": "none"}, 404, "lesson"),
        ("film.mp4", 10, {"course": "none"}, 404, "course"),
        ("film.mp4", 10, {"filetype": "text/html"}, 422, "is not what .mp4 files are"),
    ):
        answer = await client.post("uploads", headers=tus.creation(name, length, **place))
        assert (answer.status_code, answer.headers["Tus-Resumable"]) == (status, "1.0.0"), (name, place, answer.text)
        assert reason in answer.json()["detail"], (name, place)
    assert (await other.post("uploads", headers=tus.creation("a.mp4", 10, **lesson))).status_code == 404
    assert (await client.get("uploads")).json()["items"] == []


LIES = [
    ("film.mp4", "video/mp4", b"MZ" + bytes(9000)),
    ("logo.png", "image/png", b"<svg/>" + bytes(9000)),
    ("plan.pdf", "", b"<!doctype html>"),
]


async def test_the_first_bytes_tell_a_lie(embedded_academy: TestAcademy, teacher: httpx.AsyncClient) -> None:
    for name, declared, content in LIES:
        for piece in (len(content), 5):
            address = await tus.begin(teacher, name, len(content), filetype=declared)
            at = 0
            while (answer := await tus.send(teacher, address, at, content[at : at + piece])).status_code == 204:
                at += piece
                assert at < 4096 + piece, "4,096 bytes are enough"
                if piece == 5:
                    piece = 2000  # noqa: PLW2901 - one small piece, then larger ones
            assert (answer.status_code, answer.json()["code"]) == (422, "file_refused"), answer.text
            assert "its content is something else" in answer.json()["detail"]
            assert files_on_disk(embedded_academy) == []
            again = await tus.send(teacher, address, at, content[at:])
            assert (again.status_code, again.json()["detail"]) == (410, answer.json()["detail"])
            assert (await teacher.get(address)).json()["failure"] == answer.json()["detail"]
            assert (await teacher.delete(address, headers=tus.VERSION)).status_code == 204


async def test_bytes_must_continue_what_is_stored(academy: TestAcademy, film: bytes) -> None:
    client = await academy.signed_in_api(Role.INSTRUCTOR)
    address = await tus.begin(client, "film.mp4", len(film))
    assert (await tus.send(client, address, 0, film[:5000])).status_code == 204
    for offset, status, code in (
        ("0", 409, "wrong_offset"),
        ("4999", 409, "wrong_offset"),
        ("5001", 409, "wrong_offset"),
        (str(len(film)), 409, "wrong_offset"),
        ("9" * 18, 409, "wrong_offset"),
        ("9" * 19, 400, "malformed_header"),
        ("-1", 400, "malformed_header"),
        ("+5000", 400, "malformed_header"),
        ("5e3", 400, "malformed_header"),
        ("٥٠٠٠".encode().decode("latin-1"), 400, "malformed_header"),
        ("", 400, "malformed_header"),
    ):
        headers = {**tus.BYTES, "Upload-Offset": offset}
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await client.patch(address, headers=raw, content=film[5000:6000])
        assert (answer.status_code, answer.json()["code"]) == (status, code), (offset, answer.text)
    assert (await client.patch(address, headers=tus.BYTES, content=b"x")).status_code == 400
    assert await tus.offset(client, address) == 5000


async def test_more_bytes_than_announced(embedded_academy: TestAcademy, teacher: httpx.AsyncClient) -> None:
    address = await tus.begin(teacher, "plan.pdf", len(PDF))
    announced = await tus.send(teacher, address, 0, PDF + b"x")
    assert (announced.status_code, announced.json()["code"]) == (413, "upload_too_long")
    streamed = await tus.send(teacher, address, 0, stream(PDF + b"x", 100))
    assert (streamed.status_code, streamed.json()["code"]) == (413, "upload_too_long")
    assert (await tus.offset(teacher, address), files_on_disk(embedded_academy)) == (0, [])
    assert (await tus.send(teacher, address, 0, PDF)).status_code == 204
    assert (await tus.send(teacher, address, len(PDF), b"")).status_code == 204, "an empty piece changes nothing"
    assert (await tus.send(teacher, address, len(PDF), b"x")).status_code == 413


async def test_the_version_of_the_protocol(teacher: httpx.AsyncClient) -> None:
    address = await tus.begin(teacher, "plan.pdf", len(PDF))
    for version in ({}, {"Tus-Resumable": "0.2.2"}):
        headers = {**tus.creation("a.pdf", 1), **tus.BYTES, "Upload-Offset": "0"}
        wrong = {name: value for name, value in headers.items() if name != "Tus-Resumable"} | version
        for method, path in (("POST", "uploads"), ("PATCH", address), ("DELETE", address)):
            answer = await teacher.request(method, path, headers=wrong, content=b"")
            assert (answer.status_code, answer.json()["code"]) == (412, "tus_version"), method
            assert (answer.headers["Tus-Version"], answer.headers["Tus-Resumable"]) == ("1.0.0", "1.0.0")
    assert (await teacher.head(address, headers={"Tus-Resumable": "0.2.2"})).status_code == 412
    assert await tus.offset(teacher, address) == 0


async def test_what_the_server_can(embedded_academy: TestAcademy) -> None:
    anybody = embedded_academy.api()
    for path in ("uploads", "uploads/any"):
        answer = await anybody.options(path)
        assert answer.status_code == 204
        told = {name: answer.headers[name] for name in answer.headers if name.startswith("tus-")}
        assert told == {
            "tus-resumable": "1.0.0",
            "tus-version": "1.0.0",
            "tus-extension": "creation,creation-with-upload,checksum,expiration,termination",
            "tus-max-size": str(1 << 30),
            "tus-checksum-algorithm": "sha1,sha256",
        }


async def test_bytes_are_sent_as_such(teacher: httpx.AsyncClient) -> None:
    address = await tus.begin(teacher, "plan.pdf", len(PDF))
    for kind in ("application/pdf", "", "application/json"):
        answer = await tus.send(teacher, address, 0, PDF, Content_Type=kind)
        assert answer.status_code == 415, kind
        posted = await teacher.post(
            "uploads", headers={**tus.creation("a.pdf", len(PDF)), "Content-Type": kind}, content=PDF
        )
        assert posted.status_code == 415, kind
    assert await tus.offset(teacher, address) == 0


async def test_what_is_told_at_the_beginning(teacher: httpx.AsyncClient) -> None:
    good = tus.creation("plan.pdf", 10)
    name = good["Upload-Metadata"]
    for change in (
        {"Upload-Length": None},
        {"Upload-Length": "-1"},
        {"Upload-Length": "ten"},
        {"Upload-Length": "9" * 400},
        {"Upload-Length": None, "Upload-Defer-Length": "1"},
        {"Upload-Defer-Length": "1"},
        {"Upload-Metadata": None},
        {"Upload-Metadata": "filetype YQ=="},
        {"Upload-Metadata": "filename"},
        {"Upload-Metadata": "filename YQ"},
        {"Upload-Metadata": "filename Y Q=="},
        {"Upload-Metadata": "filename _w=="},
        {"Upload-Metadata": "filename /w=="},
        {"Upload-Metadata": f"{name},{name}"},
        {"Upload-Metadata": f"{name},"},
        {"Upload-Metadata": f"{name}, , b YQ=="},
        {"Upload-Metadata": f"{name},x {'YWFh' * 2000}"},
    ):
        headers = {key: value for key, value in (good | change).items() if value is not None}
        answer = await teacher.post("uploads", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_header"), (change, answer.text)
    told = tus.encoded({"filename": "../../ä\u202e/plan.pdf", "relativePath": "/etc/passwd"})
    odd = {**good, "Upload-Metadata": f"empty,{told}"}
    answer = await teacher.post("uploads", headers=odd)
    assert answer.status_code == 201, answer.text
    begun = await teacher.get(f"uploads/{answer.headers['Location'].rpartition('/')[2]}")
    assert begun.json()["file_name"] == "plan.pdf"


async def test_the_first_bytes_may_come_along(academy: TestAcademy, film: bytes) -> None:
    client = await academy.signed_in_api(Role.INSTRUCTOR)
    headers = {**tus.creation("film.mp4", len(film)), **tus.BYTES}
    begun = await client.post("uploads", headers=headers, content=film[:7000])
    assert (begun.status_code, begun.headers["Upload-Offset"]) == (201, "7000")
    address = begun.headers["Location"].removeprefix("/api/v1/")
    assert (await tus.send(client, address, 7000, film[7000:])).status_code == 204
    whole = await client.post("uploads", headers=headers, content=film)
    assert (whole.status_code, whole.headers["Upload-Offset"]) == (201, str(len(film)))
    too_long = await client.post("uploads", headers=headers, content=film + b"x")
    assert too_long.status_code == 413
    lie = await client.post("uploads", headers=headers, content=b"MZ" + bytes(len(film) - 2))
    assert (lie.status_code, lie.json()["code"]) == (422, "file_refused")
    await academy.work()
    videos = (await client.get("videos")).json()["items"]
    assert [video["sha256"] for video in videos] == [hashlib.sha256(film).hexdigest()] * 2


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_damaged_bytes_are_not_kept(academy: TestAcademy, film: bytes, algorithm: str) -> None:
    client = await academy.signed_in_api(Role.INSTRUCTOR)
    address = await tus.begin(client, "film.mp4", len(film))
    for at in (0, 6000):
        piece = film[at : at + 6000] if at == 0 else film[at:]
        damaged = bytes([piece[0] ^ 1]) + piece[1:]
        answer = await tus.send(client, address, at, damaged, Upload_Checksum=checksum(algorithm, piece))
        assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
        assert await tus.offset(client, address) == at
        assert len(await stored_keys(academy)) == (0 if at == 0 else 1)
        good = await tus.send(client, address, at, piece, Upload_Checksum=checksum(algorithm, piece))
        assert good.status_code == 204, good.text
    await academy.work()
    assert (await client.get("videos")).json()["items"][0]["sha256"] == hashlib.sha256(film).hexdigest()


async def test_checksums_that_cannot_be_checked(teacher: httpx.AsyncClient) -> None:
    address = await tus.begin(teacher, "plan.pdf", len(PDF))
    right = checksum("sha1", PDF).split(" ")[1]
    for value in (f"md5 {right}", "sha1", "sha1 !", f"SHA1 {right}", f"sha256 {right}", f"sha1  {right}", ""):
        answer = await tus.send(teacher, address, 0, PDF, Upload_Checksum=value)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_header"), value
    assert await tus.offset(teacher, address) == 0


class HaltedBody:
    """The bytes of a request that stop in the middle until they may go on."""

    def __init__(self, content: bytes) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content[:6000]
        self.begun.set()
        await self.may_end.wait()
        yield self._content[6000:]


async def test_one_request_writes_at_a_time(academy: TestAcademy, film: bytes) -> None:
    client = await academy.signed_in_api(Role.INSTRUCTOR)
    address = await tus.begin(client, "film.mp4", len(film))
    body = HaltedBody(film)
    first = asyncio.create_task(tus.send(client, address, 0, aiter(body)))
    await body.begun.wait()
    second = await tus.send(client, address, 0, film)
    assert (second.status_code, second.json()["code"]) == (409, "upload_busy")
    body.may_end.set()
    assert (await first).status_code == 204
    late = await tus.send(client, address, 0, film)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_offset")
    await academy.work()
    assert (await client.get("videos")).json()["items"][0]["sha256"] == hashlib.sha256(film).hexdigest()


async def test_a_silent_writer_loses_its_turn_and_spoils_nothing(academy: TestAcademy, film: bytes) -> None:
    client = await academy.signed_in_api(Role.INSTRUCTOR)
    address = await tus.begin(client, "film.mp4", len(film))
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        yield film[:6000]
        begun.set()
        await may_end.wait()
        yield bytes(len(film) - 6000)

    first = asyncio.create_task(tus.send(client, address, 0, silent()))
    await begun.wait()
    academy.clock.move(seconds=11)
    assert (await tus.send(client, address, 0, film[:9000])).status_code == 204
    may_end.set()
    overtaken = await first
    assert (overtaken.status_code, overtaken.json()["code"]) == (409, "upload_busy")
    assert await tus.offset(client, address) == 9000
    assert (await tus.send(client, address, 9000, film[9000:])).status_code == 204
    await academy.work()
    assert (await client.get("videos")).json()["items"][0]["sha256"] == hashlib.sha256(film).hexdigest()
    assert not [key for key in await stored_keys(academy) if key.startswith("uploads/")]


async def test_an_upload_that_is_left_alone_expires(academy: TestAcademy, film: bytes) -> None:
    person = await academy.person(Role.INSTRUCTOR)

    async def client() -> httpx.AsyncClient:
        return await academy.signed_in_api(person=person)  # again and again: access tokens are short-lived

    address = await tus.begin(await client(), "film.mp4", len(film))
    academy.clock.move(hours=23)
    assert (await tus.send(await client(), address, 0, film[:5000])).status_code == 204
    academy.clock.move(hours=23)
    await academy.work()
    assert await tus.offset(await client(), address) == 5000, "each piece gives it another day"
    academy.clock.move(hours=2)
    for answer in (
        await (await client()).head(address, headers=tus.VERSION),
        await tus.send(await client(), address, 5000, film[5000:]),
    ):
        assert (answer.status_code, answer.headers["Tus-Resumable"]) == (410, "1.0.0")
    await academy.work()
    assert (await (await client()).head(address, headers=tus.VERSION)).status_code == 404
    assert await stored_keys(academy) == []


async def test_an_upload_is_taken_back(academy: TestAcademy, film: bytes) -> None:
    client = await academy.signed_in_api(Role.INSTRUCTOR)
    address = await tus.begin(client, "film.mp4", len(film))
    await tus.send(client, address, 0, film[:9000])
    gone = await client.delete(address, headers=tus.VERSION)
    assert (gone.status_code, gone.headers["Tus-Resumable"], gone.content) == (204, "1.0.0", b"")
    assert await stored_keys(academy) == []
    assert (await client.head(address, headers=tus.VERSION)).status_code == 404
    assert (await client.delete(address, headers=tus.VERSION)).status_code == 404
    assert (await tus.send(client, address, 9000, film[9000:])).status_code == 404
    assembling = await tus.upload(client, "film.mp4", film)
    assert (await client.delete(assembling, headers=tus.VERSION)).status_code == 204
    await academy.work()
    assert ((await client.get("videos")).json()["items"], await stored_keys(academy)) == ([], [])
    done = await tus.upload(client, "film.mp4", film)
    await academy.work()
    assert (await client.delete(done, headers=tus.VERSION)).status_code == 204
    assert len((await client.get("videos")).json()["items"]) == 1, "what it became stays"


async def test_taken_back_while_bytes_come(academy: TestAcademy, film: bytes) -> None:
    client = await academy.signed_in_api(Role.INSTRUCTOR)
    address = await tus.begin(client, "film.mp4", len(film))
    body = HaltedBody(film)
    sending = asyncio.create_task(tus.send(client, address, 0, aiter(body)))
    await body.begun.wait()
    assert (await client.delete(address, headers=tus.VERSION)).status_code == 204
    body.may_end.set()
    assert (await sending).status_code == 409
    assert await stored_keys(academy) == []


async def test_uploads_are_their_owners(academy: TestAcademy) -> None:
    client = await academy.signed_in_api(Role.INSTRUCTOR)
    address = await tus.begin(client, "plan.pdf", len(PDF))
    for role in (Role.INSTRUCTOR, Role.ADMIN):
        other = await academy.signed_in_api(role)
        for answer in (
            await other.head(address, headers=tus.VERSION),
            await other.get(address),
            await tus.send(other, address, 0, PDF),
            await other.delete(address, headers=tus.VERSION),
        ):
            assert answer.status_code == 404
    learner = await academy.signed_in_api(Role.LEARNER)
    assert (await learner.post("uploads", headers=tus.creation("a.pdf", 1))).status_code == 403
    assert (await tus.send(academy.api(), address, 0, PDF)).status_code == 401
    assert await tus.offset(client, address) == 0


async def test_methods_in_a_header(embedded_academy: TestAcademy, teacher: httpx.AsyncClient) -> None:
    address = await tus.begin(teacher, "plan.pdf", len(PDF))

    async def post(method: str, **headers: str) -> httpx.Response:
        content = PDF if method == "PATCH" else b""
        named = {**tus.VERSION, "X-HTTP-Method-Override": method, **headers}
        return await teacher.post(address, headers=named, content=content)

    assert (await post("PATCH", **tus.BYTES, **{"Upload-Offset": "0"})).status_code == 204
    assert (await post("HEAD")).headers["Upload-Offset"] == str(len(PDF))
    assert (await post("DELETE")).status_code == 204
    assert (await teacher.get(address)).status_code == 404
    elsewhere = await teacher.post("videos", headers={"X-HTTP-Method-Override": "GET"}, files={"file": b""})
    assert elsewhere.status_code == 422, "the header means nothing there"


async def test_the_studio_needs_a_token_of_its_pages(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person(Role.INSTRUCTOR)
    course = await make_course(embedded_academy, person)
    browser = await embedded_academy.signed_in_browser(person=person)
    page = (await browser.get(f"/studio/courses/{course.slug}")).text
    token = {"X-CSRF-Token": page.partition('name="_csrf_token" value="')[2].partition('"')[0]}
    refused = await browser.post("/studio/uploads", headers=tus.creation("plan.pdf", len(PDF)))
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    begun = await browser.post("/studio/uploads", headers={**tus.creation("plan.pdf", len(PDF)), **token})
    address = begun.headers["Location"]
    assert address.startswith("/studio/uploads/")
    bytes_of = {**tus.BYTES, "Upload-Offset": "0"}
    assert (await browser.patch(address, headers=bytes_of, content=PDF)).status_code == 403
    assert (await browser.patch(address, headers={**bytes_of, **token}, content=PDF)).status_code == 204
    assert (await browser.head(address, headers=tus.VERSION)).headers["Upload-Offset"] == str(len(PDF))
    assert [one["state"] for one in (await browser.get("/studio/uploads")).json()["items"]] == ["assembling"]
    assert (await browser.delete(address, headers=tus.VERSION)).status_code == 403
    assert (await browser.delete(address, headers={**tus.VERSION, **token})).status_code == 204
    gone = await browser.get(address)
    assert (gone.status_code, gone.json()["code"]) == (404, "upload_not_found")
