"""The servers that the academy is compared with."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.mongodb import free_port


@contextmanager
def constant_server(folder: Path, body: bytes) -> Iterator[str]:
    """Gives the address of a server that answers `body` to everything."""
    file = folder / "body"
    file.write_bytes(body)
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.constant", str(port)]
    with _running(command, port, {**os.environ, "BODY": str(file)}):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def nginx(folder: Path, served: Path) -> Iterator[str]:
    """Gives the address of an nginx that serves a folder by sendfile."""
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; sendfile on; tcp_nopush on; client_body_temp_path {folder}/b; "
        f"proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; "
        f"scgi_temp_path {folder}/s; server {{ listen 127.0.0.1:{port}; root {served}; }} }}\n"
    )
    # Started by root, nginx serves as another user, who must be able to enter the folder.
    for part in (folder, served):
        part.chmod(0o755)
    with _running([shutil.which("nginx") or "nginx", "-c", str(config)], port, dict(os.environ)):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def sink() -> Iterator[str]:
    """Gives the address of an S3 that takes everything and keeps nothing."""
    port = free_port()
    with _running([sys.executable, "-m", "benchmarks.sink", str(port)], port, dict(os.environ)):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
