"""`python -m benchmarks`: measures everything, prints the table, writes the JSON and the docs' table.

With words as arguments only the groups of that name are measured, and nothing is written.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import cache, load, mail, media, operation, pages, payments, sign_in, storage
from benchmarks.results import Row, report, save, show


def main(wanted: list[str]) -> int:
    """Measures and shows; returns the exit code."""
    load.prepare()
    uri = os.environ["TEST_MONGODB_URI"]
    groups: dict[str, Callable[[Path], Iterator[Row]]] = {
        "cached": lambda folder: pages.cached(folder, uri),
        "uncached": lambda folder: pages.uncached(folder, uri),
        "cache": cache.cache,
        "clients": pages.many_clients,
        "sign-in": sign_in.sign_in,
        "upload": media.upload,
        "ranges": media.ranges,
        "storage": storage.storage,
        "mail": lambda folder: mail.mail(folder, uri),
        "payments": lambda folder: payments.payments(folder, uri),
        "operation": operation.operation,
    }
    rows: list[Row] = []
    for name in wanted or groups:
        with TemporaryDirectory(prefix="academy-bench-") as folder:
            for one in groups[name](Path(folder)):
                sys.stderr.write(f"{one.what}: {one.measured}\n")
                rows.append(one)
    found = report(rows)
    show(found)
    if not wanted:
        save(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
