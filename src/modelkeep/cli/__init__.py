"""The `modelkeep` command. serve, migrate, check, env, admins and audit verify open the data directory; all other verbs are HTTP
clients of the server that DATABRICKS_HOST and DATABRICKS_TOKEN name, and obey the same rules as any client.

Its exit codes are in `cli/exits.py`; whatever fails is one line on standard error.
"""

import logging
import os
import sys

import typer

from modelkeep.core.errors import RegistryError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Models in a Unity Catalog of your own.",
)


def main() -> None:
    """Entry point: a failure is one line with what to do, never a traceback."""
    import structlog

    from modelkeep.cli import admins, exits, local, remote

    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )  # a command's output is its result alone
    logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # its attempts are not our one line
    os.umask(0o077)  # what this program writes is its user's alone
    local.register(app)
    admins.register(app)
    remote.register(app)
    try:
        app()
    except RegistryError as error:
        print(f"modelkeep: {error.message}", file=sys.stderr)
        sys.exit(exits.of_error(error))
