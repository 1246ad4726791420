"""The HTTP calls of the command line, and how it prints their answers."""

import json
import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import quote

import typer

from modelkeep.cli.exits import Unreachable, of_status
from modelkeep.domain.errors import BadSetting, Throttled, Unauthenticated

if TYPE_CHECKING:
    import httpx

UC = "/api/2.1/unity-catalog"
"""Databricks' Unity Catalog API"""
V1 = "/api/modelkeep/v1"
"""Modelkeep's own API"""
MLFLOW_UC = "/api/2.0/mlflow/unity-catalog"
"""The API of MLflow's `databricks-uc` client"""
_TIMEOUT_S = 120
_MAX_CELL_CHARS = 80


def call(method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
    """Sends one request and returns the JSON answer. Parameters of `query` that are None or "" are left out.

    A refusal prints one line and raises typer.Exit with an exit code of its own. Raises BadSetting, Unauthenticated, Unreachable.
    """
    params = {key: value for key, value in query.items() if value not in (None, "")}
    return parse_answer(send(method, path, params=params, json=body))


def create_if_missing(path: str, collection: str, body: dict[str, Any]) -> None:
    """Creates by a POST to `collection` what a GET of `path` does not find. Raises as `call`."""
    answer = send("GET", path)
    if answer.status_code == 404:
        call("POST", collection, body)
    elif answer.status_code != 200:
        refuse(answer)


def send(method: str, path: str, **arguments: Any) -> "httpx.Response":
    """Sends one signed request; `arguments` are those of httpx. Raises BadSetting, Unauthenticated, Unreachable."""
    with _answering(method, path, **arguments) as answer:
        answer.read()
        return answer


@contextmanager
def stream(path: str) -> Generator[Iterator[bytes]]:
    """The body of a GET, piece by piece. A refusal prints one line and raises typer.Exit. Raises what `send` raises."""
    with _answering("GET", path) as answer:
        if answer.status_code >= 300:
            answer.read()
            refuse(answer)
        yield answer.iter_bytes()


@contextmanager
def _answering(method: str, path: str, **arguments: Any) -> Generator["httpx.Response"]:
    import httpx

    host = _host()
    try:
        headers = {"Authorization": f"Bearer {_token(host)}", **arguments.pop("headers", {})}
        with _client().stream(method, host + path, headers=headers, **arguments) as answer:
            yield answer
    except httpx.InvalidURL as error:
        raise BadSetting(f"DATABRICKS_HOST is not an address: {error}.") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"{host} does not answer ({error}). Is the server running?") from error


def parse_answer(answer: "httpx.Response") -> Any:
    """The JSON of an answer. A refusal prints one line and raises typer.Exit. Raises Unreachable if it is not JSON."""
    if answer.status_code >= 300:
        refuse(answer)
    try:
        return answer.json() if answer.content else {}
    except ValueError as error:
        raise Unreachable(f"{_host()} answers with something else than JSON. Is it a Modelkeep server?") from error


def refuse(answer: "httpx.Response") -> NoReturn:
    """Prints the server's reason in one line and raises typer.Exit with the exit code for its status."""
    problem: Any = None
    with suppress(ValueError):
        problem = answer.json()
    fields = cast("dict[str, Any]", problem) if isinstance(problem, dict) else {"message": answer.text[:200]}
    fail(fields.get("error_code", f"HTTP {answer.status_code}"), fields.get("message", ""))
    raise typer.Exit(of_status(answer.status_code))


def fail(code: object, message: str) -> None:
    """Prints a refusal as one line on standard error."""
    print(printable(f"modelkeep: {code}: {message}"), file=sys.stderr)


def _host() -> str:
    """The address of the server, with its scheme: https unless DATABRICKS_HOST names another, as for Databricks' own clients."""
    host = os.environ.get("DATABRICKS_HOST", "").strip().rstrip("/")
    return host if "://" in host or not host else f"https://{host}"


@cache
def _client() -> "httpx.Client":
    """One connection pool for all requests of a command."""
    import httpx

    return httpx.Client(timeout=_TIMEOUT_S)


def _token(host: str) -> str:
    """DATABRICKS_TOKEN, or an access token for DATABRICKS_CLIENT_ID and its secret. Raises BadSetting, Unauthenticated."""
    token, id, secret = (os.environ.get(f"DATABRICKS_{name}", "") for name in ("TOKEN", "CLIENT_ID", "CLIENT_SECRET"))
    if not host or not (token or (id and secret)):
        raise BadSetting('DATABRICKS_HOST and DATABRICKS_TOKEN are not set. Run: eval "$(modelkeep env)"')
    token = token or _access_token(host, id, secret)
    if not (token.isascii() and token.isprintable()):
        raise BadSetting("DATABRICKS_TOKEN has characters that no token has. Copy it again.")
    return token


_access_tokens: dict[tuple[str, str, str], tuple[str, float]] = {}
"""Access tokens of this process: {(host, client id, secret): (token, the monotonic second from which it is renewed)}"""


def _access_token(host: str, id: str, secret: str) -> str:
    """A token of the service principal, requested again after half of its life. Raises Throttled, Unauthenticated, Unreachable."""
    token, renew_at = _access_tokens.get((host, id, secret), ("", 0.0))
    if token and time.monotonic() < renew_at:
        return token
    form = {"grant_type": "client_credentials"}
    answer = _client().post(f"{host}/oidc/v1/token", data=form, auth=(id, secret), timeout=30)
    if answer.status_code != 200:
        reason = f"{host} does not sign in this client: {answer.text[:300]}"
        raise {429: Throttled, 503: Unreachable}.get(answer.status_code, Unauthenticated)(reason)
    grant = answer.json()
    renew_at = time.monotonic() + grant.get("expires_in", 0) / 2
    _access_tokens[host, id, secret] = grant["access_token"], renew_at
    return grant["access_token"]


def list_all(method: str, path: str, key: str, **query: Any) -> list[dict[str, Any]]:
    """All pages of a list; `key` is the field that holds a page's rows."""
    rows: list[dict[str, Any]] = []
    token = ""
    while True:
        page = call(method, path, page_token=token, **query)
        rows += page.get(key) or []
        token = page.get("next_page_token") or ""
        if not token:
            return rows


def part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def show(rows: list[dict[str, Any]] | dict[str, Any], columns: tuple[str, ...], as_json: bool) -> None:
    """Prints a table for people, or JSON."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    listed = rows if isinstance(rows, list) else [rows]
    cells = [[_cell(column, row.get(column)) for column in columns] for row in listed]
    widths = [max([len(column), *(len(line[i]) for line in cells)]) for i, column in enumerate(columns)]
    for line in [[c.upper() for c in columns], *cells]:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def show_json(answer: dict[str, Any], as_json: bool) -> None:
    """Prints the answer of a command that is silent for people."""
    if as_json:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def show_value(value: str, answer: dict[str, Any], as_json: bool) -> None:
    """Prints one value for scripts to read, or the whole answer as JSON."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False) if as_json else value)


def printable(text: str) -> str:
    """Text without the control characters that a terminal would obey; names may contain them."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and (column == "at" or column.endswith("_at")):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(" ", "seconds")[:19]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(text)[:_MAX_CELL_CHARS]
