"""Files that are not what they say, too large, oddly named or damaged: refused with a reason, and nothing is kept."""

import io
import zipfile

import httpx
from PIL import Image

from academy.infrastructure.security.principal import Role
from tests.academies import hostile
from tests.academies.in_process import TestAcademy
from tests.academies.media import PDF, make_picture, stream
from tests.api.videos.conftest import LIMIT
from tests.api.videos.teaching import files_on_disk

HTML = b"<!doctype html><script>alert(document.cookie)</script>" + b" " * 5000
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>' + b" " * 5000
EXECUTABLE = b"MZ\x90\x00\x03" + b"\0" * 5000
# Bytes that a browser could take for a page, behind the mark of a video.
POLYGLOT = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + HTML


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("evil.exe", EXECUTABLE)
    return target.getvalue()


LIES = [
    ("videos", "film.exe", "video/mp4", EXECUTABLE, "Choose one of: mp4, mov"),
    ("videos", "film.mp4", "video/mp4", EXECUTABLE, "its content is something else"),
    ("videos", "film.mp4.exe", "video/mp4", EXECUTABLE, "Choose one of"),
    ("videos", "film.mp4", "video/mp4", HTML, "its content is something else"),
    ("videos", "film.mp4", "video/mp4", POLYGLOT, "it is also a web page or a script"),
    ("files", "plan.pdf", "application/pdf", hostile.PDF + zipped(), "An archive is hidden behind this file"),
    ("files", "plan.pdf", "application/pdf", b"%PDF-1.7\n" + HTML, "it is also a web page or a script"),
    ("files", "all.zip", "application/zip", hostile.zip_bomb(), "would unpack to a hundred times its size"),
    ("files", "all.zip", "", hostile.overlapping_zip(), "share their bytes"),
    ("files", "all.zip", "", hostile.lying_zip(), "says that its files are smaller than they are"),
    ("files", "all.zip", "", hostile.deep_zip(4), "archives in archives in archives"),
    ("files", "all.zip", "", hostile.crowded_zip(), "more than 10,000 files"),
    ("files", "all.zip", "", hostile.zipped({"../../evil": b"x"}), "a name that leads out of its folder"),
    ("files", "all.tar.gz", "", hostile.tar_gzip_bomb(), "would unpack to a hundred times its size"),
    ("files", "all.tar", "", hostile.tar_that_runs(hostile.PROGRAMS["ELF"]), "it is also a program"),
    ("files", "photo.gif", "image/gif", b"GIF89a/*" + HTML, "could not be read"),
    *(("files", "all.zip", "", program, "its content is something else") for program in hostile.PROGRAMS.values()),
    ("videos", "film.mp4", "text/html", POLYGLOT, "is not what .mp4 files are"),
    ("videos", "film.mkv", "video/mp4", POLYGLOT, "is not what .mkv files are"),
    ("videos", "film", "video/mp4", POLYGLOT, "Choose one of"),
    ("videos", "film.mp4", "video/mp4", b"", "empty"),
    ("files", "logo.svg", "image/svg+xml", SVG, "not taken here"),
    ("files", "logo.png", "image/png", SVG, "its content is something else"),
    ("files", "page.html", "text/html", HTML, "not taken here"),
    ("files", "page.pdf", "application/pdf", HTML, "its content is something else"),
    ("files", "report.docx", "", zipped(), "its content is something else"),
    ("files", "photo.jpg", "image/jpeg", b"\xff\xd8\xff" + HTML, "could not be read"),
    ("files", "photo.png", "image/png", PDF, "its content is something else"),
]


async def test_a_file_must_be_what_it_says(embedded_academy: TestAcademy) -> None:
    teacher = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    for path, name, declared, content, reason in LIES:
        answer = await teacher.post(path, files={"file": (name, content, declared)})
        assert answer.status_code == 422, (name, declared, answer.text)
        assert answer.json()["code"] in {"file_refused", "broken_media"}
        assert reason in answer.json()["detail"]
        assert files_on_disk(embedded_academy) == []


async def test_a_picture_loses_what_hides_in_it(embedded_academy: TestAcademy) -> None:
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "<script>alert(1)</script>"
    Image.new("RGB", (640, 360), "teal").save(target, "JPEG", exif=exif, comment=HTML[:60])
    teacher = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    sent = await teacher.post("files", files={"file": ("a.jpg", target.getvalue() + HTML, "image/jpeg")})
    assert sent.status_code == 201
    delivered = (await embedded_academy.browser().get(sent.json()["url"])).content
    assert b"script" in target.getvalue()
    assert b"script" not in delivered
    assert delivered[8:12] == b"WEBP"


async def test_a_video_that_only_begins_like_one_is_found_out(academy: TestAcademy, film: bytes) -> None:
    teacher = await academy.signed_in_api(Role.INSTRUCTOR)
    broken = film[: len(film) // 2]
    for content, reason in (
        (hostile.MP4 + bytes(5000), "not a video that can be read"),
        (broken, "breaks off before its end"),
        (film + zipped(), "An archive is hidden behind this file"),
    ):
        sent = await teacher.post("videos", files={"file": ("film.mp4", content, "video/mp4")})
        assert sent.status_code == 201, sent.text
        await academy.work()
        video = (await teacher.get(f"videos/{sent.json()['id']}")).json()
        assert video["status"] == "failed"
        assert reason in video["failure"]
        playback = await teacher.get(f"videos/{sent.json()['id']}/playback")
        assert (playback.status_code, playback.json()["code"]) == (409, "video_not_ready")


async def test_too_large_is_refused_while_it_arrives(academy: TestAcademy, film: bytes) -> None:
    teacher = await academy.signed_in_api(Role.INSTRUCTOR)
    exact = film + b"\0" * (LIMIT - len(film))
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    for content, status in ((exact, 201), (exact + b"\0", 413), (exact + b"\0" * (5 << 20), 413)):
        answer = await teacher.post(
            "videos",
            content=stream(head + content + b"\r\n--edge--\r\n"),  # of a length that is not told before
            headers={"Content-Type": "multipart/form-data; boundary=edge"},
        )
        assert answer.status_code == status, answer.text
    assert answer.json()["code"] == "file_too_large"
    assert "2 MB" in answer.json()["detail"]
    assert [path.stat().st_size for path in files_on_disk(academy)] == [LIMIT]
    assert len((await teacher.get("videos")).json()["items"]) == 1


ODD_NAMES = [
    ("../../../etc/passwd.mp4", "passwd.mp4"),
    ("..\\..\\windows\\film.mp4", "film.mp4"),
    ("/absolute/film.mp4", "film.mp4"),
    ("C:\\film.mp4", "film.mp4"),
    ("..mp4.mp4", "mp4.mp4"),
    ("\u202e4pm.exe.mp4", "4pm.exe.mp4"),
    ("पाठ 1 🎬.MP4", "पाठ 1 🎬.MP4"),
    ("<script>alert(1)</script>.mp4", "script_.mp4"),
    ("a" * 3000 + ".mp4", "a" * 116 + ".mp4"),
    ('a".mp4', "a_.mp4"),
]


async def test_odd_names_lead_nowhere(embedded_academy: TestAcademy, film: bytes) -> None:
    teacher = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    root = embedded_academy.academy.settings.home.path / "files"
    expected = set()
    for sent, kept in ODD_NAMES:
        answer = await teacher.post("videos", files={"file": (sent, film, "video/mp4")})
        assert answer.status_code == 201, answer.text
        assert answer.json()["file_name"] == kept
        expected.add(f"videos/{answer.json()['id']}/original.mp4")
        assert {str(path.relative_to(root)) for path in files_on_disk(embedded_academy)} == expected


async def test_other_bodies_are_malformed(embedded_academy: TestAcademy) -> None:
    teacher = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    broken_off = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + PDF
    form = {"Content-Type": "multipart/form-data; boundary=edge"}
    answers: list[httpx.Response] = [
        await teacher.post("files", content=b"{}", headers={"Content-Type": "application/json"}),
        await teacher.post("files", data={"file": "text"}),
        await teacher.post("files"),
        await teacher.post("files", content=broken_off, headers=form),
        await teacher.post("files", files=[("file", ("a.pdf", PDF)), ("file", ("b.jpg", b"x" * 3_000_000))]),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "malformed_upload")] * 5
    assert files_on_disk(embedded_academy) == []


async def test_pictures_and_documents_have_limits_of_their_own(embedded_academy: TestAcademy) -> None:
    teacher = await embedded_academy.signed_in_api(Role.INSTRUCTOR)
    picture = await teacher.post("files", files={"file": ("a.jpg", make_picture() + b"\0" * (5 << 20), "image/jpeg")})
    document = await teacher.post("files", files={"file": ("a.pdf", PDF + b"\0" * (50 << 20), "application/pdf")})
    assert [answer.status_code for answer in (picture, document)] == [413, 413]
    assert "5 MB" in picture.json()["detail"]
    assert "50 MB" in document.json()["detail"]
    assert files_on_disk(embedded_academy) == []
