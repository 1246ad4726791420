"""One HTTP call of the command line, and how its answer is printed."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from modelkeep.cli.exits import Unreachable, of_status
from modelkeep.core.errors import BadSetting, Unauthenticated

Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def call(method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
    """The JSON answer. A refusal ends the program: one line, and an exit code of its own."""
    import httpx

    host = os.environ.get("DATABRICKS_HOST", "").rstrip("/")
    params = {key: value for key, value in query.items() if value not in (None, "")}
    try:
        token = _token(host)
        answer = httpx.request(
            method,
            host + path,
            params=params,
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
        )
    except httpx.HTTPError as error:
        raise Unreachable(f"{host} does not answer ({error}). Is the server running?") from error
    try:
        value = answer.json()
    except ValueError:
        value = {"error_code": f"HTTP {answer.status_code}", "message": answer.text[:200]}
    if answer.status_code >= 300:
        print(f"modelkeep: {value.get('error_code', answer.status_code)}: {value.get('message', '')}", file=sys.stderr)
        raise typer.Exit(of_status(answer.status_code))
    return value


def _token(host: str) -> str:
    """DATABRICKS_TOKEN, or one for the client of DATABRICKS_CLIENT_ID and its secret. Raises InvalidArgument."""
    import httpx

    token, id, secret = (os.environ.get(f"DATABRICKS_{name}", "") for name in ("TOKEN", "CLIENT_ID", "CLIENT_SECRET"))
    if not host or not (token or (id and secret)):
        raise BadSetting('DATABRICKS_HOST and DATABRICKS_TOKEN are not set. Run: eval "$(modelkeep env)"')
    if token:
        return token
    answer = httpx.post(
        f"{host}/oidc/v1/token", data={"grant_type": "client_credentials"}, auth=(id, secret), timeout=30
    )
    if answer.status_code != 200:
        raise Unauthenticated(f"{host} does not sign in this client: {answer.text[:300]}")
    return answer.json()["access_token"]


def every(method: str, path: str, key: str, **query: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = call(method, path, page_token=token, **query)
        found += page.get(key) or []
        token = page.get("next_page_token") or ""
        if not token:
            return found


def part(text: str) -> str:
    """One path segment."""
    return quote(text, safe="")


def show(rows: list[dict[str, Any]] | dict[str, Any], columns: tuple[str, ...], as_json: bool) -> None:
    """A table for people, or JSON."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    listed = rows if isinstance(rows, list) else [rows]
    cells = [[_cell(column, row.get(column)) for column in columns] for row in listed]
    widths = [max([len(column), *(len(line[i]) for line in cells)]) for i, column in enumerate(columns)]
    for line in [[c.upper() for c in columns], *cells]:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and (column == "at" or column.endswith("_at")):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(" ", "seconds")[:19]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else "?" for c in text)[:80]  # names may hold what a terminal would obey
