"""Captions over the API, and their files as a player gets them."""

import httpx
import pytest

from academy.features.videos.captions_model import CaptionCues, CaptionLine, CaptionTrack
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.ids import new_id
from tests.academies.captions import ENGLISH, HINDI, captioned, film_lessons, stored_video
from tests.academies.courses import draft, enrolled_learner, published
from tests.academies.in_process import TestAcademy

pytestmark = pytest.mark.asyncio(loop_scope="module")

VTT = {"Content-Type": "text/vtt"}


async def teacher_with_video(academy: TestAcademy) -> tuple[Principal, httpx.AsyncClient, str]:
    person = await academy.person(Role.INSTRUCTOR)
    video = await stored_video(academy, person)
    return person, await academy.signed_in_api(person=person), f"videos/{video.id}"


async def kept(academy: TestAcademy, video: str) -> list[int]:
    """How many tracks, lists of cues and lines of a video there are."""
    of_video = {"video_id": video.removeprefix("videos/")}
    database = academy.academy.database
    kinds = (CaptionTrack, CaptionCues, CaptionLine)
    return [await database.collection(kind).count(of_video) for kind in kinds]


async def test_captions_from_upload_to_player_to_deletion(shared_academy: TestAcademy) -> None:
    _, teacher, video = await teacher_with_video(shared_academy)
    form = {"language": "en", "default": "true"}
    sent = await teacher.post(f"{video}/captions", data=form, files={"file": ("a.vtt", ENGLISH)})
    assert sent.status_code == 201, sent.text
    assert (sent.json()["kind"], sent.json()["label"], sent.json()["cue_count"]) == ("captions", "English", 3)
    put = await teacher.put(f"{video}/captions/hi", params={"kind": "subtitles"}, content=HINDI.encode(), headers=VTT)
    assert put.status_code == 201, put.text
    chapters = "WEBVTT\n\n00:00.000 --> 00:01.000\nStart & go\n\n00:30.000 --> 00:31.000\nEnd"
    put = await teacher.put(f"{video}/captions/en", params={"kind": "chapters"}, content=chapters, headers=VTT)
    assert put.status_code == 201, put.text
    listed = (await teacher.get(f"{video}/captions")).json()["items"]
    assert [(one["kind"], one["language"], one["label"], one["default"]) for one in listed] == [
        ("captions", "en", "English", True),
        ("chapters", "en", "English", False),
        ("subtitles", "hi", "हिन्दी", False),
    ]
    tracks = (await teacher.get(f"{video}/playback")).json()["tracks"]
    assert [(one["kind"], one["language"], one["label"], one["default"]) for one in tracks] == [
        ("captions", "en", "English", True),
        ("chapters", "en", "Chapters", False),
        ("subtitles", "hi", "हिन्दी", False),
    ]
    visitor = shared_academy.browser()
    files = [await visitor.get(one["url"]) for one in tracks]
    assert [file.status_code for file in files] == [200, 200, 200]
    assert {file.headers["content-type"] for file in files} == {"text/vtt; charset=utf-8"}
    assert (files[0].text, files[2].text) == (ENGLISH, HINDI)
    assert "00:00:00.000 --> 00:00:30.000\nStart &amp; go" in files[1].text, "a chapter lasts until the next"
    assert "00:00:30.000 --> 00:02:00.000\nEnd" in files[1].text, "the last one until the end"
    assert (await teacher.delete(f"{video}/captions/en")).status_code == 204
    assert (await teacher.delete(f"{video}/captions/en")).status_code == 404
    assert (await visitor.get(tracks[0]["url"])).status_code == 404
    assert await kept(shared_academy, video) == [2, 2, 4]
    assert (await teacher.delete(video)).status_code == 204
    assert await kept(shared_academy, video) == [0, 0, 0]


async def test_an_address_holds_for_a_while_and_for_nothing_else(shared_embedded_academy: TestAcademy) -> None:
    _, teacher, video = await teacher_with_video(shared_embedded_academy)
    for language in ("en", "hi"):
        await teacher.put(f"{video}/captions/{language}", content=ENGLISH, headers=VTT)
    one, other = ((await teacher.get(f"{video}/playback")).json())["tracks"]
    visitor = shared_embedded_academy.browser()
    got = await visitor.get(one["url"])
    again = await visitor.get(one["url"], headers={"If-None-Match": got.headers["etag"]})
    assert (again.status_code, again.text) == (304, "")
    assert got.headers["x-content-type-options"] == "nosniff"
    path, _, query = one["url"].partition("?")
    other_path = other["url"].partition("?")[0]
    for wrong in (
        path,
        f"{other_path}?{query}",
        f"{path}?{query}0",
        f"{path}?expires=1&signature=2",
        f"/captions/{new_id()}.vtt",
    ):
        refused = await visitor.get(wrong)
        assert (refused.status_code, "not valid" in refused.text) == (403, True), wrong
    await teacher.put(f"{video}/captions/en", content=HINDI.encode(), headers=VTT)
    fresh = await visitor.get(one["url"], headers={"If-None-Match": got.headers["etag"]})
    assert (fresh.status_code, fresh.text) == (200, HINDI)
    shared_embedded_academy.clock.move(days=2)
    assert (await visitor.get(one["url"])).status_code == 403


async def test_edits_that_meet(shared_academy: TestAcademy) -> None:
    _, teacher, video = await teacher_with_video(shared_academy)
    address = f"{video}/captions/en"
    missing = await teacher.put(address, content=ENGLISH, headers={**VTT, "If-Match": '"1"'})
    assert (missing.status_code, missing.json()["code"]) == (404, "captions_not_found")
    assert (await teacher.put(address, content=ENGLISH, headers=VTT)).headers["etag"] == '"1"'
    read = await teacher.get(address)
    assert (read.text, read.headers["etag"], read.headers["content-type"]) == (
        ENGLISH,
        '"1"',
        "text/vtt; charset=utf-8",
    )
    changed = await teacher.put(address, content=HINDI.encode(), headers={**VTT, "If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    late = await teacher.put(address, content=ENGLISH, headers={**VTT, "If-Match": '"1"'})
    assert (late.status_code, "Reload it" in late.json()["detail"]) == (412, True)
    assert (await teacher.get(address)).text == HINDI
    assert (await teacher.put(address, content=ENGLISH, headers={**VTT, "If-Match": "*"})).status_code == 200
    assert (await teacher.put(address, content=ENGLISH, headers={**VTT, "If-Match": "x"})).status_code == 422
    twice = await teacher.post(f"{video}/captions", data={"language": "en"}, files={"file": ("a.vtt", ENGLISH)})
    assert (twice.status_code, twice.json()["code"]) == (409, "captions_exist")


@pytest.mark.parametrize(
    ("language", "content", "params", "said"),
    [
        ("english", ENGLISH, {}, "language tag"),
        ("xx-nope", ENGLISH, {}, "language tag"),
        ("qzz", ENGLISH, {}, "language tag"),
        ("en", "WEBVTT\n\nno times\n", {}, "Line 3"),
        ("en", b"WEBVTT\n\n\xff", {}, "UTF-8"),
        ("en", "WEBVTT\n", {}, "no cue"),
        ("en", "WEBVTT\n\n00:05.000 --> 00:09.000\nLate", {"kind": "chapters"}, "begins at 0:00"),
        (
            "en",
            "WEBVTT\n\n00:00.000 --> 00:09.000\nA\n\n05:00.000 --> 05:09.000\nB",
            {"kind": "chapters"},
            "ends at 2:00",
        ),
        ("en", ENGLISH, {"kind": "lyrics"}, "lyrics"),
    ],
)
async def test_what_is_refused_says_why(
    shared_embedded_academy: TestAcademy, language: str, content: str | bytes, params: dict[str, str], said: str
) -> None:
    _, teacher, video = await teacher_with_video(shared_embedded_academy)
    answer = await teacher.put(f"{video}/captions/{language}", content=content, params=params, headers=VTT)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert await kept(shared_embedded_academy, video) == [0, 0, 0]


async def test_what_is_too_large(shared_embedded_academy: TestAcademy) -> None:
    _, teacher, video = await teacher_with_video(shared_embedded_academy)
    large = b"WEBVTT\n\n" + b"a" * 2_050_000
    for answer in (
        await teacher.put(f"{video}/captions/en", content=large, headers=VTT),
        await teacher.post(f"{video}/captions", data={"language": "en"}, files={"file": ("a.vtt", large[:2_000_100])}),
    ):
        assert answer.status_code in (413, 422), answer.text
    assert (await teacher.get(f"{video}/captions")).json() == {"items": [], "next_cursor": None}


async def test_language_tags_are_written_as_usual(shared_embedded_academy: TestAcademy) -> None:
    _, teacher, video = await teacher_with_video(shared_embedded_academy)
    put = await teacher.put(f"{video}/captions/PT_br", content=ENGLISH, headers=VTT)
    assert (put.status_code, put.json()["language"], put.json()["label"]) == (201, "pt-BR", "português (Brasil)")
    assert (await teacher.get(f"{video}/captions/pt-br")).status_code == 200


async def test_captions_are_their_owners(shared_embedded_academy: TestAcademy) -> None:
    _, _, video = await teacher_with_video(shared_embedded_academy)
    for role, status in ((Role.INSTRUCTOR, 404), (Role.LEARNER, 403), (Role.ADMIN, 201)):
        client = await shared_embedded_academy.signed_in_api(role)
        assert (await client.put(f"{video}/captions/en", content=ENGLISH, headers=VTT)).status_code == status
    stranger = await shared_embedded_academy.signed_in_api(Role.INSTRUCTOR)
    for answer in (
        await stranger.get(f"{video}/captions"),
        await stranger.get(f"{video}/captions/en"),
        await stranger.delete(f"{video}/captions/en"),
        await stranger.post(f"{video}/captions", data={"language": "hi"}, files={"file": ("a.vtt", ENGLISH)}),
    ):
        assert answer.status_code == 404
    assert (await stranger.get(f"{video}/playback")).status_code == 403


async def test_who_may_watch_gets_the_tracks(shared_academy: TestAcademy) -> None:
    teacher = await shared_academy.person(Role.INSTRUCTOR)
    course, (video,) = await film_lessons(shared_academy, teacher, await published(shared_academy, teacher), "Watch")
    await captioned(shared_academy, video)
    learner = await shared_academy.signed_in_api(person=await enrolled_learner(shared_academy, course))
    (track,) = (await learner.get(f"videos/{video.id}/playback")).json()["tracks"]
    assert (await learner.get(f"http://academy.test{track['url']}")).text == ENGLISH
    assert (await (await shared_academy.signed_in_api()).get(f"videos/{video.id}/playback")).status_code == 403


async def test_captions_go_with_their_course_and_their_owner(shared_academy: TestAcademy) -> None:
    teacher, _, loose = await teacher_with_video(shared_academy)
    course, (video,) = await film_lessons(shared_academy, teacher, await draft(shared_academy, teacher), "Watch")
    await captioned(shared_academy, video)
    client = await shared_academy.signed_in_api(person=teacher)
    await client.put(f"{loose}/captions/en", content=ENGLISH, headers=VTT)
    exported = (await client.get("me/export")).json()
    assert [(one["kind"], one["language"], one["webvtt"]) for one in exported["captions"]] == [
        ("captions", "en", ENGLISH)
    ] * 2
    assert (await client.delete(f"courses/{course.slug}")).status_code == 204
    assert await kept(shared_academy, video.id) == [0, 0, 0]
    assert await kept(shared_academy, loose) == [1, 1, 2]
    await shared_academy.academy.database.transaction(
        lambda: shared_academy.academy.videos.forget_owner(teacher.user_id)
    )
    assert await kept(shared_academy, loose) == [0, 0, 0]
