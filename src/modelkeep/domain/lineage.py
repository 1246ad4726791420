"""What lineage connects: tables, versions and other securables of this server, and what lies outside of it."""

import hashlib
from enum import StrEnum

import msgspec

from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import FullName

_KEY_CHARACTERS = 200
_NAME_CHARACTERS = 1_000


class Outside(StrEnum):
    """What is no securable, and has a name alone."""

    PATH = "PATH"
    """A folder or file, by its URL"""
    DATASET = "DATASET"
    """Of another system, by its namespace and name, as OpenLineage has them"""


MODEL_VERSION = "MODEL_VERSION"


class Node(msgspec.Struct, frozen=True):
    """One end of an edge as a caller names it: a securable, a version of a model, or something outside."""

    name: FullName | None = None
    version: int = 0
    """Of a model; 0 where the node is the securable itself."""
    outside: Outside | None = None
    text: str = ""
    """The name of what is outside."""


class LineageEnd(msgspec.Struct, frozen=True):
    """One end of an edge as it is kept."""

    kind: str
    """A Kind, MODEL_VERSION, an Outside, or the type of a version's edge (JOB, NOTEBOOK, ...)"""
    key: str
    """The id of a securable or version, otherwise `outside_key`"""
    name: str
    """When the edge was written; of a version `catalog.schema.model/number`"""


class LineageLink(msgspec.Struct, frozen=True):
    """The target was made from the source."""

    id: str
    source: LineageEnd
    target: LineageEnd
    columns: str
    """JSON: [{"source": ..., "target": ...}]"""
    properties: str
    """JSON: an object of texts"""
    context: str
    """The job, or how the source takes part: training, evaluation, dependency"""
    created_at: int
    """epoch ms"""
    created_by: str
    source_version: str = ""
    """Of a table, the version that was read; '' where nobody said"""
    of_version: bool = False
    """It stands among the edges of a version, whose readers see the names in it."""


def outside_key(kind: str, name: str) -> str:
    """The key of what is known by its name alone. Long names are hashed, for an index holds no long text."""
    key = f"{kind}:{name}"
    return key if len(key) <= _KEY_CHARACTERS else f"{kind}:{hashlib.sha256(name.encode()).hexdigest()}"


def outside_end(kind: str, name: str) -> LineageEnd:
    name = name[:_NAME_CHARACTERS]
    return LineageEnd(kind, outside_key(kind, name), name)


def securable_end(kind: Kind, id: str, name: FullName) -> LineageEnd:
    return LineageEnd(kind, id, str(name))
