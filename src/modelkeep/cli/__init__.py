"""The `modelkeep` command. serve, migrate, check, env, config, admins and audit verify open the data directory; all other commands
are HTTP clients of the server that DATABRICKS_HOST and DATABRICKS_TOKEN name, and obey the same rules as any client.

The exit codes are in `cli/exits.py`. A failure is one line on standard error.
"""

import os
import sys

from modelkeep.cli.commands import app

__all__ = ["app", "main", "run"]


def main() -> None:
    """Entry point of the program: reports a failure as one line with what to do, never as a traceback."""
    os.umask(0o077)  # what this program writes is its user's alone
    sys.exit(run(app))


def run(command: object, arguments: list[str] | None = None) -> int:
    """Runs `command` (a Typer app or a click command) and returns the program's exit code."""
    from modelkeep.cli import exits
    from modelkeep.domain.errors import RegistryError

    assert callable(command)
    try:
        command(arguments, prog_name="modelkeep") if arguments is not None else command(prog_name="modelkeep")
    except RegistryError as error:
        print(f"modelkeep: {error.message}", file=sys.stderr)
        return exits.of_error(error)
    except OSError as error:
        print(f"modelkeep: {error}", file=sys.stderr)
        return exits.FAILED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return exits.DONE
