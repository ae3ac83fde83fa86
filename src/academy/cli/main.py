"""The command `academy`."""

import sys
from importlib import import_module

import click

from academy import __version__
from academy.kit.errors import AcademyError, UnavailableError
from academy.settings import SettingsError


class LazyGroup(click.Group):
    """Imports a group of commands when it is called: the command line starts in a tenth of the time."""

    commands_of = {
        "serve": "academy.cli.serve:serve",
        "worker": "academy.cli.worker:worker",
        "data": "academy.cli.data:data",
        "users": "academy.cli.users:users",
        "jobs": "academy.cli.jobs:jobs",
        "mail": "academy.cli.mail:mail",
        "check": "academy.cli.check:check",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        return list(self.commands_of)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        place = self.commands_of.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="academy")
def academy() -> None:
    """Rtech Academy. Settings come from environment variables."""


def main() -> None:
    """Runs the command line. What a user can cause ends with a sentence and exit code 1 or 2, never a traceback."""
    try:
        academy(standalone_mode=False)
    except SettingsError as error:
        _end(str(error), 2)
    except AcademyError as error:
        _end(_described(error), 1)
    except click.exceptions.Abort:
        _end("Stopped.", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except OSError as error:
        _end(f"{error.filename or 'The system'}: {error.strerror or error}", 1)


def _described(error: AcademyError) -> str:
    """What happened, the options to mend, and what an operator has to know beyond the sentence that visitors get."""
    lines = [f"{field}: {text}" for field, text in error.fields.items()]
    if error.message not in error.fields.values():
        lines.insert(0, error.message)
    if isinstance(error, UnavailableError) and (detail := getattr(error, "detail", "")):
        lines.append(detail)
    return "\n".join(lines)


def _end(text: str, code: int) -> None:
    click.echo(text, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
