"""Signing in, staying signed in, signing out: the API's tokens and the list of sessions, on both engines."""

import asyncio

from academy.features.accounts.administration import COMMAND_LINE
from academy.features.accounts.model import RefreshToken
from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.model import Session
from tests.academies.in_process import PASSWORD, TestAcademy, opened_test_academy
from tests.api.accounts.steps import post, problem, register, sign_in


async def test_signing_in_with_a_password(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    for email, password in (
        (person.email, "not the password"),
        (person.email, f"{PASSWORD} "),
        (person.email, "p" * 100),
        ("nobody@example.com", PASSWORD),
    ):
        assert problem(await sign_in(academy, email, password)) == (401, "wrong_credentials")
    answer = await sign_in(academy, person.email.upper())
    assert answer.status_code == 200
    assert (await academy.api(answer.json()["access_token"]).get("me")).json()["id"] == person.user_id


async def test_signing_in_with_a_code(academy: TestAcademy) -> None:
    """`auth/resend` mails a code to a proven address, too, and `auth/verify` signs in with it."""
    user = await academy.academy.administration.create(
        COMMAND_LINE, "code-only@example.com", "Asha", Role.LEARNER, None
    )
    assert problem(await sign_in(academy, user.email, "any password")) == (401, "wrong_credentials")
    await post(academy, "resend", email=user.email)
    code = await academy.last_code(user.email)
    assert (await post(academy, "verify", email=user.email, code=code)).json()["user"]["id"] == user.id
    assert problem(await post(academy, "verify", email=user.email, code=code)) == (422, "wrong_code")


async def test_the_suspended_do_not_get_in(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    await post(academy, "resend", email=person.email)
    code = await academy.last_code(person.email)
    await academy.academy.administration.suspend(COMMAND_LINE, person.user_id)
    assert problem(await sign_in(academy, person.email)) == (403, "account_suspended")
    assert problem(await sign_in(academy, person.email, "not the password")) == (401, "wrong_credentials")
    assert problem(await post(academy, "verify", email=person.email, code=code)) == (422, "wrong_code")


async def test_refresh_tokens_rotate(academy: TestAcademy) -> None:
    person = await academy.person()
    tokens = (await sign_in(academy, person.email)).json()
    academy.clock.move(minutes=16)
    assert (await academy.api(tokens["access_token"]).get("me")).status_code == 401
    fresh = await post(academy, "refresh", refresh_token=tokens["refresh_token"])
    assert fresh.status_code == 200
    assert fresh.json()["refresh_token"] != tokens["refresh_token"]
    assert (await academy.api(fresh.json()["access_token"]).get("me")).status_code == 200
    again = await post(academy, "refresh", refresh_token=fresh.json()["refresh_token"])
    assert again.status_code == 200


async def test_a_refresh_token_used_twice_ends_its_whole_family_and_no_other(academy: TestAcademy) -> None:
    person = await academy.person()
    stolen = (await sign_in(academy, person.email)).json()
    other = (await sign_in(academy, person.email)).json()
    fresh = (await post(academy, "refresh", refresh_token=stolen["refresh_token"])).json()
    reused = await post(academy, "refresh", refresh_token=stolen["refresh_token"])
    assert problem(reused) == (401, "invalid_refresh_token")
    assert problem(await post(academy, "refresh", refresh_token=fresh["refresh_token"])) == (
        401,
        "invalid_refresh_token",
    )
    assert (await academy.api(fresh["access_token"]).get("me")).status_code == 401
    assert (await academy.api(other["access_token"]).get("me")).status_code == 200
    trail = await academy.academy.administration.audit()
    assert [entry.action for entry in trail.items if entry.subject_id == person.user_id] == [
        "refresh_token_reused",
        "account_created",
    ]


async def test_of_refreshes_at_the_same_time_one_counts(academy: TestAcademy) -> None:
    person = await academy.person()
    tokens = (await sign_in(academy, person.email)).json()
    answers = await asyncio.gather(*(post(academy, "refresh", refresh_token=tokens["refresh_token"]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    assert (await post(academy, "refresh", refresh_token=winner["refresh_token"])).status_code == 401


async def test_no_refreshing_keeps_a_session_longer_than_ninety_days(academy: TestAcademy) -> None:
    person = await academy.person()
    tokens = (await sign_in(academy, person.email)).json()
    for _ in range(4):
        academy.clock.move(days=22)
        answer = await post(academy, "refresh", refresh_token=tokens["refresh_token"])
        assert answer.status_code == 200
        tokens = answer.json()
        # The access token is used as well, so that the session slides in both ways.
        assert (await academy.api(tokens["access_token"]).get("me")).status_code == 200
    academy.clock.move(days=3)
    assert (await academy.api(tokens["access_token"]).get("me")).status_code == 401
    answer = await post(academy, "refresh", refresh_token=tokens["refresh_token"])
    assert problem(answer) == (401, "invalid_refresh_token")


async def test_an_unused_refresh_token_expires(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    person = await academy.person()
    tokens = (await sign_in(academy, person.email)).json()
    academy.clock.move(days=30, seconds=1)
    answer = await post(academy, "refresh", refresh_token=tokens["refresh_token"])
    assert problem(answer) == (401, "invalid_refresh_token")


async def test_signing_out_ends_the_session_at_once(academy: TestAcademy) -> None:
    person = await academy.person()
    tokens = (await sign_in(academy, person.email)).json()
    other = (await sign_in(academy, person.email)).json()
    for _ in range(2):  # the second time changes nothing
        assert (await post(academy, "logout", refresh_token=tokens["refresh_token"])).status_code == 204
    assert (await academy.api(tokens["access_token"]).get("me")).status_code == 401
    assert (await post(academy, "refresh", refresh_token=tokens["refresh_token"])).status_code == 401
    assert (await academy.api(other["access_token"]).get("me")).status_code == 200


async def test_the_list_of_sessions(academy: TestAcademy) -> None:
    person = await academy.person()
    phone = await academy.signed_in_api(person=person)
    academy.clock.move(seconds=5)
    tokens = (
        await academy.api().post(
            "auth/login",
            json={"email": person.email, "password": PASSWORD},
            headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0"},
        )
    ).json()
    laptop = academy.api(tokens["access_token"])
    listed = (await laptop.get("me/sessions")).json()
    assert listed["next_cursor"] is None
    assert [(s["device"], s["current"]) for s in listed["items"]] == [
        ("Chrome · Linux", True),
        (phone.headers["user-agent"], False),
    ]
    assert (await laptop.delete(f"me/sessions/{listed['items'][1]['id']}")).status_code == 204
    assert (await phone.get("me")).status_code == 401
    assert (await laptop.get("me")).status_code == 200
    assert (await laptop.delete(f"me/sessions/{listed['items'][1]['id']}")).status_code == 404


async def test_other_peoples_sessions_cannot_be_ended(academy: TestAcademy) -> None:
    victim = await academy.person()
    tokens = (await sign_in(academy, victim.email)).json()
    session_id = (await academy.api(tokens["access_token"]).get("me/sessions")).json()["items"][0]["id"]
    attacker = await academy.signed_in_api()
    assert (await attacker.delete(f"me/sessions/{session_id}")).status_code == 404
    assert (await academy.api(tokens["access_token"]).get("me")).status_code == 200
    assert (await post(academy, "refresh", refresh_token=tokens["refresh_token"])).status_code == 200


async def test_expired_sessions_are_not_listed_and_swept(academy: TestAcademy) -> None:
    person = await academy.person()
    await sign_in(academy, person.email)
    academy.clock.move(days=31)
    api = await academy.signed_in_api(person=person)
    assert len((await api.get("me/sessions")).json()["items"]) == 1
    sweep = academy.academy.jobs.schedules["sweep_accounts"]
    await academy.academy.jobs.enqueue(sweep.kind, sweep.payload)
    await academy.work()
    database = academy.academy.database
    kept = 1 if academy.academy.session_store.joins_transactions else 0
    assert await database.collection(Session).count({}) == kept
    assert await database.collection(RefreshToken).count({}) == 1


async def test_tokens_of_nobody(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person()
    token = (await sign_in(embedded_academy, person.email)).json()["access_token"]
    head, body, signature = token.split(".")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    for forged in ("x", f"{head}.{body}.", f"{unsigned}.{body}.", f"{head}.{body}.{signature[::-1]}", "", "é"):
        answer = await embedded_academy.api().get("me", headers={b"Authorization": f"Bearer {forged}".encode()})
        assert problem(answer) == (401, "not_signed_in")
        assert answer.headers["www-authenticate"] == "Bearer"
    # A cookie is nothing to the API.
    browser = await embedded_academy.signed_in_browser(person=person)
    assert (await browser.get("/api/v1/me")).status_code == 401


async def test_a_hash_is_made_anew_when_the_setting_rises(embedded_academy: TestAcademy) -> None:
    person = await embedded_academy.person()
    home = embedded_academy.academy.settings.home.path
    async with opened_test_academy(home, BCRYPT_ROUNDS="5") as stricter:
        for _ in range(2):
            assert (await sign_in(stricter, person.email)).status_code == 200
            user = await stricter.academy.accounts.user(person.user_id)
            assert (user.password_hash or "").startswith("$2b$05$")


async def test_an_unproven_account_that_signs_in_gets_its_code(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    await register(academy, "asha@example.com")
    first = await academy.last_code("asha@example.com")
    academy.clock.move(minutes=1)
    assert problem(await sign_in(academy, "asha@example.com")) == (403, "not_verified")
    assert problem(await sign_in(academy, "asha@example.com", "not the password")) == (401, "wrong_credentials")
    codes = {first, await academy.last_code("asha@example.com")}
    answer = await post(academy, "verify", email="asha@example.com", code=codes.pop() if len(codes) == 1 else first)
    assert answer.status_code == (200 if not codes else 422)
