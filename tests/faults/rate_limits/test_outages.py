"""Redis that counts tries is stopped, frozen, slow: each try waits once at most, and no burst gets through for free."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.rate_limits.base import Rule
from academy.infrastructure.rate_limits.factory import make_limiter
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.rate_limits.settings import RateLimitSettings
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import SystemClock
from tests.contracts.cache.places import until
from tests.faults.cache.proxy import Proxy, running_proxy
from tests.faults.cache.timing import LIMIT, SLACK, Stopwatch
from tests.servers.redis import RedisServer, running_redis

QUOTA = 20


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
async def proxy(server: RedisServer) -> AsyncIterator[Proxy]:
    async with running_proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
async def limiter(proxy: Proxy) -> AsyncIterator[RateLimiter]:
    """With the time limit that it has by default."""
    settings = RateLimitSettings(codes=f"{QUOTA} per hour")
    limiter = make_limiter(settings, CacheSettings(provider="redis"), RedisSettings(url=proxy.url), SystemClock())
    await limiter.connect()
    await until(lambda: is_shared(limiter))
    yield limiter
    await limiter.close()


async def is_shared(limiter: RateLimiter) -> bool:
    return await limiter.health_check() == ""


async def begin(fault: str, server: RedisServer, proxy: Proxy) -> None:
    if fault == "slow":
        proxy.delay = 3 * LIMIT
    elif fault == "silent":
        proxy.silence()
    else:
        await asyncio.to_thread(getattr(server, fault))


async def end(fault: str, server: RedisServer, proxy: Proxy) -> None:
    proxy.mend()
    await asyncio.to_thread(server.thaw if fault == "freeze" else server.start)


@pytest.mark.parametrize("fault", ["stop", "kill", "freeze", "slow", "silent"])
async def test_an_outage_costs_the_limit_once(
    limiter: RateLimiter, server: RedisServer, proxy: Proxy, fault: str
) -> None:
    await begin(fault, server, proxy)
    with structlog.testing.capture_logs() as logs:
        async with Stopwatch.running() as watch:
            first = await asyncio.gather(*(limiter.hit(Rule.CODES, "a") for _ in range(100)))
            waited = watch.waited()
        assert sum(one.is_allowed for one in first if one) == QUOTA, "this process goes on counting"
        assert waited < LIMIT + SLACK
        times: list[float] = []
        until_then = time.monotonic() + 2.5  # the pauses of the circuit pass, and its probes fail
        while time.monotonic() < until_then:
            began = time.monotonic()
            await limiter.hit(Rule.REQUESTS, "b")
            times.append(time.monotonic() - began)
            await asyncio.sleep(0.005)
        assert statistics.quantiles(times, n=100)[97] < LIMIT / 2, "no visitor is the probe"
    assert "Each process counts tries for itself" in await limiter.health_check()
    told = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [entry["event"] for entry in told] == ["rate_limits_away"], "once for an outage"
    assert "Error" in told[0]["error"]

    await end(fault, server, proxy)
    await until(lambda: is_shared(limiter), seconds=30)
    fresh = await limiter.hit(Rule.CODES, "a")
    assert fresh is not None
    assert fresh.is_allowed, "Redis counts again, and has not seen what was counted meanwhile"


async def test_tries_that_are_broken_off_leave_nobody_alone_for_ever(
    limiter: RateLimiter, server: RedisServer, proxy: Proxy
) -> None:
    proxy.silence()
    for _ in range(50):
        tries = [asyncio.create_task(limiter.hit(Rule.CODES, "a")) for _ in range(5)]
        await asyncio.sleep(0.01)
        for one in tries:
            one.cancel()
        await asyncio.wait(tries)
    proxy.mend()
    await until(lambda: is_shared(limiter), seconds=30)
    assert await limiter.hit(Rule.CODES, "b")
    assert "academy-limits:3600000:codes:" in server.ask("KEYS", "*")
