"""Who may call what: every route with its guard. A route that is new has to be entered here."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from academy.app import build_litestar
from academy.infrastructure.security.principal import Role
from tests.academies.in_process import TestAcademy

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLE = """
GET     /                                                          anyone
GET     /account                                                   signed_in
POST    /account                                                   signed_in
POST    /account/avatar                                            signed_in
POST    /account/avatar/remove                                     signed_in
GET     /account/data                                              signed_in
POST    /account/data/delete                                       signed_in
GET     /account/data/export                                       signed_in
GET     /account/preferences                                       signed_in
POST    /account/preferences                                       signed_in
GET     /account/receipts                                          signed_in
GET     /account/receipts/{transaction_id}                         signed_in
GET     /account/receipts/{transaction_id}/{file_name}             signed_in
GET     /account/security                                          signed_in
POST    /account/security/email                                    signed_in
POST    /account/security/email/confirm                            signed_in
POST    /account/security/password                                 signed_in
GET     /account/sessions                                          signed_in
POST    /account/sessions/end-others                               signed_in
POST    /account/sessions/{session_id}/end                         signed_in
GET     /admin                                                     admins
GET     /admin/coupons                                             admins
POST    /admin/coupons                                             admins
POST    /admin/coupons/{code}/open                                 admins
POST    /admin/coupons/{code}/shut                                 admins
GET     /admin/courses                                             admins
GET     /admin/enrolments                                          admins
GET     /admin/jobs                                                admins
POST    /admin/jobs/{job_id}/retry                                 admins
GET     /admin/mail                                                admins
GET     /admin/mail/{mail_id}                                      admins
POST    /admin/mail/{mail_id}/resend                               admins
GET     /admin/payments-repair                                     admins
GET     /admin/suppressions                                        admins
POST    /admin/suppressions/{suppression_id}/lift                  admins
GET     /admin/taxes                                               admins
POST    /admin/taxes                                               admins
POST    /admin/taxes/{rule_id}/remove                              admins
GET     /admin/transactions                                        admins
GET     /admin/transactions.csv                                    admins
GET     /admin/transactions/{transaction_id}                       admins
GET     /admin/transactions/{transaction_id}/{name}                admins
POST    /admin/transactions/{transaction_id}/check                 admins
POST    /admin/transactions/{transaction_id}/refund                admins
POST    /admin/transactions/{transaction_id}/refunds/{refund_id}/again admins
POST    /admin/transactions/{transaction_id}/repair                admins
POST    /admin/transactions/{transaction_id}/settled               admins
GET     /admin/users                                               admins
POST    /admin/users/{user_id}/role                                admins
POST    /admin/users/{user_id}/suspend                             admins
POST    /admin/users/{user_id}/unsuspend                           admins
GET     /admin/webhook-events                                      admins
GET     /admin/webhook-events/{event_id}                           admins
GET     /api                                                       anyone
GET     /api/docs                                                  anyone
GET     /api/openapi.json                                          anyone
GET     /api/v1/admin/coupons                                      admins
POST    /api/v1/admin/coupons                                      admins
POST    /api/v1/admin/coupons/{code}/open                          admins
POST    /api/v1/admin/coupons/{code}/shut                          admins
GET     /api/v1/admin/health                                       admins
GET     /api/v1/admin/jobs                                         admins
POST    /api/v1/admin/jobs/{job_id}/retry                          admins
GET     /api/v1/admin/mail                                         admins
GET     /api/v1/admin/mail/{mail_id}                               admins
POST    /api/v1/admin/mail/{mail_id}/resend                        admins
GET     /api/v1/admin/overview                                     admins
GET     /api/v1/admin/suppressions                                 admins
DELETE  /api/v1/admin/suppressions/{suppression_id}                admins
GET     /api/v1/admin/taxes                                        admins
POST    /api/v1/admin/taxes                                        admins
DELETE  /api/v1/admin/taxes/{rule_id}                              admins
GET     /api/v1/admin/transactions                                 admins
GET     /api/v1/admin/users                                        admins
PATCH   /api/v1/admin/users/{user_id}                              admins
GET     /api/v1/admin/webhook-events                               admins
POST    /api/v1/auth/forgot-password                               anyone
POST    /api/v1/auth/login                                         anyone
POST    /api/v1/auth/logout                                        anyone
POST    /api/v1/auth/refresh                                       anyone
POST    /api/v1/auth/register                                      anyone
POST    /api/v1/auth/resend                                        anyone
POST    /api/v1/auth/reset-password                                anyone
POST    /api/v1/auth/verify                                        anyone
GET     /api/v1/categories                                         anyone
POST    /api/v1/categories                                         admins
POST    /api/v1/checkouts                                          signed_in
GET     /api/v1/courses                                            anyone
POST    /api/v1/courses                                            instructors
DELETE  /api/v1/courses/{slug}                                     instructors
GET     /api/v1/courses/{slug}                                     anyone
PATCH   /api/v1/courses/{slug}                                     instructors
PUT     /api/v1/courses/{slug}/curriculum                          instructors
POST    /api/v1/courses/{slug}/enrolments                          signed_in
GET     /api/v1/courses/{slug}/lessons/{lesson_id}                 anyone
GET     /api/v1/courses/{slug}/progress                            signed_in
PUT     /api/v1/courses/{slug}/progress/{lesson_id}                signed_in
POST    /api/v1/courses/{slug}/publish                             instructors
GET     /api/v1/courses/{slug}/reviews                             anyone
PUT     /api/v1/courses/{slug}/reviews                             signed_in
POST    /api/v1/courses/{slug}/unpublish                           instructors
POST    /api/v1/files                                              instructors
DELETE  /api/v1/courses/{slug}/lessons/{lesson_id}/attachments/{file_id} instructors
DELETE  /api/v1/me                                                 signed_in
GET     /api/v1/me                                                 signed_in
PATCH   /api/v1/me                                                 signed_in
GET     /api/v1/me/enrolments                                      signed_in
GET     /api/v1/me/export                                          signed_in
GET     /api/v1/me/sessions                                        signed_in
DELETE  /api/v1/me/sessions/{session_id}                           signed_in
GET     /api/v1/me/transactions                                    signed_in
GET     /api/v1/transactions/{transaction_id}                      signed_in
POST    /api/v1/transactions/{transaction_id}/refund               admins
GET     /api/v1/uploads                                            instructors
POST    /api/v1/uploads                                            instructors
DELETE  /api/v1/uploads/{upload_id}                                instructors
GET     /api/v1/uploads/{upload_id}                                instructors
PATCH   /api/v1/uploads/{upload_id}                                instructors
POST    /api/v1/uploads/direct                                     instructors
POST    /api/v1/uploads/{upload_id}/completion                     instructors
GET     /api/v1/videos                                             instructors
POST    /api/v1/videos                                             instructors
DELETE  /api/v1/videos/{video_id}                                  instructors
GET     /api/v1/videos/{video_id}                                  instructors
GET     /api/v1/videos/{video_id}/captions                         instructors
POST    /api/v1/videos/{video_id}/captions                         instructors
DELETE  /api/v1/videos/{video_id}/captions/{language}              instructors
GET     /api/v1/videos/{video_id}/captions/{language}              instructors
PUT     /api/v1/videos/{video_id}/captions/{language}              instructors
GET     /api/v1/videos/{video_id}/playback                         anyone
POST    /api/v1/webhooks/razorpay                                  anyone
POST    /api/v1/webhooks/rehearsal                                 anyone
POST    /api/v1/webhooks/sendgrid                                  anyone
POST    /api/v1/webhooks/ses                                       anyone
POST    /api/v1/webhooks/stripe                                    anyone
GET     /captions/{name}                                           anyone
GET     /categories                                                admins
POST    /categories                                                admins
POST    /categories/{slug}                                         admins
POST    /categories/{slug}/remove                                  admins
GET     /checkout/{slug}                                           anyone
POST    /checkout/{slug}                                           signed_in
GET     /checkout/{slug}/{transaction_id}                          signed_in
POST    /checkout/{slug}/{transaction_id}/cancel                   signed_in
GET     /checkout/{slug}/{transaction_id}/cancelled                signed_in
GET     /checkout/{slug}/{transaction_id}/pay                      signed_in
POST    /checkout/{slug}/{transaction_id}/returned                 signed_in
GET     /courses                                                   anyone
GET     /courses/{slug}                                            anyone
POST    /courses/{slug}/enrol                                      anyone
POST    /courses/{slug}/reviews                                    signed_in
GET     /dashboard                                                 signed_in
GET     /dev/mail                                                  anyone
GET     /dev/mail.json                                             anyone
GET     /favicon.ico                                               anyone
GET     /forgot-password                                           anyone
POST    /forgot-password                                           anyone
GET     /health                                                    anyone
GET     /health/live                                               anyone
GET     /health/ready                                              anyone
GET     /learn/{slug}                                              anyone
GET     /learn/{slug}/{lesson_id}                                  anyone
POST    /learn/{slug}/{lesson_id}/complete                         signed_in
GET     /learn/{slug}/{lesson_id}/playback                         anyone
POST    /learn/{slug}/{lesson_id}/position                         signed_in
POST    /learn/{slug}/{lesson_id}/view                             anyone
GET     /learn/{slug}/{lesson_id}/search                           anyone
GET     /learn/{slug}/search                                       anyone
GET     /login                                                     anyone
POST    /login                                                     anyone
GET     /login/code                                                anyone
POST    /login/code                                                anyone
POST    /login/code/send                                           anyone
POST    /logout                                                    anyone
GET     /manifest.webmanifest                                      anyone
ANY     /media                                                     anyone
GET     /register                                                  anyone
POST    /register                                                  anyone
GET     /rehearsal/{reference}                                     anyone
POST    /rehearsal/{reference}/decline                             anyone
POST    /rehearsal/{reference}/pay                                 anyone
GET     /reset-password                                            anyone
POST    /reset-password                                            anyone
GET     /robots.txt                                                anyone
GET     /search/videos                                             signed_in
GET     /sitemap.xml                                               anyone
GET     /static/{name}                                             anyone
GET     /studio                                                    instructors
POST    /studio/courses                                            instructors
GET     /studio/courses/{slug}                                     instructors
POST    /studio/courses/{slug}                                     instructors
POST    /studio/courses/{slug}/cover/remove                        instructors
POST    /studio/courses/{slug}/delete                              instructors
GET     /studio/courses/{slug}/lessons/{lesson_id}                 instructors
POST    /studio/courses/{slug}/lessons/{lesson_id}                 instructors
POST    /studio/courses/{slug}/lessons/{lesson_id}/attachments/{file_id}/delete instructors
GET     /studio/courses/{slug}/lessons/{lesson_id}/captions        instructors
POST    /studio/courses/{slug}/lessons/{lesson_id}/captions        instructors
GET     /studio/courses/{slug}/lessons/{lesson_id}/captions/{track_id} instructors
POST    /studio/courses/{slug}/lessons/{lesson_id}/captions/{track_id} instructors
POST    /studio/courses/{slug}/lessons/{lesson_id}/captions/{track_id}/default instructors
POST    /studio/courses/{slug}/lessons/{lesson_id}/captions/{track_id}/delete instructors
GET     /studio/courses/{slug}/lessons/{lesson_id}/captions/{track_id}/file instructors
POST    /studio/courses/{slug}/lessons/{lesson_id}/chapters        instructors
POST    /studio/courses/{slug}/lessons/{lesson_id}/move            instructors
GET     /studio/courses/{slug}/lessons/{lesson_id}/video           instructors
POST    /studio/courses/{slug}/lessons/{lesson_id}/video/discard   instructors
POST    /studio/courses/{slug}/order                               instructors
POST    /studio/courses/{slug}/publish                             instructors
POST    /studio/courses/{slug}/sections                            instructors
POST    /studio/courses/{slug}/sections/{section_id}               instructors
POST    /studio/courses/{slug}/sections/{section_id}/lessons       instructors
POST    /studio/courses/{slug}/unpublish                           instructors
POST    /studio/preview                                            instructors
GET     /studio/uploads                                            instructors
POST    /studio/uploads                                            instructors
DELETE  /studio/uploads/{upload_id}                                instructors
GET     /studio/uploads/{upload_id}                                instructors
PATCH   /studio/uploads/{upload_id}                                instructors
POST    /studio/uploads/direct                                     instructors
POST    /studio/uploads/{upload_id}/completion                     instructors
GET     /unsubscribe/{token}                                       anyone
POST    /unsubscribe/{token}                                       anyone
GET     /verify                                                    anyone
POST    /verify                                                    anyone
POST    /verify/resend                                             anyone
"""
EXPECTED = {(method, path): guard for method, path, guard in (line.split() for line in TABLE.split("\n") if line)}
NEEDED = {"signed_in": Role.LEARNER, "instructors": Role.INSTRUCTOR, "admins": Role.ADMIN}
REFUSED_BY_ROLE = "This needs an account with the role"


def registered(app: Litestar) -> dict[tuple[str, str], list[str]]:
    """Method and path -> names of the guards. OPTIONS is the framework's and tells only what an address takes."""
    found: dict[tuple[str, str], list[str]] = {}
    for route in app.routes:
        path = getattr(route, "path_format", route.path)
        handlers = [route.route_handler] if hasattr(route, "route_handler") else route.route_handlers
        for handler in handlers:
            methods = handler.http_methods - {"OPTIONS"} if isinstance(handler, HTTPRouteHandler) else {"ANY"}
            for method in sorted(methods):
                found[method, path] = [guard.__name__ for guard in handler.guards or ()]
    return found


async def test_every_route_is_in_the_table_with_its_guard(shared_embedded_academy: TestAcademy) -> None:
    guards = registered(build_litestar(shared_embedded_academy.academy))
    assert {route: names for route, names in guards.items() if len(names) != 1} == {}, "exactly one guard each"
    assert {route: names[0] for route, names in guards.items()} == EXPECTED


Visitors = dict[str, tuple[Role | None, httpx.AsyncClient, httpx.AsyncClient]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitors(shared_embedded_academy: TestAcademy) -> AsyncIterator[Visitors]:
    """Nobody, and one account of each role: with a browser and a client of the API."""
    academy = shared_embedded_academy
    found: Visitors = {"nobody": (None, academy.browser(), academy.api())}
    for role in Role:
        person = await academy.person(role)
        clients = await academy.signed_in_browser(person=person), await academy.signed_in_api(person=person)
        found[role.value] = (role, *clients)
    yield found


async def call(method: str, path: str, browser: httpx.AsyncClient, api: httpx.AsyncClient) -> httpx.Response:
    """Calls a route with names of nothing; pages without a CSRF token, so that nothing is changed."""
    address = re.sub(r"\{\w+\}", "nothing", path)
    if path.startswith("/api/v1/"):
        return await api.request(method, address.removeprefix("/api/v1/"))
    return await browser.request("GET" if method == "ANY" else method, address, follow_redirects=False)


def is_sent_to_sign_in(answer: httpx.Response) -> bool:
    return answer.status_code == 401 or answer.headers.get("location", "").startswith("/login?next=")


@pytest.mark.parametrize("who", ["nobody", *(role.value for role in Role)])
async def test_the_guard_decides_who_gets_through(visitors: Visitors, who: str) -> None:
    role, browser, api = visitors[who]
    for (method, path), guard in EXPECTED.items():
        answer = await call(method, path, browser, api)
        needed = NEEDED.get(guard)
        case = f"{who}: {method} {path} answered {answer.status_code}"
        if needed is None or (role is not None and role.rank >= needed.rank):
            assert not is_sent_to_sign_in(answer), case
            assert REFUSED_BY_ROLE not in answer.text, case
            assert answer.status_code < 500, case
        elif role is None:
            assert is_sent_to_sign_in(answer), case
            if path.startswith("/api/"):
                assert answer.headers["www-authenticate"] == "Bearer", case
        else:
            assert answer.status_code == 403, case
            assert f"{REFUSED_BY_ROLE} {needed.value}" in answer.text, case
