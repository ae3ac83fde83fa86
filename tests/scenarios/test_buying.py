"""Buying without JavaScript: the whole story with forms and links alone, and with time that passes."""

from tests.academies.courses import PAID, published
from tests.academies.html import elements, links, text
from tests.academies.in_process import PASSWORD, Browser, TestAcademy


def heading(page: str) -> str:
    [found] = elements(page, "h1")
    return found.text


async def send(browser: Browser, page: str, action: str) -> str:
    """Presses the button of a form: sends all that the form holds. Returns the page that follows."""
    html = (await browser.get(page)).text
    hidden = {
        field.attributes["name"]: field.attributes.get("value", "")
        for field in elements(html, "input")
        if field.attributes.get("name") and field.attributes.get("type") == "hidden"
    }
    hidden.pop("_csrf_token", None)
    answer = await browser.submit(page, action, **hidden)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_stranger_buys_a_course_with_forms_and_links_alone(academy: TestAcademy) -> None:
    course = await published(academy, price=PAID, title="Bread at home")
    person = await academy.person()
    browser = academy.browser()
    catalogue = (await browser.get("/courses?price=paid")).text
    assert f"/courses/{course.slug}" in links(catalogue)
    checkout = next(one for one in links((await browser.get(f"/courses/{course.slug}")).text) if "/checkout/" in one)
    [back] = elements((await browser.get(checkout)).text, "input", name="next")
    signed_in = await browser.submit(
        checkout, "/login", email=person.email, password=PASSWORD, next=back.attributes["value"]
    )
    assert signed_in.url.path == checkout
    [form] = elements(signed_in.text, "form", class_="checkout")
    bank = await send(browser, checkout, form.attributes["action"])
    decline = next(one.attributes["action"] for one in elements(bank, "form") if one.text == "Decline the card")
    page = decline.rpartition("/")[0]
    not_paid = await send(browser, page, decline)
    assert heading(not_paid) == "You did not pay"
    await academy.work()
    again = next(one.attributes["action"] for one in elements(not_paid, "form") if one.text == "Try again")
    waiting = next(one for one in links(not_paid) if one.startswith(f"{checkout}/"))
    assert heading(await send(browser, f"{waiting}/cancelled", again)) == "Bread at home"
    assert heading(await send(browser, page, f"{page}/pay")) == "Waiting for your payment"
    await academy.work()
    turned = (await browser.get(waiting)).text
    assert heading(turned) == "You are in"
    lesson = next(one for one in links(turned) if one.startswith("/learn/"))
    assert heading((await browser.get(lesson)).text) == "First steps"
    receipt = next(one for one in links(turned) if one.startswith("/account/receipts/"))
    file = next(one for one in links((await browser.get(receipt)).text) if one.endswith(".pdf"))
    assert (await browser.get(file)).content.startswith(b"%PDF-")
    again_at_checkout = await browser.get(checkout)
    assert again_at_checkout.url.path == lesson, "nobody buys twice"
    await academy.work()
    subjects = [mail.subject for mail in await academy.messages() if mail.to == person.email]
    assert subjects.count("You are enrolled: Bread at home") == 1


async def test_a_checkout_that_was_left_lying_is_over_and_begins_anew(academy: TestAcademy) -> None:
    course = await published(academy, price=PAID)
    browser = await academy.signed_in_browser()
    checkout = f"/checkout/{course.slug}"
    [form] = elements((await browser.get(checkout)).text, "form", class_="checkout")
    first = await send(browser, checkout, form.attributes["action"])
    [pay] = [one.attributes["action"] for one in elements(first, "form") if one.text == "Pay"]
    academy.clock.move(minutes=61)
    await academy.academy.reconciliation.run()
    await academy.work()
    late = await browser.submit("/account", pay)
    assert "This checkout is over" in text(late.text)
    [waiting] = [one for one in links(late.text) if "/checkout/" in one]
    over = (await browser.get(waiting.partition("8000")[2])).text
    assert heading(over) == "The time to pay is over"
    anew = next(one for one in links(over) if one.startswith(f"{checkout}?"))
    [form] = elements((await browser.get(anew)).text, "form", class_="checkout")
    second = await send(browser, anew, form.attributes["action"])
    assert [one.attributes["action"] for one in elements(second, "form") if one.text == "Pay"] != [pay]
