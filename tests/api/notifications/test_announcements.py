"""Announcements: to everybody who wants them, or to some, with a text of their own each."""

import msgspec
import pytest

from academy.features.accounts.administration import COMMAND_LINE, AccountAdministration
from academy.features.accounts.model import Preferences, Topic
from academy.features.notifications.service import AddressWithVariables
from academy.infrastructure.email.batches import Announcement
from academy.infrastructure.email.log import MailFilter
from academy.infrastructure.email.model import MailState
from academy.infrastructure.security.passwords import PasswordHasher
from academy.infrastructure.security.principal import Role
from academy.kit.errors import InvalidError
from tests.academies.in_process import TestAcademy
from tests.contracts.database.recording import RecordingDatabase

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


async def test_some_are_found_by_pages_and_not_one_by_one(academy: TestAcademy) -> None:
    recording = RecordingDatabase(academy.academy.database)
    administration = AccountAdministration(
        recording.as_database(), academy.clock, PasswordHasher(4, 10), academy.academy.session_store
    )
    people = [await academy.person() for _ in range(3)]
    found = await administration.lookup_many([people[0].email.upper(), people[1].email, "who@example.com"])
    assert {address: user.id for address, user in found.items()} == {
        people[0].email.upper(): people[0].user_id,
        people[1].email: people[1].user_id,
    }
    assert len(recording.queries) == 1


async def test_more_than_a_page_of_rows_all_get_it_once(academy: TestAcademy) -> None:
    create = academy.academy.administration.create
    addresses = [f"{number}@example.com" for number in range(205)]
    for address in addresses:
        await create(COMMAND_LINE, address, "Asha", Role.LEARNER, None)
    rows = [AddressWithVariables(address, {"seat": "A1"}) for address in (*addresses, addresses[0].upper())]
    audience = await academy.academy.notifications.audience(NEWS, rows)
    assert (audience.people, audience.first_addresses) == (205, addresses[:3])
    assert audience.first_subject == "A seat for Asha"
    batch = await academy.academy.notifications.announce_to(NEWS, rows)
    assert await academy.academy.email.log.states_of_batch(batch) == {MailState.QUEUED: 205}
    strangers = [AddressWithVariables(f"{number}@other.example", {}) for number in range(250)]
    with pytest.raises(InvalidError, match=r"0@other.*4@other\.example …"):
        await academy.academy.notifications.announce_to(NEWS, [*rows, *strangers])


async def test_the_audience_is_who_wants_it_and_nothing_is_written(academy: TestAcademy) -> None:
    admin, asha, ravi = await academy.person(Role.ADMIN), await academy.person(), await academy.person()
    await academy.academy.accounts.change(ravi, preferences=Preferences(declined=[Topic.ANNOUNCEMENTS]))
    audience = await academy.academy.notifications.audience(TO_ALL, None)
    assert (audience.people, audience.first_subject) == (2, "News")
    assert audience.first_addresses == [admin.email, asha.email]
    with pytest.raises(InvalidError, match="seat"):
        await academy.academy.notifications.audience(NEWS, None)
    assert (await academy.academy.email.log.page(MailFilter())).items == []


async def test_a_title_that_is_too_long_with_its_places_filled_is_refused_with_its_length(
    academy: TestAcademy,
) -> None:
    asha = await academy.person()
    long = msgspec.structs.replace(NEWS, title="x" * 140 + "{{ seat }}")
    short = [AddressWithVariables(asha.email, {"seat": "A123456789"})]
    assert (await academy.academy.notifications.audience(long, short)).people == 1
    rows = [AddressWithVariables(asha.email, {"seat": "A1234567890"})]
    with pytest.raises(InvalidError, match=r"151 characters for .*; make it 150"):
        await academy.academy.notifications.announce_to(long, rows)


@pytest.mark.parametrize("part", ["title", "message", "action", "action_url"])
def test_an_announcement_without_a_part_is_refused(part: str) -> None:
    with pytest.raises(InvalidError) as refused:
        msgspec.structs.replace(NEWS, **{part: " \n"})
    assert list(refused.value.fields) == [part]


async def test_who_goes_on_with_a_batch_is_asked_about_the_rest_and_not_stopped_by_accounts_that_are_gone(
    academy: TestAcademy,
) -> None:
    asha, ravi, mira = [await academy.person() for _ in range(3)]
    rows = [AddressWithVariables(one.email, {"seat": "A1"}) for one in (asha, ravi)]
    batch = await academy.academy.notifications.announce_to(NEWS, rows)
    more = [*rows, AddressWithVariables("gone@example.com", {}), AddressWithVariables(mira.email, {"seat": "B1"})]
    audience = await academy.academy.notifications.audience(NEWS, more, batch)
    assert (audience.people, audience.first_addresses) == (1, [mira.email])
    await academy.academy.notifications.announce_to(NEWS, more, batch)
    assert await academy.academy.email.log.states_of_batch(batch) == {MailState.QUEUED: 3}
    with pytest.raises(InvalidError, match=r"gone@example\.com"):
        await academy.academy.notifications.announce_to(NEWS, more)
