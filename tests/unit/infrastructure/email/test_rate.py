import asyncio

from academy.infrastructure.email.rate import RateLimit


async def test_calls_are_spread_evenly() -> None:
    limit = RateLimit(200)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert all(await asyncio.gather(*(limit.wait(5) for _ in range(21))))
    assert loop.time() - begun >= 0.0995, "21 calls have 20 steps of 5 ms between them"


async def test_who_would_wait_too_long_is_told_at_once_and_takes_no_turn() -> None:
    limit = RateLimit(10)
    assert await limit.wait(0)
    assert not await limit.wait(0.05)
    assert await limit.wait(0.2), "the refused call did not take this turn"


async def test_without_a_limit_nobody_waits() -> None:
    limit = RateLimit(0)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert all([await limit.wait(0) for _ in range(10_000)])
    assert loop.time() - begun < 5
