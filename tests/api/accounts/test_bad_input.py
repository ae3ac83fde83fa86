"""Input that no client of good will sends: operators for values, fields that do not exist, broken JSON."""

from academy.infrastructure.security.principal import Role
from tests.academies.in_process import PASSWORD, TestAcademy
from tests.api.accounts.steps import blamed, problem

EMAIL, CODE = "asha@example.com", "123456"
BODIES: dict[tuple[str, str], dict[str, object]] = {
    ("POST", "auth/register"): {"email": EMAIL, "name": "Asha", "password": PASSWORD},
    ("POST", "auth/verify"): {"email": EMAIL, "code": CODE},
    ("POST", "auth/resend"): {"email": EMAIL},
    ("POST", "auth/login"): {"email": EMAIL, "password": PASSWORD},
    ("POST", "auth/refresh"): {"refresh_token": "x"},
    ("POST", "auth/logout"): {"refresh_token": "x"},
    ("POST", "auth/forgot-password"): {"email": EMAIL},
    ("POST", "auth/reset-password"): {"email": EMAIL, "code": CODE, "password": PASSWORD},
    ("PATCH", "me"): {"name": "Asha", "profile": {}, "preferences": {}},
    ("DELETE", "me"): {"password": PASSWORD},
    ("PATCH", "admin/users/someone"): {"role": "learner", "suspended": False},
}
OPERATOR = {"$ne": None}


async def test_an_operator_is_no_value(embedded_academy: TestAcademy) -> None:
    api = await embedded_academy.signed_in_api(Role.ADMIN)
    for (method, path), body in BODIES.items():
        for field in body:
            answer = await api.request(method, path, json=body | {field: OPERATOR})
            assert {name.partition(".")[0] for name in blamed(answer)} == {field}, (path, field)
    assert (await api.get("me")).status_code == 200


async def test_only_what_is_declared_is_taken(embedded_academy: TestAcademy) -> None:
    api = await embedded_academy.signed_in_api(Role.ADMIN)
    for (method, path), body in BODIES.items():
        for extra in ({"role_": "admin"}, {"status": "active"}, {"id": "1"}, {"$where": "1"}):
            answer = await api.request(method, path, json=body | extra)
            assert problem(answer) == (422, "invalid_input"), path
            assert next(iter(extra)) in answer.text


async def test_what_is_no_json_is_refused(embedded_academy: TestAcademy) -> None:
    api = await embedded_academy.signed_in_api(Role.ADMIN)
    for method, path in BODIES:
        for body in (b"", b"{", b"[]", b'"x"', b"null", b'{"email": "\xff"}', b'{"email": "\\ud800"}'):
            answer = await api.request(method, path, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422, (path, body)
            assert answer.headers["content-type"].startswith("application/problem+json")


ODD_TEXTS = ("\x00", "a\x00b", "\ufffe", "𝕬" * 20, "'; DROP TABLE users; --", '{"$gt": ""}', "%")


async def test_odd_text_is_kept_or_refused_but_breaks_nothing(academy: TestAcademy) -> None:
    api = await academy.signed_in_api(Role.ADMIN)
    for text in ODD_TEXTS:
        changed = await api.patch("me", json={"profile": {"headline": text, "bio": text}})
        assert changed.json()["profile"]["bio"] == text if changed.status_code == 200 else blamed(changed)
        for path, fields in (
            ("auth/login", ("email", "password")),
            ("auth/register", ("email", "password", "name")),
            ("auth/resend", ("email",)),
            ("auth/forgot-password", ("email",)),
        ):
            answer = await academy.api().post(path, json=dict.fromkeys(fields, text * 3))
            assert answer.status_code in {202, 401, 422}, (path, text)
        found = await api.get("admin/users", params={"q": text})
        assert (found.status_code, found.json()["items"]) == (200, []), text
