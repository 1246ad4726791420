"""Lineage: what a version came from and who uses it, from the run's inputs, the client's own words, and copies."""

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.errors import InvalidArgument
from modelkeep.core.model import LineageEdge, ModelVersion, Page, Securable
from modelkeep.core.names import FullName
from modelkeep.core.operation import SourceRun
from modelkeep.core.ops.models import no_version
from modelkeep.store import lineage as rows
from modelkeep.store import versions

MAX_EDGES = 200
"""Edges that one request may record."""
UPSTREAM, DOWNSTREAM = "UPSTREAM", "DOWNSTREAM"


class Entity(msgspec.Struct, frozen=True):
    """One end of an edge; `context` says how it takes part (training, evaluation, dependency, ...)."""

    type: str
    name: str
    id: str = ""
    context: str = ""


class GetLineage(msgspec.Struct, frozen=True):
    name: FullName
    version: int


class EmitLineage(msgspec.Struct, frozen=True):
    """A client says what it does with a version (DOWNSTREAM) or made it from (UPSTREAM)."""

    name: FullName
    version: int
    direction: str
    entities: tuple[Entity, ...]


class FindConsumers(msgspec.Struct, frozen=True):
    """The versions that came from a table, notebook, job...; only those whose model the caller may read."""

    type: str
    entity: str


class DeltaSource(msgspec.Struct, frozen=True):
    """What mlflow.data.DeltaDatasetSource writes."""

    delta_table_name: str | None = None
    delta_table_id: str | None = None
    path: str | None = None


def of_run(run: SourceRun | None) -> tuple[Entity, ...]:
    """The tables that the run logged as inputs. Clients send no lineage outside Databricks, so the server reads it here."""
    found: list[Entity] = []
    for dataset in run.inputs if run else ():
        if dataset.source_type != "delta_table":
            continue
        try:
            source = msgspec.json.decode(dataset.source, type=DeltaSource)
        except msgspec.DecodeError:
            continue  # a source that some client wrote in another form is no reason to refuse a version
        if source.delta_table_name:
            found.append(Entity("TABLE", source.delta_table_name.lower(), source.delta_table_id or "", dataset.context))
        elif source.path:
            found.append(Entity("PATH", source.path, "", dataset.context))
    return tuple(found)


def of_copy(original: ModelVersion | None) -> tuple[Entity, ...]:
    if original is None:
        return ()
    return (Entity("MODEL_VERSION", f"{original.model}/{original.version}", original.id, "copy"),)


async def record(
    ctx: WriteCtx, model: Securable, version: int, entities: tuple[Entity, ...], direction: str = UPSTREAM
) -> None:
    """The edges of one version; one that is there already stays as it is."""
    if len(entities) > MAX_EDGES:
        raise InvalidArgument(f"{len(entities)} lineage entities were given; at most {MAX_EDGES} are recorded at once.")
    for entity in entities:
        edge = LineageEdge(
            model.full_name,
            version,
            direction,
            entity.type,
            entity.name[:1000],
            entity.id[:255],
            entity.context[:255],
            ctx.now,
        )
        await rows.add(ctx.tx, model.id, edge, ctx.actor.name)


async def emit_lineage(ctx: WriteCtx, req: EmitLineage, model: Securable) -> None:
    if await versions.by_number(ctx.tx, model, req.version) is None:
        raise no_version(req.name, req.version)
    await record(ctx, model, req.version, req.entities, req.direction)


async def get_lineage(ctx: ReadCtx, req: GetLineage, model: Securable) -> list[LineageEdge]:
    """Upstream and downstream edges; copies of the version count as downstream where the caller may read them."""
    version = await versions.by_number(ctx.tx, model, req.version)
    if version is None:
        raise no_version(req.name, req.version)
    edges = await rows.of_version(ctx.tx, model, req.version)
    copies = await rows.consumers(ctx.tx, ctx.actor, "MODEL_VERSION", entity_id=version.id)
    made = [
        LineageEdge(
            model.full_name,
            req.version,
            DOWNSTREAM,
            "MODEL_VERSION",
            f"{e.model}/{e.version}",
            "",
            e.context,
            e.created_at,
        )
        for e in copies
    ]
    return [*edges, *made]


async def find_consumers(ctx: ReadCtx, req: FindConsumers) -> Page[LineageEdge]:
    return Page(tuple(await rows.consumers(ctx.tx, ctx.actor, req.type.upper(), entity_name=req.entity)))
