"""Many use a session while it ends or gets another secret."""

import asyncio

from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.base import SessionStore
from academy.kit.ids import new_id, new_token
from tests.contracts.cache.places import StandingClock
from tests.contracts.sessions.places import Place, begun, used

ROUNDS = 10


async def _touch(store: SessionStore, user_id: str, session_id: str, clock: StandingClock) -> None:
    session = await store.get_session(user_id, session_id)
    if session is not None:
        await store.update_session(used(session, clock))


async def test_destroying_while_touching_does_not_resurrect(place: Place, clock: StandingClock) -> None:
    async with place.opened(clock) as one, place.opened(clock) as two:
        for number in range(ROUNDS):
            session = begun(clock)
            await one.create_session(session)
            touches = [_touch(store, session.user_id, session.id, clock) for store in (one, two) for _ in range(5)]
            ends = [store.destroy_session(session.user_id, session.id) for store in (one, two)]
            # The ends come at another place among the touches each time.
            calls = [*touches[:number], *ends, *touches[number:]]
            answers = await asyncio.gather(*calls)
            assert [one for one in answers if one is not None].count(True) == 1
            for store in (one, two):
                assert await store.get_session(session.user_id, session.id) is None
                assert await store.get_session_by_token(session.token_hash or "") is None
                assert await store.sessions_of(session.user_id) == []


async def test_destroying_all_while_touching_does_not_resurrect(store: SessionStore, clock: StandingClock) -> None:
    for _ in range(ROUNDS):
        user_id = new_id()
        sessions = [begun(clock, user_id=user_id) for _ in range(4)]
        for session in sessions:
            await store.create_session(session)
        touches = [_touch(store, user_id, session.id, clock) for session in sessions for _ in range(2)]
        await asyncio.gather(*touches[:4], store.destroy_all(user_id, but=sessions[0].id), *touches[4:])
        assert [session.id for session in await store.sessions_of(user_id)] == [sessions[0].id]


async def test_of_rotations_at_the_same_time_one_counts(place: Place, clock: StandingClock) -> None:
    async with place.opened(clock) as one, place.opened(clock) as two:
        session = begun(clock)
        await one.create_session(session)
        fresh = [new_token() for _ in range(8)]
        rotations = [session.rotated(clock.now(), token_hash=token, role=Role.ADMIN) for token in fresh]
        stores = [one, two] * 4
        counted = await asyncio.gather(
            *(store.update_session(rotated) for store, rotated in zip(stores, rotations, strict=True))
        )
        assert counted.count(True) == 1
        for token, counts in zip(fresh, counted, strict=True):
            assert (await two.get_session_by_token(token) is not None) == counts
        assert await one.get_session_by_token(session.token_hash or ""), "the one before is answered for its grace"
