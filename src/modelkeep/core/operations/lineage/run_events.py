"""OpenLineage's run events: which datasets a job read and wrote, as Spark, Airflow and dbt report them over HTTP.

A dataset that is a table, volume or model version of this server is that very thing; any other is kept by its namespace and name.
Outputs that the caller may not write are counted and left out, while the rest of the event is kept.
"""

import re

import msgspec

from modelkeep.core.context import ReadCtx, WriteCtx
from modelkeep.core.operations.lineage import nodes
from modelkeep.core.operations.lineage.links import check_author, new_link
from modelkeep.domain.errors import InvalidArgument, RegistryError
from modelkeep.domain.kinds import Kind
from modelkeep.domain.lineage import LineageEnd, Node, Outside, outside_end
from modelkeep.domain.names import FullName, parse_full_name
from modelkeep.limits import RUN_EVENT_DATASETS, RUN_EVENT_EDGES
from modelkeep.store import lineage_links as rows

_OURS = frozenset({"databricks", "modelkeep", "spark_catalog", "unity", "unity_catalog", "unitycatalog"})
"""Schemes of namespaces whose names are those of Unity Catalog. `postgres://...` has names of three parts that are not."""
_VERSION = re.compile(r"models:/([^/@]+)/([0-9]{1,19})")
_CONTEXT = 255


class Dataset(msgspec.Struct, frozen=True):
    """As an event names it."""

    namespace: str
    name: str
    table_names: tuple[str, ...] = ()
    """Names of the table that the dataset is the storage of (the facet `symlinks`)"""


class RecordRunEvent(msgspec.Struct, frozen=True):
    job: str
    """namespace/name"""
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()


class RunEventCounts(msgspec.Struct, frozen=True):
    recorded: int
    """Edges that are there now"""
    dropped: int
    """Outputs that the caller may not write"""


async def record_run_event(ctx: WriteCtx, req: RecordRunEvent) -> RunEventCounts:
    """Raises InvalidArgument, LimitExceeded."""
    if max(len(req.inputs), len(req.outputs)) > RUN_EVENT_DATASETS:
        raise InvalidArgument(
            f"The event names {len(req.inputs)} inputs and {len(req.outputs)} outputs; at most {RUN_EVENT_DATASETS} of each are read."
        )
    sources = [await _source(ctx, dataset) for dataset in req.inputs]
    targets = [await _target(ctx, dataset) for dataset in req.outputs]
    pairs = [(s, t) for t in targets if t is not None for s in sources if s.key != t.key]
    if len(pairs) > RUN_EVENT_EDGES:
        raise InvalidArgument(
            f"The event has {len(pairs)} pairs of inputs and outputs; at most {RUN_EVENT_EDGES} are kept of one event."
        )
    if pairs:
        await check_author(ctx, len(pairs))
    for source, target in pairs:
        ctx.touch(target.kind, target.key, target.name)
        await rows.put(ctx.tx, new_link(ctx, source, target, context=req.job[:_CONTEXT]), replace=True)
    return RunEventCounts(len(pairs), targets.count(None))


async def _source(ctx: ReadCtx, dataset: Dataset) -> LineageEnd:
    """What the caller may not know of is as unknown as what is not there."""
    if (node := await _node(ctx, dataset)) is not None:
        try:
            return await nodes.source_end(ctx, node)
        except RegistryError:
            pass
    return _outside(dataset)


async def _target(ctx: ReadCtx, dataset: Dataset) -> LineageEnd | None:
    """None for a securable that the caller may know of and not write."""
    node = await _node(ctx, dataset)
    if node is None:
        return _outside(dataset)
    try:
        await nodes.source_end(ctx, node)
    except RegistryError:
        return _outside(dataset)
    try:
        return await nodes.target_end(ctx, node)
    except RegistryError:
        return None


def _outside(dataset: Dataset) -> LineageEnd:
    return outside_end(Outside.DATASET, f"{dataset.namespace}/{dataset.name}")


async def _node(ctx: ReadCtx, dataset: Dataset) -> Node | None:
    """What of this server the dataset may be: by name, or by the folder it lies in."""
    if version := _VERSION.fullmatch(dataset.name):
        name = _parsed(version[1], Kind.MODEL)
        return Node(name, int(version[2])) if name else None
    scheme = dataset.namespace.partition(":")[0].lower()
    names = (*dataset.table_names, *((dataset.name,) if scheme in _OURS else ()))
    for text in names:
        if name := _parsed(text.replace("`", ""), Kind.TABLE):
            return Node(name)
    if (name := await nodes.object_at(ctx, _url(dataset, scheme))) is not None:
        return Node(name)
    return None


def _parsed(text: str, kind: Kind) -> FullName | None:
    try:
        return parse_full_name(text, kind)
    except RegistryError:
        return None


def _url(dataset: Dataset, scheme: str) -> str:
    """The location of a dataset that is files: `file` or `s3://bucket` is its namespace, and a path its name."""
    if scheme == "file":
        return f"file:///{dataset.name.lstrip('/')}"
    return f"{dataset.namespace.rstrip('/')}/{dataset.name.lstrip('/')}"
