"""The pages of the account, as a browser without JavaScript sees them; and what no page may do."""

import asyncio
import json
import re

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from academy.app import build_litestar
from academy.infrastructure.security.principal import Role
from tests.academies.in_process import PASSWORD, TestAcademy
from tests.api.accounts.courses import published_course
from tests.api.accounts.test_entrance_pages import field, mistake


async def test_the_profile(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    browser = await academy.signed_in_browser()
    page = await browser.submit("/account", "/account", name="", headline="h" * 121, bio="Hello", links="example.com")
    assert (page.status_code, mistake(page, "name")) == (422, "This is needed.")
    assert mistake(page, "headline") == "This may have at most 120 characters."
    assert (field(page, "headline"), "Hello</textarea>" in page.text) == ("h" * 121, True)
    page = await browser.submit("/account", "/account", name="Asha", links="ftp://example.com")
    assert (page.status_code, mistake(page, "links").startswith("A link begins with")) == (422, True)
    page = await browser.submit(
        "/account",
        "/account",
        name="Asha R. Rao",
        headline="Analyst",
        bio="I count\r\nthings.",
        links="https://a.example\r\n\r\n https://b.example ",
    )
    assert (page.status_code, page.url.path, "Saved." in page.text) == (200, "/account", True)
    assert (field(page, "name"), field(page, "headline")) == ("Asha R. Rao", "Analyst")
    assert "I count\nthings.</textarea>" in page.text
    assert "https://a.example\nhttps://b.example</textarea>" in page.text


async def test_the_preferences(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    page = await browser.get("/account/preferences")
    assert '<option value="Asia/Kolkata" selected>' in page.text
    page = await browser.submit("/account/preferences", "/account/preferences", theme="pink", time_zone="Mars/Base")
    assert (page.status_code, page.text.count("Choose one of")) == (422, 2)
    page = await browser.submit("/account/preferences", "/account/preferences", theme="dark", time_zone="US/Eastern")
    assert (page.status_code, "Saved." in page.text) == (200, True)
    assert 'data-theme="dark"' in page.text
    assert '<option value="US/Eastern" selected>' in page.text
    held = (await academy.academy.accounts.user(person.user_id)).preferences
    assert (held.language, held.theme, held.time_zone) == ("en", "dark", "US/Eastern")


async def test_the_sessions(academy: TestAcademy) -> None:
    person = await academy.person()
    here, there, api = (
        await academy.signed_in_browser(person=person),
        await academy.signed_in_browser(person=person),
        await academy.signed_in_api(person=person),
    )
    page = await here.get("/account/sessions")
    assert page.text.count("This device") == 1
    ends = re.findall(r'action="(/account/sessions/[0-9a-f-]{36}/end)"', page.text)
    assert len(ends) == 2
    stranger = await academy.signed_in_browser()
    assert (await stranger.submit("/account/sessions", ends[0])).status_code == 404
    page = await here.submit("/account/sessions", ends[1])
    assert "That device is signed out." in page.text
    page = await here.submit("/account/sessions", "/account/sessions/end-others")
    assert "You are signed in nowhere else." in page.text
    assert (await there.get("/account")).url.path == "/login"
    assert (await api.get("me")).status_code == 401
    assert (await stranger.get("/account")).url.path == "/account"


async def test_my_data(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    answer = await browser.get("/account/data/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert json.loads(answer.text)["account"]["email"] == person.email
    page = await browser.submit("/account/data", "/account/data/delete", password=PASSWORD)
    assert (page.status_code, mistake(page, "understood") != "") == (422, True)
    page = await browser.submit("/account/data", "/account/data/delete", password="not the password", understood="true")
    assert (page.status_code, mistake(page, "password")) == (422, "This is not your password.")
    page = await browser.submit("/account/data", "/account/data/delete", password=PASSWORD, understood="true")
    assert (page.status_code, page.url.path, "Your account is deleted." in page.text) == (200, "/", True)
    assert (await browser.get("/account")).url.path == "/login"


async def test_the_last_admin_is_told_why_not(embedded_academy: TestAcademy) -> None:
    browser = await embedded_academy.signed_in_browser(Role.ADMIN)
    page = await browser.submit("/account/data", "/account/data/delete", password=PASSWORD, understood="true")
    assert (page.status_code, "This is the last active admin." in page.text) == (422, True)


def _forms(app: Litestar) -> list[str]:
    """The paths of all forms of accounts and admin."""
    ours = ("academy.features.accounts", "academy.features.admin", "academy.features.videos.avatar_pages")
    return sorted(
        path
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if isinstance(handler, HTTPRouteHandler) and "POST" in handler.http_methods
        for path in handler.paths
        if handler.fn.__module__.startswith(ours) and not path.startswith("/api/")
    )


async def test_every_form_needs_its_token(embedded_academy: TestAcademy) -> None:
    paths = _forms(build_litestar(embedded_academy.academy))
    assert {"/account/avatar", "/login", "/admin/users/{user_id:str}/suspend"} <= set(paths)
    browser = await embedded_academy.signed_in_browser(Role.ADMIN)
    other = await embedded_academy.signed_in_browser(Role.ADMIN)
    foreign = field(await other.get("/account"), "_csrf_token")
    for path in paths:
        url = re.sub(r"\{[^}]*\}", "someone", path)
        for data in ({}, {"_csrf_token": ""}, {"_csrf_token": "x.y"}, {"_csrf_token": foreign}):
            answer = await browser.post(url, data=data)
            assert (answer.status_code, "did not come from this site" in answer.text) == (403, True), (url, data)


SCRIPT = "\"'><script>alert(1)</script>{{ 7 * 7 }}"


async def test_scripts_in_what_people_write_are_shown_as_text(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    teacher = await academy.person(Role.INSTRUCTOR)
    learner = await academy.person(Role.LEARNER)
    course = await published_course(academy, teacher)
    browsers = {}
    for person in (teacher, learner):
        browsers[person.user_id] = browser = await academy.signed_in_browser(person=person)
        saved = await browser.submit(
            "/account", "/account", name=SCRIPT, headline=SCRIPT, bio=SCRIPT, links="https://a.example/\"'><script>"
        )
        assert "Saved." in saved.text
    api = await academy.signed_in_api(person=learner)
    assert (await api.post(f"courses/{course.slug}/enrolments")).status_code == 201
    assert (await api.put(f"courses/{course.slug}/reviews", json={"stars": 5, "text": SCRIPT})).status_code == 200
    await academy.work()
    admin = await academy.signed_in_browser(Role.ADMIN)
    visits = [
        *((browsers[learner.user_id], path) for path in ("/account", "/dashboard", "/account/security")),
        *((browsers[teacher.user_id], path) for path in ("/account", "/studio", f"/studio/courses/{course.slug}")),
        *((admin, path) for path in ("/admin", "/admin/users", "/admin/enrolments", "/admin/mail", "/dev/mail")),
        *((academy.browser(), path) for path in ("/", "/courses", f"/courses/{course.slug}")),
        (academy.browser(), f"/login?email={SCRIPT}"),
        (academy.browser(), f"/verify?email={SCRIPT}&next=/{SCRIPT}"),
        (admin, f"/admin/users?q={SCRIPT}"),
    ]
    for browser, path in visits:
        page = await browser.get(path)
        assert page.status_code == 200, path
        # In the local inbox the HTML of a mail stands inside an attribute.
        assert "<script>alert" not in page.text, path
        assert "&gt;49" not in page.text, path
    shown = (await admin.get("/admin/users")).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in shown


async def test_many_forms_at_once(embedded_academy: TestAcademy) -> None:
    """Two tabs that save different things do not lose each other's."""
    person = await embedded_academy.person()
    browser = await embedded_academy.signed_in_browser(person=person)
    await asyncio.gather(
        browser.submit("/account", "/account", name="New Name", headline="Analyst"),
        browser.submit("/account/preferences", "/account/preferences", theme="light", time_zone="UTC"),
    )
    user = await embedded_academy.academy.accounts.user(person.user_id)
    assert (user.name, user.profile.headline, user.preferences.theme) == ("New Name", "Analyst", "light")
