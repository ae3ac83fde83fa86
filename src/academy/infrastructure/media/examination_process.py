"""The child process that looks through a file: `python -m academy.infrastructure.media.examination_process KIND PATH`.

KIND is the extension of the file's format. Writes a sentence to stdout, and ends with the exit code REFUSED, when the
file is not to be taken. Unpacking foreign archives is done here, to nowhere, with limits on processor time and memory
and at low priority, so that a hostile one can at worst end this process.
"""

import sys
from pathlib import Path

from academy.infrastructure.media.archives import Budget, check_gzip, check_tar, check_zip, hides_archive
from academy.infrastructure.media.confinement import confine
from academy.infrastructure.media.examination import REFUSED
from academy.infrastructure.media.unusable import ANOTHER_OFFICE, DAMAGED_ARCHIVE, HIDES_ARCHIVE, Unusable

_MEMORY_BYTES = 512 << 20
_CPU_SECONDS = 60
_OFFICE = {"docx", "xlsx", "pptx"}
# ECMA-376, part 2: every package has it.
_OFFICE_MEMBER = "[Content_Types].xml"


def main(kind: str, path: Path) -> int:
    """Looks through the file and returns the exit code."""
    confine(niceness=15, cpu_seconds=_CPU_SECONDS, memory_bytes=_MEMORY_BYTES)
    try:
        _check(kind, path)
    except Unusable as error:
        reason = str(error)
    except (MemoryError, RecursionError):
        reason = DAMAGED_ARCHIVE
    else:
        return 0
    sys.stdout.buffer.write(reason.encode())
    return REFUSED


def _check(kind: str, path: Path) -> None:
    with path.open("rb") as file:
        budget = Budget(path.stat().st_size)
        if kind == "zip" or kind in _OFFICE:
            names = check_zip(file, budget)
            if kind in _OFFICE and _OFFICE_MEMBER not in names:
                raise Unusable(ANOTHER_OFFICE)
        elif kind == "tar":
            check_tar(file, budget)
        elif kind == "gz":
            check_gzip(file, budget)
        elif hides_archive(file):
            raise Unusable(HIDES_ARCHIVE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
