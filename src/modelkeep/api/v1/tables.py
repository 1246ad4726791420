"""What the web pages read of a table's files: the versions of its Delta log, and a few rows."""

from typing import Any

import msgspec

from modelkeep.blobs.delta_reader import DeltaHistory, DeltaSample
from modelkeep.core.operations.tables import contents
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import parse_full_name
from modelkeep.http.routing import Route


class V1Table(msgspec.Struct, frozen=True):
    full_name: str


def _history(history: DeltaHistory, _: Any) -> DeltaHistory:
    return history


def _sample(sample: DeltaSample, _: Any) -> DeltaSample:
    return sample


def routes(v1: str) -> list[Route]:
    """`v1`: the prefix of Modelkeep's own acts."""
    table = f"{v1}/tables/{{full_name}}"
    return [
        Route(
            "GET",
            f"{table}/history",
            V1Table,
            lambda f: contents.ReadTableHistory(parse_full_name(f.full_name, Kind.TABLE)),
            _history,
        ),
        Route(
            "GET",
            f"{table}/sample",
            V1Table,
            lambda f: contents.SampleTable(parse_full_name(f.full_name, Kind.TABLE)),
            _sample,
        ),
    ]
