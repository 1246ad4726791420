"""Experiment permissions, the experiment of each run, logged model and trace, and the dataset sources of runs."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from modelkeep.store.db import Tx, WriteTx, among


class Level(StrEnum):
    """What a principal may do with an experiment and all that lies in it; each level holds the ones before it."""

    READ = "CAN_READ"
    EDIT = "CAN_EDIT"
    MANAGE = "CAN_MANAGE"

    def allows(self, needed: "Level") -> bool:
        return _RANK[self] >= _RANK[needed]


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


async def level_of(tx: Tx, workspace_id: str, experiment_id: str, principal_id: str) -> Level | None:
    """The highest level that the principal or one of its groups holds; None where there is none."""
    rows = await tx.all(
        "SELECT DISTINCT p.level FROM experiment_permissions p JOIN membership_closure m ON m.group_id = p.principal_id"
        " WHERE p.workspace_id = :workspace AND p.experiment_id = :experiment AND m.member_id = :principal",
        workspace=workspace_id, experiment=experiment_id, principal=principal_id,
    )  # fmt: skip
    return max((Level(row[0]) for row in rows), key=_RANK.__getitem__, default=None)


async def visible(tx: Tx, workspace_id: str, principal_id: str) -> list[str]:
    """The ids of every experiment on which the principal or one of its groups holds anything."""
    rows = await tx.scan(
        "SELECT DISTINCT p.experiment_id FROM experiment_permissions p"
        " JOIN membership_closure m ON m.group_id = p.principal_id"
        " WHERE m.member_id = :principal AND p.workspace_id = :workspace",
        workspace=workspace_id, principal=principal_id,
    )  # fmt: skip
    return [row[0] for row in rows]


async def permissions(tx: Tx, workspace_id: str, experiment_id: str) -> list[Permission]:
    """The experiment's access list, by principal name."""
    rows = await tx.scan(
        "SELECT p.principal_id, q.name, q.kind, p.level, q.display_name FROM experiment_permissions p"
        " JOIN principals q ON q.id = p.principal_id"
        " WHERE p.workspace_id = :workspace AND p.experiment_id = :experiment ORDER BY q.name_key",
        workspace=workspace_id, experiment=experiment_id,
    )  # fmt: skip
    return [Permission(row[0], row[1], row[2], Level(row[3]), row[4]) for row in rows]


async def inherited(tx: Tx, workspace_id: str) -> list[Permission]:
    """Whoever manages every experiment of the workspace: its admins, and the account's."""
    rows = await tx.all(
        "SELECT q.id, q.name, q.kind, q.display_name FROM principals q WHERE q.account_admin = 1 OR q.id IN "
        "(SELECT a.principal_id FROM workspace_assignments a WHERE a.workspace_id = :workspace AND a.level = 'ADMIN')"
        " ORDER BY q.name_key",
        workspace=workspace_id,
    )
    return [Permission(row[0], row[1], row[2], Level.MANAGE, row[3]) for row in rows]


async def permit(
    tx: WriteTx, workspace_id: str, experiment_id: str, principal_id: str, level: Level, *, by: str, at: int
) -> None:
    """Give the principal this level, in place of what it held directly. `at`: epoch ms."""
    await tx.run(
        "INSERT INTO experiment_permissions (workspace_id, experiment_id, principal_id, level, created_at, created_by)"
        " VALUES (:workspace, :experiment, :principal, :level, :at, :by)"
        " ON CONFLICT (workspace_id, experiment_id, principal_id)"
        " DO UPDATE SET level = excluded.level, created_at = excluded.created_at, created_by = excluded.created_by",
        workspace=workspace_id, experiment=experiment_id, principal=principal_id, level=str(level), at=at, by=by,
    )  # fmt: skip


async def forbid(tx: WriteTx, workspace_id: str, experiment_id: str, principal_id: str) -> None:
    """Take away what the principal held directly; nothing happens where it held nothing."""
    await tx.run(
        "DELETE FROM experiment_permissions WHERE workspace_id = :workspace AND experiment_id = :experiment"
        " AND principal_id = :principal",
        workspace=workspace_id, experiment=experiment_id, principal=principal_id,
    )  # fmt: skip


async def experiments_of(tx: Tx, workspace_id: str, kind: str, ids: Sequence[str]) -> dict[str, str]:
    """The experiment of each of these runs, logged models or traces that we know."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), 200):
        marks, some = among(ids[start : start + 200])
        rows = await tx.all(
            "SELECT id, experiment_id FROM tracking_entities WHERE workspace_id = :workspace AND kind = :kind"
            f" AND id IN ({marks})",
            workspace=workspace_id, kind=kind, **some,
        )  # fmt: skip
        found.update((row[0], row[1]) for row in rows)
    return found


async def place(tx: WriteTx, workspace_id: str, kind: str, entity_id: str, experiment_id: str) -> str:
    """Note where a run, logged model or trace belongs; the experiment that holds it (an earlier note stands)."""
    await tx.run(
        "INSERT INTO tracking_entities (workspace_id, kind, id, experiment_id)"
        " VALUES (:workspace, :kind, :id, :experiment) ON CONFLICT (workspace_id, kind, id) DO NOTHING",
        workspace=workspace_id, kind=kind, id=entity_id, experiment=experiment_id,
    )  # fmt: skip
    return (await experiments_of(tx, workspace_id, kind, [entity_id]))[entity_id]


async def keep_inputs(tx: WriteTx, workspace_id: str, run_id: str, inputs: Sequence[DatasetInput]) -> None:
    """Keep the sources of a run's datasets; the last word on a dataset counts."""
    for item in inputs:
        await tx.run(
            "INSERT INTO run_inputs (workspace_id, run_id, name, digest, source_type, source)"
            " VALUES (:workspace, :run, :name, :digest, :source_type, :source)"
            " ON CONFLICT (workspace_id, run_id, name, digest)"
            " DO UPDATE SET source_type = excluded.source_type, source = excluded.source",
            workspace=workspace_id, run=run_id, name=item.name, digest=item.digest,
            source_type=item.source_type, source=item.source,
        )  # fmt: skip


async def inputs_of(tx: Tx, workspace_id: str, run_ids: Sequence[str]) -> dict[tuple[str, str, str], tuple[str, str]]:
    """(run id, dataset name, digest) -> (source type, source), for these runs."""
    found: dict[tuple[str, str, str], tuple[str, str]] = {}
    for start in range(0, len(run_ids), 200):
        marks, some = among(run_ids[start : start + 200])
        rows = await tx.all(
            "SELECT run_id, name, digest, source_type, source FROM run_inputs WHERE workspace_id = :workspace"
            f" AND run_id IN ({marks})",
            workspace=workspace_id, **some,
        )  # fmt: skip
        found.update({(row[0], row[1], row[2]): (row[3], row[4]) for row in rows})
    return found
