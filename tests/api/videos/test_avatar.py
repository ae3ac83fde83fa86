"""The picture of an account, sent by a plain form, on both engines."""

import asyncio
from io import BytesIO

import httpx
from PIL import Image

from academy.infrastructure.security.principal import Principal, Role
from tests.academies.in_process import PASSWORD, Browser, TestAcademy
from tests.academies.media import PDF, make_picture, sizes_of
from tests.api.accounts.test_entrance_pages import field
from tests.api.videos.teaching import files_on_disk, stored_keys

WIDTHS = (80, 160, 320)
PICTURE = ("me.jpg", make_picture(), "image/jpeg")


async def upload(browser: Browser, file: tuple[str, bytes, str]) -> httpx.Response:
    token = field(await browser.get("/account"), "_csrf_token")
    return await browser.post("/account/avatar", data={"_csrf_token": token}, files={"file": file})


async def avatar_of(academy: TestAcademy, person: Principal) -> str | None:
    return (await academy.academy.accounts.user(person.user_id)).profile.avatar_key


async def test_a_picture_is_cut_shown_replaced_and_removed(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    page = await upload(browser, PICTURE)
    assert (page.status_code, page.url.path, "Your picture is changed." in page.text) == (200, "/account", True)
    first = await avatar_of(academy, person)
    assert await stored_keys(academy) == sizes_of(first, *WIDTHS)
    assert page.text.count(f'src="/media/{first}"') == 2  # in the header and on the page
    shown = await academy.browser().get(f"/media/{first}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    assert Image.open(BytesIO(shown.content)).size == (320, 320)
    assert f'srcset="/media/{(first or "").replace("320", "80")} 80w, ' in page.text
    for key in sizes_of(first, *WIDTHS):
        smaller = await academy.browser().get(f"/media/{key}")
        assert (smaller.status_code, smaller.headers["content-type"]) == (200, f"image/{key.rpartition('.')[2]}")
    api = await academy.signed_in_api(person=person)
    assert (await api.get("me")).json()["profile"]["avatar_url"] == f"/media/{first}"
    await upload(browser, PICTURE)
    second = await avatar_of(academy, person)
    assert second != first
    assert await stored_keys(academy) == sizes_of(second, *WIDTHS)
    # Editing the profile leaves the picture alone.
    await browser.submit("/account", "/account", name="Asha", headline="Analyst")
    await api.patch("me", json={"profile": {"headline": "Else"}})
    assert await avatar_of(academy, person) == second
    page = await browser.submit("/account", "/account/avatar/remove")
    assert ("Your picture is removed." in page.text, "/media/" in page.text) == (True, False)
    assert (await avatar_of(academy, person), await stored_keys(academy)) == (None, [])


async def test_what_is_no_picture_is_refused_and_leaves_nothing(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    await upload(browser, PICTURE)
    before = await stored_keys(academy)
    broken = PICTURE[1][:2000]
    for file in (
        ("me.pdf", PDF, "application/pdf"),
        ("me.jpg", PDF, "image/jpeg"),
        ("me.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml"),
        ("me.png", PICTURE[1], "image/png"),
        ("../../me.jpg", b"", "image/jpeg"),
        ("", b"", "application/octet-stream"),
        ("me.jpg", broken, "image/jpeg"),
        ("me.jpg", PICTURE[1] + b"\0" * (5 << 20), "image/jpeg"),
    ):
        page = await upload(browser, file)
        assert (page.status_code, page.url.path, 'class="alert alert-error"' in page.text) == (200, "/account", True)
    token = field(await browser.get("/account"), "_csrf_token")
    page = await browser.post("/account/avatar", data={"_csrf_token": token, "file": "text"})
    assert "Choose a picture first." in page.text
    assert await stored_keys(academy) == before
    assert len(files_on_disk(academy)) == 2 * len(WIDTHS)


async def test_a_picture_of_many_megabytes_is_refused_with_its_reason(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person()
    browser = await embedded_academy.signed_in_browser(person=person)
    page = await upload(browser, ("me.jpg", PICTURE[1] + b"\0" * (7 << 20), "image/jpeg"))
    assert (page.status_code, page.url.path, "This picture is too large." in page.text) == (200, "/account", True)
    assert files_on_disk(embedded_academy) == []


async def test_who_may_send_one(embedded_academy: TestAcademy) -> None:
    browser = await embedded_academy.signed_in_browser()
    token = field(await browser.get("/account"), "_csrf_token")
    for data in ({}, {"_csrf_token": "x"}):
        assert (await browser.post("/account/avatar", data=data, files={"file": PICTURE})).status_code == 403
    stranger = embedded_academy.browser()
    await stranger.get("/login")
    answer = await stranger.post("/account/avatar", data={"_csrf_token": token}, files={"file": PICTURE})
    assert answer.status_code in {401, 403}
    assert await stored_keys(embedded_academy) == []


async def test_of_many_pictures_at_once_one_stays(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    await asyncio.gather(*(upload(browser, PICTURE) for _ in range(4)))
    assert await stored_keys(academy) == sizes_of(await avatar_of(academy, person), *WIDTHS)


async def test_a_deleted_account_takes_its_picture_along(academy: TestAcademy) -> None:
    person, other = await academy.person(), await academy.person(Role.INSTRUCTOR)
    browser, theirs = await academy.signed_in_browser(person=person), await academy.signed_in_browser(person=other)
    await upload(browser, PICTURE)
    await upload(theirs, PICTURE)
    await browser.submit("/account/data", "/account/data/delete", password=PASSWORD, understood="true")
    assert await stored_keys(academy) == sizes_of(await avatar_of(academy, other), *WIDTHS)
