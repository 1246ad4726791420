"""The graph around one thing: what it came from and what was made of it, over several steps.

Things that the caller may not know of are there without a name, and the walk ends at them.
"""

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.core.operation import Target
from modelkeep.core.operations.lineage import nodes
from modelkeep.core.operations.lineage.links import other
from modelkeep.domain.authorization import OWNER_OR_ADMIN
from modelkeep.domain.errors import InvalidArgument, RegistryError
from modelkeep.domain.lineage import MODEL_VERSION, LineageEnd, LineageLink, Node, outside_end
from modelkeep.domain.names import METASTORE
from modelkeep.limits import LINEAGE_DEPTH, LINEAGE_EDGES_OF_NODE, LINEAGE_NODES
from modelkeep.store import lineage_links as rows


class ReadGraph(msgspec.Struct, frozen=True, kw_only=True):
    node: Node
    upstream: bool = True
    downstream: bool = True
    depth: int = 1
    """Steps in each direction"""


class GraphNode(msgspec.Struct, frozen=True):
    id: str
    """Within this answer: what edges say"""
    type: str
    name: str
    """'' where the caller may not know of it"""
    deleted: bool = False
    hidden: bool = False


class GraphEdge(msgspec.Struct, frozen=True):
    source: str
    target: str
    context: str
    source_version: str
    columns: str
    properties: str
    created_at: int
    created_by: str
    of_version: bool
    """It stands among the edges of a version, too"""


class LineageGraph(msgspec.Struct, frozen=True):
    nodes: tuple[GraphNode, ...]
    """The first is the one in the middle"""
    edges: tuple[GraphEdge, ...]
    truncated: bool
    """There is more than one answer holds"""


async def read_graph(ctx: ReadCtx, req: ReadGraph) -> LineageGraph:
    """The lineage around one node, up to a number of steps in each direction. Raises InvalidArgument."""
    if not 1 <= req.depth <= LINEAGE_DEPTH:
        raise InvalidArgument(f"depth is {req.depth}; a graph has 1 to {LINEAGE_DEPTH} steps.")
    start = await nodes.source_end(ctx, req.node)
    walk = _Walk(ctx, start)
    for upstream in (True, False):
        if req.upstream if upstream else req.downstream:
            await walk.go(start, req.depth, upstream=upstream)
    return walk.graph()


class _Walk:
    """Breadth first, so that what is left out is what lies farthest."""

    def __init__(self, ctx: ReadCtx, start: LineageEnd) -> None:
        self._ctx = ctx
        self._nodes = {start.key: GraphNode("0", start.kind, start.name)}
        self._edges: dict[str, GraphEdge] = {}
        self._truncated = False
        self._admin: bool | None = None

    def graph(self) -> LineageGraph:
        return LineageGraph(tuple(self._nodes.values()), tuple(self._edges.values()), self._truncated)

    async def go(self, start: LineageEnd, depth: int, *, upstream: bool) -> None:
        level, walked = [start], {start.key}
        for _ in range(depth):
            following: list[LineageEnd] = []
            for end in level:
                for reached in await self._step(end, upstream=upstream):
                    if reached.key not in walked:
                        walked.add(reached.key)
                        following.append(reached)
            level = following

    async def _step(self, end: LineageEnd, *, upstream: bool) -> list[LineageEnd]:
        """The ends from which the walk goes on."""
        links = await rows.neighbours(self._ctx.tx, end, upstream=upstream, limit=LINEAGE_EDGES_OF_NODE + 1)
        if len(links) > LINEAGE_EDGES_OF_NODE:
            self._truncated, links = True, links[:LINEAGE_EDGES_OF_NODE]
        seen = await nodes.seen_of(self._ctx, (other(link, upstream=upstream) for link in links))
        reached: list[LineageEnd] = []
        for link in links:
            far = other(link, upstream=upstream)
            known = await self._known(link, far, seen.get(far.key))
            if not self._keep(far, known):
                continue
            ends = (far, end) if upstream else (end, far)
            source, target = (self._nodes[at.key].id for at in ends)
            self._edges.setdefault(link.id, _edge(link, source, target, named=known is not None))
            if known is not None and far.key == known.end.key:
                reached.append(known.end)
        return reached

    async def _known(self, link: LineageLink, far: LineageEnd, seen: nodes.Seen | None) -> nodes.Seen | None:
        """What the caller may know of the far end; None for nothing. That it is deleted is for who recorded the edge and for metastore
        admins. The edges of a version show their names to its readers, whether there is such a table or not."""
        if seen is not None and seen.deleted and link.created_by != self._ctx.actor.name and not await self._is_admin():
            seen = None
        if seen is None and link.of_version and far.kind != MODEL_VERSION:
            return nodes.Seen(outside_end(far.kind, far.name))
        return seen

    async def _is_admin(self) -> bool:
        if self._admin is None:
            try:
                await self._ctx.reach(Target("name", OWNER_OR_ADMIN, writes=False), METASTORE)
            except RegistryError:
                self._admin = False
            else:
                self._admin = True
        return self._admin

    def _keep(self, end: LineageEnd, known: nodes.Seen | None) -> bool:
        """False where the graph is full."""
        if end.key in self._nodes:
            return True
        if len(self._nodes) >= LINEAGE_NODES:
            self._truncated = True
            return False
        id = str(len(self._nodes))
        if known is None:
            self._nodes[end.key] = GraphNode(id, end.kind, "", hidden=True)
        else:
            self._nodes[end.key] = GraphNode(id, end.kind, known.end.name, deleted=known.deleted)
        return True


def _edge(link: LineageLink, source: str, target: str, *, named: bool) -> GraphEdge:
    """Of an edge to what is hidden only that it is there."""
    if not named:
        return GraphEdge(source, target, "", "", "[]", "{}", link.created_at, "", link.of_version)
    return GraphEdge(
        source,
        target,
        link.context,
        link.source_version,
        link.columns,
        link.properties,
        link.created_at,
        link.created_by,
        link.of_version,
    )
