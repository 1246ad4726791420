"""Requests that real clients have sent, replayed in their order: each answer agrees with the recorded one in status, shape and meaning.

`spark_exchanges.jsonl` has one exchange a line: Spark's were recorded from open-source Unity Catalog 0.6.0. Answers may have more
fields.
Fields that the recorded answer leaves null may have a value here.
"""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from api.serving import Site

pytest_plugins = ("api.serving",)
Object = dict[str, Any]
EXCHANGES: list[Object] = [
    json.loads(line) for line in Path(__file__).with_name("spark_exchanges.jsonl").read_text().splitlines()
]
SPARK = {"user-agent": "UnityCatalog-Java-Client/0.6.0 Delta/4.3.1 Spark/4.1.4 Scala/2.13.17 Java/17.0.15"}
CHOSEN_BY_SERVER = {"table_id", "schema_id", "created_at", "updated_at", "owner", "created_by", "updated_by"}
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
    return "file:///" + value[5:].lstrip("/") if isinstance(value, str) and value.startswith("file:") else value


@pytest.fixture(scope="module")
def prod(site: Site) -> Site:
    site.ok("POST", "/api/2.1/unity-catalog/catalogs", {"name": "prod"})
    site.ok("POST", "/api/2.1/unity-catalog/schemas", {"name": "ml_team", "catalog_name": "prod"})
    return site


def test_each_request_gets_an_answer_that_its_client_understands(prod: Site) -> None:
    lines: list[str] = []
    for number, exchange in enumerate(EXCHANGES):
        headers = SPARK if "Spark" in exchange["client"] else {}
        body = {"json": exchange["request"]} if exchange["request"] is not None else {}
        answer = prod.call(exchange["method"], exchange["path"], headers=headers, **body)
        label = f"{number} {exchange['method']} {exchange['path']}"
        if answer.status_code != exchange["status"]:
            lines.append(f"{label}: {answer.status_code}, and {exchange['status']} was recorded: {answer.text[:300]}")
        elif isinstance(exchange["answer"], dict):
            lines += [f"{label}: {line}" for line in differences(exchange["answer"], answer.json())]
    assert not lines, "\n".join(lines)


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
