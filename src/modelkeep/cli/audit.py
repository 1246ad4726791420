"""`modelkeep audit`, and the command `activity` of models, prompts, schemas and catalogs."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from modelkeep.cli.audit_chain import verify
from modelkeep.cli.audit_filters import TIMES, Query, epoch_ms, with_filters
from modelkeep.cli.client import V1, call, part, show
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json
from modelkeep.domain.errors import InvalidArgument

app = new_group()
app.command()(verify)

_COLUMNS = ("at", "actor", "event", "targets", "outcome", "reason")
_ARCHIVE_COLUMNS = ("first_seq", "last_seq", "first_at", "last_at", "set_id", "path", "last_hash")
_SUMMARY_COLUMNS = ("event", "outcome", "count", "actors", "first_at", "last_at")
_ACTIVITY_COLUMNS = ("at", "actor", "event", "outcome", "changes")
_RECORDS_PER_PAGE = 1000
_EXPORTED_PER_PAGE = 5000
_SUMMARY_DAYS = 30

SecurableName = Annotated[str, typer.Argument(help="Full name, such as prod.ml_team.iris; for a catalog, its name.")]
Oldest = Annotated[bool, typer.Option("--oldest-first", help="Print the oldest records first.")]
Limit = Annotated[int, typer.Option(help="Records at most.", min=1)]
After = Annotated[int, typer.Option(help="The cursor that an earlier export ended with.", min=0)]
CursorFile = Annotated[
    Path | None, typer.Option(help="Continue after the cursor in this file, and store the new cursor there.")
]
Summarize = Annotated[bool, typer.Option("--summary", help="Count the records by event and outcome.")]


@app.command()
@with_filters()
def find(
    query: Query,
    oldest_first: Oldest = False,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """Search the audit log."""
    rows = _records(f"{V1}/audit", limit, query, oldest_first)
    if not as_json:  # a table has room for names alone
        rows = [{**row, "targets": ", ".join(filter(None, (t["name"] for t in row["targets"])))} for row in rows]
    show(rows, _COLUMNS, as_json)


@app.command()
@with_filters()
def export(
    query: Query,
    after: After = 0,
    cursor_file: CursorFile = None,
) -> None:
    """Print records as JSON lines. They have the schema of Databricks' audit log and the order of the chain."""
    after = _cursor(cursor_file) if cursor_file and cursor_file.exists() else after
    has_next = True
    while has_next:
        page = call("GET", f"{V1}/audit/export", after=after, max_results=_EXPORTED_PER_PAGE, **query)
        if page["archived"] > after:
            print(
                f"modelkeep: records up to link {page['archived']} are in the archive: `modelkeep audit archives`.",
                file=sys.stderr,
            )
        for record in page["records"]:
            sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        after, has_next = page["cursor"], page["more"]
        if cursor_file:  # after the lines: an interruption in between repeats records, and loses none
            _store_cursor(cursor_file, after)


@app.command()
def archives(as_json: Json = False) -> None:
    """List the Parquet files with older records."""
    show(call("GET", f"{V1}/audit/archives")["archives"], _ARCHIVE_COLUMNS, as_json)


def activity(kind: str) -> Callable[..., None]:
    """The command `activity` for a kind of securable."""

    @with_filters("actor", "event", "outcome", "since", "until")
    def activity(
        name: SecurableName,
        query: Query,
        oldest_first: Oldest = False,
        limit: Limit = 100,
        summary: Summarize = False,
        as_json: Json = False,
    ) -> None:
        """List the audit records about it, under all of its names."""
        path = f"{V1}/activity/{kind}/{part(name)}"
        if summary:
            times: Query = {"since": epoch_ms(f"{_SUMMARY_DAYS}d")} | {key: query[key] for key in TIMES if key in query}
            show(call("GET", f"{path}/summary", **times)["summary"], _SUMMARY_COLUMNS, as_json)
            return
        show(_records(path, limit, query, oldest_first), _ACTIVITY_COLUMNS, as_json)

    return activity


def _records(path: str, limit: int, query: dict[str, Any], oldest_first: bool) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    token, first = "", "oldest" if oldest_first else "newest"
    while len(records) < limit:
        count = min(limit - len(records), _RECORDS_PER_PAGE)
        page = call("GET", path, max_results=count, page_token=token, first=first, **query)
        records += page["events"]
        token = page["next_page_token"]
        if not token:
            break
    return records


def _cursor(file: Path) -> int:
    text = file.read_text().strip()
    if not text.isdecimal():
        raise InvalidArgument(f"'{file}' holds no cursor. Remove it to begin at the oldest record.")
    return int(text)


def _store_cursor(file: Path, cursor: int) -> None:
    """Replaces the file in one step: half a cursor would skip records, or repeat all of them."""
    partial = file.with_name(file.name + ".part")
    partial.write_text(f"{cursor}\n")
    partial.replace(file)
