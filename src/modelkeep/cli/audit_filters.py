"""The filters of audit records: options that several commands have, and the query parameters that they become."""

import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Annotated, Any

import typer

from modelkeep.domain.errors import InvalidArgument

_AGO = re.compile(r"([0-9]{1,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_OPTIONS: dict[str, Any] = {
    "actor": Annotated[str, typer.Option(help="Name of the principal that acted.")],
    "event": Annotated[str, typer.Option(help="An event such as model.create; model.* matches all that begin so.")],
    "name": Annotated[str, typer.Option(help="Name of the target at that time; prod.* matches all that begin so.")],
    "outcome": Annotated[str, typer.Option(help="ok, an error code, or `refused` for all except ok.")],
    "source": Annotated[str, typer.Option(help="The address that the request came from.")],
    "request_id": Annotated[str, typer.Option(help="The x-request-id of the answer and of the server's log.")],
    "workspace_id": Annotated[str, typer.Option(help="Id of the workspace that the request used.")],
    "since": Annotated[str, typer.Option(help="2026-11-23, 2026-11-23T10:00Z, epoch ms, or an age: 90m, 24h, 7d.")],
    "until": Annotated[str, typer.Option(help="As --since; records of exactly this time are left out.")],
}
TIMES = ("since", "until")
Query = dict[str, Any]
"""Query parameters of a search; those that the caller did not pass are absent."""


def with_filters(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorates a command: it has an option for each of these filters (all by default), and gets them as its parameter `query`."""
    filters = names or tuple(_OPTIONS)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**arguments: Any) -> None:
            texts = {name: arguments.pop(name) for name in filters}
            command(query=query_of(**texts), **arguments)

        own = inspect.signature(command).parameters
        keyword = inspect.Parameter.KEYWORD_ONLY
        options = [inspect.Parameter(name, keyword, default="", annotation=_OPTIONS[name]) for name in filters]
        parameters: list[inspect.Parameter] = []
        for parameter in own.values():  # in the place of `query`
            parameters += options if parameter.name == "query" else [parameter.replace(kind=keyword)]
        run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def query_of(**texts: str) -> Query:
    """The filters that are not '', with times in epoch milliseconds. Raises InvalidArgument."""
    return {name: epoch_ms(text) if name in TIMES else text for name, text in texts.items() if text}


def epoch_ms(text: str) -> int:
    """The milliseconds since 1970 of a date, of a time (UTC unless it says otherwise), or of an age such as `24h`.

    Epoch milliseconds are returned as they are. Raises InvalidArgument.
    """
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
