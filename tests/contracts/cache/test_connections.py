"""Ways to a Redis: a password, TLS, sentinels; and how many connections are open at a time."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import structlog
import trustme

from academy.infrastructure.cache.base import ANY, Family
from academy.infrastructure.redis.link import RedisAway, RedisLink
from academy.infrastructure.redis.settings import RedisSettings
from tests.contracts.cache.places import Place, opened_cache, patient, until
from tests.servers.mongodb import free_port
from tests.servers.redis import MASTER, SentinelSet, running_redis, running_sentinels


@pytest.fixture(scope="module")
def sentinels() -> Iterator[SentinelSet]:
    with running_sentinels() as sentinels:
        yield sentinels


@pytest.mark.parametrize("kind", ["redis", "two-level"])
async def test_sentinels_lead_to_the_master(sentinels: SentinelSet, kind: str) -> None:
    place = Place(kind, patient(sentinels=sentinels.addresses, sentinel_master=MASTER))
    sentinels.master.flush()

    async def compute() -> list[int]:
        return [1]

    async with opened_cache(place) as one, opened_cache(place) as two:
        assert await one.set(Family.API, "k", "x")
        assert await two.get(Family.API, "k", str) == "x"
        assert await one.increment(Family.API, "n", by=2) == 2
        assert await two.get_or_compute(Family.API, "list", list[int], compute, tags=["t"]) == [1]
        assert await one.get(Family.API, "list", list[int]) == [1]
        assert await two.invalidate_tags(["t"])
        assert await two.get(Family.API, "list", list[int]) is None
        assert await one.clear_pattern(Family.API, [ANY]) == 3
        assert (await one.health_check()).healthy
    assert "role:master" in sentinels.master.ask("INFO", "replication")


async def test_a_password_lets_in_and_its_absence_does_not() -> None:
    with running_redis("requirepass s3cret") as server:
        async with opened_cache(
            Place("redis", patient(host="127.0.0.1", port=server.port, password="s3cret"))
        ) as cache:
            assert await cache.set(Family.API, "k", 1)
        async with opened_cache(Place("redis", patient(url=server.url))) as cache:
            assert not await cache.set(Family.API, "k", 1)
            health = await cache.health_check()
            assert not health.healthy
            assert "s3cret" not in health.detail


async def test_rediss_is_tls_and_checks_the_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    port = free_port()
    files = (
        f"tls-cert-file {tmp_path}/cert.pem",
        f"tls-key-file {tmp_path}/key.pem",
        f"tls-ca-cert-file {tmp_path}/ca.pem",
    )
    with running_redis(f"tls-port {port}", "tls-auth-clients no", *files):
        place = Place("redis", patient(url=f"rediss://127.0.0.1:{port}/0"))
        async with opened_cache(place) as cache:
            assert not await cache.set(Family.API, "k", 1)
        # The machine's own list of authorities, as OpenSSL finds it.
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with opened_cache(place) as cache:
            assert await cache.set(Family.API, "k", 1)
            assert await cache.get(Family.API, "k", int) == 1


async def test_connections_are_bounded() -> None:
    with running_redis() as server:
        settings = RedisSettings(url=server.url, max_connections=5, timeout_seconds=5)
        async with opened_cache(Place("redis", settings)) as cache:
            await cache.set(Family.API, "k", 1)
            answers = await asyncio.gather(*(cache.get(Family.API, "k", int) for _ in range(2000)))
            assert answers == [1] * 2000
            clients = next(line for line in server.ask("INFO", "clients").splitlines() if "connected_clients" in line)
            # One of them asks.
            assert int(clients.partition(":")[2]) <= 5 + 1
        server.wait_until(lambda: "connected_clients:1\r" in server.ask("INFO", "clients"))


async def test_a_busy_process_does_not_take_a_healthy_redis_for_dead() -> None:
    answers: list[object] = []

    async def request(link: RedisLink) -> None:
        answers.append(await link.command("SET", "k", "x"))
        answers.append(await link.command("GET", "k"))
        end = time.perf_counter() + 0.005
        while time.perf_counter() < end:  # as making a page does
            pass

    with running_redis() as server:
        link = RedisLink(RedisSettings(url=server.url, max_connections=5))
        await link.connect()
        await asyncio.gather(*(request(link) for _ in range(200)))
        await link.close()
    assert len(answers) == 400


async def test_a_redis_that_refuses_a_sign_of_life_for_a_while_is_taken_back() -> None:
    with running_redis() as server:
        link = RedisLink(RedisSettings(url=server.url, timeout_seconds=0.5))
        await link.connect()
        server.stop()
        with pytest.raises(RedisAway):
            await link.command("GET", "k")
        server.start()
        assert server.ask("ACL", "SETUSER", "default", "-ping", "-@connection").startswith("+OK")
        with structlog.testing.capture_logs() as logs:
            await until(lambda: _has(logs, "cache_refused"))
        assert server.ask("ACL", "SETUSER", "default", "+@all").startswith("+OK")
        await until(lambda: _lets_through(link), seconds=10)
        assert await link.command("SET", "k", "x")
        await link.close()


async def _has(logs: Sequence[Mapping[str, object]], event: str) -> bool:
    return any(entry["event"] == event for entry in logs)


async def _lets_through(link: RedisLink) -> bool:
    return link.lets_through
