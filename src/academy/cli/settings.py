"""The settings of a command."""

import functools
import os
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from academy.settings import Settings, load_settings

P = ParamSpec("P")
R = TypeVar("R")


def with_settings(command: Callable[Concatenate[Settings, P], R]) -> Callable[P, R]:
    """Gives a command the settings when it runs, so that its `--help` needs none. Raises SettingsError."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return command(load_settings(os.environ), *args, **kwargs)

    return run
