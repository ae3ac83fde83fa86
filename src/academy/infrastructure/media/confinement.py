"""Limits that a process sets to itself before it decodes foreign files."""

import os
import resource


def confine(*, niceness: int, cpu_seconds: int, memory_bytes: int, file_bytes: int | None = None) -> None:
    """Lowers the priority of this process and limits what it may use; there is no way back.

    Args:
        niceness: 19 is the lowest priority.
        cpu_seconds: processor time after which the kernel ends the process (SIGXCPU; SIGKILL when it goes on).
        memory_bytes: address space beyond which memory is refused.
        file_bytes: size beyond which a file that is written cannot grow.
    """
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
