"""OpenLineage's run events: the parts that are read of those that come in, and the events that a graph is written as.

Specification: OpenLineage 2-0-2 (RunEvent, the facets `symlinks` and `columnLineage`).
"""

import uuid
from typing import TypedDict

import msgspec

from modelkeep.core.operations.lineage import graph as core
from modelkeep.core.operations.lineage.run_events import Dataset, RecordRunEvent
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.lineage import MODEL_VERSION, Outside
from modelkeep.domain.times import rfc3339

SCHEMA_URL = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_UNFINISHED = frozenset({"START", "FAIL", "ABORT"})
"""Types of events that say nothing of what was written"""
_NAMESPACE = "modelkeep"


class Identifier(msgspec.Struct, frozen=True):
    namespace: str = ""
    name: str = ""
    type: str = ""


class Symlinks(msgspec.Struct, frozen=True):
    identifiers: tuple[Identifier, ...] = ()


class Facets(msgspec.Struct, frozen=True):
    symlinks: Symlinks | None = None


class EventDataset(msgspec.Struct, frozen=True):
    namespace: str
    name: str
    facets: Facets | None = None


class EventJob(msgspec.Struct, frozen=True):
    namespace: str
    name: str


class RunEvent(msgspec.Struct, frozen=True, rename="camel"):
    """Also a job event, which has no run."""

    job: EventJob
    event_type: str = ""
    inputs: tuple[EventDataset, ...] = ()
    outputs: tuple[EventDataset, ...] = ()


def read_event(f: RunEvent) -> RecordRunEvent:
    """Raises InvalidArgument."""
    job = f"{f.job.namespace}/{f.job.name}"
    if f.event_type.upper() in _UNFINISHED:
        return RecordRunEvent(job)
    return RecordRunEvent(job, tuple(map(_dataset, f.inputs)), tuple(map(_dataset, f.outputs)))


def _dataset(x: EventDataset) -> Dataset:
    if not x.name:
        raise InvalidArgument("A dataset has no name. Send its namespace and name.")
    identifiers = x.facets.symlinks.identifiers if x.facets and x.facets.symlinks else ()
    return Dataset(x.namespace, x.name, tuple(i.name for i in identifiers if i.type.upper() in ("TABLE", "")))


# --- writing ---------------------------------------------------------------------------------------------------------


class WrittenDataset(TypedDict):
    namespace: str
    name: str


class WrittenRun(TypedDict):
    runId: str


class WrittenEvent(TypedDict):
    eventType: str
    eventTime: str
    run: WrittenRun
    job: WrittenDataset
    inputs: list[WrittenDataset]
    outputs: list[WrittenDataset]
    producer: str
    schemaURL: str


class WrittenEvents(TypedDict):
    events: list[WrittenEvent]
    truncated: bool


def write_events(graph: core.LineageGraph, producer: str) -> WrittenEvents:
    """One event for each edge between things that the caller may know of. Its run's id follows from the edge, so that a second export
    gives the same runs."""
    nodes = {node.id: node for node in graph.nodes if not node.hidden}
    edges = [edge for edge in graph.edges if edge.source in nodes and edge.target in nodes]
    return {
        "events": [_written(edge, nodes[edge.source], nodes[edge.target], producer) for edge in edges],
        "truncated": graph.truncated,
    }


def _written(edge: core.GraphEdge, source: core.GraphNode, target: core.GraphNode, producer: str) -> WrittenEvent:
    ends = [_named(node) for node in (source, target)]
    identity = f"{source.type}:{source.name}|{target.type}:{target.name}|{edge.created_at}"
    job = edge.context or "lineage"
    namespace, _, name = job.partition("/")
    return {
        "eventType": "COMPLETE",
        "eventTime": rfc3339(edge.created_at),
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, identity))},
        "job": {"namespace": namespace, "name": name} if name else {"namespace": _NAMESPACE, "name": job},
        "inputs": [ends[0]],
        "outputs": [ends[1]],
        "producer": producer,
        "schemaURL": SCHEMA_URL,
    }


def _named(node: core.GraphNode) -> WrittenDataset:
    if node.type == MODEL_VERSION:
        return {"namespace": _NAMESPACE, "name": f"models:/{node.name}"}
    if node.type == Outside.DATASET:
        namespace, _, name = node.name.rpartition("/")
        return {"namespace": namespace, "name": name}
    return {"namespace": _NAMESPACE, "name": node.name}
