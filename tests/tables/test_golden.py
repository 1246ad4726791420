"""Requests that real clients have sent, replayed in their order: each answer agrees with the recorded one in status, shape and meaning.

`spark_exchanges.jsonl` and `delta_exchanges.jsonl` have one exchange a line: Spark's were recorded from open-source Unity Catalog
0.6.0. Answers may have more fields. Fields that the recorded answer leaves null may have a value here.
Ids and locations of managed tables are the server's own: the replay puts them in the place of the recorded ones.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from api.serving import Site, running_site

Object = dict[str, Any]


def recorded(name: str) -> list[Object]:
    return [json.loads(line) for line in Path(__file__).with_name(name).read_text().splitlines()]


SPARK = {"user-agent": "UnityCatalog-Java-Client/0.6.0 Delta/4.3.1 Spark/4.1.4 Scala/2.13.17 Java/17.0.15"}
CHOSEN_BY_SERVER = {
    *("table_id", "schema_id", "created_at", "updated_at", "owner", "created_by", "updated_by"),
    *("etag", "created-time", "updated-time", "message", "table-uuid"),
}
"""Their type agrees, their value need not."""


def differences(recorded: Any, answer: Any, where: str = "answer") -> list[str]:
    """Where an answer lacks what a client reads in the recorded one, or means something else."""
    if type(recorded) is not type(answer):
        return [f"{where} is {answer!r}, and no {type(recorded).__name__}"]
    if isinstance(recorded, dict):
        present = {key: value for key, value in cast(Object, recorded).items() if value is not None}
        fields = cast(Object, answer)
        return [line for key in present for line in differences(present[key], fields.get(key), f"{where}.{key}")]
    if isinstance(recorded, list):
        items, others = cast(list[Any], recorded), cast(list[Any], answer)
        if len(items) != len(others):
            return [f"{where} has {len(others)} items, and {len(items)} were recorded"]
        return [line for i, item in enumerate(items) for line in differences(item, others[i], f"{where}[{i}]")]
    if where.rpartition(".")[2] in CHOSEN_BY_SERVER or meaning(recorded) == meaning(answer):
        return []
    return [f"{where} is {answer!r}, and {recorded!r} was recorded"]


def meaning(value: Any) -> Any:
    """`file:/x` and `file:///x` are one place."""
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    return "file:///" + value[5:].lstrip("/") if isinstance(value, str) and value.startswith("file:") else value


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tables")
    with running_site(tmp_path_factory.mktemp("site"), tables_url=f"file://{folder}") as site:
        yield site


@pytest.mark.parametrize("name", ["spark_exchanges.jsonl", "delta_exchanges.jsonl"])
def test_each_request_gets_an_answer_that_its_client_understands(prod: Site, name: str) -> None:
    prod.call("DELETE", "/api/2.1/unity-catalog/catalogs/prod", headers=SPARK, params={"force": True})
    prod.ok("POST", "/api/2.1/unity-catalog/catalogs", {"name": "prod"})
    prod.ok("POST", "/api/2.1/unity-catalog/schemas", {"name": "ml_team", "catalog_name": "prod"})
    lines: list[str] = []
    own: dict[str, str] = {}
    for number, entry in enumerate(recorded(name)):
        exchange = substituted(entry, own)
        headers = SPARK if "Spark" in exchange["client"] else {}
        body = {"json": exchange["request"]} if exchange["request"] is not None else {}
        answer = prod.call(exchange["method"], exchange["path"], headers=headers, **body)
        label = f"{number} {exchange['method']} {exchange['path']}"
        if answer.status_code != exchange["status"]:
            lines.append(f"{label}: {answer.status_code}, and {exchange['status']} was recorded: {answer.text[:300]}")
        elif isinstance(exchange["answer"], dict):
            if exchange["path"].endswith("/staging-tables"):
                own |= {entry["answer"][key]: answer.json()[key] for key in ("location", "table-id")}
                exchange = substituted(entry, own)
            lines += [f"{label}: {line}" for line in differences(exchange["answer"], answer.json())]
    assert not lines, "\n".join(lines)


def substituted(entry: Object, own: dict[str, str]) -> Object:
    """The exchange with this server's ids and locations in the place of the recorded ones."""
    text = json.dumps(entry)
    for old, new in own.items():
        text = text.replace(old, new)
    return json.loads(text)


CASES: list[tuple[Object, Object, int]] = [
    ({"name": "t", "comment": None}, {"name": "t", "comment": "own", "more": 1}, 0),
    ({"table_id": "a", "location": "file:/x"}, {"table_id": "b", "location": "file:///x"}, 0),
    ({"name": "t"}, {}, 1),
    ({"created_at": 1}, {"created_at": "1"}, 1),
    ({"columns": [{"position": 0}]}, {"columns": [{"position": 1}]}, 1),
    ({"columns": []}, {"columns": [{}]}, 1),
    ({"properties": {"a": "b"}}, {"properties": None}, 1),
]


@pytest.mark.parametrize(("recorded", "answer", "count"), CASES)
def test_what_counts_as_a_difference(recorded: dict[str, Any], answer: dict[str, Any], count: int) -> None:
    assert len(differences(recorded, answer)) == count
