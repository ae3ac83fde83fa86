"""Announcements: to everybody who wants them, or to some, with a text of their own each."""

import pytest

from academy.features.notifications.service import AddressWithVariables
from academy.infrastructure.email.batches import Announcement
from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import MailState
from academy.infrastructure.security.principal import Role
from academy.kit.errors import InvalidError
from tests.academies.in_process import TestAcademy

NEWS = Announcement(
    title="A seat for {{ name }}", message="Your seat is {{ seat }}.", action="Open", action_url="https://academy.test/"
)
TO_ALL = Announcement(title="News", message="Hello {{ name }}.", action="Open", action_url="https://academy.test/")


async def test_everybody_in_use_gets_it_once(academy: TestAcademy) -> None:
    people = [await academy.person(name=f"Person {number}") for number in range(3)]
    admin = await academy.person(Role.ADMIN)
    await academy.academy.admin.suspend(admin, people[0].user_id)
    await academy.api().post(
        "auth/register", json={"email": "new@example.com", "name": "New", "password": "a long enough password"}
    )
    batch = await academy.academy.notifications.announce_to_all(TO_ALL)
    assert await academy.academy.notifications.announce_to_all(TO_ALL, batch) == batch
    await academy.work()
    reached = [m.to for m in (await academy.academy.email.log.page(MailFilter(batch_id=batch))).items]
    assert sorted(reached) == sorted([people[1].email, people[2].email, admin.email])
    assert await academy.academy.email.log.states_of_batch(batch) == {MailState.SENT: 3}


async def test_some_get_their_own_text(academy: TestAcademy) -> None:
    asha, ravi = await academy.person(name="Asha"), await academy.person(name="Ravi")
    rows = [AddressWithVariables(asha.email.upper(), {"seat": "A1"}), AddressWithVariables(ravi.email, {"seat": "B2"})]
    await academy.academy.notifications.announce_to(NEWS, rows)
    await academy.work()
    texts = {message.to: (message.subject, message.text) for message in await academy.messages()}
    assert texts[asha.email][0] == "A seat for Asha"
    assert "Your seat is B2." in texts[ravi.email][1]


async def test_addresses_without_an_account_are_named_and_nobody_is_written_to(academy: TestAcademy) -> None:
    asha = await academy.person()
    rows = [AddressWithVariables(asha.email, {"seat": "A1"}), AddressWithVariables("who@example.com", {"seat": "B2"})]
    with pytest.raises(InvalidError, match=r"who@example\.com"):
        await academy.academy.notifications.announce_to(NEWS, rows)
    await academy.work()
    assert await academy.messages() == []
