"""Searches of a registry of 100,000 models and 1,000,000 versions, against one statement that reads every model for its answer.

Each request asks for another text, so that none is answered from what was remembered.
"""

import os
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

from bench import seed
from bench.bulk import postgres_bulk, sqlite_bulk
from bench.program import Missing, Server, bearer, database, modelkeep, postgres
from bench.report import Row, at_most, known

REQUESTS = 100
"""Of each kind"""
SCANS = 3
TRIGRAMS = bool(os.environ.get("BENCH_POSTGRES"))
"""Has PostgreSQL the extension pg_trgm? The one that the tests run has not."""
WORDS = "/api/modelkeep/v1/search"
MODELS = "/api/2.0/mlflow/registered-models/search"
VERSIONS = "/api/2.0/mlflow/unity-catalog/model-versions/search"
_EVERYTHING = """
SELECT COUNT(*) FROM securables x JOIN securables s ON s.id = x.schema_id JOIN securables c ON c.id = x.catalog_id
WHERE x.kind = 'MODEL' AND (c.name_key || '.' || s.name_key || '.' || x.name_key LIKE :word OR LOWER(x.comment) LIKE :word
OR EXISTS (SELECT 1 FROM tags t WHERE t.securable_id = x.id AND LOWER(t.key || ':' || t.value) LIKE :word)
OR EXISTS (SELECT 1 FROM aliases a WHERE a.model_id = x.id AND LOWER(a.alias) LIKE :word))
"""


def measure(folder: Path) -> list[Row]:
    rows = _searched("SQLite", folder / "sqlite", "")
    try:
        with postgres() as new_database:
            rows += _searched("PostgreSQL", folder / "postgresql", new_database())
    except Missing as missing:
        rows.append(known(f"search, PostgreSQL: not measured, {missing}", "", "", 0))
    return rows


def _searched(kind: str, data: Path, url: str) -> list[Row]:
    with modelkeep(data, database_url=url):
        pass
    with postgres_bulk(url) if url else sqlite_bulk(database(data)) as bulk:
        seed.Seeder(bulk, seed.LARGE).run()
    scan_s = _scan_postgres(url) if url else _scan(database(data))
    with modelkeep(data, database_url=url) as server:
        admin, runner, few = server.headers, bearer(seed.RUNNER.token), bearer(seed.FEW.token)
        words = [
            ("a name's end, metastore admin", WORDS, _ends(), admin),
            ("a name's end, EXECUTE on the catalog", WORDS, _ends(), runner),
            ("a name's end, EXECUTE on ten models", WORDS, _ends(), few),
            ("a word in every name", WORDS, _sizes("model"), runner),
            ("a word that is nowhere", WORDS, ({"query": f"none{i}"} for i in range(REQUESTS)), runner),
            ("two letters", WORDS, _sizes("mo"), runner),
            ("models, name LIKE '%...'", MODELS, _likes("_"), runner),
            ("versions, name LIKE '%...'", VERSIONS, _likes("_"), runner),
            ("versions, by their last change", VERSIONS, _newest(), runner),
        ]
        return [_row(server, scan_s, f"{kind}: {what}", path, queries, caller) for what, path, queries, caller in words]


def _ends() -> Iterator[dict[str, str]]:
    return ({"query": f"{seed.model_name(i * 977)[-6:]}"} for i in range(REQUESTS))


def _likes(before: str) -> Iterator[dict[str, str]]:
    return (
        {"filter": f"name LIKE '%{before}{seed.model_name(i * 977)[-6:]}'", "max_results": "100"}
        for i in range(REQUESTS)
    )


def _sizes(query: str) -> Iterator[dict[str, str]]:
    return ({"query": query, "max_results": str(50 + i)} for i in range(REQUESTS))


def _newest() -> Iterator[dict[str, str]]:
    return ({"order_by": "last_updated_timestamp DESC", "max_results": str(50 + i)} for i in range(REQUESTS))


def _scan(file: Path) -> float:
    """Median seconds of reading everything for a word."""
    with closing(sqlite3.connect(file)) as connection:
        times = [
            _timed(lambda i=i: connection.execute(_EVERYTHING, {"word": f"%none{i}%"}).fetchall()) for i in range(SCANS)
        ]
    return statistics.median(times)


def _scan_postgres(url: str) -> float:
    import psycopg

    statement = _EVERYTHING.replace(":word", "%(word)s")
    with psycopg.connect(url) as connection:
        times = [
            _timed(lambda i=i: connection.execute(statement.encode(), {"word": f"%none{i}%"}).fetchall())
            for i in range(SCANS)
        ]
    return statistics.median(times)


def _row(
    server: Server, scan_s: float, what: str, path: str, queries: Iterator[dict[str, str]], headers: Mapping[str, str]
) -> Row:
    times = sorted(_timed(lambda q=q: server.call("GET", f"{path}?{urlencode(q)}", headers=headers)) for q in queries)
    middle, slow = _at(times, 0.5), _at(times, 0.99)
    ours, peer = f"{middle * 1000:.1f} ms, p99 {slow * 1000:.1f} ms", f"reading everything: {scan_s * 1000:.0f} ms"
    if what.startswith("SQLite"):
        return at_most(f"search: {what}", ours, peer, middle / scan_s, 0.1)
    if TRIGRAMS:
        return at_most(f"search: {what}", ours, peer, middle, 0.1, "s")
    return known(f"search without pg_trgm: {what}", ours, peer, middle / scan_s)


def _at(times: Sequence[float], share: float) -> float:
    return times[min(int(len(times) * share), len(times) - 1)]


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
