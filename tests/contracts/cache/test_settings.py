"""Which cache the settings make."""

from datetime import timedelta

import pytest

from academy.infrastructure.cache.base import Cache, Family
from academy.infrastructure.cache.factory import make_cache
from academy.infrastructure.cache.memory import MemoryCache
from academy.infrastructure.cache.redis import RedisCache
from academy.infrastructure.cache.settings import CacheSettings
from academy.infrastructure.cache.two_level import TwoLevelCache
from academy.infrastructure.redis.client import close_client, make_client
from academy.infrastructure.redis.settings import RedisSettings, wrong_settings
from academy.kit.clock import SystemClock


async def test_the_provider_decides() -> None:
    expectations: list[tuple[CacheSettings, type[Cache]]] = [
        (CacheSettings(), MemoryCache),
        (CacheSettings(provider="redis"), TwoLevelCache),
        (CacheSettings(provider="redis", near_seconds=0), RedisCache),
    ]
    for settings, expected in expectations:
        cache = make_cache(settings, RedisSettings(), SystemClock())
        assert isinstance(cache, expected)
        await cache.disconnect()


def test_every_family_has_a_lifetime() -> None:
    assert set(CacheSettings().ttls) == set(Family)
    settings = CacheSettings(
        users_seconds=1,
        posts_seconds=2,
        videos_seconds=3,
        courses_seconds=4,
        sessions_seconds=5,
        api_seconds=6,
        analytics_seconds=7,
    )
    assert [settings.ttls[family] for family in Family] == [timedelta(seconds=number) for number in range(1, 8)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (RedisSettings(), {"host": "127.0.0.1", "port": 6379, "db": 0}),
        (
            RedisSettings(host="cache", port=7000, password="secret", database=3),
            {"host": "cache", "port": 7000, "db": 3, "password": "secret"},
        ),
        (
            RedisSettings(url="redis://me:p%40ss@cache:7000/2", host="other", password="none"),
            {"host": "cache", "port": 7000, "db": 2, "username": "me", "password": "p@ss"},
        ),
        (RedisSettings(url="redis://cache"), {"host": "cache", "port": 6379, "db": 0}),
    ],
)
async def test_the_address_reaches_the_client(settings: RedisSettings, expected: dict[str, object]) -> None:
    client = make_client(settings)
    told = client.get_connection_kwargs()
    assert {name: told.get(name) for name in expected} == expected
    await close_client(client)


def test_sentinels_are_read_from_a_list() -> None:
    settings = RedisSettings(sentinels="one:26379, two:26380")
    assert settings.sentinel_addresses == [("one", 26379), ("two", 26380)]
    assert RedisSettings().sentinel_addresses == []


def test_what_does_not_fit_together_is_named() -> None:
    assert wrong_settings(RedisSettings()) == {}
    assert wrong_settings(RedisSettings(cluster=True, url="redis://cache:7000/0")) == {}
    assert set(wrong_settings(RedisSettings(cluster=True, database=1))) == {"REDIS_DB"}
    wrong = wrong_settings(RedisSettings(cluster=True, url="redis://cache/1", sentinels="one:26379"))
    assert set(wrong) == {"REDIS_URL", "REDIS_SENTINELS"}
