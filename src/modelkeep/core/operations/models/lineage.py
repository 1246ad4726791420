"""Lineage: what a version came from and who uses it, from the run's inputs, the client's own words, and copies."""

from collections.abc import Sequence

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operation import SourceRun
from modelkeep.core.operations.models.copy_sources import hide_in_all
from modelkeep.core.operations.models.models import no_version
from modelkeep.domain.errors import InvalidArgument, LimitExceeded
from modelkeep.domain.mlmodel import Resource
from modelkeep.domain.model import LineageEdge, ModelVersion, Page, Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.paging import page_size
from modelkeep.limits import LINEAGE_EDGES_PER_AUTHOR, LINEAGE_EDGES_PER_CALL, LINEAGE_EDGES_PER_PAGE
from modelkeep.store import lineage as rows
from modelkeep.store import securables, versions
from modelkeep.store.db import WriteTx

MODEL_VERSION = "MODEL_VERSION"
UPSTREAM, DOWNSTREAM = "UPSTREAM", "DOWNSTREAM"


class Entity(msgspec.Struct, frozen=True):
    """One end of an edge; `context` says how it takes part (training, evaluation, dependency, ...)."""

    type: str
    name: str
    id: str = ""
    context: str = ""
    version: str = ""
    """of a table, which one was read"""


class GetLineage(msgspec.Struct, frozen=True):
    """What the version came from, the copies of it, and who said that they use it: in this order."""

    name: FullName
    version: int
    max_results: int | None = None
    page_token: str = ""


class EmitLineage(msgspec.Struct, frozen=True):
    """A client says what it does with a version (DOWNSTREAM)."""

    name: FullName
    version: int
    entities: tuple[Entity, ...]


class EmitUpstream(msgspec.Struct, frozen=True):
    """A client says what a version was made from (UPSTREAM): a statement about the version itself."""

    name: FullName
    version: int
    entities: tuple[Entity, ...]


class FindConsumers(msgspec.Struct, frozen=True):
    """The versions that came from a table, notebook, job...; only those whose model the caller may read."""

    type: str
    entity: str
    max_results: int | None = None
    page_token: str = ""


class DeltaSource(msgspec.Struct, frozen=True):
    """What mlflow.data.DeltaDatasetSource writes."""

    delta_table_name: str | None = None
    delta_table_id: str | None = None
    delta_table_version: int | str | None = None
    path: str | None = None


def of_run(run: SourceRun | None) -> tuple[Entity, ...]:
    """The tables that the run logged as inputs. Clients send no lineage outside Databricks, so the server reads it here."""
    entities: list[Entity] = []
    for dataset in run.inputs if run else ():
        if dataset.source_type != "delta_table":
            continue
        try:
            source = msgspec.json.decode(dataset.source, type=DeltaSource)
        except msgspec.DecodeError:
            continue  # a source that some client wrote in another form is no reason to refuse a version
        if source.delta_table_name:
            table, version = source.delta_table_name.lower(), source.delta_table_version
            known = "" if version is None else str(version)
            entities.append(Entity("TABLE", table, source.delta_table_id or "", dataset.context, known))
        elif source.path:
            entities.append(Entity("PATH", source.path, "", dataset.context))
    return (*entities, *(_of_feast(dict(run.feast), run.features) if run else ()))


_DEPENDENCY_KINDS = {
    "table": "TABLE",
    "function": "FUNCTION",
    "vector_search_index": "VECTOR_INDEX",
    "serving_endpoint": "MODEL_ENDPOINT",
    "uc_connection": "CONNECTION",
    "uc_model_service": "MODEL_SERVICE",
}
"""Of the resources in an MLmodel file, as MLflow's client sends them with a version of `databricks-uc`."""


def dependency(kind: str, name: str) -> Entity:
    """What a model needs. Names of Unity Catalog have no case."""
    return Entity(kind, name if kind == "MODEL_ENDPOINT" else name.lower(), "", "dependency")


def of_resources(resources: Sequence[Resource]) -> tuple[Entity, ...]:
    """What `log_model(resources=...)` has written into the MLmodel file; other kinds than a client would send are left out."""
    kinds = _DEPENDENCY_KINDS
    return tuple(dependency(kinds[resource.type], resource.name) for resource in resources if resource.type in kinds)


def _of_feast(tags: dict[str, str], references: Sequence[str]) -> tuple[Entity, ...]:
    """The feature service and feature views that the run's features came from. Feast's MLflow integration (0.67) says so in the run's
    tags: `feast.feature_refs` is `view:feature,view:feature`, and `references` are those of its file `feast_features.json`. A
    project's names are its own."""
    project = tags.get("feast.project", "").strip()

    def named(text: str) -> str:
        return f"{project}/{text}" if project else text

    views: dict[str, list[str]] = {view: [] for view in _listed(tags.get("feast.feature_views", ""))}
    for reference in dict.fromkeys((*_listed(tags.get("feast.feature_refs", "")), *references)):
        view, _, feature = reference.partition(":")
        if view and feature:
            views.setdefault(view, []).append(feature)
    service = tags.get("feast.feature_service", "").strip()
    services = [Entity("FEATURE_SERVICE", named(service), "", "feature")] if service else []
    return (*services, *(Entity("FEATURE_VIEW", named(v), "", ", ".join(f) or "feature") for v, f in views.items()))


def _listed(text: str) -> list[str]:
    """The last part of a list that Feast has cut is no whole word."""
    return [part for part in (part.strip() for part in text.split(",")) if part and not part.endswith("...")]


def of_copy(original: ModelVersion | None) -> tuple[Entity, ...]:
    if original is None:
        return ()
    return (Entity(MODEL_VERSION, f"{original.model}/{original.version}", original.id, "copy"),)


async def record(
    ctx: WriteCtx, model: Securable, version: int, entities: tuple[Entity, ...], read: tuple[Entity, ...] = ()
) -> None:
    """What a version came from, as its creator says at its creation, and as the server itself `read`. Of the latter those beyond the
    limit are left out: no run has too many sources to be registered. Raises InvalidArgument."""
    _check_count(entities)
    for entity in (*entities, *read[: LINEAGE_EDGES_PER_CALL - len(entities)]):
        await rows.add(ctx.tx, model.id, _edge(ctx, model, version, UPSTREAM, entity))


async def record_resources(
    tx: WriteTx, model: Securable, version: ModelVersion, entities: Sequence[Entity], now: int
) -> None:
    """What a version's files name, once they are all there: in the name of its creator, who may write them. An edge that the
    client has sent already stays as it is."""
    for entity in entities:
        await rows.add(tx, model.id, _edge_by(version.created_by, now, model, version.version, UPSTREAM, entity))


async def emit_lineage(ctx: WriteCtx, req: EmitLineage, model: Securable) -> None:
    await _emit(ctx, req, model, DOWNSTREAM)


async def emit_upstream(ctx: WriteCtx, req: EmitUpstream, model: Securable) -> None:
    await _emit(ctx, req, model, UPSTREAM)


async def _emit(ctx: WriteCtx, req: EmitLineage | EmitUpstream, model: Securable, direction: str) -> None:
    """An edge that is there already stays as it is. Raises NotFound, LimitExceeded."""
    _check_count(req.entities)
    await securables.lock(ctx.tx, model)  # so that calls beside this one count the same edges
    version = await versions.by_number(ctx.tx, model, req.version)
    if version is None:
        raise no_version(req.name, req.version)
    author = ctx.actor.name
    count = await rows.count_of_author(ctx.tx, model.id, req.version, direction, author)
    for entity in req.entities:
        turn = 0 if author == version.created_by else count + 1
        count += await rows.add(ctx.tx, model.id, _edge(ctx, model, req.version, direction, entity), turn)
    if count > LINEAGE_EDGES_PER_AUTHOR:
        raise LimitExceeded(
            f"'{author}' has recorded {LINEAGE_EDGES_PER_AUTHOR} {direction} edges of version {req.version} of '{req.name}', "
            "and one principal can record no more. Record edges of another version."
        )


def _check_count(entities: tuple[Entity, ...]) -> None:
    if len(entities) > LINEAGE_EDGES_PER_CALL:
        raise InvalidArgument(
            f"{len(entities)} lineage entities were given; at most {LINEAGE_EDGES_PER_CALL} are recorded at once."
        )


def _edge(ctx: WriteCtx, model: Securable, version: int, direction: str, entity: Entity) -> LineageEdge:
    return _edge_by(ctx.actor.name, ctx.now, model, version, direction, entity)


def _edge_by(author: str, now: int, model: Securable, version: int, direction: str, entity: Entity) -> LineageEdge:
    return LineageEdge(
        model.full_name,
        version,
        direction,
        entity.type,
        entity.name[:1000],
        entity.id[:255],
        entity.context[:255],
        now,
        author,
        entity.version[:255],
    )


# --- reading ---------------------------------------------------------------------------------------------------------

_UPSTREAM, _COPIES, _DOWNSTREAM = range(3)


async def get_lineage(ctx: ReadCtx, req: GetLineage, model: Securable) -> Page[LineageEdge]:
    """A page may be short, even empty, and not the last."""
    version = await versions.by_number(ctx.tx, model, req.version)
    if version is None:
        raise no_version(req.name, req.version)
    tokens, scope = ctx.config.page_tokens, f"lineage of {version.id}|{ctx.actor.id}"
    limit = page_size(req.max_results, LINEAGE_EDGES_PER_PAGE, LINEAGE_EDGES_PER_PAGE)
    first, *after = tokens.open(scope, req.page_token, (int, int, str)) or (_UPSTREAM, *_START)
    position = int(after[0]), str(after[1])
    edges: list[LineageEdge] = []
    for stage in range(int(first), _DOWNSTREAM + 1):
        stage_edges, behind = await _stage(ctx, model, version, stage, position, limit - len(edges))
        edges += stage_edges
        if behind is not None:
            return Page(tuple(edges), tokens.seal(scope, (stage, *behind)))
        if len(edges) == limit and stage < _DOWNSTREAM:
            return Page(tuple(edges), tokens.seal(scope, (stage + 1, *_START)))
        position = _START
    return Page(tuple(edges))


_START = (-1, "")
"""Before all (turn, id)"""


async def _stage(
    ctx: ReadCtx, model: Securable, version: ModelVersion, stage: int, after: tuple[int, str], limit: int
) -> rows.EdgePage:
    if stage != _COPIES:
        direction = UPSTREAM if stage == _UPSTREAM else DOWNSTREAM
        return await rows.of_version(ctx.tx, model, version.version, direction, after, limit)
    copies, behind = await rows.copies(ctx.tx, ctx.actor, version, after, limit)
    edges = [
        LineageEdge(
            model.full_name,
            version.version,
            DOWNSTREAM,
            MODEL_VERSION,
            f"{copy.model}/{copy.version}",
            "",
            copy.context,
            copy.created_at,
            copy.created_by,
        )
        for copy in copies
    ]
    return rows.EdgePage(edges, behind)


async def find_consumers(ctx: ReadCtx, req: FindConsumers) -> Page[LineageEdge]:
    """A page may be short, even empty, and not the last."""
    tokens, scope = ctx.config.page_tokens, f"consumers|{req.type}|{req.entity}|{ctx.actor.id}"
    limit = page_size(req.max_results, LINEAGE_EDGES_PER_PAGE, LINEAGE_EDGES_PER_PAGE)
    position = tokens.open(scope, req.page_token, (str,))
    after = (0, str(position[0])) if position else _START
    kind = req.type.upper()
    edges, behind = await rows.consumers(ctx.tx, ctx.actor, kind, req.entity, after, limit)
    if (
        kind == MODEL_VERSION
    ):  # the copies of a version, for callers who may know of it: the name alone must not lead to them
        edges = [edge for edge in await hide_in_all(ctx, edges) if edge.entity_name]
    return Page(tuple(edges), tokens.seal(scope, (behind[1],)) if behind else "")
