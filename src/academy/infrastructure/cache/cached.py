"""`@cached`: an async function whose answers are kept."""

import functools
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import ParamSpec, TypeVar, get_type_hints

from academy.infrastructure.cache.base import Cache, Family
from academy.infrastructure.cache.dependencies import depends_on

P = ParamSpec("P")
T = TypeVar("T")


def cached(
    cache: Cache,
    family: Family,
    *,
    key: Callable[P, str],
    tags: Callable[P, Sequence[str]] | None = None,
    ttl: timedelta | None = None,
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Keeps the answers of an async function, computing each once; see `Cache.get_or_compute`.

    `key` and `tags` get the arguments of the call. The key has to tell apart all calls, and begins with a name of the
    function's own. The type of the answers is the function's declared return type. What is made of an answer depends on
    its tags: they are noted with each call (see `dependencies`), since a kept answer reads nothing.

    Raises:
        TypeError: when the function does not declare what it returns.
    """

    def decorate(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        hints = get_type_hints(function)
        if "return" not in hints:
            raise TypeError(f"{function.__qualname__} has to declare what it returns")
        answer_type: type[T] = hints["return"]

        @functools.wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            names = tags(*args, **kwargs) if tags else ()
            depends_on(*names)
            return await cache.get_or_compute(
                family, key(*args, **kwargs), answer_type, lambda: function(*args, **kwargs), tags=names, ttl=ttl
            )

        return call

    return decorate
