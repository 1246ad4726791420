"""The same reads in a small registry and in one of 100,000 models, 1,000,000 versions and 1,000,000 grants.

Each request asks for something else (another model, a page of another size), so that none is answered from what was remembered.
"""

import random
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from bench import load, seed
from bench.bulk import sqlite_bulk
from bench.program import Server, bearer, database, modelkeep
from bench.report import Row, at_most
from bench.seed import Reader, Size

DATABRICKS_UC = "/api/2.0/mlflow/unity-catalog/registered-models"
READS = 2_000
WARM_UP = 300
PAGES = range(51, 151)
"""Sizes: 100 in the middle"""


def measure(folder: Path) -> list[Row]:
    small, large = _seeded(folder / "small", seed.SMALL), _seeded(folder / "large", seed.LARGE)
    with modelkeep(small) as answer, modelkeep(large) as two:
        rows = [_alias(answer, two)]
        admin = answer.headers, two.headers
        rows.append(_page(answer, two, "a page of 100 models, metastore admin", admin))
        for reader, who in (
            (seed.RUNNER, "EXECUTE on the catalog"),
            (seed.FEW, "EXECUTE on ten models"),
            (seed.TEAM, "EXECUTE on one schema of ten models"),
        ):
            rows.append(
                _page(answer, two, f"a page of 100 models, {who}", (bearer(reader.token), bearer(reader.token)))
            )
        rows.append(_depth(two))
    return rows


def _depth(server: Server) -> Row:
    """The first page against one that begins behind 99,000 models, in the same registry."""
    path, token = f"{DATABRICKS_UC}/search?max_results=", ""
    for _ in range(99):
        token = server.call("GET", f"{path}1000&page_token={token}")["next_page_token"]
    first, deep = (
        [load.request(f"{path}{size}{item}", server.headers) for size in PAGES] for item in ("", f"&page_token={token}")
    )
    item, two = load.paired_medians((server.port, first), (server.port, deep))
    return at_most("a page behind 99,000 models", _ms(two), f"the first page: {_ms(item)}", two / item, 1.3)


def _seeded(data: Path, size: Size) -> Path:
    with modelkeep(data):
        pass
    with sqlite_bulk(database(data)) as bulk:
        seed.Seeder(bulk, size).run()
    return data


def _alias(small: Server, large: Server) -> Row:
    for count in (WARM_UP, READS):
        first, two = load.paired_medians(
            (small.port, _alias_requests(seed.SMALL, seed.RUNNER, count)),
            (large.port, _alias_requests(seed.LARGE, seed.RUNNER, count)),
        )
    return at_most(
        "get by alias, random models, 100,000 models",
        _ms(two),
        f"{seed.SMALL.models:,} models: {_ms(first)}",
        two / first,
        1.3,
    )


def _alias_requests(size: Size, reader: Reader, count: int) -> Iterator[bytes]:
    choice = random.Random(11)
    for number in choice.sample(range(size.models), count):
        query = urllib.parse.urlencode({"name": seed.model_name(number), "alias": "champion"})
        yield load.request(f"{DATABRICKS_UC}/alias?{query}", bearer(reader.token))


def _page(small: Server, large: Server, what: str, headers: tuple[dict[str, str], dict[str, str]]) -> Row:
    path = f"{DATABRICKS_UC}/search?max_results="
    counts = [_count(server, f"{path}100", h) for server, h in zip((small, large), headers, strict=True)]
    assert counts[0] == counts[1], f"{what}: the pages hold {counts} models"
    raw = [[load.request(f"{path}{size}", h) for size in PAGES] for h in headers]
    first, two = load.paired_medians((small.port, raw[0]), (large.port, raw[1]))
    return at_most(
        f"{what} ({counts[1]} listed)", _ms(two), f"{seed.SMALL.models:,} models: {_ms(first)}", two / first, 2
    )


def _count(server: Server, path: str, headers: dict[str, str]) -> int:
    return len(server.call("GET", path, headers=headers).get("registered_models", []))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"
