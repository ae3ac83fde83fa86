"""Templates compiled once in a test process: Jinja compiles them for each academy anew, and tests open hundreds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from jinja2 import Environment


@contextmanager
def templates_compiled_once() -> Iterator[None]:
    """Lets environments of the same options share what they compile, as Jinja's own bytecode caches do.

    The code of a template refers to its environment by name only, see `jinja2.Template.from_code`.
    """
    compile_template: Callable[..., object] = Environment.compile
    kept: dict[tuple[object, ...], object] = {}

    def compile_once(self: Environment, source: object, *how: object, **named: object) -> object:
        # How it is to be compiled: the template's name and file, as Jinja's loaders pass them.
        key = (source, how, tuple(named.items()), _options(self))
        if key not in kept:
            kept[key] = compile_template(self, source, *how, **named)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", compile_once)
        yield


def _options(environment: Environment) -> tuple[object, ...]:
    """What of an environment the code that it makes depends on; a function counts by where it was written."""
    autoescape = environment.autoescape
    return (
        type(environment),
        autoescape if isinstance(autoescape, bool) else autoescape.__code__,
        environment.lexer,  # one for all environments of the same syntax
        environment.undefined,
        environment.finalize,
        tuple(environment.extensions),
        tuple(environment.filters),
        tuple(environment.tests),
    )
