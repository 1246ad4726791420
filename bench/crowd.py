"""The registry that hostile clients meet: the organisation of bench/people.py, and what its attackers own.

Bulk rows are written while the server is stopped; the rest is made over its API once it runs.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from bench import people
from bench.bulk import Bulk, PostgresBulk, postgres_bulk, sqlite_bulk
from bench.people import Size
from bench.program import Server, bearer
from modelkeep.store.db import new_id

SIZE = Size(models=20_000, users=10_000, groups=20, grants_each=2, chains_each=1)
OWNER, NOBODY, WRITER = "owner@bench.example", "nobody@bench.example", "writer@bench.example"
TOKENS = {OWNER: "bench-owner-token", NOBODY: "bench-nobody-token", WRITER: "bench-writer-token"}
"""`WRITER` attacks nobody: its calls are counted apart from those of the attackers."""
DOOMED = 2
"""Schemas of `DOOMED_MODELS` models each, to be deleted."""
DOOMED_MODELS = 5_000
_LONG_COMMENT = "a" * 65_000


def fill(database: Path | None, url: str) -> None:
    """Write the bulk rows into the SQLite file, or the PostgreSQL database of `url`."""
    with sqlite_bulk(database) if database is not None else postgres_bulk(url) as bulk:
        people.Organisation(bulk, SIZE).write()
        _Attackers(bulk).write()


class _Attackers:
    """Three users with tokens, a catalog that one of them owns, and a group of all users within another group."""

    def __init__(self, bulk: Bulk) -> None:
        self._bulk = bulk
        self._now = time.time_ns() // 1_000_000

    def write(self) -> None:
        metastore, admin = self._bulk.first_row("SELECT id, owner_id FROM securables WHERE kind = 'METASTORE'")
        (everyone,) = self._bulk.first_row("SELECT id FROM principals WHERE name_key = 'account users'")
        users = {name: new_id() for name in TOKENS}
        crowd, outer = new_id(), new_id()
        named = [
            *((user, "USER", name) for name, user in users.items()),
            (crowd, "GROUP", "crowd"),
            (outer, "GROUP", "outer"),
        ]
        columns = ("id", "number", "kind", "name", "name_key", "display_name", "created_at", "created_by")
        rows = ((key, 10**6 + n, kind, name, name, name, self._now, "") for n, (key, kind, name) in enumerate(named))
        self._bulk.many("principals", columns, rows)
        for name, user in users.items():
            token = (new_id(), hashlib.sha256(TOKENS[name].encode()).hexdigest(), user, self._now, admin)
            self._bulk.many("tokens", ("id", "hash", "principal_id", "created_at", "created_by"), iter([token]))
        members = self._members()
        closure = [(user, group) for user in users.values() for group in (user, everyone)]
        closure += [(crowd, crowd), (outer, outer), (crowd, outer)]
        self._bulk.many("membership_closure", ("member_id", "group_id"), iter(closure))
        direct = [(outer, crowd), *((crowd, member) for member in members)]
        self._bulk.many("memberships", ("group_id", "member_id"), iter(direct))
        self._securables(metastore, users[OWNER])

    def _members(self) -> list[str]:
        """The ids of the organisation's users, which only a statement knows."""
        ids = "SELECT json_group_array(id) FROM principals WHERE name LIKE 'user0%'"
        if isinstance(self._bulk, PostgresBulk):
            ids = "SELECT json_agg(id)::text FROM principals WHERE name LIKE 'user0%'"
        return json.loads(self._bulk.first_row(ids)[0])

    def _securables(self, metastore: str, owner: str) -> None:
        catalog, stamp = new_id(), (self._now, "", self._now, "")

        def row(key: str, kind: str, space: str, parent: str, schema: str | None, name: str) -> tuple[Any, ...]:
            above = None if kind == "CATALOG" else catalog
            return (key, kind, space, parent, above, schema, name, name, owner, 0, *stamp)

        rows = [row(catalog, "CATALOG", "catalog", metastore, None, "hostile")]
        rows.append(row(new_id(), "SCHEMA", "schema", catalog, None, "models"))
        for number in range(DOOMED):
            schema = new_id()
            rows.append(row(schema, "SCHEMA", "schema", catalog, None, f"doomed_{number}"))
            rows += [row(new_id(), "MODEL", "routine", schema, schema, f"m{n:04d}") for n in range(DOOMED_MODELS)]
        self._bulk.many("securables", people.SECURABLE, iter(rows))


def furnish(server: Server, *, workspace: bool) -> dict[str, Any]:
    """Make over the API what the attacks need; the tokens and names that they use."""
    owner = bearer(TOKENS[OWNER])
    uc, databricks_uc, plain = "/api/2.1/unity-catalog", "/api/2.0/mlflow/unity-catalog", "/api/2.0/mlflow"
    for name in ("busy", "base60"):
        server.call("POST", f"{databricks_uc}/registered-models/create", {"name": f"hostile.models.{name}"}, owner)
    rights = ["USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL"]
    change = {"changes": [{"principal": principal, "add": rights} for principal in (OWNER, WRITER)]}
    server.call("PATCH", f"{uc}/permissions/catalog/main", change)
    for number in range(3):
        body = {"name": f"hostile.models.talkative{number}", "description": _LONG_COMMENT}
        server.call("POST", f"{databricks_uc}/registered-models/create", body, owner)
    writer = bearer(TOKENS[WRITER])
    server.call("POST", f"{databricks_uc}/registered-models/create", {"name": "main.default.tagged"}, writer)
    server.call(
        "POST", f"{databricks_uc}/model-versions/create", {"name": "main.default.tagged", "source": "s"}, writer
    )
    _finish(server, "Models/main/default/tagged/1", writer)
    server.call(
        "POST", f"{databricks_uc}/model-versions/finalize", {"name": "main.default.tagged", "version": "1"}, writer
    )
    place = {"catalog_name": "hostile", "schema_name": "models", "name": "files", "volume_type": "MANAGED"}
    server.call("POST", f"{uc}/volumes", place, owner)
    server.call("POST", f"{plain}/registered-models/create", {"name": "hostile_like"}, owner)
    for number in range(5):
        body = {"name": "hostile_like", "source": f"s3://elsewhere/{number}"}
        version = server.call("POST", f"{plain}/model-versions/create", body, owner)["model_version"]["version"]
        tag = {"name": "hostile_like", "version": version, "key": "k", "value": "a" * 100_000}
        server.call("POST", f"{plain}/model-versions/set-tag", tag, owner)
    experiment = "0"
    if workspace:
        body = {"name": "/hostile"}
        experiment = server.call("POST", f"{plain}/experiments/create", body, owner)["experiment_id"]
    return {
        "admin": server.headers["Authorization"].removeprefix("Bearer "),
        "owner": TOKENS[OWNER],
        "nobody": TOKENS[NOBODY],
        "writer": TOKENS[WRITER],
        "reader": people.TOKEN,
        "bystander": people.EVERYWHERE,
        "models": SIZE.models,
        "tagged": "main.default.tagged",
        "experiment": experiment,
        "doomed": DOOMED,
        "warehouse": "0000000000000001",
    }


def _finish(server: Server, root: str, caller: dict[str, str]) -> None:
    """Upload the smallest MLmodel that a version may have."""
    import urllib.request

    signature = '[{"type": "double", "name": "x", "required": true}]'
    text = f"flavors:\n  python_function: {{loader_module: none}}\nsignature:\n  inputs: '{signature}'\n  outputs: '{signature}'\n"
    address = server.call("POST", "/api/2.0/fs/create-upload-url", {"path": f"/{root}/MLmodel"}, caller)
    fields = {entry["name"]: entry["value"] for entry in address.get("headers", [])}
    request = urllib.request.Request(address["url"], text.encode(), fields, method="PUT")
    urllib.request.urlopen(request, timeout=60).close()
