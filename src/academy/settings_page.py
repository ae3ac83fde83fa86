"""The page of the documentation that lists every setting: `make docs` writes it, a test keeps it true."""

import sys
import types
from typing import Annotated, Literal, get_args, get_origin

from academy.settings import Variable, declared_variables

_HEAD = """# Settings

Every setting is an environment variable; none has to be set to begin with. Wrong values stop the start with one message
that names all of them. An empty variable counts as not set. This page is made from the code by `make docs`.
"""


def settings_page() -> str:
    """Returns the page as Markdown: a table for each group, in the order of the code."""
    lines = [_HEAD]
    group = ""
    for variable in declared_variables():
        if variable.group != group:
            group = variable.group
            title = group.replace("_", " ").capitalize()
            lines += ["", f"## {title}", "", "| variable | value | default | what it does |", "|---|---|---|---|"]
        lines.append(_row(variable))
    return "\n".join(lines) + "\n"


def _row(variable: Variable) -> str:
    default = variable.default
    shown = f"`{str(default).lower() if isinstance(default, bool) else default}`" if default != "" else ""
    example = f" Example: `{variable.meta.examples[0]}`." if variable.meta.examples else ""
    return f"| `{variable.name}` | {_kind(variable)} | {shown} | {variable.description}{example} |"


def _kind(variable: Variable) -> str:
    annotation = variable.annotation
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if isinstance(annotation, types.UnionType):
        annotation = get_args(annotation)[0]
    names: dict[object, str] = {str: "text", int: "number", float: "number", bool: "`true` or `false`"}
    bounds = [str(bound) for bound in (variable.meta.ge, variable.meta.le) if bound is not None]
    return names[annotation] + (f", {' to '.join(bounds)}" if len(bounds) > 1 else "")


if __name__ == "__main__":
    sys.stdout.write(settings_page())
