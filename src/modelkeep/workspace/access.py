"""May this caller do that: ids become experiments, and the caller's level on the experiment is compared with the rule.

What the caller may not see does not exist for him; what he may read but not change is refused by name.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from modelkeep.core.authz import Actor
from modelkeep.core.errors import InvalidArgument, NotFound, PermissionDenied
from modelkeep.store import experiments as rows
from modelkeep.store.db import Database
from modelkeep.store.experiments import Level
from modelkeep.workspace.calls import Call, values
from modelkeep.workspace.child import TrackingServer
from modelkeep.workspace.permissions import Check, Kind

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_EXPERIMENT_ID = re.compile(r"0|[1-9][0-9]{0,17}")
_WORDS = {Kind.EXPERIMENT: "Experiment", Kind.RUN: "Run", Kind.LOGGED_MODEL: "Logged model", Kind.TRACE: "Trace"}
_QUESTIONS = {
    Kind.RUN: ("/api/2.0/mlflow/runs/get", "run_id={}", ("run", "info", "experiment_id")),
    Kind.LOGGED_MODEL: ("/api/2.0/mlflow/logged-models/{}", "allow_deleted=true", ("model", "info", "experiment_id")),
    Kind.TRACE: (
        "/api/3.0/mlflow/traces/{}", "",
        ("trace", "trace_info", "trace_location", "mlflow_experiment", "experiment_id"),
    ),
}  # fmt: skip


class Hidden(NotFound):
    """It exists, and this caller may not know. He reads what he would read if it did not; the audit log differs."""


def missing(kind: Kind, name: str, *, hidden: bool = False) -> NotFound:
    """The same words whether it does not exist or may not be seen."""
    return (Hidden if hidden else NotFound)(f"{_WORDS[kind]} '{name[:200]}' does not exist.", kind=kind)


class Access:
    """The rules of one workspace, over our tables and (for ids that we have not met) the child's answers."""

    def __init__(self, db: Database, child: TrackingServer, workspace_id: str) -> None:
        self._db = db
        self._child = child
        self._workspace = workspace_id

    async def check(self, actor: Actor, checks: Sequence[Check], call: Call) -> list[tuple[Kind, str]]:
        """All rules of a route; what the call named. Raises InvalidArgument, NotFound, PermissionDenied."""
        named: list[tuple[Check, str]] = []
        for check in checks:
            ids = [i for i in dict.fromkeys(values(call.fields, check.field)) if i or not check.optional]
            if not ids and not check.optional:
                raise InvalidArgument(f"Missing value for required parameter '{check.field}'.")
            named.extend((check, i) for i in ids)
        homes = {
            kind: await self.locate(kind, [i for check, i in named if check.kind is kind])
            for kind in {check.kind for check, _ in named}
        }
        levels = await self.levels(actor, {e for found in homes.values() for e in found.values()})
        for check, name in named:
            self._decide(check, name, homes[check.kind].get(name), levels)
        return [(check.kind, name) for check, name in named]

    async def require(self, actor: Actor, kind: Kind, name: str, level: Level) -> str:
        """The experiment of what is named. Raises NotFound, PermissionDenied."""
        home = (await self.locate(kind, [name])).get(name)
        levels = await self.levels(actor, {home} if home else set())
        self._decide(Check(kind, level, ""), name, home, levels)
        assert home is not None
        return home

    def _decide(self, check: Check, name: str, home: str | None, levels: dict[str, Level]) -> None:
        held = levels.get(home) if home else None
        if held is None:
            raise missing(check.kind, name, hidden=home is not None)
        if not held.allows(check.level):
            raise PermissionDenied(
                f"This needs {check.level} on experiment {home}, on which you hold {held}. Ask one who manages it."
            )

    async def levels(self, actor: Actor, experiment_ids: Iterable[str]) -> dict[str, Level]:
        """The caller's level on each; experiments that he may not see are left out."""
        if actor.workspace_admin:
            return dict.fromkeys(experiment_ids, Level.MANAGE)
        found: dict[str, Level] = {}
        async with self._db.read() as tx:
            for experiment_id in experiment_ids:
                if level := await rows.level_of(tx, self._workspace, experiment_id, actor.id):
                    found[experiment_id] = level
        return found

    async def visible(self, actor: Actor) -> list[str]:
        """Every experiment that the caller holds anything on (an admin of the workspace sees others, too)."""
        async with self._db.read() as tx:
            return await rows.visible(tx, self._workspace, actor.id)

    async def locate(self, kind: Kind, names: Sequence[str]) -> dict[str, str]:
        """The experiment of each of these; what does not exist is left out."""
        if kind is Kind.EXPERIMENT:
            return {name: name for name in names if _EXPERIMENT_ID.fullmatch(name)}
        wanted = [name for name in names if _ID.fullmatch(name)]
        if not wanted:
            return {}
        async with self._db.read() as tx:
            found = await rows.experiments_of(tx, self._workspace, kind, wanted)
        unknown = [name for name in wanted if name not in found]
        for start in range(0, len(unknown), 8):
            some = unknown[start : start + 8]
            for name, home in zip(some, await asyncio.gather(*(self._ask(kind, n) for n in some)), strict=True):
                if home:
                    found[name] = await self.place(kind, name, home)
        return found

    async def place(self, kind: Kind, name: str, experiment_id: str) -> str:
        """Note where a new run, logged model or trace lies; the experiment that holds it already, if one does."""
        async with self._db.write() as tx:
            return await rows.place(tx, self._workspace, kind, name, experiment_id)

    async def _ask(self, kind: Kind, name: str) -> str:
        path, query, keys = _QUESTIONS[kind]
        answer = await self._child.request("GET", path.format(name), query.format(name))
        if answer.status != 200:
            return ""
        value: Any = msgspec.json.decode(answer.body)
        for key in keys:
            value = value.get(key, {})
        return str(value) if value else ""
