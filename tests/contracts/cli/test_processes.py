"""`academy serve` and `academy worker` as processes: they say when they are ready, work, and end when they are told."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.academies.in_process import PASSWORD
from tests.servers.academy import ServedAcademy, served_academy
from tests.waiting import wait_for

ENDS_WITHIN = 15.0


@contextmanager
def process(academy: ServedAcademy, command: str) -> Iterator[subprocess.Popen[str]]:
    """Runs `academy serve` or `academy worker`, and makes sure that it ends."""
    running = subprocess.Popen(
        [sys.executable, "-m", "academy.cli.main", command],
        env=academy.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield running
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()


def next_line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline()


def ended(running: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    """Sends a signal and returns the exit code and what else was said; fails when the process does not end soon."""
    running.send_signal(number)
    said, complained = running.communicate(timeout=ENDS_WITHIN)
    return running.returncode, said, complained


def is_dead(pid: int) -> bool:
    """Whether a process is gone, or only waits to be buried by its parent."""
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]


def test_the_server_says_where_it_is_once_it_answers_and_ends_when_told(tmp_path: Path) -> None:
    academy = ServedAcademy(tmp_path / "home")
    with process(academy, "serve") as running:
        assert next_line(running) == f"Rtech Academy is open at {academy.url}\n"
        assert httpx.get(f"{academy.url}/health/ready").status_code == 200
        assert [next_line(running) for _ in range(3)] == [
            f"  Mail       {academy.url}/dev/mail\n",
            f"  API        {academy.url}/api/docs\n",
            f"  Data       {academy.home}\n",
        ]
        assert ended(running, signal.SIGTERM) == (0, "", "")


def test_a_server_that_listens_everywhere_can_be_opened_as_it_says(tmp_path: Path) -> None:
    academy = ServedAcademy(tmp_path / "home", variables={"HOST": "0.0.0.0"})  # noqa: S104 - what is tested
    with process(academy, "serve") as running:
        address = next_line(running).split()[-1]
        assert address == academy.url
        assert f"Sitemap: {academy.url}/" in httpx.get(f"{address}/robots.txt").text


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with served_academy(tmp_path / "home") as academy:
        second = ServedAcademy(tmp_path / "other")
        second.port = academy.port
        done = second.command("serve")
        assert done.returncode == 1
        assert done.stderr == (
            f"Error: Cannot listen on 127.0.0.1:{academy.port}: Address already in use. Set PORT or HOST to another.\n"
        )
        assert not (tmp_path / "other" / "academy.sqlite3").exists()


def test_requests_that_run_are_finished_before_the_end(tmp_path: Path) -> None:
    academy = ServedAcademy(tmp_path / "home")
    body = json.dumps({"email": "nobody@example.com", "password": PASSWORD}).encode()
    head = (
        f"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with process(academy, "serve") as running:
        next_line(running)
        with socket.create_connection(("127.0.0.1", academy.port), timeout=ENDS_WITHIN) as client:
            client.sendall(head.encode() + body[:10])
            assert wait_for(lambda: has_read(client, academy.port))
            running.send_signal(signal.SIGTERM)
            assert wait_for(lambda: is_closed(academy.port))
            client.sendall(body[10:])
            answer = client.makefile("rb").read()
        assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 422"))
        assert running.wait(ENDS_WITHIN) == 0


def has_read(client: socket.socket, port: int) -> bool:
    """Whether the server has taken all that was sent so far (proc(5): nothing waits in its receive queue)."""
    peer = f"{client.getsockname()[1]:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if local.endswith(f":{port:04X}") and remote.endswith(f":{peer}"):
            return queues.endswith(":00000000")
    return False


def is_closed(port: int) -> bool:
    """Whether nobody listens any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_no_process_of_the_server_outlives_it(tmp_path: Path) -> None:
    """Even when it is killed: the next start finds the port free."""
    academy = ServedAcademy(tmp_path / "home")
    with process(academy, "serve") as running:
        next_line(running)
        workers = children(running.pid)
        assert workers
        os.kill(running.pid, signal.SIGKILL)
        assert wait_for(lambda: all(is_dead(worker) for worker in workers))
    with process(academy, "serve") as running:
        assert "is open at" in next_line(running)


def test_a_worker_works_off_what_servers_leave_and_ends_when_told(tmp_path: Path) -> None:
    with served_academy(tmp_path / "home", variables={"JOB_WORKER_IN_SERVER": "false"}) as academy:
        account = {"email": "asha@example.com", "name": "Asha", "password": PASSWORD}
        assert httpx.post(f"{academy.url}/api/v1/auth/register", json=account).status_code == 202
        assert httpx.get(f"{academy.url}/dev/mail.json").json() == []
        assert academy.command("jobs", "list", "--status", "done").stdout == ""
        with process(academy, "worker") as running:
            assert next_line(running) == "Working jobs off.\n"
            (mail,) = wait_for(lambda: httpx.get(f"{academy.url}/dev/mail.json").json())
            assert mail["to"] == "asha@example.com"
            assert ended(running, signal.SIGINT) == (0, "", "")
        done = academy.command("jobs", "list", "--status", "done").stdout
        assert "send_mail" in done
        refused = academy.command("jobs", "retry", done.split()[0])
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert academy.command("jobs", "list", "--limit", "1").stdout.count("\n") == 1


def test_a_worker_can_be_stopped_while_it_still_looks_for_its_database(tmp_path: Path) -> None:
    gone = {"MONGODB_URI": "mongodb://127.0.0.1:1/", "MONGODB_TIMEOUT_SECONDS": "60"}
    with process(ServedAcademy(tmp_path / "home", variables=gone), "worker") as running:
        stat = Path(f"/proc/{running.pid}/status")
        # The signal handler is in place before the search begins.
        assert wait_for(lambda: _catches(stat, signal.SIGTERM))
        assert ended(running, signal.SIGTERM) == (0, "", "")


def _catches(status: Path, number: int) -> bool:
    """Whether a process handles a signal (proc(5), SigCgt)."""
    mask = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask.split()[1], 16) >> (number - 1) & 1)
