"""How often is too often, counted in one process or in the Redis of many."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.rate_limits.base import Rule, TooManyTries
from academy.infrastructure.rate_limits.factory import make_limiter
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.rate_limits.settings import RateLimitSettings
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import SystemClock
from academy.kit.ids import new_id
from tests.servers.mongodb import free_port
from tests.servers.redis import running_cluster, running_redis, running_redis_url

SETTINGS = RateLimitSettings(sign_in_account="3 per 10 minutes", codes="off", requests="1000 per hour")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with running_redis_url() as url:
        yield url


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    with running_cluster() as cluster:
        yield cluster.url


@pytest.fixture(params=["memory", "redis", "cluster"])
def where(request: pytest.FixtureRequest) -> tuple[CacheSettings, RedisSettings]:
    if request.param == "memory":
        return CacheSettings(), RedisSettings()
    if request.param == "cluster":
        address: str = request.getfixturevalue("cluster_url")
        return CacheSettings(provider="redis"), RedisSettings(url=address, cluster=True, timeout_seconds=1)
    return CacheSettings(provider="redis"), RedisSettings(url=request.getfixturevalue("redis_url"), timeout_seconds=1)


@pytest.fixture
async def limiter(where: tuple[CacheSettings, RedisSettings]) -> AsyncIterator[RateLimiter]:
    limiter = make_limiter(SETTINGS, *where, SystemClock())
    yield limiter
    await limiter.close()


async def test_the_quota_is_counted_down_and_then_refused(limiter: RateLimiter) -> None:
    who = new_id()
    standings = [await limiter.hit(Rule.SIGN_IN_ACCOUNT, who, "203.0.113.9") for _ in range(5)]
    told = [(one.remaining, one.is_allowed, one.quota, one.window_seconds) for one in standings if one]
    assert told == [(2, True, 3, 600), (1, True, 3, 600), (0, True, 3, 600), (0, False, 3, 600), (0, False, 3, 600)]
    last = standings[-1]
    assert last is not None
    assert 1 <= last.reset_seconds <= 600
    with pytest.raises(TooManyTries) as refused:
        await limiter.check(Rule.SIGN_IN_ACCOUNT, who, "203.0.113.9")
    assert refused.value.retry_after == refused.value.standing.reset_seconds
    assert "Try again in" in refused.value.message


async def test_everybody_has_a_quota_of_their_own(limiter: RateLimiter) -> None:
    who = new_id()
    for address in ("203.0.113.9", "203.0.113.10"):
        for _ in range(3):
            assert await limiter.check(Rule.SIGN_IN_ACCOUNT, who, address)
    assert await limiter.check(Rule.SIGN_IN_ADDRESS, "203.0.113.9")


async def test_a_rule_that_is_off_counts_nothing(limiter: RateLimiter) -> None:
    assert [await limiter.hit(Rule.CODES, "x") for _ in range(100)] == [None] * 100


async def test_the_count_is_exact_when_many_ask_at_once(limiter: RateLimiter) -> None:
    who = new_id()
    assert await limiter.hit(Rule.REQUESTS, who)
    assert not limiter.counts_alone, "it is connected"
    standings = await asyncio.gather(*(limiter.hit(Rule.SIGN_IN_ACCOUNT, who) for _ in range(20)))
    assert sum(one.is_allowed for one in standings if one) == 3


async def test_processes_that_share_redis_count_together(redis_url: str) -> None:
    redis, who = RedisSettings(url=redis_url, timeout_seconds=1), new_id()
    limiters = [make_limiter(SETTINGS, CacheSettings(provider="redis"), redis, SystemClock()) for _ in range(4)]
    standings = [await one.hit(Rule.SIGN_IN_ACCOUNT, who) for one in limiters]
    assert [one.is_allowed for one in standings if one] == [True, True, True, False]
    for one in limiters:
        await one.close()


async def test_without_redis_each_process_counts_for_itself_and_nobody_waits() -> None:
    redis = RedisSettings(host="127.0.0.1", port=free_port())
    limiter = make_limiter(SETTINGS, CacheSettings(provider="redis"), redis, SystemClock())
    begun = asyncio.get_running_loop().time()
    standings = [await limiter.hit(Rule.SIGN_IN_ACCOUNT, "a") for _ in range(5)]
    assert asyncio.get_running_loop().time() - begun < 2
    assert [one.is_allowed for one in standings if one] == [True, True, True, False, False]
    assert limiter.counts_alone
    await limiter.close()


@pytest.mark.timeout(60)
async def test_redis_that_comes_back_counts_again() -> None:
    with running_redis() as server:
        redis = RedisSettings(host="127.0.0.1", port=server.port, timeout_seconds=1)
        limiter = make_limiter(SETTINGS, CacheSettings(provider="redis"), redis, SystemClock())
        alone = [await counts_alone(limiter)]
        server.stop()
        alone.append(await counts_alone(limiter))
        server.start()
        async with asyncio.timeout(20):
            while await counts_alone(limiter):  # noqa: ASYNC110 - the pause of the circuit is waited for
                await asyncio.sleep(0.05)
        assert alone == [False, True]
        await limiter.close()


async def counts_alone(limiter: RateLimiter) -> bool:
    assert await limiter.hit(Rule.REQUESTS, "a")
    return limiter.counts_alone
