"""Real MongoDB replica sets for tests: free loopback ports, throw-away data, gone at the end."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.servers import programs
from tests.servers.process import ServerProcess

REPLICA_SET = "rs0"
START_SECONDS = 60.0

Client = MongoClient[dict[str, object]]


class ServerFailed(RuntimeError):
    """A server did not start or did not become ready in time; the message ends with the last lines of its log."""


class Mongod(ServerProcess):
    """One mongod process with its own data folder; can be killed and started again over the same data."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._folder.mkdir()
        self._program, self._environment = programs.mongod()
        self.port = free_port()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the process; returns at once. Does nothing when it runs."""
        if self.is_started:
            return
        command = [str(self._program), "--dbpath", str(self._folder), "--port", str(self.port)]
        command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", REPLICA_SET, "--oplogSize", "64"]
        command += ["--wiredTigerCacheSizeGB", "0.25", "--logpath", str(self._folder / "log"), "--logappend"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        self.spawn(command, environment=self._environment)

    def check(self) -> None:
        """Raises ServerFailed when the process has ended by itself."""
        if self.returncode is not None:
            raise ServerFailed(f"mongod ended with code {self.returncode}: {self.log_end()}")

    def log_end(self) -> str:
        """Returns the last lines of the log."""
        log = self._folder / "log"
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-5:]) if log.exists() else "no log"


class ReplicaSet:
    """A replica set of one or more members, for tests that stop, kill or freeze them."""

    def __init__(self, members: list[Mongod]) -> None:
        self.members = members

    @property
    def uri(self) -> str:
        """Connection string of the set."""
        hosts = ",".join(member.address for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"

    def start(self) -> None:
        """Starts all members, makes them one set and waits until it has a primary."""
        for member in self.members:
            member.start()
        deadline = time.monotonic() + START_SECONDS
        # In a set of several, the first member is preferred as primary, so that the first election is quick.
        hosts = [{"_id": i, "host": m.address, "priority": 1 if i else 2} for i, m in enumerate(self.members)]
        timing = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
        config = {"_id": REPLICA_SET, "members": hosts, "settings": timing}
        for member in self.members:
            _until(member, deadline, _answers)
        with _client(self.members[0]) as client:
            client.admin.command("replSetInitiate", config)
        self.wait_for_primary(START_SECONDS)

    def wait_for_primary(self, seconds: float = 30.0) -> Mongod:
        """Returns the member that is primary, waiting for it. Raises ServerFailed after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for member in self.members:
                member.check()
                if _is_primary(member):
                    return member
            time.sleep(0.02)
        raise ServerFailed(f"no primary after {seconds} s: {self.members[0].log_end()}")

    def stop(self) -> None:
        """Ends all members."""
        for member in self.members:
            member.kill()


def free_port() -> int:
    """Returns a loopback port that nothing uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_replica_set(members: int = 1) -> Iterator[ReplicaSet]:
    """Starts a replica set of its own for one test, and ends it."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it
    parent = memory if os.access(memory, os.W_OK) else None
    with TemporaryDirectory(prefix="academy-mongodb-", dir=parent, ignore_cleanup_errors=True) as folder:
        replica_set = ReplicaSet([Mongod(Path(folder) / str(number)) for number in range(members)])
        try:
            replica_set.start()
            yield replica_set
        finally:
            replica_set.stop()


@contextmanager
def running_mongodb() -> Iterator[str]:
    """Gives the URI of a replica set: the one of TEST_MONGODB_URI when set, else one started here and ended after."""
    given = os.environ.get("TEST_MONGODB_URI", "")
    if given:
        yield given
        return
    with running_replica_set() as replica_set:
        yield replica_set.uri


def _client(member: Mongod) -> Client:
    return MongoClient(
        member.address, directConnection=True, serverSelectionTimeoutMS=500, connectTimeoutMS=500, socketTimeoutMS=5000
    )


def _answers(member: Mongod) -> bool:
    try:
        with _client(member) as client:
            return bool(client.admin.command("ping")["ok"])
    except PyMongoError:
        return False


def _is_primary(member: Mongod) -> bool:
    try:
        with _client(member) as client:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
    except PyMongoError:
        return False


def _until(member: Mongod, deadline: float, ready: Callable[[Mongod], bool]) -> None:
    while not ready(member):
        member.check()
        if time.monotonic() > deadline:
            raise ServerFailed(f"mongod does not answer: {member.log_end()}")
        time.sleep(0.02)
