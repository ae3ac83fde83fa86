"""What belongs to no feature: assets, icons, what crawlers read, the inbox, HEAD, the cache in front of it all."""

import gzip
import re
from pathlib import Path

import brotli
import httpx
import pytest

from academy.infrastructure.security.principal import Role
from tests.academies.courses import draft, published
from tests.academies.in_process import TestAcademy, opened_test_academy

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def raw(client: httpx.AsyncClient, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """Returns an answer with its bytes as they travel; no Accept-Encoding unless one is given."""
    request = client.build_request("GET", path, headers={"accept-encoding": "", **headers})
    answer = await client.send(request, stream=True)
    return answer, b"".join([chunk async for chunk in answer.aiter_raw()])


async def stylesheet(academy: TestAcademy) -> str:
    found = re.search(r'href="(/static/app\.[0-9a-f]+\.css)"', (await academy.browser().get("/login")).text)
    assert found
    return found.group(1)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("br, gzip", "br"),
        ("gzip", "gzip"),
        ("", None),
        ("br;q=0", None),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("zstd", None),
    ],
)
async def test_an_asset_comes_as_the_client_takes_it(
    shared_embedded_academy: TestAcademy, accepted: str, encoding: str | None
) -> None:
    answer, body = await raw(
        shared_embedded_academy.browser(), await stylesheet(shared_embedded_academy), **{"accept-encoding": accepted}
    )
    assert answer.status_code == 200
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(body)
    plain = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding](body)
    assert b"@layer tokens" in plain


async def test_an_asset_that_is_known_is_not_sent(shared_embedded_academy: TestAcademy) -> None:
    browser, path = shared_embedded_academy.browser(), await stylesheet(shared_embedded_academy)
    tag = (await browser.get(path)).headers["etag"]
    answer = await browser.get(path, headers={"if-none-match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/app.css",
        "/static/app.000000000000.css",
        "/static/../settings.py",
        "/static/",
        "/static/%2e%2e%2fpages.py",
    ],
)
async def test_an_asset_of_another_time_or_place_is_not_there(shared_embedded_academy: TestAcademy, path: str) -> None:
    answer = await shared_embedded_academy.browser().get(path)
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


async def test_icon_and_manifest_show_the_academy(tmp_path: Path) -> None:
    variables = {"ACADEMY_NAME": 'Maya "&" Friends', "ACCENT_COLOR": "#aa3300"}
    async with opened_test_academy(tmp_path, **variables) as academy:
        icon = await academy.browser().get("/favicon.ico")
        assert icon.headers["content-type"] == "image/svg+xml"
        assert "#aa3300" in icon.text
        manifest = await academy.browser().get("/manifest.webmanifest")
        assert manifest.headers["content-type"].startswith("application/manifest+json")
        assert manifest.json()["name"] == 'Maya "&" Friends'
        assert manifest.json()["theme_color"] == "#aa3300"


async def test_crawlers_find_what_is_public_and_nothing_else(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, BASE_URL="https://academy.test") as academy:
        teacher = await academy.person(Role.INSTRUCTOR)
        shown = [await published(academy, teacher, title) for title in ("Python & more", "पायथन")]
        hidden = await draft(academy, teacher)
        robots = (await academy.browser().get("/robots.txt")).text
        assert "Sitemap: https://academy.test/sitemap.xml" in robots
        for closed in ("/studio", "/admin", "/account", "/learn/", "/dev/"):
            assert f"Disallow: {closed}\n" in robots
        sitemap = await academy.browser().get("/sitemap.xml")
        assert sitemap.headers["content-type"].startswith("application/xml")
        found = set(re.findall(r"<loc>([^<]+)</loc>", sitemap.text))
        assert len(found) == 2 + len(shown)
        assert not any(hidden.slug in address for address in found)
        for address in found:
            assert address.startswith("https://academy.test/")
            assert (await academy.browser().get(address.removeprefix("https://academy.test"))).status_code == 200


async def test_the_inbox_shows_what_was_sent(shared_embedded_academy: TestAcademy) -> None:
    api = shared_embedded_academy.api()
    answer = await api.post(
        "auth/register",
        json={"email": "inbox@example.com", "name": "<b>Asha</b>", "password": "a long enough password"},
    )
    assert answer.status_code == 202
    await shared_embedded_academy.work()
    (message,) = [
        mail
        for mail in (await shared_embedded_academy.browser().get("/dev/mail.json")).json()
        if mail["to"] == "inbox@example.com"
    ]
    assert set(message) == {"to", "subject", "text", "html", "sent_at"}
    page = await shared_embedded_academy.browser().get("/dev/mail")
    assert message["subject"] in page.text
    assert "to inbox@example.com" in page.text
    assert "<b>Asha" not in page.text
    assert '<iframe title="HTML of the mail' in page.text
    assert " sandbox " in page.text


async def test_in_production_there_is_no_inbox_and_no_rehearsal(tmp_path: Path) -> None:
    production = {
        "ENVIRONMENT": "production",
        "PAYMENT_GATEWAYS": "none",
        "SECRET_KEY": "a secret that nobody else knows of",
        "BASE_URL": "https://academy.test",
        "EMAIL_PROVIDER": "smtp",
        "SMTP_HOST": "127.0.0.1",
    }
    async with opened_test_academy(tmp_path, **production) as academy:
        assert academy.academy.inbox is None
        browser = academy.browser()
        for path in ("/dev/mail", "/dev/mail.json", "/rehearsal/1"):
            assert (await browser.get(path)).status_code == 404
        assert "/dev/mail" not in (await browser.get("/login")).text


@pytest.mark.parametrize(
    "path", ["/", "/login", "/courses", "/no/such/page", "/api/v1/courses", "/api/v1/me", "/robots.txt", "/favicon.ico"]
)
async def test_head_tells_what_get_would(shared_embedded_academy: TestAcademy, path: str) -> None:
    browser = shared_embedded_academy.browser()
    head, get = await browser.head(path), await browser.get(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    differing = {"x-request-id", "set-cookie", "content-length"}
    assert {n: v for n, v in head.headers.items() if n not in differing} == {
        n: v for n, v in get.headers.items() if n not in differing
    }
    assert int(head.headers["content-length"]) > 0


async def test_a_kept_page_is_the_same_for_every_encoding_and_gone_after_a_write(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RESPONSE_CACHE_SECONDS="600") as academy:
        teacher = await academy.person(Role.INSTRUCTOR)
        await published(academy, teacher, "The first course")
        first, compressed = await raw(academy.browser(), "/courses", **{"accept-encoding": "br"})
        second, plain = await raw(academy.browser(), "/courses")
        assert first.headers["content-encoding"] == "br"
        assert "content-encoding" not in second.headers
        assert brotli.decompress(compressed) == plain
        assert first.headers["etag"] == second.headers["etag"]
        assert {name.strip() for name in first.headers["vary"].split(",")} >= {
            "Cookie",
            "Accept-Encoding",
            "HX-Request",
        }
        assert first.headers["cache-control"] == "no-cache"
        await published(academy, teacher, "The second course")
        third = await academy.browser().get("/courses", headers={"if-none-match": first.headers["etag"]})
        assert third.status_code == 200
        assert "The second course" in third.text
        assert "The second course" in (await academy.api().get("courses")).text


async def test_a_transaction_that_fails_leaves_kept_pages_alone(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RESPONSE_CACHE_SECONDS="600") as academy:
        before = (await academy.browser().get("/courses")).headers["etag"]
        generation = academy.academy.response_cache.generation

        async def work() -> None:
            academy.academy.database.after_commit(lambda: academy.academy.cache.invalidate_tags(["lists"]))
            raise RuntimeError("changed my mind")

        with pytest.raises(RuntimeError):
            await academy.academy.database.transaction(work)
        assert academy.academy.response_cache.generation == generation
        known = await academy.browser().get("/courses", headers={"if-none-match": before})
        assert known.status_code == 304


async def test_visitors_with_cookies_get_pages_of_their_own(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RESPONSE_CACHE_SECONDS="600") as academy:
        await academy.browser().get("/")
        asha = await academy.signed_in_browser(person=await academy.person(name="Asha Rao"))
        page = await asha.get("/")
        assert "Account of Asha Rao" in page.text
        assert page.headers["cache-control"] == "private, no-store"
        assert "etag" not in page.headers
        assert "Account of" not in (await academy.browser().get("/")).text


async def test_the_api_forgets_a_kept_course_with_every_change(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RESPONSE_CACHE_SECONDS="600") as academy:
        teacher = await academy.person(Role.INSTRUCTOR)
        course = await published(academy, teacher, "Before")
        api = await academy.signed_in_api(person=teacher)
        seen = await academy.api().get(f"courses/{course.slug}")
        again = await academy.api().get(f"courses/{course.slug}")
        assert seen.headers.get_list("etag") == again.headers.get_list("etag") == [f'"{course.revision}"']
        changed = await api.patch(
            f"courses/{course.slug}", json={"title": "After"}, headers={"if-match": again.headers["etag"]}
        )
        assert changed.status_code == 200, changed.text
        assert (await academy.api().get(f"courses/{course.slug}")).json()["title"] == "After"


async def test_a_teacher_who_changes_their_name_is_seen_by_it_at_once(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RESPONSE_CACHE_SECONDS="600") as academy:
        teacher = await academy.person(Role.INSTRUCTOR, name="Maya Rao")
        course = await published(academy, teacher, "Python")
        assert "Maya Rao" in (await academy.browser().get(f"/courses/{course.slug}")).text
        api = await academy.signed_in_api(person=teacher)
        assert (await api.patch("me", json={"name": "Maya Iyer"})).status_code == 200
        page = (await academy.browser().get(f"/courses/{course.slug}")).text
        assert "Maya Iyer" in page
        assert "Maya Rao" not in page


async def test_health_shows_its_details_to_admins_only(shared_embedded_academy: TestAcademy) -> None:
    admin = await shared_embedded_academy.signed_in_browser(Role.ADMIN)
    report = (await admin.get("/health")).json()
    assert set(report) == {"status", "checks"}
    assert {"database", "storage", "jobs"} <= set(report["checks"])
    for browser in (
        shared_embedded_academy.browser(),
        await shared_embedded_academy.signed_in_browser(Role.INSTRUCTOR),
    ):
        assert set((await browser.get("/health")).json()) == {"status"}


async def test_pages_look_as_their_visitor_prefers(shared_embedded_academy: TestAcademy) -> None:
    person = await shared_embedded_academy.person()
    api = await shared_embedded_academy.signed_in_api(person=person)
    wanted = {"preferences": {"language": "en", "time_zone": "Europe/London", "theme": "dark"}}
    assert (await api.patch("me", json=wanted)).status_code == 200
    page = (await (await shared_embedded_academy.signed_in_browser(person=person)).get("/dashboard")).text
    assert '<html lang="en" data-theme="dark">' in page
    assert '<html lang="en">' in (await shared_embedded_academy.browser().get("/login")).text
