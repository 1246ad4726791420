"""The tree of commands: each name, its help line, and the module that is imported when somebody calls it.

`modelkeep --help` needs names and help lines only, so it imports no command.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup


class CommandEntry(NamedTuple):
    """One command or group of commands below `modelkeep`."""

    section: str
    """Heading in `modelkeep --help`"""
    module: str
    """Module of `modelkeep.cli` that defines it"""
    help: str
    attribute: str = "app"
    """Name of the `typer.Typer` in that module"""


_RUN, _DATA = "Run a server (on its own machine)", "Models and what lies beside them"
_GOVERN, _ACCOUNT = "Govern", "Account and operation"

ENTRIES: dict[str, CommandEntry] = {
    "serve": CommandEntry(_RUN, "server", "Start the server in the foreground.", "serve_app"),
    "env": CommandEntry(_RUN, "server", "Print the exports for an MLflow client, with an admin token.", "env_app"),
    "config": CommandEntry(_RUN, "config", "Show the settings that the server would run with."),
    "migrate": CommandEntry(_RUN, "server", "Bring the database's schema up to date.", "migrate_app"),
    "check": CommandEntry(_RUN, "server", "Prove that database and storage agree.", "check_app"),
    "admins": CommandEntry(_RUN, "admins", "List and add account admins, also when nobody can sign in."),
    "catalogs": CommandEntry(_DATA, "catalogs", "Manage catalogs and the workspaces that they are bound to."),
    "schemas": CommandEntry(_DATA, "schemas", "Manage schemas of a catalog."),
    "models": CommandEntry(_DATA, "models", "Manage registered models, their versions, aliases and files."),
    "prompts": CommandEntry(_DATA, "prompts", "Manage prompts of a schema and their versions."),
    "volumes": CommandEntry(_DATA, "objects", "Manage volumes of a schema.", "volumes_app"),
    "functions": CommandEntry(_DATA, "objects", "Manage functions of a schema.", "functions_app"),
    "tables": CommandEntry(_DATA, "objects", "Manage tables of a schema.", "tables_app"),
    "spark-conf": CommandEntry(_DATA, "spark", "Print a spark-defaults.conf for this server. It has your credential."),
    "experiments": CommandEntry(_DATA, "experiments", "List experiments of the workspace and share them."),
    "search": CommandEntry(_DATA, "search", "Search catalogs, schemas, models and other objects."),
    "sql": CommandEntry(_DATA, "sql", "Run one SQL statement."),
    "grants": CommandEntry(_GOVERN, "grants", "Grant and revoke privileges, and explain decisions."),
    "access": CommandEntry(_GOVERN, "access", "Request access, and decide on requests."),
    "aliases": CommandEntry(_GOVERN, "aliases", "Move aliases, and protect them from others."),
    "tag-policies": CommandEntry(_GOVERN, "tag_policies", "Govern tags: their values, and who may assign them."),
    "audit": CommandEntry(_GOVERN, "audit", "Search, export and verify the audit log."),
    "users": CommandEntry(_ACCOUNT, "principals", "Manage users and their links to an OpenID provider.", "users_app"),
    "groups": CommandEntry(_ACCOUNT, "principals", "Manage groups and their members.", "groups_app"),
    "service-principals": CommandEntry(
        _ACCOUNT,
        "principals",
        "Manage service principals, their secrets and trusted issuers.",
        "service_principals_app",
    ),
    "tokens": CommandEntry(_ACCOUNT, "tokens", "Manage personal access tokens and sessions."),
    "workspaces": CommandEntry(_ACCOUNT, "workspaces", "Manage workspaces and who may enter them."),
    "jobs": CommandEntry(_ACCOUNT, "jobs", "List background jobs that wait, run or have failed."),
    "doctor": CommandEntry(_ACCOUNT, "doctor", "Find out why a client does not work."),
}


def load(name: str) -> Any:
    """Imports and builds one command of `ENTRIES`. Its own help line is the one of the table."""
    from typer.main import get_command, get_group

    entry = ENTRIES[name]
    defined: typer.Typer = getattr(import_module(f"modelkeep.cli.{entry.module}"), entry.attribute)
    single = len(defined.registered_commands) == 1 and defined.registered_commands[0].name == name
    command = get_command(defined) if single else get_group(defined)
    command.name = name
    if not single:
        command.help = entry.help
    return command


class _Commands(dict[str, Any]):
    """Imports a command when it is read; iterating over the names imports nothing."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(ENTRIES))

    def __getitem__(self, name: str) -> Any:
        if super().__getitem__(name) is None:
            self[name] = load(name)
        return super().__getitem__(name)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in ENTRIES else default

    def values(self) -> Any:
        return [self[name] for name in self]

    def items(self) -> Any:
        return [(name, self[name]) for name in self]


class RootGroup(TyperGroup):
    """`modelkeep` itself."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.commands = _Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands.keys())

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for section, rows in _sections():
            with formatter.section(section):
                formatter.write_dl(rows)


def _sections() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for section in dict.fromkeys(entry.section for entry in ENTRIES.values()):
        yield section, [(name, entry.help) for name, entry in ENTRIES.items() if entry.section == section]


def new_group(**settings: Any) -> typer.Typer:
    """A group of commands, or one command. Help is plain text: rich takes longer to import than most commands to run."""
    return typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **settings
    )


app = typer.Typer(
    cls=RootGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Modelkeep: the open, self-hosted implementation of Models in Unity Catalog.",
    epilog='Most commands are clients of a running server. Point them at it: eval "$(modelkeep env)"',
)


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"modelkeep {version('modelkeep')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
