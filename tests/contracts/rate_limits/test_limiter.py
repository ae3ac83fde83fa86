"""How often is too often, counted in one process or in the Redis of many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.rate_limits.base import Rule, TooManyTries
from academy.infrastructure.rate_limits.factory import make_limiter
from academy.infrastructure.rate_limits.limiter import RateLimiter
from academy.infrastructure.rate_limits.settings import RateLimitSettings
from academy.infrastructure.redis.settings import RedisSettings
from academy.kit.clock import Clock, SystemClock
from academy.kit.ids import new_id
from tests.contracts.cache.places import StandingClock, patient
from tests.servers.mongodb import free_port
from tests.servers.redis import MASTER, running_redis, running_sentinels

SETTINGS = RateLimitSettings(
    sign_in_account="3 per 10 minutes", codes="off", requests="1000 per hour", code_tries="2 per second"
)
SHARED = CacheSettings(provider="redis")


@asynccontextmanager
async def opened_limiter(cache: CacheSettings, redis: RedisSettings, clock: Clock) -> AsyncIterator[RateLimiter]:
    limiter = make_limiter(SETTINGS, cache, redis, clock)
    await limiter.connect()
    yield limiter
    await limiter.close()


@pytest.fixture(params=["memory", "redis", "cluster"])
def where(request: pytest.FixtureRequest) -> tuple[CacheSettings, RedisSettings]:
    if request.param == "memory":
        return CacheSettings(), RedisSettings()
    if request.param == "cluster":
        return SHARED, patient(url=request.getfixturevalue("cluster_url"), cluster=True)
    return SHARED, patient(url=request.getfixturevalue("redis_url"))


@pytest.fixture
async def limiter(where: tuple[CacheSettings, RedisSettings]) -> AsyncIterator[RateLimiter]:
    async with opened_limiter(*where, SystemClock()) as limiter:
        yield limiter
        assert await limiter.health_check() == "", "it counted where it should"


async def test_the_quota_is_counted_down_and_then_refused(limiter: RateLimiter) -> None:
    who = new_id()
    standings = [await limiter.hit(Rule.SIGN_IN_ACCOUNT, who, "203.0.113.9") for _ in range(5)]
    told = [(one.remaining, one.is_allowed, one.quota, one.window_seconds) for one in standings if one]
    assert told == [(2, True, 3, 600), (1, True, 3, 600), (0, True, 3, 600), (0, False, 3, 600), (0, False, 3, 600)]
    last = standings[-1]
    assert last is not None
    assert 590 <= last.reset_seconds <= 600
    with pytest.raises(TooManyTries) as refused:
        await limiter.check(Rule.SIGN_IN_ACCOUNT, who, "203.0.113.9", instead="take the stairs")
    assert refused.value.retry_after == refused.value.standing.reset_seconds
    assert refused.value.message == "That was too often. Try again in 10 minutes, or take the stairs."


async def test_everybody_has_a_quota_of_their_own(limiter: RateLimiter) -> None:
    who = new_id()
    for address in ("203.0.113.9", "203.0.113.10"):
        for _ in range(3):
            assert await limiter.check(Rule.SIGN_IN_ACCOUNT, who, address)
    assert await limiter.check(Rule.SIGN_IN_ADDRESS, who)
    assert await limiter.check(Rule.SIGN_IN_ACCOUNT, "x" * 100_000, who)


async def test_a_rule_that_is_off_counts_nothing(limiter: RateLimiter) -> None:
    assert [await limiter.hit(Rule.CODES, "x") for _ in range(100)] == [None] * 100


async def test_who_waits_as_long_as_told_is_let_in(limiter: RateLimiter) -> None:
    who = new_id()
    while (standing := await limiter.hit(Rule.CODE_TRIES, who)) and standing.is_allowed:
        pass
    assert standing is not None
    assert standing.reset_seconds == 1
    await asyncio.sleep(standing.reset_seconds)
    assert await limiter.check(Rule.CODE_TRIES, who)


async def test_who_waits_as_long_as_told_by_the_clock_is_let_in() -> None:
    clock = StandingClock()
    async with opened_limiter(CacheSettings(), RedisSettings(), clock) as limiter:
        for _ in range(3):
            assert await limiter.check(Rule.SIGN_IN_ACCOUNT, "a")
        for _ in range(3):
            with pytest.raises(TooManyTries) as refused:
                await limiter.check(Rule.SIGN_IN_ACCOUNT, "a")
            assert refused.value.retry_after
            clock.move(seconds=refused.value.retry_after - 1)
            with pytest.raises(TooManyTries):
                await limiter.check(Rule.SIGN_IN_ACCOUNT, "a")
            clock.move(seconds=1)
            assert await limiter.check(Rule.SIGN_IN_ACCOUNT, "a")


async def test_the_count_is_exact_when_many_ask_at_once(where: tuple[CacheSettings, RedisSettings]) -> None:
    who = new_id()
    async with opened_limiter(*where, SystemClock()) as one, opened_limiter(*where, SystemClock()) as two:
        limiters = (one,) if where[0].provider == "memory" else (one, two)
        tries = [limiter.hit(Rule.SIGN_IN_ACCOUNT, who) for limiter in limiters for _ in range(200)]
        standings = await asyncio.gather(*tries)
    assert sum(standing.is_allowed for standing in standings if standing) == 3


async def test_processes_that_share_redis_count_together(redis_url: str) -> None:
    who = new_id()
    limiters = [make_limiter(SETTINGS, SHARED, patient(url=redis_url), SystemClock()) for _ in range(4)]
    standings = [await one.hit(Rule.SIGN_IN_ACCOUNT, who) for one in limiters]
    assert [one.is_allowed for one in standings if one] == [True, True, True, False]
    for one in limiters:
        await one.close()


async def test_without_redis_each_process_counts_for_itself() -> None:
    redis = RedisSettings(host="127.0.0.1", port=free_port())
    async with opened_limiter(SHARED, redis, SystemClock()) as limiter:
        standings = [await limiter.hit(Rule.SIGN_IN_ACCOUNT, "a") for _ in range(5)]
        assert [one.is_allowed for one in standings if one] == [True, True, True, False, False]
        assert "Each process counts tries for itself" in await limiter.health_check()


async def test_redis_keeps_a_count_no_longer_than_it_counts_and_no_names() -> None:
    with running_redis() as server:
        async with opened_limiter(SHARED, patient(url=server.url), SystemClock()) as limiter:
            await limiter.hit(Rule.SIGN_IN_ACCOUNT, "asha@example.com", "203.0.113.9")
            (key,) = [word for word in server.ask("KEYS", "*").split() if word.startswith("academy-limits")]
            assert "asha" not in key
            assert 1_190_000 < int(server.ask("PTTL", key).removeprefix(":")) <= 1_200_000


async def test_a_user_of_redis_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    port = free_port()
    files = (
        f"tls-cert-file {tmp_path}/cert.pem",
        f"tls-key-file {tmp_path}/key.pem",
        f"tls-ca-cert-file {tmp_path}/ca.pem",
    )
    user = "user counter on >s3cret ~academy-limits:* +eval +time +get +set +ping +hello +select +client"
    with running_redis(f"tls-port {port}", "tls-auth-clients no", user, *files):
        place = patient(url=f"rediss://counter:s3cret@127.0.0.1:{port}/0")
        async with opened_limiter(SHARED, place, SystemClock()) as limiter:
            assert await limiter.hit(Rule.REQUESTS, "a")
            assert await limiter.health_check() == ""


async def test_the_master_that_sentinels_name() -> None:
    with running_sentinels() as sentinels:
        place = patient(sentinels=sentinels.addresses, sentinel_master=MASTER)
        async with opened_limiter(SHARED, place, SystemClock()) as limiter:
            assert await limiter.hit(Rule.REQUESTS, "a")
            assert await limiter.health_check() == ""
        assert "academy-limits" in sentinels.master.ask("KEYS", "*")


async def test_a_redis_that_may_not_be_written_to_is_told() -> None:
    with running_redis() as server:
        async with opened_limiter(SHARED, patient(url=server.url), SystemClock()) as limiter:
            assert server.ask("CONFIG", "SET", "maxmemory", "1").startswith("+OK")
            standings = [await limiter.hit(Rule.SIGN_IN_ACCOUNT, "a") for _ in range(4)]
            assert [one.is_allowed for one in standings if one] == [True, True, True, False]
            assert "refuses" in await limiter.health_check()
