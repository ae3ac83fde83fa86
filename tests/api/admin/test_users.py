"""What admins do to accounts, over the API on both engines."""

import asyncio

import httpx
import pytest

from academy.features.accounts.administration import COMMAND_LINE
from academy.features.accounts.errors import LastAdmin, NoAdmin
from academy.features.accounts.model import User, UserStatus
from academy.infrastructure.security.principal import Principal, Role
from academy.kit.ids import new_id
from academy.web.authentication import SESSION_COOKIE
from tests.academies.in_process import PASSWORD, TestAcademy
from tests.api.accounts.steps import post, problem, register, sign_in


async def change(api: httpx.AsyncClient, person: Principal, **wanted: object) -> httpx.Response:
    return await api.patch(f"admin/users/{person.user_id}", json=wanted)


async def names(api: httpx.AsyncClient, **query: str | int) -> list[str]:
    """All pages of the list, walked from the first to the last."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.get("admin/users", params=query | ({"cursor": cursor} if cursor else {}))).json()
        found += [user["name"] for user in page["items"]]
        cursor = page["next_cursor"]
    return found


async def test_only_admins_look_behind_the_curtain(academy: TestAcademy) -> None:
    paths = ("overview", "users", "jobs", "mail", "health")
    clients = [
        (academy.api(), 401),
        (await academy.signed_in_api(Role.LEARNER), 403),
        (await academy.signed_in_api(Role.INSTRUCTOR), 403),
        (await academy.signed_in_api(Role.ADMIN), 200),
    ]
    for api, status in clients:
        for path in paths:
            assert (await api.get(f"admin/{path}")).status_code == status
        if status != 200:
            assert (await api.patch("admin/users/x", json={"role": "admin"})).status_code == status
            assert (await api.post("admin/jobs/x/retry")).status_code == status


async def test_finding_accounts(academy: TestAcademy) -> None:
    api = await academy.signed_in_api(person=await academy.person(Role.ADMIN, name="Ada", email="boss@example.com"))
    for number in range(7):
        academy.clock.move(seconds=1)
        await academy.person(name=f"Learner {number}", email=f"learner{number}@school.example")
    await register(academy, "waiting@example.com", name="Zoë Müller")
    newest_first = ["Zoë Müller", *(f"Learner {number}" for number in reversed(range(7))), "Ada"]
    for limit in (1, 3, 100):
        assert await names(api, limit=limit) == newest_first
    assert await names(api, q="zoe") == ["Zoë Müller"]
    assert await names(api, q="MULLER zoë") == ["Zoë Müller"]
    assert await names(api, q="learner3@school.example") == ["Learner 3"]
    assert sorted(await names(api, q="school", limit=2)) == [f"Learner {number}" for number in range(7)]
    assert await names(api, q="lear", limit=3) == await names(api, q="lear")
    assert await names(api, q="nobody") == []
    rows = (await api.get("admin/users", params={"q": "zoe"})).json()["items"]
    assert [(row["email"], row["role"], row["status"], row["last_sign_in_at"]) for row in rows] == [
        ("waiting@example.com", "learner", "unverified", None)
    ]
    assert (await api.get("admin/users", params={"cursor": "nonsense"})).status_code == 422
    assert (await api.get("admin/users", params={"q": "x" * 201})).status_code == 422


async def test_suspending_ends_every_session_at_once(academy: TestAcademy) -> None:
    admin, person = await academy.signed_in_api(Role.ADMIN), await academy.person()
    tokens = (await sign_in(academy, person.email)).json()
    api, browser = academy.api(tokens["access_token"]), await academy.signed_in_browser(person=person)
    suspended = await change(admin, person, suspended=True)
    assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
    assert (await api.get("me")).status_code == 401
    assert (await browser.get("/account")).url.path == "/login"
    assert (await post(academy, "refresh", refresh_token=tokens["refresh_token"])).status_code == 401
    assert problem(await sign_in(academy, person.email)) == (403, "account_suspended")
    assert (await change(admin, person, suspended=False)).json()["status"] == "active"
    assert (await api.get("me")).status_code == 401
    assert (await sign_in(academy, person.email)).status_code == 200


async def test_signing_in_and_being_suspended_at_the_same_time(academy: TestAcademy) -> None:
    """Whichever is first: afterwards no session is left that would live again with the account."""
    person = await academy.person()
    administration = academy.academy.administration
    await asyncio.gather(
        *(sign_in(academy, person.email) for _ in range(4)), administration.suspend(COMMAND_LINE, person.user_id)
    )
    await administration.unsuspend(COMMAND_LINE, person.user_id)
    assert await academy.academy.accounts.sessions.list_of(person) == []


async def test_a_role_counts_at_once_and_asks_for_fresh_credentials(academy: TestAcademy) -> None:
    admin, person = await academy.signed_in_api(Role.ADMIN), await academy.person()
    tokens = (await sign_in(academy, person.email)).json()
    browser = await academy.signed_in_browser(person=person)
    before = browser.cookies[SESSION_COOKIE]
    assert (await browser.get("/studio")).status_code == 403
    assert (await change(admin, person, role="instructor")).json()["role"] == "instructor"
    assert (await academy.api(tokens["access_token"]).get("me")).status_code == 401
    fresh = await academy.api().post("auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    api = academy.api(fresh.json()["access_token"])
    assert (await academy.api(tokens["access_token"]).get("me")).status_code == 401
    assert (await browser.get("/studio")).status_code == 200
    assert browser.cookies[SESSION_COOKIE] != before
    assert (await api.get("videos")).status_code == 200
    assert (await change(admin, person, role="instructor")).status_code == 200
    assert (await api.get("videos")).status_code == 200  # nothing changed, nobody is signed out
    assert (await change(admin, person, role="learner")).status_code == 200
    assert (await (await academy.signed_in_api(person=person)).get("videos")).status_code == 403


async def test_a_change_is_done_as_a_whole_or_not_at_all(academy: TestAcademy) -> None:
    boss = await academy.person(Role.ADMIN)
    await academy.person(Role.ADMIN)
    api = await academy.signed_in_api(person=boss)
    refused = await change(api, boss, role="learner", suspended=True)
    assert problem(refused) == (409, "conflict")
    assert (await api.get("me")).json()["role"] == "admin"
    person = await academy.person()
    both = (await change(api, person, role="instructor", suspended=True)).json()
    assert (both["role"], both["status"]) == ("instructor", "suspended")
    assert (await change(api, person)).json() == both
    assert problem(await api.patch("admin/users/unknown", json={"role": "admin"})) == (404, "not_found")
    assert (await change(api, person, role="owner")).status_code == 422


async def test_the_last_admin_stays_admin(academy: TestAcademy) -> None:
    boss = await academy.person(Role.ADMIN)
    api = await academy.signed_in_api(person=boss)
    assert problem(await change(api, boss, role="learner")) == (409, "last_admin")
    assert problem(await change(api, boss, suspended=True)) == (409, "conflict")
    administration = academy.academy.administration
    with pytest.raises(LastAdmin):
        await administration.suspend(COMMAND_LINE, boss.user_id)
    # A suspended admin is no admin to rely on.
    other = await academy.person(Role.ADMIN)
    await change(api, other, suspended=True)
    assert problem(await change(api, boss, role="learner")) == (409, "last_admin")
    assert (await change(api, other, role="learner")).status_code == 200
    assert (await api.get("admin/overview")).status_code == 200


async def test_admins_who_remove_each_other_do_not_leave_the_academy_alone(academy: TestAcademy) -> None:
    people = [await academy.person(Role.ADMIN) for _ in range(3)]
    administration = academy.academy.administration
    results = await asyncio.gather(
        administration.set_role(people[0].user_id, people[1].user_id, Role.LEARNER),
        administration.suspend(people[1].user_id, people[2].user_id),
        administration.set_role(people[2].user_id, people[0].user_id, Role.LEARNER),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Exception) for result in results) == 1
    users = (await administration.list_users()).items
    assert len([user for user in users if user.role is Role.ADMIN and user.status == "active"]) == 1


async def test_who_is_no_admin_any_more_does_nothing_as_one(academy: TestAcademy) -> None:
    """A request that an admin began to send before can end after: the service asks again who acts."""
    administration = academy.academy.administration
    admin, demoted, shut = [await academy.person(Role.ADMIN) for _ in range(3)]
    learner = await academy.person()
    await administration.set_role(admin.user_id, demoted.user_id, Role.LEARNER)
    await administration.suspend(admin.user_id, shut.user_id)
    for actor_id in (demoted.user_id, shut.user_id, learner.user_id, new_id()):
        for act in (
            administration.set_role(actor_id, demoted.user_id, Role.ADMIN),
            administration.suspend(actor_id, admin.user_id),
            administration.unsuspend(actor_id, shut.user_id),
            administration.create(actor_id, "new@example.com", "New", Role.ADMIN, PASSWORD),
        ):
            with pytest.raises(NoAdmin):
                await act
    found = await administration.many([admin.user_id, demoted.user_id, shut.user_id])
    assert found[demoted.user_id].role is Role.LEARNER
    assert [found[who.user_id].status for who in (admin, shut)] == [UserStatus.ACTIVE, UserStatus.SUSPENDED]
    assert await administration.lookup("new@example.com") is None


async def test_an_admin_who_is_demoted_at_the_same_moment_does_not_get_the_role_back(academy: TestAcademy) -> None:
    administration = academy.academy.administration
    admin, rogue = await academy.person(Role.ADMIN), await academy.person(Role.ADMIN)
    acts = [administration.set_role(rogue.user_id, rogue.user_id, Role.ADMIN) for _ in range(6)]
    demotion = administration.set_role(admin.user_id, rogue.user_id, Role.LEARNER)
    results = await asyncio.gather(*acts[:3], demotion, *acts[3:], return_exceptions=True)
    assert all(isinstance(result, User | NoAdmin) for result in results)
    assert (await academy.academy.accounts.user(rogue.user_id)).role is Role.LEARNER


async def test_opening_a_shut_account_does_not_prove_its_address(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    await register(academy, "asha@example.com")
    code = await academy.last_code("asha@example.com")
    administration = academy.academy.administration
    user = await administration.find("asha@example.com")
    await administration.suspend(COMMAND_LINE, user.id)
    assert problem(await post(academy, "verify", email=user.email, code=code)) == (422, "wrong_code")
    assert (await administration.unsuspend(COMMAND_LINE, user.id)).status == "unverified"
    assert problem(await sign_in(academy, user.email)) == (403, "not_verified")
    assert (await post(academy, "verify", email=user.email, code=code)).status_code == 200
    assert (await administration.unsuspend(COMMAND_LINE, user.id)).status == "active"


async def test_the_audit_trail_tells_who_did_what(embedded_academy: TestAcademy) -> None:
    academy = embedded_academy
    boss, person = await academy.person(Role.ADMIN), await academy.person()
    api = await academy.signed_in_api(person=boss)
    for wanted in ({"role": "instructor"}, {"suspended": True}, {"suspended": True}, {"suspended": False}):
        assert (await change(api, person, **wanted)).status_code == 200
    trail = (await academy.academy.administration.audit()).items
    told = [(e.actor_id, e.action.value, e.details) for e in reversed(trail) if e.subject_id == person.user_id]
    assert told == [
        (COMMAND_LINE, "account_created", {"role": "learner"}),
        (boss.user_id, "role_changed", {"before": "learner", "role": "instructor"}),
        (boss.user_id, "account_suspended", {}),
        (boss.user_id, "account_unsuspended", {}),
    ]


async def test_two_accounts_with_one_address_cannot_be_made(academy: TestAcademy) -> None:
    results = await asyncio.gather(
        *(
            academy.academy.administration.create(COMMAND_LINE, email, "Asha", Role.LEARNER, PASSWORD)
            for email in ("asha@example.com", "ASHA@example.com", "Asha@Example.com")
        ),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["EmailTaken", "EmailTaken", "User"]
