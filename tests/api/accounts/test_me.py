"""The account itself: profile, preferences, export, deletion, on both engines."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from academy.composition import DOCUMENTS
from academy.features.accounts.administration import COMMAND_LINE
from academy.features.accounts.errors import AccountGone
from academy.features.videos.model import StoredFile, Video
from academy.infrastructure.email.model import InboxMail, Mail
from academy.infrastructure.security.principal import Principal, Role
from tests.academies.in_process import PASSWORD, TestAcademy
from tests.academies.media import PDF, stream
from tests.api.accounts.courses import published_course
from tests.api.accounts.steps import blamed, post, problem, register, sign_in

PROFILE = {"headline": "Analyst", "bio": "I count things.", "links": ["https://example.com/asha"]}
PREFERENCES = {
    "language": "en",
    "time_zone": "Europe/Berlin",
    "theme": "dark",
    "declined": ["announcements"],
}


async def test_changing_what_others_see_and_how_it_looks(academy: TestAcademy) -> None:
    api = await academy.signed_in_api()
    changed = await api.patch("me", json={"name": " Asha  R. Rao ", "profile": PROFILE, "preferences": PREFERENCES})
    assert changed.status_code == 200
    assert changed.json() == (await api.get("me")).json()
    assert changed.json()["name"] == "Asha R. Rao"
    assert changed.json()["profile"] == {**PROFILE, "avatar_url": None}
    assert changed.json()["preferences"] == PREFERENCES
    renamed = (await api.patch("me", json={"name": "Asha Rao"})).json()
    assert renamed == {**changed.json(), "name": "Asha Rao"}
    assert (await api.patch("me", json={})).json() == renamed


WRONG: list[tuple[dict[str, object], set[str]]] = [
    ({"name": "  "}, {"name"}),
    ({"name": "A" * 81}, {"name"}),
    ({"profile": {**PROFILE, "headline": "h" * 121}}, {"profile.headline"}),
    ({"profile": {**PROFILE, "bio": "b" * 2001}}, {"profile.bio"}),
    ({"profile": {**PROFILE, "links": ["javascript:alert(1)"]}}, {"links"}),
    ({"profile": {**PROFILE, "links": ["https://example.com onclick=x"]}}, {"links"}),
    ({"profile": {**PROFILE, "links": ["https://example.com"] * 6}}, {"profile.links"}),
    ({"preferences": {**PREFERENCES, "theme": "pink"}}, {"theme"}),
    ({"preferences": {**PREFERENCES, "time_zone": "Mars/Base", "language": "tlh"}}, {"time_zone", "language"}),
    ({"preferences": {**PREFERENCES, "theme": 7}}, {"preferences.theme"}),
]


async def test_what_is_wrong_is_named_and_nothing_is_changed(embedded_academy: TestAcademy) -> None:
    api = await embedded_academy.signed_in_api()
    before = (await api.get("me")).json()
    for change, fields in WRONG:
        answer = await api.patch("me", json={"name": "Somebody Else", "profile": {"headline": "Else"}} | change)
        assert blamed(answer) == fields, change
    assert (await api.get("me")).json() == before


async def test_concurrent_changes_of_different_parts_are_all_kept(academy: TestAcademy) -> None:
    api = await academy.signed_in_api()
    await asyncio.gather(
        api.patch("me", json={"name": "New Name"}),
        api.patch("me", json={"profile": PROFILE}),
        api.patch("me", json={"preferences": PREFERENCES}),
    )
    me = (await api.get("me")).json()
    assert (me["name"], me["profile"]["headline"], me["preferences"]["theme"]) == ("New Name", "Analyst", "dark")


async def test_the_export_holds_everything(academy: TestAcademy) -> None:
    await register(academy, "asha@example.com")
    code = await academy.last_code("asha@example.com")
    tokens = (await post(academy, "verify", email="asha@example.com", code=code)).json()
    api = academy.api(tokens["access_token"])
    await api.patch("me", json={"profile": PROFILE, "preferences": PREFERENCES})
    export = (await api.get("me/export")).json()
    assert set(export) == {
        "account",
        "sessions",
        "security_log",
        "mails",
        "enrolments",
        "progress",
        "reviews",
        "videos",
        "files",
        "captions",
        "transactions",
    }
    account = export["account"]
    assert (account["email"], account["name"], account["role"]) == ("asha@example.com", "Asha Rao", "learner")
    assert account["profile"] == {**PROFILE, "avatar_key": None}
    assert account["preferences"] == PREFERENCES
    assert [session["device"] for session in export["sessions"]] == [api.headers["user-agent"]]
    assert [entry["action"] for entry in export["security_log"]] == ["email_verified"]
    assert [mail["subject"] for mail in export["mails"]] == ["Welcome to Rtech Academy", "Your code for Rtech Academy"]
    text = json.dumps(export)
    assert "password" not in text
    assert "token" not in text


async def _kept(academy: TestAcademy) -> str:
    """Everything that the database holds, except the development inbox, which only plays the world outside."""
    database = academy.academy.database
    found = [await database.collection(one).find({}) for one in DOCUMENTS if one is not InboxMail]
    return msgspec.json.encode(found).decode()


async def test_deletion_leaves_no_personal_data(academy: TestAcademy) -> None:
    person = await academy.person(email="former@example.com", name="Asha Rao")
    browser = await academy.signed_in_browser(person=person)
    await browser.submit(
        "/account/security", "/account/security/email", email="present@example.com", account_password=PASSWORD
    )
    code = await academy.last_code("present@example.com")
    await browser.submit("/account/security?code=1", "/account/security/email/confirm", code=code)
    await post(academy, "forgot-password", email="present@example.com")
    await academy.work()
    api = academy.api((await sign_in(academy, "present@example.com")).json()["access_token"])
    await api.patch("me", json={"profile": PROFILE})
    before = await _kept(academy)
    assert "present@example.com" in before
    assert "former@example.com" in before
    wrong = await api.request("DELETE", "me", json={"password": "not the password"})
    assert blamed(wrong) == {"password"}
    assert (await api.request("DELETE", "me", json={"password": PASSWORD})).status_code == 204
    after = await _kept(academy)
    for text in ("present@example.com", "former@example.com", "Asha", "I count things", "127.0.0.1"):
        assert text not in after
    assert (await api.get("me")).status_code == 401
    assert (await browser.get("/account")).url.path == "/login"
    assert problem(await sign_in(academy, "present@example.com")) == (401, "wrong_credentials")
    trail = await academy.academy.administration.audit()
    assert trail.items[0].action == "account_deleted"
    await register(academy, "present@example.com")
    assert (await academy.last_code("present@example.com")).isdigit()


async def test_an_address_that_was_never_confirmed_is_forgotten_with_the_account(academy: TestAcademy) -> None:
    person = await academy.person()
    accounts = academy.academy.accounts
    await accounts.ask_for_email_change(person, "pending@example.com", PASSWORD)
    await academy.work()
    assert "pending@example.com" in await _kept(academy)
    await accounts.delete(person, PASSWORD)
    assert "pending@example.com" not in await _kept(academy)


async def test_a_deleted_account_is_enrolled_in_nothing(academy: TestAcademy) -> None:
    """A form that is sent slowly can end after the account: whoever sent it was signed in when it began."""
    course, learner = await published_course(academy, await academy.person(Role.INSTRUCTOR)), await academy.person()
    await academy.academy.accounts.delete(learner, PASSWORD)
    for act in (
        academy.academy.enrolments.enrol(learner, course.slug),
        academy.academy.enrolments.grant(learner, course),
    ):
        with pytest.raises(AccountGone):
            await act
    assert await academy.academy.enrolments.count() == 0


async def test_enrolling_and_deletion_at_the_same_moment_leave_nothing(academy: TestAcademy) -> None:
    course = await published_course(academy, await academy.person(Role.INSTRUCTOR))
    learners = [await academy.person() for _ in range(6)]
    enrol, delete = academy.academy.enrolments.enrol, academy.academy.accounts.delete
    acts = [act for who in learners for act in (enrol(who, course.slug), delete(who, PASSWORD))]
    results = await asyncio.gather(*acts, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(error, AccountGone) for error in failed), failed
    assert await academy.academy.enrolments.count() == 0
    held = await academy.academy.courses.by_id(course.id)
    assert held is not None
    assert held.enrolment_count == 0


async def test_an_upload_that_ends_after_the_account_leaves_nothing(academy: TestAcademy) -> None:
    videos, accounts = academy.academy.videos, academy.academy.accounts
    for upload in (videos.files.store, videos.upload):
        person = await academy.person(Role.INSTRUCTOR)

        async def slowly(content: bytes, owner: Principal = person) -> AsyncIterator[bytes]:
            yield content
            await accounts.delete(owner, PASSWORD)
            yield b"the end"

        is_video = upload == videos.upload
        name, content = ("a.mp4", b"\0\0\0\x18ftypisom" + b"\0" * 9000) if is_video else ("a.pdf", PDF * 100)
        with pytest.raises(AccountGone):
            await upload(person, name, "", slowly(content))
    assert await academy.academy.storage.list_files() == []
    database = academy.academy.database
    assert [await database.collection(one).count({}) for one in (StoredFile, Video)] == [0, 0]


async def test_the_mail_of_an_address_belongs_to_who_has_it_now(academy: TestAcademy) -> None:
    first = await academy.person(email="x@example.com")
    accounts = academy.academy.accounts
    for address in ("y@example.com", "z@example.com"):
        await accounts.ask_for_email_change(first, address, PASSWORD)
        await accounts.confirm_email_change(first, await academy.last_code(address))
    await register(academy, "x@example.com")
    await academy.work()
    mails = academy.academy.database.collection(Mail)
    for query in ({"to": "x@example.com"}, {"to": "y@example.com"}):
        assert await mails.count(query) == 1
    exported = (await accounts.export(first))["mails"]
    assert isinstance(exported, list)
    assert len(exported) == 2, "the codes that y and z were sent"
    await accounts.delete(first, PASSWORD)
    assert [mail.to for mail in await mails.find({})] == ["x@example.com"]
    assert (await academy.last_code("x@example.com")).isdigit(), "the mail of the new owner stays"


async def test_uploads_are_exported_and_deleted_with_the_account(academy: TestAcademy) -> None:
    person, other = await academy.person(Role.INSTRUCTOR), await academy.person(Role.INSTRUCTOR)
    files = academy.academy.videos.files
    api = await academy.signed_in_api(person=person)
    course_file = await files.store_file(person, "Course.pdf", "application/pdf", stream(PDF), course_id="course")
    own = await files.store_file(person, "Own.pdf", "application/pdf", stream(PDF))
    others = await files.store_file(other, "Other.pdf", "application/pdf", stream(PDF))
    export = (await api.get("me/export")).json()
    assert [set(file) for file in export["files"]] == [{"name", "size", "type", "created_at"}] * 2
    assert {file["name"] for file in export["files"]} == {own.file_name, course_file.file_name}
    assert export["videos"] == []
    assert (await api.request("DELETE", "me", json={"password": PASSWORD})).status_code == 204
    rows = await academy.academy.database.collection(StoredFile).find({})
    left = {course_file.key, others.key}
    assert {row.key for row in rows} == left
    assert {found.key for found in await academy.academy.storage.list_files()} == left


async def test_an_account_without_a_password_is_deleted_by_its_session_alone(embedded_academy: TestAcademy) -> None:
    user = await embedded_academy.academy.administration.create(
        COMMAND_LINE, "asha@example.com", "Asha", Role.LEARNER, None
    )
    await post(embedded_academy, "resend", email=user.email)
    code = await embedded_academy.last_code(user.email)
    tokens = (await post(embedded_academy, "verify", email=user.email, code=code)).json()
    api = embedded_academy.api(tokens["access_token"])
    assert (await api.request("DELETE", "me", json={})).status_code == 204
    assert (await api.get("me")).status_code == 401


async def test_the_last_admin_stays(academy: TestAcademy) -> None:
    first, second = await academy.person(Role.ADMIN), await academy.person(Role.ADMIN)
    suspended = await academy.person(Role.ADMIN)
    await academy.academy.administration.suspend(COMMAND_LINE, suspended.user_id)
    apis = [await academy.signed_in_api(person=person) for person in (first, second)]

    async def delete(api: httpx.AsyncClient) -> httpx.Response:
        return await api.request("DELETE", "me", json={"password": PASSWORD})

    answers = await asyncio.gather(*(delete(api) for api in apis))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    left = next(api for api, answer in zip(apis, answers, strict=True) if answer.status_code == 409)
    assert problem(await delete(left)) == (409, "last_admin")
    assert (await left.get("admin/overview")).status_code == 200
