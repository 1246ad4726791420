"""Experiment permissions, the experiment of each run, logged model and trace, and the dataset sources of runs."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from modelkeep.store.acts_as import acts_as
from modelkeep.store.db import Tx, WriteTx, among
from modelkeep.store.principals import WORKSPACE_USERS


class Level(StrEnum):
    """What a principal may do with an experiment and all that lies in it; each level holds the ones before it."""

    READ = "CAN_READ"
    EDIT = "CAN_EDIT"
    MANAGE = "CAN_MANAGE"

    def allows(self, needed: "Level") -> bool:
        return _RANK[self] >= _RANK[needed]


_MOST_NAMED = 500
# Levels that the principal holds by its own name, by a group's, and as one who is assigned to the workspace.
_HELD = (
    "SELECT p.experiment_id, p.level FROM experiment_permissions p"
    f" WHERE p.principal_id IN {acts_as(':principal')}"
    " AND p.workspace_id = :workspace{0}"
    " UNION SELECT p.experiment_id, p.level FROM experiment_workspace_levels p WHERE p.workspace_id = :workspace{0}"
    f" AND EXISTS (SELECT 1 FROM workspace_assignments a WHERE a.principal_id IN {acts_as(':principal')}"
    " AND a.workspace_id = :workspace)"
)
_RANK = {Level.READ: 1, Level.EDIT: 2, Level.MANAGE: 3}


class Permission(msgspec.Struct, frozen=True):
    """One row of an experiment's access list."""

    principal_id: str
    principal: str
    kind: str
    """USER, GROUP or SERVICE_PRINCIPAL"""
    level: Level
    display_name: str = ""


class DatasetInput(msgspec.Struct, frozen=True):
    """A dataset that a run used."""

    name: str
    digest: str
    source_type: str
    source: str
    """as the client wrote it: JSON for the source types of MLflow"""
    context: str = ""
    """training, evaluation, ...; '' where the run did not say"""


async def levels_of(tx: Tx, workspace_id: str, experiment_ids: Sequence[str], principal_id: str) -> dict[str, Level]:
    """The highest level that the principal or one of its groups holds on each of these; those without one are left out.

    One statement: above 500 experiments it reads all that the principal holds in the workspace."""
    if not experiment_ids:
        return {}
    few = len(experiment_ids) <= _MOST_NAMED
    marks, ids = among(experiment_ids) if few else ("", {})
    rows = await tx.scan(
        _HELD.format(f" AND p.experiment_id IN ({marks})" if few else ""),
        workspace=workspace_id,
        principal=principal_id,
        **ids,
    )
    named = frozenset(experiment_ids)
    levels: dict[str, Level] = {}
    for experiment_id, text in rows:
        level = Level(text)
        if experiment_id in named and (experiment_id not in levels or level.allows(levels[experiment_id])):
            levels[experiment_id] = level
    return levels


async def visible(tx: Tx, workspace_id: str, principal_id: str) -> list[str]:
    """The ids of every experiment on which the principal or one of its groups holds anything."""
    rows = await tx.scan(_HELD.format(""), workspace=workspace_id, principal=principal_id)
    return list(dict.fromkeys(row[0] for row in rows))


async def permissions(tx: Tx, workspace_id: str, experiment_id: str) -> list[Permission]:
    """The experiment's access list, by principal name; the workspace's own group comes last, with its name for an id."""
    rows = await tx.scan(
        "SELECT p.principal_id, q.name, q.kind, p.level, q.display_name FROM experiment_permissions p"
        " JOIN principals q ON q.id = p.principal_id"
        " WHERE p.workspace_id = :workspace AND p.experiment_id = :experiment ORDER BY q.name_key",
        workspace=workspace_id,
        experiment=experiment_id,
    )
    users = await tx.one(
        "SELECT level FROM experiment_workspace_levels WHERE workspace_id = :workspace AND experiment_id = :experiment",
        workspace=workspace_id,
        experiment=experiment_id,
    )
    everyone = (
        [Permission(WORKSPACE_USERS, WORKSPACE_USERS, "GROUP", Level(users[0]), WORKSPACE_USERS)] if users else []
    )
    return [*(Permission(row[0], row[1], row[2], Level(row[3]), row[4]) for row in rows), *everyone]


async def inherited(tx: Tx, workspace_id: str) -> list[Permission]:
    """All who manage every experiment of the workspace: its admins, and the account's."""
    rows = await tx.all(
        "SELECT q.id, q.name, q.kind, q.display_name FROM principals q WHERE q.account_admin = 1 OR q.id IN "
        "(SELECT a.principal_id FROM workspace_assignments a WHERE a.workspace_id = :workspace AND a.level = 'ADMIN')"
        " ORDER BY q.name_key",
        workspace=workspace_id,
    )
    return [Permission(row[0], row[1], row[2], Level.MANAGE, row[3]) for row in rows]


class ExperimentLevel(msgspec.Struct, frozen=True):
    """What a principal, or WORKSPACE_USERS, may do with an experiment."""

    workspace_id: str
    experiment_id: str
    principal_id: str
    level: Level


async def permit(tx: WriteTx, permission: ExperimentLevel, *, by: str, at: int) -> None:
    """Give this level, in place of what the principal held directly. `at`: epoch ms."""
    workspace_id, experiment_id = permission.workspace_id, permission.experiment_id
    principal_id, level = permission.principal_id, permission.level
    if principal_id == WORKSPACE_USERS:
        await tx.run(
            "INSERT INTO experiment_workspace_levels (workspace_id, experiment_id, level, created_at, created_by)"
            " VALUES (:workspace, :experiment, :level, :at, :by) ON CONFLICT (workspace_id, experiment_id)"
            " DO UPDATE SET level = excluded.level, created_at = excluded.created_at, created_by = excluded.created_by",
            workspace=workspace_id,
            experiment=experiment_id,
            level=str(level),
            at=at,
            by=by,
        )
        return
    await tx.run(
        "INSERT INTO experiment_permissions (workspace_id, experiment_id, principal_id, level, created_at, created_by)"
        " VALUES (:workspace, :experiment, :principal, :level, :at, :by)"
        " ON CONFLICT (workspace_id, experiment_id, principal_id)"
        " DO UPDATE SET level = excluded.level, created_at = excluded.created_at, created_by = excluded.created_by",
        workspace=workspace_id,
        experiment=experiment_id,
        principal=principal_id,
        level=str(level),
        at=at,
        by=by,
    )


async def forbid(tx: WriteTx, workspace_id: str, experiment_id: str, principal_id: str) -> None:
    """Take away what the principal, or WORKSPACE_USERS, held directly; nothing happens where it held nothing."""
    if principal_id == WORKSPACE_USERS:
        await tx.run(
            "DELETE FROM experiment_workspace_levels WHERE workspace_id = :workspace AND experiment_id = :experiment",
            workspace=workspace_id,
            experiment=experiment_id,
        )
        return
    await tx.run(
        "DELETE FROM experiment_permissions WHERE workspace_id = :workspace AND experiment_id = :experiment"
        " AND principal_id = :principal",
        workspace=workspace_id,
        experiment=experiment_id,
        principal=principal_id,
    )


async def experiments_of(tx: Tx, workspace_id: str, kind: str, ids: Sequence[str]) -> dict[str, str]:
    """The experiment of each of these runs, logged models or traces that we know."""
    names: dict[str, str] = {}
    for start in range(0, len(ids), 200):
        marks, params = among(ids[start : start + 200])
        rows = await tx.all(
            "SELECT id, experiment_id FROM tracking_entities WHERE workspace_id = :workspace AND kind = :kind"
            f" AND id IN ({marks})",
            workspace=workspace_id,
            kind=kind,
            **params,
        )
        names.update((row[0], row[1]) for row in rows)
    return names


async def place(tx: WriteTx, workspace_id: str, kind: str, homes: Mapping[str, str]) -> dict[str, str]:
    """Note where runs, logged models or traces belong (id -> experiment); what holds now (an earlier note stands)."""
    await tx.run_many(
        "INSERT INTO tracking_entities (workspace_id, kind, id, experiment_id)"
        " VALUES (:workspace, :kind, :id, :experiment) ON CONFLICT (workspace_id, kind, id) DO NOTHING",
        [
            {"workspace": workspace_id, "kind": kind, "id": entity_id, "experiment": experiment_id}
            for entity_id, experiment_id in sorted(homes.items())
        ],
    )
    return await experiments_of(tx, workspace_id, kind, list(homes))


async def keep_inputs(tx: WriteTx, workspace_id: str, run_id: str, inputs: Sequence[DatasetInput]) -> None:
    """Keep the sources of a run's datasets; the last word on a dataset counts."""
    for item in inputs:
        await tx.run(
            "INSERT INTO run_inputs (workspace_id, run_id, name, digest, source_type, source)"
            " VALUES (:workspace, :run, :name, :digest, :source_type, :source)"
            " ON CONFLICT (workspace_id, run_id, name, digest)"
            " DO UPDATE SET source_type = excluded.source_type, source = excluded.source",
            workspace=workspace_id,
            run=run_id,
            name=item.name,
            digest=item.digest,
            source_type=item.source_type,
            source=item.source,
        )


class RunInput(NamedTuple):
    """A dataset of a run."""

    run_id: str
    name: str
    digest: str


class InputSource(NamedTuple):
    type: str
    source: str


async def inputs_of(tx: Tx, workspace_id: str, run_ids: Sequence[str]) -> dict[RunInput, InputSource]:
    """Where the datasets of these runs came from."""
    inputs: dict[RunInput, InputSource] = {}
    for start in range(0, len(run_ids), 200):
        marks, params = among(run_ids[start : start + 200])
        rows = await tx.all(
            "SELECT run_id, name, digest, source_type, source FROM run_inputs WHERE workspace_id = :workspace"
            f" AND run_id IN ({marks})",
            workspace=workspace_id,
            **params,
        )
        inputs.update({RunInput(*row[:3]): InputSource(*row[3:]) for row in rows})
    return inputs


# --- who creates an experiment ---------------------------------------------------------------------------------------


class Creation(msgspec.Struct, frozen=True):
    """An experiment of a request, by its name."""

    principal_id: str
    created_at: int
    """epoch ms"""
    experiment_id: str
    """'' until the tracking server has answered"""


async def creation_of(tx: Tx, workspace_id: str, name: str) -> Creation | None:
    """The last creation of this name."""
    row = await tx.one(
        "SELECT principal_id, created_at, experiment_id FROM experiment_creators"
        " WHERE workspace_id = :workspace AND name = :name",
        workspace=workspace_id,
        name=name,
    )
    return Creation(row[0], row[1], row[2]) if row else None


async def begin_creation(
    tx: WriteTx, workspace_id: str, name: str, principal_id: str, *, at: int, abandoned_before: int
) -> bool:
    """Note who is about to create an experiment; False while another principal is about to, under the same name.

    `at`, `abandoned_before`: epoch ms; another's unfinished creation older than that no longer counts. The principal's own
    unfinished one stands as it is, younger ones are replaced only once they are finished or abandoned."""
    await tx.run(
        "INSERT INTO experiment_creators (workspace_id, name, principal_id, created_at, experiment_id)"
        " VALUES (:workspace, :name, :principal, :at, '') ON CONFLICT (workspace_id, name) DO UPDATE SET"
        " principal_id = excluded.principal_id, created_at = excluded.created_at, experiment_id = ''"
        " WHERE experiment_creators.experiment_id <> '' OR experiment_creators.created_at < :abandoned",
        workspace=workspace_id,
        name=name,
        principal=principal_id,
        at=at,
        abandoned=abandoned_before,
    )
    creation = await creation_of(tx, workspace_id, name)
    return creation is not None and creation.principal_id == principal_id


async def finish_creation(tx: WriteTx, workspace_id: str, name: str, principal_id: str, experiment_id: str) -> bool:
    """Note the experiment of an unfinished creation of this principal; False where there is none."""
    return bool(
        await tx.run(
            "UPDATE experiment_creators SET experiment_id = :experiment WHERE workspace_id = :workspace AND name = :name"
            " AND principal_id = :principal AND experiment_id = ''",
            workspace=workspace_id,
            name=name,
            principal=principal_id,
            experiment=experiment_id,
        )
    )


async def drop_creation(tx: WriteTx, workspace_id: str, name: str) -> None:
    """Forget a creation that was not finished: nobody takes over an experiment of this name."""
    await tx.run(
        "DELETE FROM experiment_creators WHERE workspace_id = :workspace AND name = :name AND experiment_id = ''",
        workspace=workspace_id,
        name=name,
    )
