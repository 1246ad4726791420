"""What the tracking server says of its own inside never reaches a client."""

import json

import pytest
from tracking.tracking_site import Site

from modelkeep.tracking.answers import graphql, refusal
from modelkeep.tracking.child import ChildAnswer

ALICE = "alice@x.io"
SQL = (
    "(sqlite3.OperationalError) attempt to write a readonly database\n[SQL: DELETE FROM trace_info WHERE request_id = ?]"
    "\n[parameters: ('tr-1',)]\n(Background on this error at: https://sqlalche.me/e/20/e3q8)"
)
PSYCOPG = '(psycopg.errors.UndefinedTable) relation "runs" does not exist\nLINE 1: SELECT secret FROM runs'
TRACE = 'Traceback (most recent call last):\n  File "/srv/venv/lib/python3.11/site-packages/mlflow/server/handlers.py"'


@pytest.mark.parametrize("text", [SQL, PSYCOPG, TRACE])
@pytest.mark.parametrize(
    ("status", "code", "page"),
    [
        (400, "BAD_REQUEST", (400, "INVALID_PARAMETER_VALUE")),
        (500, "INTERNAL_ERROR", (400, "INVALID_PARAMETER_VALUE")),
        (502, "", (400, "INVALID_PARAMETER_VALUE")),
        (503, "TEMPORARILY_UNAVAILABLE", (503, "TEMPORARILY_UNAVAILABLE")),
        (503, "", (503, "TEMPORARILY_UNAVAILABLE")),
    ],
)
def test_errors_keep_their_meaning_and_lose_their_text(
    text: str, status: int, code: str, page: tuple[int, str]
) -> None:
    sent = json.dumps({"error_code": code, "message": text}) if code else text
    answer = refusal(ChildAnswer(status, {}, sent.encode()))
    body = json.loads(bytes(answer.body))  # pyright: ignore
    assert (answer.status, body["error_code"]) == page
    assert body["message"].startswith("The tracking server c")
    for word in ("SQL", "SELECT", "DELETE", "sqlite3", "psycopg", "site-packages", "tr-1"):
        assert word not in body["message"]


def test_what_a_client_can_act_on_stays() -> None:
    sent = json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid filter 'x'", "stack_trace": TRACE})
    answer = refusal(ChildAnswer(400, {}, sent.encode()))
    body = json.loads(bytes(answer.body))  # pyright: ignore
    assert (answer.status, body) == (400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid filter 'x'"})


def test_errors_of_graphql_too() -> None:
    sent = {
        "data": {
            "mlflowGetExperiment": {"experiment": {"tags": [{"key": "modelkeep.creator", "value": "1"}, {"key": "k"}]}}
        },
        "errors": [{"message": SQL, "path": ["mlflowGetRun"]}, {"message": "Unknown argument"}],
    }
    body = json.loads(bytes(graphql(ChildAnswer(200, {}, json.dumps(sent).encode())).body))  # pyright: ignore
    assert body["data"]["mlflowGetExperiment"]["experiment"]["tags"] == [{"key": "k"}]
    assert [error["message"][:19] for error in body["errors"]] == ["The tracking server", "Unknown argument"]


def test_a_database_that_cannot_be_written_is_unavailable(site: Site) -> None:
    """A lock on the child's database for longer than it waits."""
    import sqlite3

    folder = site.proxy.child.log_file.parent
    with site.client(ALICE) as http:
        experiment_id = http.post("/api/2.0/mlflow/experiments/create", json={"name": "busy"}).json()["experiment_id"]
        with sqlite3.connect(folder / "tracking.db", isolation_level=None) as rows:
            rows.execute("ALTER TABLE experiment_tags RENAME TO elsewhere")
            try:
                tag = {"experiment_id": experiment_id, "key": "k", "value": "v"}
                answer = http.post("/api/2.0/mlflow/experiments/set-experiment-tag", json=tag)
            finally:
                rows.execute("ALTER TABLE elsewhere RENAME TO experiment_tags")
    assert answer.status_code in (400, 503)
    assert answer.json()["message"].startswith("The tracking server c")
