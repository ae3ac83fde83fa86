"""Real Redis servers for tests: alone, watched by sentinels, or a cluster; free loopback ports, throw-away data."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from tests.servers import programs
from tests.servers.mongodb import ServerFailed, free_port
from tests.servers.process import ServerProcess

START_SECONDS = 30.0
MASTER = "academy"
CLUSTER_NODES = 3
_SLOTS = 16384


def redis_server() -> Path:
    """Returns a runnable redis-server, installing it when it is not here yet. Raises ProgramMissing.

    The package `redis-server` would start a service. The server itself is in `redis-tools`, under another name: it
    looks at the name by which it is called.
    """
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return Path(on_path)
    hint = "install Redis 6.2 or later so that `redis-server` is on PATH (Debian, Ubuntu: apt install redis-server)"
    with programs.cache_lock():
        if shutil.which("redis-check-rdb") is None:
            programs.install(["redis-tools"], hint=hint)
        server = programs.CACHE / "redis" / "redis-server"
        found = shutil.which("redis-check-rdb")
        if found is None:
            raise programs.ProgramMissing(hint)
        server.parent.mkdir(exist_ok=True)
        if not server.exists():
            server.unlink(missing_ok=True)
            server.symlink_to(found)
    programs.run([str(server), "--version"], hint=hint)
    return server


class RedisServer(ServerProcess):
    """One redis-server process; can be started again on its port. What it kept is lost with its process."""

    def __init__(self, folder: Path, options: tuple[str, ...] = (), *, is_sentinel: bool = False) -> None:
        super().__init__()
        self._folder = folder
        self._folder.mkdir(parents=True)
        self._options = options
        self._is_sentinel = is_sentinel
        self.port = free_port()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Address as in REDIS_URL."""
        return f"redis://{self.address}/0"

    def start(self) -> None:
        """Starts the process and waits until it answers. Does nothing when it runs."""
        if not self.is_started:
            self._spawn_configured()
        self.wait_until(lambda: self.ask("PING").startswith(("+PONG", "-NOAUTH")))

    def flush(self) -> None:
        """Removes all that it keeps."""
        assert self.ask("FLUSHALL").startswith("+OK")

    def ask(self, *words: str) -> str:
        """Sends one command and returns its whole answer as text, "" when there is none within a second."""
        parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"*{len(words)}\r\n{parts}".encode())
                return connection.recv(1 << 16).decode().strip()
        except OSError:
            return ""

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Waits for something of this server. Raises ServerFailed when the time is over, or the process."""
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if self.returncode is not None:
                raise ServerFailed(f"redis-server ended with code {self.returncode}: {self.log_end()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"redis-server is not ready: {self.log_end()}")
            time.sleep(0.02)

    def log_end(self) -> str:
        """Returns the last lines of the log."""
        log = self._folder / "log"
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-5:]) if log.exists() else "no log"

    def _spawn_configured(self) -> None:
        config = self._folder / "redis.conf"
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self._folder}", f"logfile {self._folder / 'log'}"]
        if not self._is_sentinel:
            lines += ['save ""', "appendonly no"]
        # A sentinel writes its configuration anew; what it wrote is what it knows.
        if not config.exists() or not self._is_sentinel:
            config.write_text("\n".join([*lines, *self._options]) + "\n", "utf-8")
        command = [str(redis_server()), str(config), *(["--sentinel"] if self._is_sentinel else [])]
        self.spawn(command)


class SentinelSet:
    """A master, a replica of it, and three sentinels that put the replica in its place when it is gone."""

    def __init__(self, folder: Path) -> None:
        # By default a master waits five seconds for more replicas before it hands its data over.
        at_once = "repl-diskless-sync-delay 0"
        self.master = RedisServer(folder / "master", (at_once,))
        self.replica = RedisServer(folder / "replica", (at_once, f"replicaof 127.0.0.1 {self.master.port}"))
        watching = (
            f"sentinel monitor {MASTER} 127.0.0.1 {self.master.port} 2",
            f"sentinel down-after-milliseconds {MASTER} 500",
            f"sentinel failover-timeout {MASTER} 3000",
        )
        self.sentinels = [RedisServer(folder / f"sentinel{n}", watching, is_sentinel=True) for n in range(3)]

    @property
    def addresses(self) -> str:
        """The sentinels as in REDIS_SENTINELS."""
        return ",".join(sentinel.address for sentinel in self.sentinels)

    def start(self) -> None:
        """Starts all, and waits until every sentinel knows the replica and the other sentinels."""
        for server in (self.master, self.replica):
            server.start()
        self.replica.wait_until(lambda: "master_link_status:up" in self.replica.ask("INFO", "replication"))
        for sentinel in self.sentinels:
            sentinel.start()
            # They look at each other every two seconds, and at the master every ten; from Redis 7 on, more often here.
            sentinel.ask("SENTINEL", "DEBUG", "PUBLISH-PERIOD", "200", "INFO-PERIOD", "500")
        for sentinel in self.sentinels:
            sentinel.wait_until(lambda one=sentinel: "slaves=1,sentinels=3" in one.ask("INFO", "sentinel"))  # type: ignore[misc]

    def stop(self) -> None:
        """Ends all."""
        for server in (*self.sentinels, self.replica, self.master):
            server.kill()


class RedisCluster:
    """Three nodes that share the slots."""

    def __init__(self, folder: Path) -> None:
        options = ("cluster-enabled yes", "cluster-node-timeout 1000")
        self.nodes = [RedisServer(folder / f"node{number}", options) for number in range(CLUSTER_NODES)]
        for node in self.nodes:
            # By default the nodes talk on the port + 10,000, which may be none.
            node._options += (f"cluster-port {free_port()}",)

    @property
    def url(self) -> str:
        """Address of one node, as in REDIS_URL."""
        return self.nodes[0].url

    def start(self) -> None:
        """Starts the nodes, shares the slots out and waits until all nodes find the cluster well."""
        for node in self.nodes:
            node.start()
        first, *others = self.nodes
        share = _SLOTS // CLUSTER_NODES + 1
        for number, node in enumerate(self.nodes):
            last = min((number + 1) * share, _SLOTS) - 1
            assert node.ask("CLUSTER", "ADDSLOTSRANGE", str(number * share), str(last)).startswith("+OK")
            assert node.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1)).startswith("+OK")
        for node in others:
            port = next(option.split()[1] for option in first._options if option.startswith("cluster-port"))
            assert node.ask("CLUSTER", "MEET", "127.0.0.1", str(first.port), port).startswith("+OK")
        self.wait_until_well()

    def wait_until_well(self) -> None:
        """Waits until all nodes say that every slot is served."""
        for node in self.nodes:
            node.wait_until(lambda one=node: _is_well(one.ask("CLUSTER", "INFO")))  # type: ignore[misc]

    def flush(self) -> None:
        """Removes all that the nodes keep."""
        for node in self.nodes:
            node.flush()

    def stop(self) -> None:
        """Ends all nodes."""
        for node in self.nodes:
            node.kill()


def _is_well(info: str) -> bool:
    return "cluster_state:ok" in info and f"cluster_known_nodes:{CLUSTER_NODES}" in info


@contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """Starts a Redis server with lines of configuration, and ends it."""
    with _folder() as folder:
        server = RedisServer(folder / "redis", options)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@contextmanager
def running_redis_url() -> Iterator[str]:
    """Gives the address of a Redis for one test process: TEST_REDIS_URL when set, else one started here.

    On a given server, each parallel test process has a database of its own, and empties it.
    """
    given = os.environ.get("TEST_REDIS_URL", "")
    if given:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        yield urlsplit(given)._replace(path=f"/{worker}").geturl()
        return
    with running_redis() as server:
        yield server.url


@contextmanager
def running_sentinels() -> Iterator[SentinelSet]:
    """Starts a master, a replica and three sentinels, and ends them."""
    with _folder() as folder:
        servers = SentinelSet(folder)
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()


@contextmanager
def running_cluster() -> Iterator[RedisCluster]:
    """Starts a cluster of three nodes, and ends it."""
    with _folder() as folder:
        cluster = RedisCluster(folder)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    memory = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it
    parent = memory if os.access(memory, os.W_OK) else None
    with TemporaryDirectory(prefix="academy-redis-", dir=parent, ignore_cleanup_errors=True) as name:
        yield Path(name)
