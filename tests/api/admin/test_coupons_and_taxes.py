"""What admins do to prices: coupons and the table of taxes, on their pages and over the API."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from academy.features.payments.errors import CouponInvalid
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from tests.academies.courses import published
from tests.academies.html import elements, text
from tests.academies.in_process import TestAcademy
from tests.academies.payments import ordered, paid_course

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUPON = {"percent": "25", "currency": "INR", "once_per_buyer": "true"}
TAX = {"name": "VAT", "basis_points": "12.25", "country": "DE", "inclusive": "true"}


def fresh_code() -> str:
    return f"C{new_id()[-12:]}".upper()


def mistakes(page: str) -> dict[str, str]:
    """Field -> what is said to be wrong with it."""
    found = elements(page, "p", class_="error")
    return {one.attributes["id"].removesuffix("-error"): one.text for one in found}


async def test_a_coupon_is_made_shut_and_opened(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, other = await paid_course(academy), await paid_course(academy)
    code, browser = fresh_code(), await academy.signed_in_browser(Role.ADMIN)
    fields = {**COUPON, "code": code.lower(), "courses": f"{course.slug}, ", "limit": "3"}
    page = (await browser.submit("/admin/coupons", "/admin/coupons", **fields)).text
    assert f"The coupon {code} can be used." in text(page)
    row = next(one.text for one in elements(page, "tr") if one.text.startswith(code))
    for words in (course.title, "once for each buyer", "25 %", f"0 payments with {code}, 3 left", "always", "active"):
        assert words in row, words
    buyer = await academy.person()
    assert (await ordered(academy, buyer, course, coupon=code)).amount.amount == 112_425
    with pytest.raises(CouponInvalid):
        await ordered(academy, buyer, other, coupon=code)
    page = (await browser.get("/admin/coupons")).text
    (used,) = [one for one in elements(page, "a") if one.text.endswith(f"payments with {code}")]
    assert used.text.startswith("1 ")
    assert "₹1,124.25" in (await browser.get(used.attributes["href"])).text

    page = (await browser.submit("/admin/coupons", f"/admin/coupons/{code}/shut")).text
    assert "takes nothing off any more" in text(page)
    with pytest.raises(CouponInvalid):
        await ordered(academy, await academy.person(), course, coupon=code)
    page = (await browser.submit("/admin/coupons", f"/admin/coupons/{code}/open")).text
    assert "can be used again" in text(page)
    assert (await ordered(academy, await academy.person(), course, coupon=code)).coupon_code == code
    for change in ("shut", "open"):
        page = (await browser.submit("/admin/coupons", f"/admin/coupons/NONE/{change}")).text
        assert "There is no such coupon." in text(page)


async def test_a_coupon_holds_from_its_first_day_to_the_end_of_its_last(shared_embedded_academy: TestAcademy) -> None:
    """The days are those of the admin, who is in India as long as they say nothing else."""
    academy = shared_embedded_academy
    code, browser = fresh_code(), await academy.signed_in_browser(Role.ADMIN)
    today = academy.clock.now().astimezone(ZoneInfo("Asia/Kolkata")).date()
    tomorrow = today + timedelta(days=1)
    fields = {"amount_off": "499.50", "currency": "INR", "starts_at": f"{tomorrow}", "ends_at": f"{tomorrow}"}
    page = (await browser.submit("/admin/coupons", "/admin/coupons", code=code, **fields)).text
    assert "can be used" in text(page)
    made = (await academy.academy.coupons.page()).items[0]
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert (made.starts_at, made.ends_at) == (midnight, midnight + timedelta(days=1))
    assert (made.amount_off, made.percent, made.once_per_buyer) == (49_950, 0, False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"code": ""}, {"code": "This is needed."}),
        ({"code": "é!"}, {"code": "A code is 3 to 40 letters, digits, hyphens or underscores, such as WELCOME-25."}),
        ({"percent": "101"}, {"percent": "This must be 100 or less."}),
        ({"percent": "half"}, {"percent": "This must be a number."}),
        ({"percent": ""}, {"percent": "Say either how many percent or what amount it takes off."}),
        ({"amount_off": "5"}, {"percent": "Say either how many percent or what amount it takes off."}),
        (
            {"percent": "", "amount_off": "1.005"},
            {"amount_off": "Write the amount in INR as a plain number, such as 500."},
        ),
        ({"currency": "inr"}, {"currency": "This does not have the expected form."}),
        ({"limit": "0"}, {"limit": "This must be 1 or more."}),
        ({"starts_at": "tomorrow"}, {"starts_at": "This does not have the expected form."}),
        ({"ends_at": "9999-12-31"}, {"ends_at": "This day is too far away."}),
        ({"starts_at": "2031-01-02", "ends_at": "2031-01-01"}, {"ends_at": "It must end after it begins."}),
        ({"courses": "there-is-none"}, {"courses": "There is no course /courses/there-is-none."}),
        ({"courses": " ".join(f"c{n}" for n in range(51))}, {"courses": "Name at most 50 courses."}),
    ],
)
async def test_a_coupon_with_a_mistake_is_not_made(
    shared_embedded_academy: TestAcademy, changed: dict[str, str], said: dict[str, str]
) -> None:
    academy = shared_embedded_academy
    browser = await academy.signed_in_browser(Role.ADMIN)
    before = (await academy.academy.coupons.page()).items
    fields = {**COUPON, "code": fresh_code(), **changed}
    answer = await browser.submit("/admin/coupons", "/admin/coupons", **fields)
    assert answer.status_code == 422
    assert mistakes(answer.text).items() >= said.items()
    (field,) = said
    assert elements(answer.text, "input", id=field)[0].attributes["value"] == fields.get(field, "")
    assert (await academy.academy.coupons.page()).items == before


async def test_the_same_code_twice_is_refused(shared_academy: TestAcademy) -> None:
    browser, code = await shared_academy.signed_in_browser(Role.ADMIN), fresh_code()
    fields = {**COUPON, "code": code}
    assert (await browser.submit("/admin/coupons", "/admin/coupons", **fields)).status_code == 200
    answer = await browser.submit("/admin/coupons", "/admin/coupons", **{**fields, "code": code.lower()})
    assert (answer.status_code, mistakes(answer.text)) == (422, {"code": "There is a coupon with this code already."})


async def test_coupons_over_the_api(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    api, course, code = await academy.signed_in_api(Role.ADMIN), await paid_course(academy), fresh_code()
    asked = {"code": code, "percent": 10, "limit": 5, "courses": [course.slug], "ends_at": "2031-01-01T00:00:00Z"}
    made = await api.post("admin/coupons", json=asked)
    assert made.status_code == 201, made.text
    expected = {
        "code": code,
        "percent": 10,
        "amount_off": 0,
        "currency": "",
        "used": 0,
        "left": 5,
        "once_per_buyer": True,
        "starts_at": None,
        "ends_at": "2031-01-01T00:00:00Z",
        "courses": [course.slug],
        "is_active": True,
    }
    assert {name: value for name, value in made.json().items() if name != "created_at"} == expected
    assert (await api.get("admin/coupons", params={"limit": 1})).json()["items"] == [made.json()]
    assert (await api.post(f"admin/coupons/{code}/shut")).json()["is_active"] is False
    assert (await api.post(f"admin/coupons/{code.lower()}/open")).json()["is_active"] is True
    assert (await api.post("admin/coupons/none/shut")).status_code == 404
    for wrong, field in (
        ({"code": code}, "code"),
        ({"percent": 0}, "percent"),
        ({"percent": 101}, "percent"),
        ({"amount_off": -1}, "amount_off"),
        ({"percent": 0, "amount_off": 500}, "currency"),
        ({"limit": 0}, "limit"),
        ({"ends_at": "2031-01-01T00:00:00"}, "ends_at"),
        ({"courses": ["none-of-these"]}, "courses"),
        ({"discount": 5}, "discount"),
    ):
        answer = await api.post("admin/coupons", json={**asked, "code": fresh_code(), **wrong})
        assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, [field]), wrong


async def test_a_tax_is_added_counts_and_is_removed(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    course, browser = await paid_course(academy), await academy.signed_in_browser(Role.ADMIN)
    fields = {"name": "VAT", "basis_points": "12.5", "country": "IN", "course": course.slug}
    page = (await browser.submit("/admin/taxes", "/admin/taxes", **fields)).text
    assert "VAT is in the table." in text(page)
    row = next(one.text for one in elements(page, "tr") if course.title in one.text)
    assert "12.5 %" in row
    assert ("India" in row, "plus tax" in row) == (True, True)
    bought = await ordered(academy, await academy.person(), course)
    assert (bought.amount.amount, bought.quote.inclusive) == (168_638, False)  # 1499 and 187.375, half up

    (action,) = {
        form.attributes["action"]
        for form in elements(page, "form")
        if form.attributes.get("action", "").endswith("/remove")
        and "Remove VAT (India)" in form.attributes["data-confirm"]
    }
    page = (await browser.submit("/admin/taxes", action)).text
    assert ("The tax is removed." in text(page), course.title in page) == (True, False)
    assert (await ordered(academy, await academy.person(), course)).amount.amount == 149_900
    assert "There is no such tax." in text((await browser.submit("/admin/taxes", action)).text)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": ""}, {"name": "This is needed."}),
        ({"basis_points": "12.255"}, {"basis_points": "This does not have the expected form."}),
        ({"basis_points": "-1"}, {"basis_points": "This does not have the expected form."}),
        ({"basis_points": "100.01"}, {"basis_points": "This must be from 0 to 100 percent."}),
        (
            {"name": "GST", "basis_points": "18.01"},
            {"basis_points": "A rate of GST has to have a half in hundredths of a percent."},
        ),
        ({"country": "d"}, {"country": "Two capital letters, such as IN, or * for everywhere."}),
        ({"course": "there-is-none"}, {"course": "There is no course /courses/there-is-none."}),
    ],
)
async def test_a_tax_with_a_mistake_is_not_added(
    shared_embedded_academy: TestAcademy, changed: dict[str, str], said: dict[str, str]
) -> None:
    academy = shared_embedded_academy
    browser = await academy.signed_in_browser(Role.ADMIN)
    answer = await browser.submit("/admin/taxes", "/admin/taxes", **{**TAX, **changed})
    assert (answer.status_code, mistakes(answer.text)) == (422, said)
    assert await academy.academy.taxes.all() == []


async def test_taxes_on_the_same_prices_have_to_agree(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    browser, course = await academy.signed_in_browser(Role.ADMIN), await published(academy)
    fields = {**TAX, "course": course.slug}
    assert (await browser.submit("/admin/taxes", "/admin/taxes", **fields)).status_code == 200
    again = await browser.submit("/admin/taxes", "/admin/taxes", **fields)
    assert mistakes(again.text) == {"name": "This tax is in the table already. Remove it first to change it."}
    added = {name: value for name, value in fields.items() if name != "inclusive"} | {"name": "Other"}
    page = (await browser.submit("/admin/taxes", "/admin/taxes", **added)).text
    assert "Taxes on the same prices are all in the price, or all added to it." in text(page)
    most = {**fields, "name": "Other", "basis_points": "87.76"}
    page = (await browser.submit("/admin/taxes", "/admin/taxes", **most)).text
    assert mistakes(page) == {"basis_points": "Taxes on the same prices come to 100 percent at most."}
    for rule in await academy.academy.taxes.all():
        await academy.academy.taxes.remove(rule.id)


async def test_taxes_over_the_api(shared_academy: TestAcademy) -> None:
    academy = shared_academy
    api, course = await academy.signed_in_api(Role.ADMIN), await paid_course(academy)
    asked = {"country": "FR", "course": course.slug, "name": "TVA", "basis_points": 2000}
    made = await api.post("admin/taxes", json=asked)
    assert (made.status_code, made.json()) == (201, {**asked, "id": made.json()["id"], "inclusive": True})
    everywhere = await api.post(
        "admin/taxes", json={"country": "*", "name": "Levy", "basis_points": 1, "inclusive": False}
    )
    assert everywhere.json()["course"] == ""
    listed = (await api.get("admin/taxes")).json()
    assert (listed["items"], listed["next_cursor"]) == ([everywhere.json(), made.json()], None)
    for wrong, field in (
        ({"country": "France"}, "country"),
        ({"course": "none-of-these"}, "course"),
        ({"basis_points": 10_001}, "basis_points"),
        ({"basis_points": 18.5}, "basis_points"),
        ({"name": "GST", "basis_points": 181, "country": "IT"}, "basis_points"),
        ({"name": ""}, "name"),
        ({}, "name"),
        ({"percent": 5}, "percent"),
    ):
        answer = await api.post("admin/taxes", json={**asked, **wrong})
        assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, [field]), wrong
    for rule in listed["items"]:
        assert (await api.delete(f"admin/taxes/{rule['id']}")).status_code == 204
    assert (await api.delete(f"admin/taxes/{made.json()['id']}")).status_code == 404
    assert (await api.get("admin/taxes")).json()["items"] == []
