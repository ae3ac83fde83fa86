"""What every store of sessions promises."""

from datetime import timedelta

import msgspec

from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.base import MOST_LISTED, SessionStore
from academy.infrastructure.sessions.model import GRACE
from academy.kit.ids import new_id, new_token
from tests.contracts.cache.places import StandingClock
from tests.contracts.sessions.places import IDLE, LONGEST, Place, begun, used


async def test_what_is_created_is_found_by_id_and_by_token(store: SessionStore, clock: StandingClock) -> None:
    session = begun(clock)
    await store.create_session(session)
    assert session.token_hash
    assert await store.get_session(session.user_id, session.id) == session
    assert await store.get_session_by_token(session.token_hash) == session
    assert await store.sessions_of(session.user_id) == [session]
    assert await store.health_check() == ""


async def test_what_is_nobodys_is_not_found(store: SessionStore, clock: StandingClock) -> None:
    session = begun(clock)
    await store.create_session(session)
    assert await store.get_session(session.user_id, new_id()) is None
    assert await store.get_session(new_id(), session.id) is None
    assert await store.get_session(session.user_id, "") is None
    assert await store.get_session_by_token(new_token()) is None
    assert await store.get_session_by_token("") is None
    assert await store.sessions_of(new_id()) == []
    assert not await store.destroy_session(new_id(), session.id)
    assert not await store.destroy_session(session.user_id, "} {*\x00é")
    assert await store.get_session(session.user_id, session.id) == session


async def test_an_api_session_has_no_token(store: SessionStore, clock: StandingClock) -> None:
    user_id = new_id()
    sessions = [msgspec.structs.replace(begun(clock, user_id=user_id), token_hash=None) for _ in range(2)]
    for session in sessions:
        await store.create_session(session)
    assert await store.get_session(user_id, sessions[0].id) == sessions[0]
    assert await store.update_session(used(sessions[0], clock))
    assert len(await store.sessions_of(user_id)) == 2


async def test_an_unused_session_ends_to_the_millisecond(store: SessionStore, clock: StandingClock) -> None:
    session = begun(clock)
    await store.create_session(session)
    clock.move(days=14, milliseconds=-1)
    assert await store.get_session_by_token(session.token_hash or "") == session
    clock.move(milliseconds=1)
    assert await store.get_session_by_token(session.token_hash or "") is None
    assert await store.get_session(session.user_id, session.id) is None
    assert await store.sessions_of(session.user_id) == []


async def test_use_moves_the_end_but_not_beyond_the_limit(store: SessionStore, clock: StandingClock) -> None:
    session = begun(clock)
    began = clock.now()
    await store.create_session(session)
    for _ in range(8):
        clock.move(days=11)
        held = await store.get_session_by_token(session.token_hash or "")
        assert held
        assert await store.update_session(used(held, clock))
        held = await store.get_session(session.user_id, session.id)
        assert held
        assert (held.last_used_at, held.created_at) == (clock.now(), began)
        assert held.expires_at == min(clock.now() + IDLE, began + LONGEST)
    clock.move(days=2, milliseconds=-1)
    assert await store.get_session_by_token(session.token_hash or "")
    clock.move(milliseconds=1)
    assert await store.get_session_by_token(session.token_hash or "") is None


async def test_a_destroyed_session_is_gone(store: SessionStore, clock: StandingClock) -> None:
    user_id = new_id()
    session, other = begun(clock, user_id=user_id), begun(clock, user_id=user_id)
    await store.create_session(session)
    await store.create_session(other)
    assert await store.destroy_session(user_id, session.id)
    assert not await store.destroy_session(user_id, session.id)
    assert await store.get_session(user_id, session.id) is None
    assert await store.get_session_by_token(session.token_hash or "") is None
    assert await store.sessions_of(user_id) == [other]


async def test_a_late_update_does_not_bring_a_destroyed_session_back(store: SessionStore, clock: StandingClock) -> None:
    session = begun(clock)
    await store.create_session(session)
    await store.destroy_session(session.user_id, session.id)
    clock.move(minutes=1)
    assert not await store.update_session(used(session, clock))
    assert not await store.update_session(
        session.rotated(clock.now(), token_hash=session.token_hash or "", role=Role.ADMIN)
    )
    assert await store.get_session(session.user_id, session.id) is None
    assert await store.get_session_by_token(session.token_hash or "") is None
    assert await store.sessions_of(session.user_id) == []


async def test_of_two_updates_of_what_was_read_the_first_counts(store: SessionStore, clock: StandingClock) -> None:
    session = begun(clock)
    await store.create_session(session)
    rotated = session.rotated(clock.now(), token_hash=new_token(), role=Role.ADMIN)
    assert await store.update_session(rotated)
    clock.move(minutes=1)
    assert not await store.update_session(used(session, clock)), "it would undo the rotation"
    held = await store.get_session(session.user_id, session.id)
    assert held
    assert (held.token_hash, held.role) == (rotated.token_hash, Role.ADMIN)
    assert await store.update_session(used(held, clock))


async def test_a_rotated_secret_counts_for_its_grace(store: SessionStore, clock: StandingClock) -> None:
    session = begun(clock)
    first, second = session.token_hash or "", new_token()
    await store.create_session(session)
    assert await store.update_session(session.rotated(clock.now(), token_hash=second, role=Role.ADMIN))
    for token in (first, second):
        held = await store.get_session_by_token(token)
        assert held
        assert (held.id, held.token_hash) == (session.id, second)
    clock.move(seconds=GRACE.total_seconds(), milliseconds=-1)
    assert await store.get_session_by_token(first)
    clock.move(milliseconds=1)
    assert await store.get_session_by_token(first) is None
    held = await store.get_session_by_token(second)
    assert held
    clock.move(minutes=1)
    assert await store.update_session(used(held, clock))
    assert await store.get_session_by_token(first) is None
    assert await store.get_session_by_token(second)


async def test_a_secret_before_the_one_before_is_dead_at_once(store: SessionStore, clock: StandingClock) -> None:
    session = begun(clock)
    await store.create_session(session)
    for _ in range(2):
        held = await store.get_session(session.user_id, session.id)
        assert held
        assert await store.update_session(held.rotated(clock.now(), token_hash=new_token(), role=Role.ADMIN))
    assert await store.get_session_by_token(session.token_hash or "") is None


async def test_the_list_is_of_one_account_last_used_first(store: SessionStore, clock: StandingClock) -> None:
    user_id, stranger = new_id(), begun(clock)
    await store.create_session(stranger)
    sessions = []
    for _ in range(4):
        clock.move(hours=1)
        sessions.append(begun(clock, user_id=user_id))
        await store.create_session(sessions[-1])
    clock.move(hours=1)
    assert await store.update_session(used(sessions[1], clock))
    listed = [session.id for session in await store.sessions_of(user_id)]
    assert listed == [sessions[n].id for n in (1, 3, 2, 0)]
    clock.move(days=13, hours=22)
    assert [session.id for session in await store.sessions_of(user_id)] == [sessions[n].id for n in (1, 3)]
    assert len(await store.sessions_of(stranger.user_id)) == 0


async def test_the_list_has_an_end(store: SessionStore, clock: StandingClock) -> None:
    user_id = new_id()
    for _ in range(MOST_LISTED + 3):
        clock.move(milliseconds=1)
        latest = begun(clock, user_id=user_id)
        await store.create_session(latest)
    listed = await store.sessions_of(user_id)
    assert (len(listed), listed[0]) == (MOST_LISTED, latest)
    await store.destroy_all(user_id)
    assert await store.sessions_of(user_id) == []
    assert await store.get_session(user_id, latest.id) is None


async def test_all_but_one_are_destroyed(store: SessionStore, clock: StandingClock) -> None:
    user_id, stranger = new_id(), begun(clock)
    await store.create_session(stranger)
    sessions = [begun(clock, user_id=user_id) for _ in range(5)]
    for session in sessions:
        await store.create_session(session)
    await store.destroy_all(user_id, but=sessions[2].id)
    assert await store.sessions_of(user_id) == [sessions[2]]
    found = [await store.get_session_by_token(session.token_hash or "") for session in sessions]
    assert found == [None, None, sessions[2], None, None]
    await store.destroy_all(user_id)
    await store.destroy_all(user_id)
    assert await store.sessions_of(user_id) == []
    assert await store.sessions_of(stranger.user_id) == [stranger]


async def test_two_academies_see_the_same_at_once(place: Place, clock: StandingClock) -> None:
    async with place.opened(clock) as one, place.opened(clock) as two:
        session = begun(clock)
        await one.create_session(session)
        assert await two.get_session_by_token(session.token_hash or "") == session
        clock.move(minutes=1)
        assert await two.update_session(used(session, clock))
        held = await one.get_session(session.user_id, session.id)
        assert held
        assert held.last_used_at == clock.now()
        assert await two.destroy_session(session.user_id, session.id)
        assert await one.get_session(session.user_id, session.id) is None


async def test_clocks_that_differ_end_nothing_early_and_bring_nothing_back(place: Place) -> None:
    early, late = StandingClock(), StandingClock()
    late.move(minutes=5)
    async with place.opened(early) as one, place.opened(late) as two:
        user_id = new_id()
        of_late, of_early = begun(late, user_id=user_id), begun(early, user_id=user_id)
        await two.create_session(of_late)
        await one.create_session(of_early)
        for store in (one, two):
            assert {session.id for session in await store.sessions_of(user_id)} == {of_late.id, of_early.id}
            assert await store.get_session_by_token(of_late.token_hash or "")
        # The session of the early one is used at the late one, then at the early one again.
        assert await two.update_session(used(of_early, late))
        held = await one.get_session(user_id, of_early.id)
        assert held
        assert held.expires_at == late.now() + IDLE
        early.move(days=14, minutes=4)
        late.move(days=14, minutes=4)
        assert await one.get_session(user_id, of_early.id), "each judges by its own clock"
        early.move(minutes=1, seconds=1)
        assert await one.get_session(user_id, of_early.id) is None
        assert await two.get_session(user_id, of_early.id) is None
        await one.destroy_all(user_id)
        early.move(days=-1)
        late.move(days=-1)
        assert await one.sessions_of(user_id) == await two.sessions_of(user_id) == []


def test_the_end_is_never_beyond_the_limit(clock: StandingClock) -> None:
    session = begun(clock)
    for days, left in (
        (0, IDLE),
        (75, IDLE),
        (80, timedelta(days=10)),
        (90, timedelta(0)),
        (400, timedelta(days=-310)),
    ):
        now = session.created_at + timedelta(days=days)
        assert session.used(now, idle=IDLE, longest=LONGEST).expires_at - now == left
