"""Looks through stored documents and archives for what their first bytes do not tell; in a child process."""

from pathlib import Path

from academy.infrastructure.media.child import run_child
from academy.infrastructure.media.formats import Format
from academy.infrastructure.media.sniffing import FileRefused
from academy.infrastructure.media.unusable import DAMAGED_ARCHIVE, TOO_SLOW

# The exit code of the child process for a file that is not taken.
REFUSED = 3
# Nothing here reads RAR and 7z, which need programs of their own: the academy never opens them.
_UNREAD = {"rar", "7z"}
_MODULE = "academy.infrastructure.media.examination_process"
_TIMEOUT_SECONDS = 120.0


def is_examined(found: Format) -> bool:
    """Whether there is something to look for in files of this format."""
    return found.extensions[0] not in _UNREAD


async def examine(path: Path, found: Format) -> None:
    """Looks through the document or archive at `path`, which has this format by its first bytes.

    The work is done at low priority in a child process with limits on time and memory. A cancelled call ends the
    process.

    Raises:
        FileRefused: an archive that unpacks to absurdly much, holds too many files or archives in archives, lies about
            them, or leads out of its folder; a document that is an archive, too. The message is for who uploaded it.
    """
    try:
        code, output = await run_child(_MODULE, found.extensions[0], str(path), seconds=_TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise _refused(TOO_SLOW) from error
    if code == REFUSED:
        raise _refused(output.decode())
    if code != 0:  # ended by its limits
        raise _refused(DAMAGED_ARCHIVE)


def _refused(reason: str) -> FileRefused:
    return FileRefused(reason, fields={"file": reason})
