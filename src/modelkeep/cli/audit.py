"""`modelkeep audit`, and `activity` of models, catalogs and schemas: asking who did what, and handing it on."""

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from modelkeep.cli.client import call, part, show
from modelkeep.cli.local import verify_audit
from modelkeep.core.errors import InvalidArgument

V1 = "/api/modelkeep/v1"
_AGO = re.compile(r"([0-9]{1,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Actor = Annotated[str, typer.Option(help="The name of who did it.")]
Event = Annotated[str, typer.Option(help="As model.create; model.* finds all that begins so.")]
Name = Annotated[str, typer.Option(help="What it was done to, as it was called then; prod.* finds all that begins so.")]
Outcome = Annotated[str, typer.Option(help="ok, an error code, or `refused` for anything but ok.")]
Source = Annotated[str, typer.Option(help="The address it came from.")]
RequestId = Annotated[str, typer.Option(help="As the answer's x-request-id and the server's log have it.")]
WorkspaceId = Annotated[str, typer.Option(help="The id of the workspace that it came through.")]
Since = Annotated[str, typer.Option(help="2026-11-23, 2026-11-23T10:00Z, epoch ms, or how long ago: 90m, 24h, 7d.")]
Until = Annotated[str, typer.Option(help="As --since; itself excluded.")]
Oldest = Annotated[bool, typer.Option("--oldest-first", help="Instead of the newest first.")]
Limit = Annotated[int, typer.Option(help="Records at most.", min=1)]
_COLUMNS = ("at", "actor", "event", "targets", "outcome", "reason")


def register(group: typer.Typer) -> None:
    group.command("verify")(verify_audit)
    group.command()(find)
    group.command()(export)
    group.command()(archives)


def find(
    actor: Actor = "", event: Event = "", name: Name = "", outcome: Outcome = "", source: Source = "",
    request_id: RequestId = "", workspace_id: WorkspaceId = "", since: Since = "", until: Until = "", oldest_first: Oldest = False,
    limit: Limit = 100, as_json: Json = False,
) -> None:  # fmt: skip
    """Who did what, to what, when, from where, and what came of it."""
    query = _query(actor, event, name, outcome, source, request_id, since, until, workspace_id)
    rows = _pages(f"{V1}/audit", limit, query, oldest_first)
    if not as_json:  # a table has room for names alone
        rows = [{**row, "targets": ", ".join(filter(None, (t["name"] for t in row["targets"])))} for row in rows]
    show(rows, _COLUMNS, as_json)


def export(
    actor: Actor = "", event: Event = "", name: Name = "", outcome: Outcome = "", source: Source = "",
    request_id: RequestId = "", workspace_id: WorkspaceId = "", since: Since = "", until: Until = "",
    after: Annotated[int, typer.Option(help="The cursor of an earlier export.", min=0)] = 0,
    cursor_file: Annotated[Path | None, typer.Option(help="Go on after the cursor in this file, and keep the new one there.")] = None,
) -> None:  # fmt: skip
    """Records as JSON lines in the schema of Databricks' audit log, in the order in which they were sealed."""
    query = _query(actor, event, name, outcome, source, request_id, since, until, workspace_id)
    after = _cursor(cursor_file) if cursor_file and cursor_file.exists() else after
    more = True
    while more:
        page = call("GET", f"{V1}/audit/export", after=after, max_results=5000, **query)
        if page["archived"] > after:
            print(
                f"modelkeep: records up to link {page['archived']} are in the archive: `modelkeep audit archives`.",
                file=sys.stderr,
            )
        for record in page["records"]:
            sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        after, more = page["cursor"], page["more"]
        if cursor_file:  # after the lines: whoever is interrupted in between gets some twice, and none never
            _keep(cursor_file, after)


def archives(as_json: Json = False) -> None:
    """The Parquet files that hold older records."""
    found = call("GET", f"{V1}/audit/archives")["archives"]
    show(found, ("first_seq", "last_seq", "first_at", "last_at", "set_id", "path", "last_hash"), as_json)


def activity(kind: str, summary_days: int = 30) -> Any:
    """The command `activity` of a kind of securable."""

    def activity(
        name: str, actor: Actor = "", event: Event = "", outcome: Outcome = "", since: Since = "", until: Until = "",
        oldest_first: Oldest = False, limit: Limit = 100,
        summary: Annotated[bool, typer.Option("--summary", help="How often what was done, instead of each record.")] = False,
        as_json: Json = False,
    ) -> None:  # fmt: skip
        """What happened to it, whatever it was called: changes, grants, refusals, reads."""
        path = f"{V1}/activity/{kind}/{part(name)}"
        if summary:
            query = _query("", "", "", "", "", "", since or f"{summary_days}d", until)
            found = call("GET", f"{path}/summary", **query)["summary"]
            show(found, ("event", "outcome", "count", "actors", "first_at", "last_at"), as_json)
            return
        query = _query(actor, event, "", outcome, "", "", since, until)
        show(_pages(path, limit, query, oldest_first), ("at", "actor", "event", "outcome", "changes"), as_json)

    return activity


def _query(
    actor: str,
    event: str,
    name: str,
    outcome: str,
    source: str,
    request_id: str,
    since: str,
    until: str,
    workspace_id: str = "",
) -> dict[str, Any]:
    query: dict[str, Any] = {
        "actor": actor, "event": event, "name": name, "outcome": outcome, "source": source, "request_id": request_id,
        "workspace_id": workspace_id,
    }  # fmt: skip
    query["since"], query["until"] = (epoch_ms(text) if text else None for text in (since, until))
    return {key: value for key, value in query.items() if value not in ("", None)}


def _pages(path: str, limit: int, query: dict[str, Any], oldest_first: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while len(found) < limit:
        page = call(
            "GET", path, max_results=min(limit - len(found), 1000), page_token=token,
            first="oldest" if oldest_first else "newest", **query,
        )  # fmt: skip
        found += page["events"]
        token = page["next_page_token"]
        if not token:
            break
    return found


def epoch_ms(text: str) -> int:
    """A date, a time (UTC where it says nothing else), epoch ms, or `24h` ago. Raises InvalidArgument."""
    if text.isascii() and text.isdecimal():
        return int(text)
    now = datetime.now(UTC)
    if ago := _AGO.fullmatch(text):
        return int((now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).timestamp() * 1000)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgument(f"'{text}' is no time. Say 2026-11-23T10:00Z, epoch ms, or 24h (ago).") from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _cursor(file: Path) -> int:
    text = file.read_text().strip()
    if not text.isdecimal():
        raise InvalidArgument(f"'{file}' holds no cursor. Remove it to begin at the oldest record.")
    return int(text)


def _keep(file: Path, cursor: int) -> None:
    """All of it or nothing: a cursor cut short would skip records, or repeat all."""
    part = file.with_name(file.name + ".part")
    part.write_text(f"{cursor}\n")
    part.replace(file)
