"""Every write of the website but those of the studio, as somebody who may do it does it with a form."""

import re

import httpx

from academy.features.accounts.administration import COMMAND_LINE
from academy.features.accounts.model import Topic
from academy.features.notifications.unsubscribe import UnsubscribeTokens
from academy.features.payments.model import Transaction
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.ids import new_id
from tests.academies.courses import PAID, unique
from tests.academies.in_process import PASSWORD, Browser
from tests.academies.media import make_picture
from tests.academies.payments import ordered
from tests.api.freshness.stage import Stage
from tests.api.freshness.writes import Write, dead_job, entering, registered_address, suppression, welcome

PAGE_WRITES: dict[str, Write] = {}
write = entering(PAGE_WRITES)


async def browser_of(stage: Stage, person: Principal) -> Browser:
    """A browser in which somebody has just signed in; what that changed is in the kept answers already."""
    browser = await stage.writer.signed_in_browser(person=person)
    await stage.warm()
    return browser


async def admins_browser(stage: Stage) -> Browser:
    """The same of an admin."""
    return await browser_of(stage, await stage.writer.person(Role.ADMIN))


async def script_headers(browser: Browser, page: str) -> dict[str, str]:
    """The header that a page's scripts send."""
    found = re.search(r'name="_csrf_token" value="([^"]+)"', (await browser.get(page)).text)
    assert found, f"{page} has no form"
    return {"X-CSRF-Token": found.group(1)}


# --- the entrance ---


@write("POST /register")
async def register(stage: Stage) -> httpx.Response:
    fields = {"name": "Asha Rao", "email": f"{new_id()}@example.com", "password": PASSWORD}
    return await stage.writer.browser().submit("/register", "/register", **fields)


@write("POST /verify")
async def verify(stage: Stage) -> httpx.Response:
    email = await registered_address(stage)
    code = await stage.writer.last_code(email)
    return await stage.writer.browser().submit("/verify", "/verify", email=email, code=code)


@write("POST /verify/resend")
async def resend(stage: Stage) -> httpx.Response:
    return await stage.writer.browser().submit("/verify", "/verify/resend", email=await registered_address(stage))


@write("POST /login")
async def login(stage: Stage) -> httpx.Response:
    fields = {"email": stage.teacher_person.email, "password": PASSWORD}
    return await stage.writer.browser().submit("/login", "/login", **fields)


@write("POST /login/code/send")
async def send_code(stage: Stage) -> httpx.Response:
    return await stage.writer.browser().submit("/login", "/login/code/send", email=stage.teacher_person.email)


@write("POST /login/code")
async def login_by_code(stage: Stage) -> httpx.Response:
    email, browser = stage.teacher_person.email, stage.writer.browser()
    await browser.submit("/login", "/login/code/send", email=email)
    return await browser.submit("/login/code", "/login/code", email=email, code=await stage.writer.last_code(email))


@write("POST /logout")
async def logout(stage: Stage) -> httpx.Response:
    return await (await browser_of(stage, stage.teacher_person)).submit("/account", "/logout")


@write("POST /forgot-password")
async def forgot_password(stage: Stage) -> httpx.Response:
    email = stage.teacher_person.email
    return await stage.writer.browser().submit("/forgot-password", "/forgot-password", email=email)


@write("POST /reset-password")
async def reset_password(stage: Stage) -> httpx.Response:
    email, browser = stage.teacher_person.email, stage.writer.browser()
    await browser.submit("/forgot-password", "/forgot-password", email=email)
    fields = {"email": email, "code": await stage.writer.last_code(email), "password": f"{PASSWORD} and more"}
    return await browser.submit("/reset-password", "/reset-password", **fields)


@write("POST /unsubscribe/{token}")
async def unsubscribe(stage: Stage) -> httpx.Response:
    tokens = UnsubscribeTokens(stage.writer.academy.secret)
    token = tokens.token(stage.teacher_person.user_id, Topic.ANNOUNCEMENTS)
    return await stage.writer.browser().post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})


# --- the account ---


@write("POST /account#name")
async def rename_me(stage: Stage) -> httpx.Response:
    browser = await browser_of(stage, stage.teacher_person)
    return await browser.submit("/account", "/account", name="Another Name")


@write("POST /account#profile")
async def my_profile(stage: Stage) -> httpx.Response:
    fields = {"name": stage.teacher_person.name, "headline": "Baker since yesterday", "bio": "I **bake**."}
    return await (await browser_of(stage, stage.teacher_person)).submit("/account", "/account", **fields)


@write("POST /account/avatar")
async def avatar(stage: Stage) -> httpx.Response:
    browser = await browser_of(stage, stage.teacher_person)
    picture = {"file": ("me.jpg", make_picture(), "image/jpeg")}
    headers = await script_headers(browser, "/account")
    token = {"_csrf_token": headers["X-CSRF-Token"]}
    return await browser.post("/account/avatar", data=token, files=picture)


@write("POST /account/avatar/remove")
async def remove_avatar(stage: Stage) -> httpx.Response:
    assert (await avatar(stage)).is_success
    browser = await browser_of(stage, stage.teacher_person)
    return await browser.submit("/account", "/account/avatar/remove")


@write("POST /account/preferences")
async def preferences(stage: Stage) -> httpx.Response:
    browser = await browser_of(stage, stage.teacher_person)
    return await browser.submit("/account/preferences", "/account/preferences", theme="dark", language="hi")


@write("POST /account/security/password")
async def change_password(stage: Stage) -> httpx.Response:
    browser, page = await browser_of(stage, stage.teacher_person), "/account/security"
    fields = {"current_password": PASSWORD, "password": f"{PASSWORD} and more"}
    return await browser.submit(page, f"{page}/password", **fields)


@write("POST /account/security/email")
async def ask_for_email(stage: Stage) -> httpx.Response:
    browser, page = await browser_of(stage, stage.teacher_person), "/account/security"
    return await browser.submit(page, f"{page}/email", email=f"{new_id()}@example.com", account_password=PASSWORD)


@write("POST /account/security/email/confirm")
async def confirm_email(stage: Stage) -> httpx.Response:
    browser, page = await browser_of(stage, stage.teacher_person), "/account/security"
    email = f"{new_id()}@example.com"
    await browser.submit(page, f"{page}/email", email=email, account_password=PASSWORD)
    return await browser.submit(page, f"{page}/email/confirm", code=await stage.writer.last_code(email))


@write("POST /account/sessions/{session_id}/end")
async def end_session(stage: Stage) -> httpx.Response:
    browser = await browser_of(stage, stage.teacher_person)
    sessions = (await stage.teacher.get("me/sessions")).json()["items"]
    (other,) = [session["id"] for session in sessions if session["current"]]
    return await browser.submit("/account/sessions", f"/account/sessions/{other}/end")


@write("POST /account/sessions/end-others")
async def end_others(stage: Stage) -> httpx.Response:
    browser = await browser_of(stage, stage.teacher_person)
    return await browser.submit("/account/sessions", "/account/sessions/end-others")


@write("POST /account/data/delete#reviewer")
async def delete_reviewer(stage: Stage) -> httpx.Response:
    await stage.writer.academy.reviews.write(stage.learner_person, stage.course.slug, 5, "As good as it gets.")
    browser = await browser_of(stage, stage.learner_person)
    return await browser.submit("/account/data", "/account/data/delete", password=PASSWORD, understood="true")


@write("POST /account/data/delete#teacher")
async def delete_teacher(stage: Stage) -> httpx.Response:
    browser = await browser_of(stage, stage.teacher_person)
    return await browser.submit("/account/data", "/account/data/delete", password=PASSWORD, understood="true")


# --- learners ---


@write("POST /courses/{slug}/enrol")
async def enrol(stage: Stage) -> httpx.Response:
    browser, page = await browser_of(stage, await stage.writer.person()), f"/courses/{stage.course.slug}"
    return await browser.submit(page, f"{page}/enrol")


@write("POST /courses/{slug}/reviews")
async def review(stage: Stage) -> httpx.Response:
    browser, page = await browser_of(stage, stage.learner_person), f"/courses/{stage.course.slug}"
    return await browser.submit(page, f"{page}/reviews", stars="5", text="Better than bought bread.")


@write("POST /learn/{slug}/{lesson_id}/complete")
async def complete(stage: Stage) -> httpx.Response:
    (lesson, *_) = stage.course.lessons()
    browser, page = await browser_of(stage, stage.learner_person), f"/learn/{stage.course.slug}/{lesson.id}"
    return await browser.submit(page, f"{page}/complete", completed="true")


@write("POST /learn/{slug}/{lesson_id}/position")
async def position(stage: Stage) -> httpx.Response:
    (lesson, *_) = stage.course.lessons()
    browser, page = await browser_of(stage, stage.learner_person), f"/learn/{stage.course.slug}/{lesson.id}"
    headers = await script_headers(browser, page)
    return await browser.post(f"{page}/position", json={"completed": True}, headers=headers)


# --- buyers ---


async def _ask_a_price(stage: Stage) -> None:
    await stage.writer.academy.courses.change(stage.teacher_person, stage.course.slug, {"price": PAID})


async def _at_the_bank(stage: Stage) -> tuple[Browser, Transaction]:
    """A buyer's browser, and what they are about to pay."""
    await _ask_a_price(stage)
    buyer = await stage.writer.person()
    transaction = await ordered(stage.writer, buyer, stage.course)
    return await browser_of(stage, buyer), transaction


@write("POST /checkout/{slug}")
async def begin_checkout(stage: Stage) -> httpx.Response:
    await _ask_a_price(stage)
    browser, page = await browser_of(stage, await stage.writer.person()), f"/checkout/{stage.course.slug}"
    return await browser.submit(page, f"{page}?total={PAID.amount}", gateway="rehearsal")


@write("POST /checkout/{slug}/{transaction_id}/cancel")
async def cancel_checkout(stage: Stage) -> httpx.Response:
    browser, transaction = await _at_the_bank(stage)
    page = f"/checkout/{stage.course.slug}/{transaction.id}"
    return await browser.submit(f"{page}/cancelled", f"{page}/cancel")


@write("POST /checkout/{slug}/{transaction_id}/returned")
async def return_from_a_script(stage: Stage) -> httpx.Response:
    browser, transaction = await _at_the_bank(stage)
    page = f"/checkout/{stage.course.slug}/{transaction.id}"
    return await browser.submit(f"{page}/cancelled", f"{page}/returned")


@write("POST /rehearsal/{reference}/pay")
async def pay(stage: Stage) -> httpx.Response:
    browser, transaction = await _at_the_bank(stage)
    return await browser.submit(f"/rehearsal/{transaction.reference}", f"/rehearsal/{transaction.reference}/pay")


@write("POST /rehearsal/{reference}/decline")
async def decline(stage: Stage) -> httpx.Response:
    browser, transaction = await _at_the_bank(stage)
    return await browser.submit(f"/rehearsal/{transaction.reference}", f"/rehearsal/{transaction.reference}/decline")


# --- admins ---


@write("POST /categories")
async def add_category(stage: Stage) -> httpx.Response:
    return await (await admins_browser(stage)).submit("/categories", "/categories", name=unique("Subject"))


@write("POST /categories/{slug}")
async def rename_category(stage: Stage) -> httpx.Response:
    browser = await admins_browser(stage)
    return await browser.submit("/categories", f"/categories/{stage.course.category}", name=unique("Subject"))


@write("POST /categories/{slug}/remove")
async def remove_category(stage: Stage) -> httpx.Response:
    slug = f"subject-{new_id()}"
    await stage.writer.academy.courses.add_category(slug, slug, 0)
    return await (await admins_browser(stage)).submit("/categories", f"/categories/{slug}/remove")


@write("POST /admin/users/{user_id}/role")
async def set_role(stage: Stage) -> httpx.Response:
    browser = await admins_browser(stage)
    return await browser.submit("/admin/users", f"/admin/users/{stage.teacher_person.user_id}/role", role="learner")


@write("POST /admin/users/{user_id}/suspend")
async def suspend(stage: Stage) -> httpx.Response:
    browser = await admins_browser(stage)
    return await browser.submit("/admin/users", f"/admin/users/{stage.teacher_person.user_id}/suspend")


@write("POST /admin/users/{user_id}/unsuspend")
async def unsuspend(stage: Stage) -> httpx.Response:
    await stage.writer.academy.administration.suspend(COMMAND_LINE, stage.teacher_person.user_id)
    browser = await admins_browser(stage)
    return await browser.submit("/admin/users", f"/admin/users/{stage.teacher_person.user_id}/unsuspend")


@write("POST /admin/jobs/{job_id}/retry")
async def retry_job(stage: Stage) -> httpx.Response:
    job_id = await dead_job(stage)
    return await (await admins_browser(stage)).submit("/admin/jobs", f"/admin/jobs/{job_id}/retry")


@write("POST /admin/mail/{mail_id}/resend")
async def resend_mail(stage: Stage) -> httpx.Response:
    page = f"/admin/mail/{await welcome(stage)}"
    return await (await admins_browser(stage)).submit(page, f"{page}/resend")


@write("POST /admin/suppressions/{suppression_id}/lift")
async def lift_suppression(stage: Stage) -> httpx.Response:
    page, held = "/admin/suppressions", await suppression(stage)
    return await (await admins_browser(stage)).submit(page, f"{page}/{held}/lift")
