"""Roles and their rights."""

import pytest

from academy.infrastructure.security.principal import Principal, Role


def who(role: Role) -> Principal:
    return Principal(user_id="user", session_id="session", email="asha@example.com", name="Asha", role=role)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.LEARNER, {Role.LEARNER}),
        (Role.INSTRUCTOR, {Role.LEARNER, Role.INSTRUCTOR}),
        (Role.ADMIN, {Role.LEARNER, Role.INSTRUCTOR, Role.ADMIN}),
    ],
)
def test_each_role_may_what_those_before_it_may(role: Role, may: set[Role]) -> None:
    assert {other for other in Role if who(role).may_act_as(other)} == may


def test_the_roles_are_these_and_rank_in_this_order() -> None:
    assert [role.value for role in sorted(Role, key=lambda role: role.rank)] == ["learner", "instructor", "admin"]
    assert [role.rank for role in Role] == [0, 1, 2]


def test_a_principal_cannot_be_raised() -> None:
    learner = who(Role.LEARNER)
    with pytest.raises(AttributeError):
        learner.role = Role.ADMIN  # type: ignore[misc]
