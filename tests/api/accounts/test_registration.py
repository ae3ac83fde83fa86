"""Registration and the first code, over the API on both engines."""

import asyncio

import msgspec
import pytest

from academy.features.accounts.model import User
from academy.infrastructure.email.model import Mail
from tests.academies.in_process import PASSWORD, TestAcademy
from tests.api.accounts.steps import blamed, mails_to, other, post, problem, register, sign_in

EMAIL = "asha@example.com"
CODE, WELCOME = "is your code for Rtech Academy", "Welcome to Rtech Academy"


async def test_register_code_verify_welcome_signed_in(academy: TestAcademy) -> None:
    await register(academy, EMAIL)
    refused = await sign_in(academy, EMAIL)
    assert problem(refused) == (403, "not_verified")
    tokens = await post(academy, "verify", email=EMAIL, code=await academy.last_code(EMAIL))
    assert tokens.status_code == 200
    body = tokens.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 15 * 60)
    assert (body["user"]["email"], body["user"]["name"], body["user"]["role"]) == (EMAIL, "Asha Rao", "learner")
    me = await academy.api(body["access_token"]).get("me")
    assert me.json() == body["user"]
    assert await mails_to(academy, EMAIL) == [CODE, WELCOME]
    assert (await sign_in(academy, EMAIL)).status_code == 200


async def test_a_code_works_once_even_when_it_is_sent_many_times_at_once(academy: TestAcademy) -> None:
    await register(academy, EMAIL)
    code = await academy.last_code(EMAIL)
    answers = await asyncio.gather(*(post(academy, "verify", email=EMAIL, code=code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422, 422]
    assert await mails_to(academy, EMAIL) == [CODE, WELCOME]
    assert problem(await post(academy, "verify", email=EMAIL, code=code)) == (422, "wrong_code")


async def test_five_wrong_tries_kill_a_code(academy: TestAcademy) -> None:
    await register(academy, EMAIL)
    code = await academy.last_code(EMAIL)
    for _ in range(4):
        assert blamed(await post(academy, "verify", email=EMAIL, code=other(code))) == {"code"}
    assert problem(await post(academy, "verify", email=EMAIL, code=other(code))) == (422, "wrong_code")
    assert problem(await post(academy, "verify", email=EMAIL, code=code)) == (422, "wrong_code")
    academy.clock.move(seconds=31)
    await post(academy, "resend", email=EMAIL)
    assert (await post(academy, "verify", email=EMAIL, code=await academy.last_code(EMAIL))).status_code == 200


async def test_tries_at_the_same_time_are_all_counted(academy: TestAcademy) -> None:
    await register(academy, EMAIL)
    code = await academy.last_code(EMAIL)
    await asyncio.gather(*(post(academy, "verify", email=EMAIL, code=other(code)) for _ in range(5)))
    assert problem(await post(academy, "verify", email=EMAIL, code=code)) == (422, "wrong_code")


async def test_a_code_is_valid_for_ten_minutes(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    await register(academy, EMAIL)
    code = await academy.last_code(EMAIL)
    academy.clock.move(minutes=10)
    assert problem(await post(academy, "verify", email=EMAIL, code=code)) == (422, "wrong_code")


async def test_only_the_newest_code_counts(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    await register(academy, EMAIL)
    first = await academy.last_code(EMAIL)
    academy.clock.move(seconds=31)
    await post(academy, "resend", email=EMAIL)
    second = await academy.last_code(EMAIL)
    assert (first == second) or problem(await post(academy, "verify", email=EMAIL, code=first)) == (422, "wrong_code")
    assert (await post(academy, "verify", email=EMAIL, code=second)).status_code == 200


async def test_a_flood_of_resends_sends_one_code_each_half_minute_and_six_an_hour(academy: TestAcademy) -> None:
    await register(academy, EMAIL)
    answers = await asyncio.gather(*(post(academy, "resend", email=EMAIL) for _ in range(10)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert await mails_to(academy, EMAIL) == [CODE]
    for _ in range(8):
        academy.clock.move(seconds=31)
        await post(academy, "resend", email=EMAIL)
        await academy.work()
    assert await mails_to(academy, EMAIL) == [CODE] * 6
    academy.clock.move(hours=1)
    await post(academy, "resend", email=EMAIL)
    assert await mails_to(academy, EMAIL) == [CODE] * 7


async def test_the_answer_does_not_tell_whether_an_address_is_known(academy: TestAcademy) -> None:
    await academy.person(email="known@example.com")
    await register(academy, "waiting@example.com")
    answers = [
        await post(academy, path, email=email, **body)
        for path, body in (
            ("register", {"name": "Asha Rao", "password": PASSWORD}),
            ("resend", {}),
            ("forgot-password", {}),
        )
        for email in ("known@example.com", "waiting@example.com", "unknown@example.com")
    ]
    for same in (answers[:3], answers[3:6], answers[6:]):
        assert {(answer.status_code, answer.text) for answer in same} == {(202, same[0].text)}
        assert len({tuple(sorted(answer.headers)) for answer in same}) == 1
    assert problem(await sign_in(academy, "nobody@example.com")) == problem(
        await sign_in(academy, "known@example.com", "not the password")
    )


async def test_asking_for_a_code_is_as_much_work_for_an_unknown_address(academy: TestAcademy) -> None:
    """Either way one job is written; what it does is done out of the caller's sight."""
    person = await academy.person()
    for path in ("forgot-password", "resend"):
        for email in (person.email, "nobody@example.com"):
            before = (await academy.academy.jobs.counts()).get("queued", 0)
            await post(academy, path, email=email)
            assert (await academy.academy.jobs.counts())["queued"] == before + 1
    assert len(await mails_to(academy, person.email)) == 2
    assert await mails_to(academy, "nobody@example.com") == []


async def test_a_known_address_that_registers_gets_a_mail_that_explains(academy: TestAcademy) -> None:
    person = await academy.person(name="Asha Rao")
    await register(academy, person.email, name="Somebody Else", password="another long password")
    await academy.work()
    mail = next(mail for mail in await academy.messages() if mail.to == person.email)
    assert "you have an account" in mail.text
    assert "Asha Rao" in mail.text
    assert "Somebody Else" not in mail.text
    signed_in = await post(academy, "verify", email=person.email, code=await academy.last_code(person.email))
    assert signed_in.json()["user"]["name"] == "Asha Rao"
    assert (await sign_in(academy, person.email)).status_code == 200
    assert (await sign_in(academy, person.email, "another long password")).status_code == 401


async def test_a_suspended_address_gets_no_mail(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    await academy.academy.administration.suspend("command line", person.user_id)
    await register(academy, person.email)
    await post(academy, "forgot-password", email=person.email)
    await post(academy, "resend", email=person.email)
    assert await mails_to(academy, person.email) == []


async def test_addresses_are_compared_without_case(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    await register(academy, "Asha@Example.com")
    await register(academy, "ASHA@example.COM")
    code = await academy.last_code("Asha@example.com")
    assert (await post(academy, "verify", email="asha@EXAMPLE.com", code=code)).status_code == 200
    assert (await academy.academy.administration.list_users()).total == 1


async def test_registrations_that_race_make_one_account(academy: TestAcademy) -> None:
    body = {"email": EMAIL, "name": "Asha Rao", "password": PASSWORD}
    answers = await asyncio.gather(*(post(academy, "register", **body) for _ in range(6)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert await mails_to(academy, EMAIL) == [CODE]
    code = await academy.last_code(EMAIL)
    assert (await post(academy, "verify", email=EMAIL, code=code)).status_code == 200
    assert (await sign_in(academy, EMAIL)).status_code == 200
    assert (await academy.academy.administration.list_users()).total == 1


@pytest.mark.parametrize("order", ["before", "after"])
async def test_a_stranger_cannot_slip_a_password_into_a_registration(embedded_academy: TestAcademy, order: str) -> None:
    """Whoever registers somebody's address first, or again, does not know its password when it is confirmed."""
    academy, theirs = embedded_academy, "the stranger's password"
    for password in (theirs, PASSWORD) if order == "before" else (PASSWORD, theirs):
        await register(academy, EMAIL, password=password)
        academy.clock.move(seconds=31)
    verified = await post(academy, "verify", email=EMAIL, code=await academy.last_code(EMAIL))
    assert verified.status_code == 200
    for password in (theirs, PASSWORD):
        assert problem(await sign_in(academy, EMAIL, password)) == (401, "wrong_credentials")


async def test_an_owner_who_signs_in_by_code_drops_the_password_of_a_stranger(academy: TestAcademy) -> None:
    await register(academy, EMAIL, name="Mallory", password="the stranger's password")
    academy.clock.move(seconds=31)
    browser = academy.browser()
    await browser.submit("/login", "/login/code/send", email=EMAIL)
    code = await academy.last_code(EMAIL)
    signed_in = await browser.submit(f"/login/code?email={EMAIL}", "/login/code", email=EMAIL, code=code)
    assert (signed_in.url.path, "Choose a password" in signed_in.text) == ("/account/security", True)
    assert problem(await sign_in(academy, EMAIL, "the stranger's password")) == (401, "wrong_credentials")
    chosen = await browser.submit("/account/security", "/account/security/password", password=PASSWORD)
    assert chosen.status_code == 200
    assert (await sign_in(academy, EMAIL)).status_code == 200


async def test_a_reset_drops_the_password_of_a_stranger(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    await register(academy, EMAIL, name="Mallory", password="the stranger's password")
    await post(academy, "forgot-password", email=EMAIL)
    code = await academy.last_code(EMAIL)
    assert (await post(academy, "reset-password", email=EMAIL, code=code, password=PASSWORD)).status_code == 200
    assert problem(await sign_in(academy, EMAIL, "the stranger's password")) == (401, "wrong_credentials")


async def test_whoever_registers_on_the_website_keeps_the_password(embedded_academy: TestAcademy) -> None:
    browser = embedded_academy.browser()
    await browser.submit("/register", "/register", email=EMAIL, name="Asha Rao", password=PASSWORD)
    code = await embedded_academy.last_code(EMAIL)
    verified = await browser.submit(f"/verify?email={EMAIL}", "/verify", email=EMAIL, code=code)
    assert verified.url.path == "/dashboard"
    assert (await sign_in(embedded_academy, EMAIL)).status_code == 200


async def test_a_mail_to_an_address_that_nobody_has_proven_says_nothing_that_somebody_typed(
    embedded_academy: TestAcademy,
) -> None:
    academy, name = embedded_academy, "You won! Claim it at https://evil.example/prize"
    await register(academy, EMAIL, name=name)
    person = await academy.person(name=name)
    browser = await academy.signed_in_browser(person=person)
    await browser.submit(
        "/account/security", "/account/security/email", email="victim@example.com", account_password=PASSWORD
    )
    await post(academy, "resend", email=person.email)
    await academy.work()
    texts = {mail.to: mail.text + mail.html for mail in await academy.messages()}
    for address in (EMAIL, "victim@example.com"):
        assert "evil.example" not in texts[address]
        assert address.partition("@")[0] in texts[address]
    assert "evil.example" in texts[person.email], "the address is proven: it is the owner's own name"


async def test_registering_twice_with_the_same_password_keeps_it(embedded_academy: TestAcademy) -> None:
    await register(embedded_academy, EMAIL, name="Asha")
    await register(embedded_academy, EMAIL, name="Asha Rao")
    code = await embedded_academy.last_code(EMAIL)
    verified = await post(embedded_academy, "verify", email=EMAIL, code=code)
    assert verified.json()["user"]["name"] == "Asha Rao"
    assert (await sign_in(embedded_academy, EMAIL)).status_code == 200


async def test_what_is_registered_must_be_right(embedded_academy: TestAcademy) -> None:
    right = {"email": EMAIL, "name": "Asha Rao", "password": PASSWORD}
    for field, value in (
        ("email", "asha"),
        ("email", "asha@example.com\r\nBcc: all@example.com"),
        ("email", f"{'a' * 250}@example.com"),
        ("name", ""),
        ("name", " \u200d "),
        ("name", "A" * 81),
        ("name", "Asha\u202eoaR"),
        ("name", "Asha\x00"),
        ("password", "too short"),
        ("password", "é" * 37),
        ("password", "p" * 73),
        ("password", "a long enough\x00 one"),
    ):
        answer = await post(embedded_academy, "register", **(right | {field: value}))
        assert blamed(answer) == {field}, value
    for name in ("Zoë O’Neill-Ærø", "अशोक", "क्\u200dष", "李小龍"):
        assert (await post(embedded_academy, "register", **(right | {"name": name}))).status_code == 202
    assert (await post(embedded_academy, "register", **(right | {"password": "p" * 72}))).status_code == 202


async def test_an_account_that_nobody_proves_is_gone_after_a_week(academy: TestAcademy) -> None:
    await register(academy, EMAIL)
    await academy.person(email="active@example.com")
    academy.clock.move(days=7, hours=2)
    for slot in academy.academy.jobs.schedules.values():
        await academy.academy.jobs.enqueue(slot.kind, slot.payload)
    await academy.work()
    users = await academy.academy.administration.list_users()
    assert [user.email for user in users.items] == ["active@example.com"]


async def test_the_password_is_kept_as_a_hash_and_the_code_is_forgotten(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    await register(academy, EMAIL)
    code = await academy.last_code(EMAIL)
    user = await academy.academy.database.collection(User).find_one({"email_key": EMAIL})
    assert user is not None
    assert user.password_hash is not None
    assert user.password_hash.startswith("$2b$")
    (mail,) = await academy.academy.database.collection(Mail).find({})
    assert code not in msgspec.json.encode(mail).decode()


async def test_all_mistakes_are_named_at_once(embedded_academy: TestAcademy) -> None:
    refused = await post(embedded_academy, "register", email="x@y", name="  \u200b ", password="short")
    assert refused.status_code == 422
    assert blamed(refused) == {"email", "name", "password"}


async def test_an_address_that_mail_clients_would_decode_is_refused(embedded_academy: TestAcademy) -> None:
    address = "=?utf-8?q?a=0D=0A=0D=0AYou_won=3A_x.in?=@attacker.example.com"
    refused = await post(embedded_academy, "register", email=address, name="A", password=PASSWORD)
    assert (refused.status_code, blamed(refused)) == (422, {"email"})
