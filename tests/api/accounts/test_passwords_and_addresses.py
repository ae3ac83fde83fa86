"""Forgotten and changed passwords, and another e-mail address, on both engines."""

import asyncio

from academy.features.accounts.administration import COMMAND_LINE
from academy.infrastructure.security.principal import Role
from tests.academies.in_process import PASSWORD, Browser, TestAcademy
from tests.api.accounts.steps import blamed, mails_to, other, post, problem, register, sign_in

NEW = "another long password"
SECURITY = "/account/security"


async def test_a_reset_ends_all_sessions_and_signs_in(academy: TestAcademy) -> None:
    person = await academy.person()
    api, browser = await academy.signed_in_api(person=person), await academy.signed_in_browser(person=person)
    await post(academy, "forgot-password", email=person.email)
    code = await academy.last_code(person.email)
    wrong = await post(academy, "reset-password", email=person.email, code=other(code), password=NEW)
    assert blamed(wrong) == {"code"}
    weak = await post(academy, "reset-password", email=person.email, code=code, password="p" * 73)
    assert blamed(weak) == {"password"}
    done = await post(academy, "reset-password", email=person.email, code=code, password=NEW)
    assert done.status_code == 200
    assert (await api.get("me")).status_code == 401
    assert (await browser.get("/account")).url.path == "/login"
    assert (await academy.api(done.json()["access_token"]).get("me")).status_code == 200
    assert (await sign_in(academy, person.email)).status_code == 401
    assert (await sign_in(academy, person.email, NEW)).status_code == 200
    again = await post(academy, "reset-password", email=person.email, code=code, password=PASSWORD)
    assert problem(again) == (422, "wrong_code")


async def test_a_reset_code_is_taken_once(academy: TestAcademy) -> None:
    person = await academy.person()
    await post(academy, "forgot-password", email=person.email)
    code = await academy.last_code(person.email)
    passwords = [f"{NEW} {number}" for number in range(4)]
    answers = await asyncio.gather(
        *(post(academy, "reset-password", email=person.email, code=code, password=p) for p in passwords)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    works = [password for password in passwords if (await sign_in(academy, person.email, password)).status_code == 200]
    assert works == [p for p, answer in zip(passwords, answers, strict=True) if answer.status_code == 200]


async def test_a_code_for_one_thing_opens_no_other(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    await post(academy, "forgot-password", email=person.email)
    code = await academy.last_code(person.email)
    assert problem(await post(academy, "verify", email=person.email, code=code)) == (422, "wrong_code")
    stranger = await academy.person()
    stolen = await post(academy, "reset-password", email=stranger.email, code=code, password=NEW)
    assert problem(stolen) == (422, "wrong_code")


async def test_a_reset_proves_an_address_that_waited_for_its_code(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    await register(academy, "asha@example.com", password="forgotten at once")
    await post(academy, "forgot-password", email="asha@example.com")
    code = await academy.last_code("asha@example.com")
    answer = await post(academy, "reset-password", email="asha@example.com", code=code, password=NEW)
    assert answer.status_code == 200
    assert (await mails_to(academy, "asha@example.com"))[-1] == "Welcome to Rtech Academy"
    assert (await sign_in(academy, "asha@example.com", NEW)).status_code == 200


async def change_password(browser: Browser, current: str, password: str) -> tuple[int, str]:
    answer = await browser.submit(SECURITY, f"{SECURITY}/password", current_password=current, password=password)
    return answer.status_code, answer.text


async def test_changing_the_password_keeps_this_device_and_ends_the_others(academy: TestAcademy) -> None:
    person = await academy.person()
    browser, api = await academy.signed_in_browser(person=person), await academy.signed_in_api(person=person)
    status, page = await change_password(browser, "not the password", NEW)
    assert (status, "This is not your password." in page) == (422, True)
    status, page = await change_password(browser, PASSWORD, "short")
    assert (status, "Use at least 10 characters." in page) == (422, True)
    assert (await api.get("me")).status_code == 200
    status, page = await change_password(browser, PASSWORD, NEW)
    assert (status, "Your password is changed." in page) == (200, True)
    assert (await api.get("me")).status_code == 401
    assert (await sign_in(academy, person.email, NEW)).status_code == 200
    assert await actions(academy, person.user_id) == ["password_changed", "account_created"]


async def test_of_two_changes_at_the_same_time_one_counts(academy: TestAcademy) -> None:
    person = await academy.person()
    service = academy.academy.accounts
    results = await asyncio.gather(
        *(service.change_password(person, PASSWORD, f"{NEW} {n}") for n in range(3)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["InvalidError", "InvalidError", "NoneType"]
    assert (await sign_in(academy, person.email, f"{NEW} {results.index(None)}")).status_code == 200


async def test_an_account_without_a_password_chooses_one(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    user = await academy.academy.administration.create(COMMAND_LINE, "asha@example.com", "Asha", Role.LEARNER, None)
    browser = academy.browser()
    await browser.submit("/login", "/login/code/send", email=user.email)
    answer = await browser.submit(
        f"/login/code?email={user.email}",
        "/login/code",
        email=user.email,
        code=await academy.last_code(user.email),
    )
    assert (answer.url.path, "Choose a password" in answer.text) == (SECURITY, True)
    status, _ = await change_password(browser, "", NEW)
    assert status == 200
    assert (await sign_in(academy, user.email, NEW)).status_code == 200


async def ask_for(browser: Browser, email: str, password: str = PASSWORD) -> tuple[int, str]:
    answer = await browser.submit(SECURITY, f"{SECURITY}/email", email=email, account_password=password)
    return answer.status_code, answer.text


async def confirm(browser: Browser, code: str) -> tuple[int, str]:
    answer = await browser.submit(f"{SECURITY}?code=1", f"{SECURITY}/email/confirm", code=code)
    return answer.status_code, answer.text


async def actions(academy: TestAcademy, user_id: str) -> list[str]:
    """What the audit trail tells about an account, newest first."""
    trail = await academy.academy.administration.audit()
    return [entry.action.value for entry in trail.items if entry.subject_id == user_id]


async def test_the_address_changes_when_the_new_one_is_proven(academy: TestAcademy) -> None:
    person = await academy.person(email="old@example.com")
    browser = await academy.signed_in_browser(person=person)
    status, page = await ask_for(browser, "new@example.com", "not the password")
    assert (status, "This is not your password." in page) == (422, True)
    status, page = await ask_for(browser, "old@example.com")
    assert (status, "This is your address already." in page) == (422, True)
    status, page = await ask_for(browser, "new@example.com")
    assert (status, "a code is on its way" in page) == (200, True)
    code = await academy.last_code("new@example.com")
    assert await mails_to(academy, "old@example.com") == []
    assert (await sign_in(academy, "new@example.com")).status_code == 401
    status, page = await confirm(browser, other(code))
    assert (status, "This code is wrong" in page) == (422, True)
    status, page = await confirm(browser, code)
    assert (status, "Your e-mail address is changed." in page) == (200, True)
    assert (await sign_in(academy, "old@example.com")).status_code == 401
    signed_in = await sign_in(academy, "NEW@example.com")
    assert signed_in.json()["user"]["email"] == "new@example.com"
    assert await actions(academy, person.user_id) == ["email_changed", "account_created"]
    # The old address is free again.
    await register(academy, "old@example.com")
    assert len(await mails_to(academy, "old@example.com")) == 1


async def test_another_spelling_of_the_own_address(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person(email="Asha.Rao@example.com")
    browser = await academy.signed_in_browser(person=person)
    await ask_for(browser, "asha.rao@example.com")
    status, _ = await confirm(browser, await academy.last_code("asha.rao@example.com"))
    assert status == 200
    assert (await academy.academy.accounts.user(person.user_id)).email == "asha.rao@example.com"


async def test_asking_does_not_tell_which_addresses_are_taken(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    taken = (await academy.person()).email
    answers = []
    for email in (taken, "free@example.com"):
        browser = await academy.signed_in_browser()
        answers.append([(await ask_for(browser, email))[0] for _ in range(2)])
    assert answers[0] == answers[1] == [200, 422]
    assert await mails_to(academy, taken) == []


async def test_an_address_that_was_taken_meanwhile(academy: TestAcademy) -> None:
    person = await academy.person()
    browser = await academy.signed_in_browser(person=person)
    await ask_for(browser, "wanted@example.com")
    code = await academy.last_code("wanted@example.com")
    await academy.person(email="wanted@example.com")
    status, page = await confirm(browser, code)
    assert (status, "Another account uses this e-mail address." in page) == (200, True)
    assert (await academy.academy.accounts.user(person.user_id)).email == person.email


async def test_of_two_who_want_the_same_address_one_gets_it(academy: TestAcademy) -> None:
    browsers = [await academy.signed_in_browser() for _ in range(2)]
    codes = []
    for browser in browsers:
        await ask_for(browser, "wanted@example.com")
        codes.append(await academy.last_code("wanted@example.com"))
        academy.clock.move(seconds=1)
    results = await asyncio.gather(*(confirm(b, code) for b, code in zip(browsers, codes, strict=True)))
    taken = ["Another account uses this e-mail address." in page for _, page in results]
    assert sorted(taken) == [False, True]
    assert (await sign_in(academy, "wanted@example.com")).status_code == 200
