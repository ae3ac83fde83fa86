"""The pages of the admin, as a browser without JavaScript sees them."""

import re

from academy.infrastructure.email.reports import DeliveryReport, ReportKind
from academy.infrastructure.security.principal import Role
from tests.academies.in_process import TestAcademy
from tests.api.accounts.courses import published_course
from tests.api.accounts.steps import mails_to, register, sign_in
from tests.api.admin.test_figures_jobs_and_mail import dead_job

PAGES = (
    "",
    "/users",
    "/courses",
    "/enrolments",
    "/transactions",
    "/payments-repair",
    "/coupons",
    "/taxes",
    "/mail",
    "/suppressions",
    "/jobs",
    "/webhook-events",
)


async def test_only_admins_see_them(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    learner, instructor = await academy.signed_in_browser(), await academy.signed_in_browser(Role.INSTRUCTOR)
    admin = await academy.signed_in_browser(Role.ADMIN)
    for path in PAGES:
        assert (await academy.browser().get(f"/admin{path}")).url.path == "/login"
        for browser in (learner, instructor):
            assert (await browser.get(f"/admin{path}")).status_code == 403
        page = await admin.get(f"/admin{path}")
        assert page.status_code == 200
        assert f'href="/admin{path}" aria-current="page"' in page.text
        assert '<meta name="robots" content="noindex">' in page.text


async def test_an_empty_academy_says_what_will_be_where(embedded_academy: TestAcademy) -> None:
    admin = await embedded_academy.signed_in_browser(Role.ADMIN)
    for path, sentence in (
        ("/admin", "Nobody has enrolled yet."),
        ("/admin/users?q=nobody", "Nobody fits “nobody”"),
        ("/admin/courses", "No courses yet"),
        ("/admin/enrolments", "Nobody has enrolled yet"),
        ("/admin", "no payment came in"),
        ("/admin/transactions", "Nothing was bought yet"),
        ("/admin/payments-repair", "Nobody waits for what they paid"),
        ("/admin/coupons", "There is no coupon yet."),
        ("/admin/taxes", "There is no tax yet"),
        ("/admin/webhook-events", "No gateway told anything yet"),
        ("/admin/webhook-events?status=refused", "No event is refused"),
        ("/admin/mail", "No mail yet"),
        ("/admin/mail?state=failed", "No mail like that"),
        ("/admin/jobs?status=dead", "No job is dead"),
    ):
        page = await admin.get(path)
        assert (page.status_code, sentence in page.text) == (200, True), path


async def test_a_full_academy(academy: TestAcademy) -> None:
    teacher, learner = await academy.person(Role.INSTRUCTOR, name="Maya Rao"), await academy.person(name="Lee Nair")
    course = await published_course(academy, teacher, "Counting to ten")
    await academy.academy.enrolments.enrol(learner, course.slug)
    await academy.work()
    admin = await academy.signed_in_browser(Role.ADMIN)
    overview = (await admin.get("/admin")).text
    for text in ("Maya Rao", learner.email, "Counting to ten", "You are enrolled: Counting to ten", "healthy"):
        assert text in overview, text
    assert "Counting to ten" in (await admin.get("/admin/courses")).text
    enrolments = (await admin.get("/admin/enrolments")).text
    assert (learner.email in enrolments, f'href="/courses/{course.slug}"' in enrolments) == (True, True)
    # What belonged to a deleted account or course is still a row.
    await academy.academy.accounts.delete(learner, "a long enough password")
    assert learner.email not in (await admin.get("/admin")).text


async def test_users_are_suspended_where_they_were_found(academy: TestAcademy) -> None:
    person = await academy.person(name="Zoë Müller")
    theirs = await academy.signed_in_browser(person=person)
    admin = await academy.signed_in_browser(Role.ADMIN)
    page = await admin.get("/admin/users?q=zoe")
    assert page.text.count('class="lead-cell"') == 1
    assert "They are signed out everywhere at once." in page.text
    user = f"/admin/users/{person.user_id}"
    page = await admin.submit("/admin/users", f"{user}/suspend", q="zoe")
    assert str(page.url) == "http://academy.test/admin/users?q=zoe"
    assert "Zoë Müller is suspended and signed out everywhere." in page.text
    assert f'action="{user}/unsuspend"' in page.text
    assert (await theirs.get("/account")).url.path == "/login"
    page = await admin.submit("/admin/users", f"{user}/unsuspend", q="zoe")
    assert ("may sign in again" in page.text, f'action="{user}/suspend"' in page.text) == (True, True)
    page = await admin.submit("/admin/users", f"{user}/role", role="instructor", q="zoe")
    assert "has the role instructor now" in page.text
    page = await admin.submit("/admin/users", f"{user}/role", role="owner")
    assert "Choose one of the roles." in page.text
    page = await admin.submit("/admin/users", "/admin/users/unknown/suspend")
    assert "There is no such account." in page.text
    assert (await sign_in(academy, person.email)).status_code == 200


async def test_admins_cannot_shut_themselves_out(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    boss = await academy.person(Role.ADMIN)
    admin = await academy.signed_in_browser(person=boss)
    page = await admin.get("/admin/users")
    user = f"/admin/users/{boss.user_id}"
    assert ("This is you" in page.text, f"{user}/suspend" in page.text) == (True, False)
    page = await admin.submit("/admin/users", f"{user}/suspend")
    assert "You cannot suspend your own account." in page.text
    page = await admin.submit("/admin/users", f"{user}/role", role="learner")
    assert "This is the last active admin." in page.text


async def test_long_lists_have_pages(embedded_academy: TestAcademy) -> None:
    admin = await embedded_academy.signed_in_browser(Role.ADMIN)
    for number in range(30):
        await register(embedded_academy, f"person{number}@example.com", name=f"Person {number}")
    await embedded_academy.work()
    for path, rows in (("/admin/users?q=person", 30), ("/admin/users", 31), ("/admin/mail?state=sent", 30)):
        first = await admin.get(path)
        following = re.search(r'rel="next" href="([^"]+)"', first.text)
        assert following, path
        second = await admin.get(first.url.join(following.group(1).replace("&amp;", "&")))
        assert first.text.count('class="lead-cell"') == 25
        assert second.text.count('class="lead-cell"') == rows - 25, path
        assert 'rel="next"' not in second.text
        assert "Previous page" in second.text
    assert (await admin.get("/admin/users?cursor=nonsense")).status_code == 422


async def test_dead_jobs_and_the_mail_log(academy: TestAcademy) -> None:
    await register(academy, "asha@example.com")
    code = await academy.last_code("asha@example.com")
    browser = academy.browser()
    await browser.submit("/verify?email=asha@example.com", "/verify", email="asha@example.com", code=code)
    await academy.work()
    job_id = await dead_job(academy)
    admin = await academy.signed_in_browser(Role.ADMIN)
    page = await admin.get("/admin/jobs?status=dead")
    assert ("Why it failed" in page.text, f"/admin/jobs/{job_id}/retry" in page.text) == (True, True)
    assert "/retry" not in (await admin.get("/admin/jobs?status=done")).text
    page = await admin.submit("/admin/jobs", f"/admin/jobs/{job_id}/retry", status="dead")
    assert (str(page.url.query, "ascii"), "The job runs again." in page.text) == ("status=dead", True)
    page = await admin.submit("/admin/jobs", f"/admin/jobs/{job_id}/retry")
    assert "Only a dead job can be retried" in page.text
    page = await admin.get("/admin/mail?state=sent")
    assert code not in page.text
    mails = re.findall(r'href="(/admin/mail/[0-9a-f-]+)"', page.text)
    again = {path: f'action="{path}/resend"' in (await admin.get(path)).text for path in mails}
    assert sorted(again.values()) == [False, True], "the welcome; a code is not sent twice"
    (welcome,) = [path for path, possible in again.items() if possible]
    assert "Your account is ready" in (await admin.get(welcome)).text
    page = await admin.submit(welcome, f"{welcome}/resend")
    assert "The mail is sent again." in page.text
    assert (await mails_to(academy, "asha@example.com")).count("Welcome to Rtech Academy") == 2
    page = await admin.submit(welcome, "/admin/mail/unknown/resend")
    assert "There is no such mail." in page.text


async def test_suppressed_addresses_are_seen_and_lifted(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    admin = await academy.signed_in_browser(Role.ADMIN)
    assert "No address is suppressed" in (await admin.get("/admin/suppressions")).text
    report = DeliveryReport(
        provider="ses",
        kind=ReportKind.COMPLAINED,
        address="cross@example.com",
        mail_id="",
        detail="abuse",
        reported_at=academy.clock.now(),
    )
    await academy.academy.email.suppressions.record(report)
    page = await admin.get("/admin/suppressions")
    (lift,) = re.findall(r'action="(/admin/suppressions/[0-9a-f-]+/lift)"', page.text)
    assert "cross@example.com" in page.text
    page = await admin.submit("/admin/suppressions", lift)
    assert "cross@example.com gets mail again." in page.text
