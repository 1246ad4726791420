"""`/api/v1/lineage`, where OpenLineage's HTTP transport posts, and the export of a graph as events."""

from typing import Any, TypedDict

from modelkeep.api.openlineage import events
from modelkeep.api.v1 import lineage
from modelkeep.core.operations.lineage import graph, run_events
from modelkeep.http.routing import Route

INTAKE = "/api/v1/lineage"
EXPORT = "/api/modelkeep/v1/lineage/openlineage"


class IntakeCounts(TypedDict):
    recorded: int
    """Edges from an input to an output that are there now"""
    dropped: int
    """Outputs that the caller may not write"""


def _counts(result: run_events.RunEventCounts, _: Any) -> IntakeCounts:
    return {"recorded": result.recorded, "dropped": result.dropped}


def routes(producer: str) -> list[Route]:
    """`producer`: the URL that says who wrote the events."""

    def written(result: graph.LineageGraph, _: Any) -> events.WrittenEvents:
        return events.write_events(result, producer)

    return [
        Route("POST", INTAKE, events.RunEvent, events.read_event, _counts),
        Route("GET", EXPORT, lineage.GraphQuery, lineage.read_graph, written),
    ]
