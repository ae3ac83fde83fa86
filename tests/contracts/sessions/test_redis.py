"""What is in Redis: nothing that outlives its use, and the keys of an account in one slot."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from academy.infrastructure.security.principal import Role
from academy.infrastructure.sessions.model import GRACE
from academy.kit.ids import new_id, new_token
from tests.contracts.cache.places import StandingClock, patient, raw_client
from tests.contracts.database.places import new_place
from tests.contracts.sessions.places import IDLE, Place, begun, used


@pytest.fixture
def place(redis_url: str, tmp_path: Path) -> Iterator[Place]:
    with new_place("sqlite", tmp_path, "") as database:
        yield Place(database, patient(url=redis_url))


async def test_every_key_ends_with_what_it_is_for(place: Place, clock: StandingClock) -> None:
    assert place.redis
    async with place.opened(clock) as store, raw_client(place.redis) as client:
        session = begun(clock)
        await store.create_session(session)
        key, index = f"academy-sessions:{{{session.user_id}}}:{session.id}", f"academy-sessions:{{{session.user_id}}}"
        pointer = f"academy-sessions:token:{session.token_hash}"
        most = IDLE.total_seconds() * 1000
        for name in (key, index, pointer):
            assert most - 60_000 < await client.pttl(name) <= most, name
        assert session.id.encode() in await client.get(key), "text that an operator can read"
        rotated = session.rotated(clock.now(), token_hash=new_token(), role=Role.ADMIN)
        assert await store.update_session(rotated)
        assert 0 < await client.pttl(pointer) <= GRACE.total_seconds() * 1000
        await store.destroy_session(session.user_id, session.id)
        assert await client.exists(key, index) == 0


async def test_to_see_whether_anything_can_be_kept_leaves_nothing(place: Place, clock: StandingClock) -> None:
    assert place.redis
    async with place.opened(clock) as store, raw_client(place.redis) as client:
        await store.check_writable()
        assert await client.pttl("academy-sessions:probe") in (-2, 0, 1), "gone, or in a moment"


async def test_the_index_forgets_what_has_ended(place: Place, clock: StandingClock) -> None:
    assert place.redis
    async with place.opened(clock) as store, raw_client(place.redis) as client:
        user_id = new_id()
        index = f"academy-sessions:{{{user_id}}}"
        await store.create_session(begun(clock, user_id=user_id))
        clock.move(days=15)
        lost = begun(clock, user_id=user_id)
        await store.create_session(lost)
        assert await client.zrange(index, 0, -1) == [lost.id.encode()], "what has ended goes with the next one"
        await client.delete(f"{index}:{lost.id}")
        assert await store.sessions_of(user_id) == []
        assert await client.exists(index) == 0, "what Redis lost goes with the next look"


async def test_a_flush_signs_everybody_out_and_breaks_nothing(place: Place, clock: StandingClock) -> None:
    assert place.redis
    async with place.opened(clock) as store, raw_client(place.redis) as client:
        session = begun(clock)
        await store.create_session(session)
        for name in await client.keys(f"*{session.user_id}*"):
            await client.delete(name)
        assert await store.get_session_by_token(session.token_hash or "") is None
        assert not await store.update_session(used(session, clock))
        assert not await store.destroy_session(session.user_id, session.id)
        again = begun(clock, user_id=session.user_id)
        await store.create_session(again)
        assert await store.sessions_of(session.user_id) == [again]


async def test_what_is_no_session_signs_nobody_in(place: Place, clock: StandingClock) -> None:
    assert place.redis
    async with place.opened(clock) as store, raw_client(place.redis) as client:
        session = begun(clock)
        await store.create_session(session)
        for spoilt in (b"", b"[]", b'{"id": 1}', b"\x80\x04."):
            await client.set(f"academy-sessions:{{{session.user_id}}}:{session.id}", spoilt)
            assert await store.get_session_by_token(session.token_hash or "") is None
            assert await store.sessions_of(session.user_id) == []


async def test_no_secret_is_in_redis(place: Place, clock: StandingClock) -> None:
    """Only hashes of secrets come to the store; it has no name for more."""
    assert place.redis
    async with place.opened(clock) as store, raw_client(place.redis) as client:
        session = begun(clock)
        await store.create_session(session)
        value = (await client.get(f"academy-sessions:{{{session.user_id}}}:{session.id}")).decode()
        assert set(re.findall(r'"(\w*token\w*)":', value)) == {"token_hash", "former_token_hash"}
