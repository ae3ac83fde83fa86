"""What an answer is made of: tags that the code that reads names, and that whoever keeps the answer collects.

A page is made by many hands: only the service that reads a course knows that the page now depends on it. It says so
with `depends_on`; whoever keeps finished answers wraps their making in `collected_tags`, and keeps each with its tags.
Tasks that are begun inside (`asyncio.gather`) count, since they inherit the context.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_collected: ContextVar[set[str] | None] = ContextVar("collected_tags", default=None)


def depends_on(*tags: str) -> None:
    """Notes that what is being made is wrong as soon as one of the tags is invalidated. Nothing, if nobody collects."""
    collected = _collected.get()
    if collected is not None:
        collected.update(tags)


@contextmanager
def collected_tags() -> Iterator[set[str]]:
    """Gives the set that fills with the tags of everything that is read inside."""
    tags: set[str] = set()
    token = _collected.set(tags)
    try:
        yield tags
    finally:
        _collected.reset(token)
