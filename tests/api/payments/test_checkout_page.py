"""The checkout page: what a course costs, and the way on to the gateway, for browsers without JavaScript."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from academy.features.payments.coupons import CouponDetails
from academy.features.payments.model import TransactionStatus
from academy.features.payments.taxes import TaxDetails
from academy.infrastructure.security.principal import Role
from academy.kit.ids import new_id
from academy.kit.money import Money
from tests.academies.courses import draft, enrolled_learner, published
from tests.academies.html import elements, links, text
from tests.academies.in_process import Browser, TestAcademy, opened_test_academy
from tests.academies.payments import bought, paid_course, stored

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRIPE = {"STRIPE_SECRET_KEY": "sk_test_nobody", "STRIPE_WEBHOOK_SECRET": "whsec_nobody"}
RAZORPAY = {"RAZORPAY_KEY_ID": "rzp_nobody", "RAZORPAY_KEY_SECRET": "nothing", "RAZORPAY_WEBHOOK_SECRET": "nothing"}
NOWHERE = "http://127.0.0.1:9"
GSTIN = "27AAPFU0939F1ZV"


def sums(page: str) -> dict[str, str]:
    """The lines of the order: what each is called -> the amount."""
    names, amounts = elements(page, "dt"), elements(page, "dd")
    return {name.text: amount.text for name, amount in zip(names, amounts, strict=True)}


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    """The content security policy of a page."""
    directives = (part.split() for part in answer.headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in directives}


async def coupon(academy: TestAcademy, percent: int, limit: int | None = None) -> str:
    """Makes a coupon; returns its code."""
    code = f"C-{new_id()[-12:]}".upper()
    await academy.academy.coupons.create(CouponDetails(code=code, percent=percent, limit=limit))
    return code


async def tax(academy: TestAcademy, course_id: str, *, inclusive: bool) -> None:
    """IGST of 18 % on one course, everywhere."""
    rule = TaxDetails(country="*", course_id=course_id, name="IGST", basis_points=1800, inclusive=inclusive)
    await academy.academy.taxes.add(rule)


async def latest(academy: TestAcademy, browser: Browser) -> str:
    """The id of the newest payment that the account's receipts show."""
    page = (await browser.get("/account/receipts")).text
    return next(link.rpartition("/")[2] for link in links(page) if re.fullmatch(r"/account/receipts/[\w-]+", link))


async def test_the_order_is_the_price_less_the_coupon_and_the_tax_that_is_in_it(
    shared_embedded_academy: TestAcademy,
) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    await tax(academy, course.id, inclusive=True)
    code = await coupon(academy, percent=50)
    browser = await academy.signed_in_browser()
    page = (await browser.get(f"/checkout/{course.slug}")).text
    assert sums(page) == {"Price": "₹1,499", "To pay": "₹1,499"}
    assert "That is ₹1,270.34 and ₹228.66 of IGST 18 %." in text(page)
    cheaper = (await browser.get(f"/checkout/{course.slug}", params={"coupon": code.lower(), "country": "DE"})).text
    assert sums(cheaper) == {"Price": "₹1,499", f"Coupon {code} Remove": "−₹749.50", "To pay": "₹749.50"}
    [remove] = [link for link in elements(cheaper, "a") if link.text == "Remove"]
    assert remove.attributes["href"] == f"/checkout/{course.slug}?country=DE"
    assert sums((await browser.get(remove.attributes["href"])).text) == {"Price": "₹1,499", "To pay": "₹1,499"}


async def test_a_tax_that_is_added_stands_in_a_line_of_its_own(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    await tax(academy, course.id, inclusive=False)
    code = await coupon(academy, percent=10)
    page = (await academy.browser().get(f"/checkout/{course.slug}", params={"coupon": code})).text
    assert sums(page) == {
        "Price": "₹1,499",
        f"Coupon {code} Remove": "−₹149.90",
        "Net": "₹1,349.10",
        "IGST 18 %": "₹242.84",
        "To pay": "₹1,591.94",
    }


async def test_a_coupon_that_does_not_fit_says_so_beside_its_field_and_stays(
    shared_embedded_academy: TestAcademy,
) -> None:
    course = await paid_course(shared_embedded_academy)
    for browser in (shared_embedded_academy.browser(), await shared_embedded_academy.signed_in_browser()):
        answer = await browser.get(f"/checkout/{course.slug}?coupon=nothing-like-it")
        assert answer.status_code == 422
        [field] = elements(answer.text, "input", id="coupon")
        assert (field.attributes["value"], field.attributes["aria-describedby"]) == ("nothing-like-it", "coupon-error")
        [error] = elements(answer.text, "p", id="coupon-error")
        assert error.text == "There is no such coupon. Look at how it is spelt."
        assert sums(answer.text) == {"Price": "₹1,499", "To pay": "₹1,499"}


async def test_invoice_details_are_folded_and_open_where_one_is_wrong(shared_embedded_academy: TestAcademy) -> None:
    course = await paid_course(shared_embedded_academy)
    browser = await shared_embedded_academy.signed_in_browser()
    page = (await browser.get(f"/checkout/{course.slug}")).text
    [fold] = elements(page, "details", class_="fold")
    assert "open" not in fold.attributes
    country, *_ = elements(page, "option")
    assert (country.text, "selected" in country.attributes) == ("India", True)
    assert elements(page, "option", value="27")[0].text == "Maharashtra"
    assert elements(page, "label", **{"for": "tax_id"})[0].text == "GSTIN"

    wrong = await browser.get(f"/checkout/{course.slug}?country=IN&tax_id={GSTIN[:-1]}X")
    assert wrong.status_code == 422
    assert "open" in elements(wrong.text, "details", class_="fold")[0].attributes
    assert "One character of this GSTIN is wrong" in elements(wrong.text, "p", id="tax_id-error")[0].text
    assert elements(wrong.text, "input", id="tax_id")[0].attributes["value"] == f"{GSTIN[:-1]}X"

    abroad = (await browser.get(f"/checkout/{course.slug}?country=DE&state=27")).text
    assert elements(abroad, "select", id="state") == []
    assert elements(abroad, "label", **{"for": "tax_id"})[0].text == "VAT or other tax number"
    for query, field in (("country=ZZ", "country"), ("country=IN&state=99", "state")):
        answer = await browser.get(f"/checkout/{course.slug}?{query}")
        assert (answer.status_code, len(elements(answer.text, "p", id=f"{field}-error"))) == (422, 1), query


async def test_a_stranger_signs_in_in_place_and_comes_back_to_the_same_order(
    shared_embedded_academy: TestAcademy,
) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    code = await coupon(academy, percent=50)
    person = await academy.person()
    browser = academy.browser()
    here = f"/checkout/{course.slug}?coupon={code}&country=DE"
    page = (await browser.get(here)).text
    buttons = [button.text for button in elements(page, "button", type="submit")]
    assert buttons == ["Sign in", "Send me a code by e-mail"]
    [back] = elements(page, "input", name="next")
    assert back.attributes["value"] == here
    [join] = [link for link in links(page) if link.startswith("/register?next=")]
    assert httpx.URL(f"http://academy.test{join}").params["next"] == here
    answer = await browser.submit(
        here, "/login", email=person.email, password="a long enough password", next=back.attributes["value"]
    )
    assert str(answer.url).endswith(here)
    assert [one.text for one in elements(answer.text, "button", name="_csrf_token")] == ["Pay ₹749.50"]


async def test_paying_leads_to_the_gateway_and_a_second_click_to_the_same_checkout(
    shared_embedded_academy: TestAcademy,
) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    browser = await academy.signed_in_browser()
    page, pay = f"/checkout/{course.slug}", f"/checkout/{course.slug}?total=149900"
    [form] = elements((await browser.get(page)).text, "form", class_="checkout")
    assert form.attributes["action"] == pay
    fields = {"country": "IN", "tax_id": GSTIN, "state": "27", "gateway": "rehearsal"}
    first = await browser.submit(page, pay, **fields)
    again = await browser.submit(page, pay, **fields)
    assert first.url.path.startswith("/rehearsal/")
    assert first.url == again.url
    transaction = await academy.academy.payments.get(await latest(academy, browser))
    assert (transaction.buyer.tax_id, transaction.buyer.state, transaction.amount.amount) == (GSTIN, "27", 149_900)


async def test_nobody_pays_another_total_than_the_one_they_saw(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    browser = await academy.signed_in_browser()
    page = f"/checkout/{course.slug}"
    await tax(academy, course.id, inclusive=False)
    for seen in ("?total=149900", ""):
        answer = await browser.submit(page, page + seen, country="IN", gateway="rehearsal")
        assert (answer.status_code, answer.url.path) == (409, page)
        assert elements(answer.text, "p", role="alert")[0].text.startswith("The total is another one now.")
        [form] = elements(answer.text, "form", class_="checkout")
        assert form.attributes["action"] == f"{page}?total=176882"
    assert "No payments yet" in text((await browser.get("/account/receipts")).text)
    agreed = await browser.submit(page, f"{page}?total=176882", country="IN", gateway="rehearsal")
    assert agreed.url.path.startswith("/rehearsal/")


async def test_a_wrong_coupon_or_gateway_keeps_what_was_typed(shared_embedded_academy: TestAcademy) -> None:
    course = await paid_course(shared_embedded_academy)
    browser = await shared_embedded_academy.signed_in_browser()
    page = f"/checkout/{course.slug}"
    answer = await browser.submit(
        page, f"{page}?total=149900", coupon="gone", country="DE", tax_id="DE123456789", gateway="rehearsal"
    )
    assert (answer.status_code, len(elements(answer.text, "p", id="coupon-error"))) == (422, 1)
    assert elements(answer.text, "input", id="tax_id")[0].attributes["value"] == "DE123456789"
    [chosen] = [option for option in elements(answer.text, "option") if "selected" in option.attributes]
    assert chosen.text == "Germany"
    unknown = await browser.submit(page, f"{page}?total=149900", country="DE", gateway="barter")
    assert unknown.status_code == 422
    assert "Some fields need another look" in elements(unknown.text, "p", role="alert")[0].text


async def test_a_coupon_that_pays_all_opens_the_course(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    code = await coupon(academy, percent=100)
    browser = await academy.signed_in_browser()
    page = f"/checkout/{course.slug}?coupon={code}"
    shown = (await browser.get(page)).text
    assert [one.text for one in elements(shown, "button", name="_csrf_token")] == ["Get the course"]
    answer = await browser.submit(page, f"/checkout/{course.slug}?total=0", coupon=code, country="IN")
    assert (answer.status_code, answer.url.path) == (200, f"/learn/{course.slug}/{course.lessons()[0].id}")
    transaction = await academy.academy.payments.get(await latest(academy, browser))
    assert transaction.status is TransactionStatus.PAID


async def test_what_cannot_be_bought_leads_to_where_it_can_be_had(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    course, free = await paid_course(academy), await published(academy)
    learner = await enrolled_learner(academy, course)
    browser = await academy.signed_in_browser(person=learner)
    mine = await browser.get(f"/checkout/{course.slug}")
    assert mine.url.path == f"/learn/{course.slug}/{course.lessons()[0].id}"
    posted = await browser.submit("/account", f"/checkout/{course.slug}?total=149900", gateway="rehearsal")
    assert posted.url.path == mine.url.path
    nothing = await academy.browser().get(f"/checkout/{free.slug}")
    assert nothing.url.path == f"/courses/{free.slug}"
    assert "This course costs nothing: enrol on its page." in text(nothing.text)
    assert (await academy.browser().get("/checkout/no-such-course")).status_code == 404
    teacher = await academy.person(Role.INSTRUCTOR)
    hidden = await draft(academy, teacher, price=Money(amount=100, currency="INR"))
    assert (await academy.browser().get(f"/checkout/{hidden.slug}")).status_code == 404


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two_gateways(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestAcademy]:
    """An academy whose gateways are real ones that cannot be reached."""
    home = tmp_path_factory.mktemp("two")
    variables = {
        "PAYMENT_GATEWAYS": "razorpay,stripe",
        "STRIPE_URL": NOWHERE,
        "RAZORPAY_URL": NOWHERE,
        "LOGO_URL": "https://cdn.example.com/logo.svg",
    }
    async with opened_test_academy(home, **variables, **STRIPE, **RAZORPAY) as academy:
        yield academy


async def test_several_gateways_are_a_choice_that_the_policy_lets_forms_lead_to(two_gateways: TestAcademy) -> None:
    course = await paid_course(two_gateways)
    browser = await two_gateways.signed_in_browser()
    answer = await browser.get(f"/checkout/{course.slug}?gateway=stripe&country=IN")
    choices = elements(answer.text, "input", type="radio")
    assert [choice.attributes["value"] for choice in choices] == ["razorpay", "stripe"]
    assert ["checked" in choice.attributes for choice in choices] == [False, True]
    assert "UPI, cards, net banking and wallets" in text(answer.text)
    targets = policy(answer)["form-action"]
    wanted = [target for one in two_gateways.academy.checkouts.gateways for target in one.capabilities.form_targets]
    assert targets == ["'self'", *wanted]
    assert "https://checkout.stripe.com" in targets
    other = await browser.get(f"/courses/{course.slug}")
    assert policy(other)["form-action"] == ["'self'"]
    assert policy(other)["img-src"] == policy(answer)["img-src"]
    assert "https://cdn.example.com" in policy(answer)["img-src"]


async def test_a_gateway_that_is_away_is_told_of_with_what_was_typed(two_gateways: TestAcademy) -> None:
    course = await paid_course(two_gateways)
    browser = await two_gateways.signed_in_browser()
    page = f"/checkout/{course.slug}"
    answer = await browser.submit(page, f"{page}?total=149900", country="DE", tax_id="DE123456789", gateway="stripe")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "does not answer at the moment. Try again" in elements(answer.text, "p", role="alert")[0].text
    assert elements(answer.text, "input", id="tax_id")[0].attributes["value"] == "DE123456789"
    assert "checked" in elements(answer.text, "input", value="stripe")[0].attributes
    again = await browser.submit(page, f"{page}?total=149900", country="DE", tax_id="DE123456789", gateway="stripe")
    assert again.status_code == 503
    receipts = [link for link in links((await browser.get("/account/receipts")).text) if "/receipts/" in link]
    assert len(receipts) == 1, "the same transaction is tried again"
    waiting = await browser.get(f"{page}/{receipts[0].rpartition('/')[2]}")
    assert waiting.url.path.endswith("/cancelled"), "no gateway knows of it: there is nothing to wait for"
    assert elements(waiting.text, "h1")[0].text == "You did not pay"


async def test_an_academy_without_gateways_says_so_and_takes_coupons_that_pay_all(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, PAYMENT_GATEWAYS="none") as academy:
        course = await paid_course(academy)
        code = await coupon(academy, percent=100)
        for browser in (academy.browser(), await academy.signed_in_browser()):
            page = (await browser.get(f"/checkout/{course.slug}")).text
            assert "Nothing can be paid here at the moment" in text(page)
            assert elements(page, "button", name="_csrf_token") == []
        free = (await browser.get(f"/checkout/{course.slug}?coupon={code}")).text
        assert [one.text for one in elements(free, "button", name="_csrf_token")] == ["Get the course"]
        assert (await browser.get("/rehearsal/anything")).status_code == 404


async def test_a_coupon_that_somebody_else_used_up_is_noticed_when_paying(shared_embedded_academy: TestAcademy) -> None:
    academy = shared_embedded_academy
    course = await paid_course(academy)
    code = await coupon(academy, percent=50, limit=1)
    buyers = [await academy.signed_in_browser() for _ in range(2)]
    page, pay = f"/checkout/{course.slug}?coupon={code}", f"/checkout/{course.slug}?total=74950"
    for browser in buyers:
        assert sums((await browser.get(page)).text)["To pay"] == "₹749.50"
    fields = {"coupon": code, "country": "IN", "gateway": "rehearsal"}
    assert (await buyers[0].submit(page, pay, **fields)).url.path.startswith("/rehearsal/")
    late = await buyers[1].submit(f"/checkout/{course.slug}", pay, **fields)
    assert late.status_code == 422
    assert "used as often as it could be" in elements(late.text, "p", id="coupon-error")[0].text
    first = await academy.academy.payments.get(await latest(academy, buyers[0]))
    assert (await stored(academy, first)).amount.amount == 74_950


async def test_codes_of_coupons_cannot_be_guessed_for_long(tmp_path: Path) -> None:
    async with opened_test_academy(tmp_path, RATE_LIMIT_COUPON_TRIES="3 per minute") as academy:
        course = await paid_course(academy)
        right = await coupon(academy, percent=10)
        visitor = academy.browser()
        answers = [await visitor.get(f"/checkout/{course.slug}?coupon=GUESS{number}") for number in range(4)]
        assert [answer.status_code for answer in answers] == [422, 422, 422, 429]
        assert (await visitor.get(f"/checkout/{course.slug}?coupon={right}")).status_code == 200


async def test_invoices_say_what_the_seller_has_to_say(tmp_path: Path) -> None:
    variables = {"INVOICE_SERVICE_CODE": "999293", "INVOICE_NOTES": "One line | another", "SELLER_NAME": "Rtech"}
    async with opened_test_academy(tmp_path, **variables) as academy:
        transaction = await bought(academy, await academy.person(), await paid_course(academy))
        [invoice] = await academy.academy.payments.documents(transaction)
    assert (invoice.service_code, invoice.notes, invoice.seller.name) == ("999293", ["One line", "another"], "Rtech")
