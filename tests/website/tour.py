"""Every page of the demo academy, by who sees it: for the pictures and for what every page must keep."""

from playwright.async_api import Page

from academy.demo.accounts import ADMIN, DEMO_PASSWORD, INSTRUCTOR, LEARNER
from tests.website.people import sign_in

COURSE = "/courses/statistics-without-fear"
BUYING = "/checkout/sql-that-answers-questions"

PUBLIC = {
    "landing": "/",
    "catalogue": "/courses",
    "search": "/courses?q=colour&level=beginner",
    "nothing-found": "/courses?q=xylophone",
    "course": COURSE,
    "paid-course": "/courses/sql-that-answers-questions",
    "checkout": BUYING,
    "login": "/login",
    "register": "/register",
    "verify": "/verify?email=you%40example.com",
    "not-found": "/courses/there-is-none",
    "inbox": "/dev/mail",
    "api": "/api/docs",
}
OF_PEOPLE = {
    LEARNER.email: {
        "dashboard": "/dashboard",
        "player": "/learn/statistics-without-fear",
        "enrolled-course": COURSE,
        "locked": "",
        "profile": "/account",
        "preferences": "/account/preferences",
        "security": "/account/security",
        "sessions": "/account/sessions",
        "my-data": "/account/data",
        "my-checkout": BUYING,
        "bank": "",
        "waiting": "",
        "not-paid": "",
        "receipts": "/account/receipts",
        "receipt": "",
    },
    INSTRUCTOR.email: {
        "studio": "/studio",
        "studio-course": "/studio/courses/the-web-without-magic",
        "studio-lesson": "",
    },
    ADMIN.email: {
        "admin": "/admin",
        "admin-users": "/admin/users",
        "admin-courses": "/admin/courses",
        "admin-enrolments": "/admin/enrolments",
        "admin-mail": "/admin/mail",
        "admin-jobs": "/admin/jobs",
        "admin-transactions": "/admin/transactions",
        "admin-transaction": "",
        "admin-repairs": "/admin/payments-repair",
        "admin-coupons": "/admin/coupons",
        "admin-taxes": "/admin/taxes",
        "admin-webhooks": "/admin/webhook-events",
        "admin-webhook": "",
    },
}


async def come_in(page: Page, email: str) -> dict[str, str]:
    """Signs a demo account in and returns its pages, those with an id in their address included."""
    await sign_in(page, email, DEMO_PASSWORD)
    if email == LEARNER.email:
        await _enrol(page)
    return OF_PEOPLE[email] | await _places(page, OF_PEOPLE[email])


async def _enrol(page: Page) -> None:
    await page.goto(COURSE)
    button = page.get_by_role("button", name="Enrol").first
    if await button.count():
        await button.click()
        await page.wait_for_url("**/learn/**")


async def _places(page: Page, pages: dict[str, str]) -> dict[str, str]:
    """Finds the addresses that hold an id: a locked lesson, a lesson's editor, a payment, a webhook."""
    found: dict[str, str] = {}
    for name, (list_page, part) in {
        "studio-lesson": ("/studio/courses/the-web-without-magic", "/lessons/"),
        "admin-transaction": ("/admin/transactions", "/admin/transactions/"),
        "admin-webhook": ("/admin/webhook-events", "/admin/webhook-events/"),
    }.items():
        if name in pages:
            await page.goto(list_page)
            found[name] = await page.locator(f"main a[href*='{part}']").first.get_attribute("href") or ""
    if "locked" in pages:
        answer = await page.request.get("/api/v1/courses/sql-that-answers-questions")
        lessons = [lesson for section in (await answer.json())["curriculum"] for lesson in section["lessons"]]
        locked = next(lesson["id"] for lesson in lessons if not lesson["free_preview"])
        found["locked"] = f"/learn/sql-that-answers-questions/{locked}"
    if "bank" in pages:
        found |= await _purchase(page)
    return found


async def _purchase(page: Page) -> dict[str, str]:
    """Begins to buy a course, and finds the pages of what is begun."""
    await page.goto(BUYING)
    await page.get_by_role("button", name="Pay ").click()
    await page.wait_for_url("**/rehearsal/**")
    bank = page.url
    await page.goto("/account/receipts")
    receipt = await page.locator("td a").first.get_attribute("href") or ""
    waiting = f"{BUYING}/{receipt.rpartition('/')[2]}"
    return {"bank": bank, "waiting": waiting, "not-paid": f"{waiting}/cancelled", "receipt": receipt}
