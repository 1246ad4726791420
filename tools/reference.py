"""Writes what repeats the code: docs/reference/*.md, and the schema of the chart's values. `--check` only compares."""

import ast
import inspect
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_type_hints

import chart
import msgspec
from typer.main import get_command

from modelkeep import settings
from modelkeep.cli import app, exits
from modelkeep.core.table import OPERATIONS
from modelkeep.domain import errors
from modelkeep.domain.kinds import RULES
from modelkeep.domain.privileges import INERT

ROOT = Path(__file__).parents[1]
HEAD = "<!-- Written by tools/reference.py; change the code, then run `make docs`. -->\n\n"
RECORDS = {
    "in_tx": "with the change",
    "own_tx": "at once",
    "buffered": "within a second",
    "vending": "counted by the minute",
}


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return (
        "\n".join([*lines, *("| " + " | ".join(cell.replace("\n", " ") for cell in row) + " |" for row in rows)]) + "\n"
    )


def operations() -> str:
    rows = [(f"`{op.name}`", op.needs, f"`{op.audit}`", RECORDS[op.record]) for op in OPERATIONS]
    return (
        "# Operations\n\nBeside the listed need, every operation needs the usage of each parent: USE CATALOG and USE SCHEMA "
        "(or MANAGE, ownership, metastore admin).\n\n" + table(("Operation", "Needs", "Audit event", "Recorded"), rows)
    )


def privileges() -> str:
    rows = [
        (
            rules.kind.capitalize(),
            ", ".join(sorted(p.words for p in rules.grantable)),
            ", ".join(f"`{name}`" for name in rules.wire),
        )
        for rules in RULES.values()
    ]
    inert = ", ".join(sorted(word.replace("_", " ") for word in INERT))
    return (
        "# Privileges\n\n"
        + table(("Securable", "Can be granted", "Securable types in paths and SQL"), rows)
        + "\nInert privileges exist at Databricks and mean nothing here. They can be granted on any securable, answers mark them, and no "
        f"decision reads them: {inert}.\n"
    )


def settings_page() -> str:
    meanings = chart.meanings()
    hints = get_type_hints(settings.Settings, include_extras=True)
    rows = [
        (
            f"`{settings.variable_of(f.name)}`",
            f"`{f.default!r}`",
            settings.bounds(hints[f.name]),
            meanings.get(f.name, ""),
        )
        for f in msgspec.structs.fields(settings.Settings)
    ]
    files = ", ".join(f"`{settings.variable_of(name)}_FILE`" for name in settings.FROM_FILES)
    return (
        "# Settings\n\nEvery setting is an environment variable. Some can come from a file of one line instead. "
        "These variables name the file: " + files + ".\n\n" + table(("Variable", "Default", "Values", "Meaning"), rows)
    )


def errors_page() -> str:
    kinds = [
        c
        for c in vars(errors).values()
        if inspect.isclass(c) and issubclass(c, errors.RegistryError) and c is not errors.RegistryError
    ]
    rows = [(c.__name__, str(c.status), f"`{c.code}`", inspect.getdoc(c) or "") for c in kinds]
    return "# Errors\n\n" + table(("Error", "HTTP status", "Code", "Meaning, and what to do"), rows)


def commands() -> str:
    """The page of the command line, from typer's own tree of commands."""
    sections = [
        _section(path, command, context) for path, command, context in _walk(get_command(app), "modelkeep", None)
    ]
    codes = [
        (ast.literal_eval(node.value), doc.value.value)
        for node, doc in pairwise(ast.parse(inspect.getsource(exits)).body)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(doc, ast.Expr)
        and isinstance(doc.value, ast.Constant)
    ]
    return (
        "# Command line\n\n`modelkeep COMMAND --help` prints the same. Commands that read the data directory need no token. All others are "
        "HTTP clients: they take the server from `DATABRICKS_HOST` and the token from `DATABRICKS_TOKEN`. `modelkeep env` prints both.\n\n"
        "## Exit codes\n\n"
        + table(
            ("Code", "Meaning"),
            [("0", "The command succeeded."), *((str(code), meaning) for code, meaning in codes)],
        )
        + "\n"
        + "\n".join(sections)
    )


def _walk(command: Any, path: str, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    """(path, command, its context) of a click command and of all below it, groups too."""
    context = command.context_class(command, info_name=path.rpartition(" ")[2], parent=parent)
    if parent is not None:
        yield path, command, context
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if not below.hidden:
                yield from _walk(below, f"{path} {name}", context)


def _section(path: str, command: Any, context: Any) -> str:
    """The Markdown of a group (a heading) or a command (usage, then arguments and options)."""
    about = inspect.cleandoc(command.help or "").replace("\b\n", "").replace("<", "\\<")
    if hasattr(command, "list_commands"):
        return f"## {path}\n\n{about}\n"
    level = "##" if path.count(" ") == 1 else "###"
    usage = " ".join(part for part in command.collect_usage_pieces(context) if part)
    rows = [
        (f"`{_spelling(parameter, context)}`", (parameter.help or "").replace("|", "\\|").replace("<", "\\<"))
        for parameter in command.params
        if not parameter.hidden and parameter.name != "help"
    ]
    body = f"{about}\n\n```text\n{path} {usage}\n```\n"
    return f"{level} {path}\n\n{body}" + (f"\n{table(('Parameter', 'Meaning'), rows)}" if rows else "")


def _spelling(parameter: Any, context: Any) -> str:
    """`NAME` of an argument, `--option VALUE` of an option."""
    if parameter.param_type_name == "argument":
        return " ".join(parameter.get_usage_pieces(context)).strip("[]").rstrip(".")
    return parameter.get_help_record(context)[0].replace("/ ", "or ")


PAGES = {
    "operations.md": operations,
    "privileges.md": privileges,
    "settings.md": settings_page,
    "errors.md": errors_page,
    "cli.md": commands,
}


def main() -> None:
    texts = {f"docs/reference/{name}": HEAD + page() for name, page in PAGES.items()}
    texts[chart.PATH] = chart.values_schema()
    stale = [name for name, text in texts.items() if not (ROOT / name).exists() or (ROOT / name).read_text() != text]
    if stale and "--check" in sys.argv:
        sys.exit(f"Out of date: {', '.join(stale)}. Run `make docs`.")
    for name in stale:
        (ROOT / name).write_text(texts[name])


if __name__ == "__main__":
    main()
