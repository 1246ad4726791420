"""A registry of any size, written straight into the database of a server that is stopped.

Bulk loading goes round the program on purpose: what is measured is reading. The rows are those that the program writes.
"""

import hashlib
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.bulk import Bulk
from modelkeep.store.db import new_id

CATALOG = "bulk"
SCHEMA_SIZE = 1_000  # models a schema
USERS = 1_000  # principals that hold the bulk grants


@dataclass(frozen=True)
class Size:
    """How much to write."""

    models: int
    versions_each: int
    grants_each: int


SMALL = Size(models=2_000, versions_each=10, grants_each=10)
LARGE = Size(models=100_000, versions_each=10, grants_each=10)


@dataclass(frozen=True)
class Reader:
    """A user and the secret of a token of his."""

    name: str
    token: str


RUNNER = Reader("runner@bench.example", "bench-runner-token")
"""May execute every model of the bulk catalog."""
FEW = Reader("few@bench.example", "bench-few-token")
"""May execute ten models, each granted by itself, spread over the whole catalog."""
TEAM = Reader("team@bench.example", "bench-team-token")
"""May execute the ten models of one schema, granted on the schema."""
FEW_MODELS = 10


def schema_of(index: int) -> str:
    return f"s{index // SCHEMA_SIZE:04d}"


def model_name(index: int) -> str:
    """The full name of the n-th bulk model; each has the alias `champion`."""
    return f"{CATALOG}.{schema_of(index)}.model_{index:06d}"


class Seeder:
    """One bulk load; the server must have run once (metastore, admin) and be stopped."""

    def __init__(self, bulk: Bulk, size: Size) -> None:
        self._bulk = bulk
        self._size = size
        self._now = time.time_ns() // 1_000_000
        self._random = random.Random(7)

    def run(self) -> None:
        many = self._bulk.many
        metastore, self._owner = self._bulk.first_row("SELECT id, owner_id FROM securables WHERE kind = 'METASTORE'")
        (self._everyone,) = self._bulk.first_row("SELECT id FROM principals WHERE name_key = 'account users'")
        catalog = self._securable("CATALOG", metastore, "catalog", CATALOG, None, None)
        self._schemas = [
            self._securable("SCHEMA", catalog, "schema", schema_of(i), catalog, None)
            for i in range(0, self._size.models, SCHEMA_SIZE)
        ]
        self._models = [new_id() for _ in range(self._size.models)]
        many("securables", _SECURABLE, self._model_rows(catalog))
        many("model_versions", _VERSION, self._version_rows())
        many("aliases", ("model_id", "alias", "version"), ((m, "champion", 1) for m in self._models))
        users = [self._user(f"user{i:04d}@bench.example") for i in range(USERS)]
        many("grants", _GRANT, self._grant_rows(users))
        self._readers(catalog)

    def _securable(self, kind: str, parent: str, space: str, name: str, catalog: str | None, schema: str | None) -> str:
        row = self._securable_row(new_id(), kind, parent, space, name, catalog, schema)
        self._bulk.many("securables", _SECURABLE, iter([row]))
        return row[0]

    def _securable_row(
        self, row_id: str, kind: str, parent: str, space: str, name: str, *above: str | None
    ) -> tuple[Any, ...]:
        result = (self._now, self._owner, self._now, self._owner)
        return (row_id, kind, space, parent, *above, name, name, self._owner, self._size.versions_each, *result)

    def _model_rows(self, catalog: str) -> Iterator[tuple[Any, ...]]:
        for index, model in enumerate(self._models):
            schema, name = self._schemas[index // SCHEMA_SIZE], model_name(index).rpartition(".")[2]
            yield self._securable_row(model, "MODEL", schema, "routine", name, catalog, schema)

    def _version_rows(self) -> Iterator[tuple[Any, ...]]:
        result = (self._now, self._owner, self._now, self._owner)
        for model in self._models:
            for number in range(1, self._size.versions_each + 1):
                aliases = '["champion"]' if number == 1 else "[]"
                yield (new_id(), model, number, "READY", f"models:/m-{model}", model, f"m-{model}", aliases, *result)

    def _grant_rows(self, users: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for model in self._models:
            for user in self._random.sample(users, self._size.grants_each):
                yield self._grant_row(model, user, "EXECUTE", "MODEL")

    def _grant_row(self, securable: str, principal: str, privilege: str, kind: str) -> tuple[Any, ...]:
        return (securable, principal, privilege, kind, self._now, self._owner)

    def _user(self, name: str) -> str:
        """As store.principals.insert: the principal, and its closure with the group of all users."""
        user = new_id()
        number = self._random.getrandbits(52)
        self._bulk.many(
            "principals",
            ("id", "number", "kind", "name", "name_key", "display_name", "created_at", "created_by"),
            iter([(user, number, "USER", name, name, name, self._now, self._owner)]),
        )
        self._bulk.many(
            "membership_closure", ("member_id", "group_id"), ((user, group) for group in (user, self._everyone))
        )
        return user

    def _reader(self, reader: Reader, catalog: str, *grants: tuple[str, str, str]) -> None:
        """A user with USE on the catalog and all its schemas, a token, and these (securable, privilege, kind)."""
        user = self._user(reader.name)
        self._bulk.many(
            "tokens",
            ("id", "hash", "principal_id", "created_at", "created_by"),
            iter([(new_id(), hashlib.sha256(reader.token.encode()).hexdigest(), user, self._now, self._owner)]),
        )
        usage = [(catalog, "USE_CATALOG", "CATALOG"), (catalog, "USE_SCHEMA", "CATALOG")]
        self._bulk.many("grants", _GRANT, (self._grant_row(s, user, p, kind) for s, p, kind in (*usage, *grants)))

    def _readers(self, catalog: str) -> None:
        step = len(self._models) // FEW_MODELS
        few = [(self._models[i * step], "EXECUTE", "MODEL") for i in range(FEW_MODELS)]
        self._reader(RUNNER, catalog, (catalog, "EXECUTE", "CATALOG"))
        self._reader(FEW, catalog, *few)
        team = self._securable("SCHEMA", catalog, "schema", "team", catalog, None)
        rows = [
            self._securable_row(new_id(), "MODEL", team, "routine", f"team_{i}", catalog, team)
            for i in range(FEW_MODELS)
        ]
        self._bulk.many("securables", _SECURABLE, iter(rows))
        self._reader(TEAM, catalog, (team, "EXECUTE", "SCHEMA"))


_MADE = ("created_at", "created_by", "updated_at", "updated_by")
_SECURABLE = (
    "id",
    "kind",
    "space",
    "parent_id",
    "catalog_id",
    "schema_id",
    "name",
    "name_key",
    "owner_id",
    "last_version",
    *_MADE,
)
_VERSION = ("id", "model_id", "version", "status", "source", "run_id", "logged_model_id", "aliases", *_MADE)
_GRANT = ("securable_id", "principal_id", "privilege", "kind", "created_at", "created_by")
