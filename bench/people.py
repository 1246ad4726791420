"""An organisation of any size, written straight into the database of a server that is stopped: users, nested groups, grants.

Bulk loading goes round the program on purpose: what is measured is deciding. The rows are those that the program writes.
"""

import hashlib
import random
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.bulk import Bulk, postgres_bulk, sqlite_bulk
from modelkeep.store.db import new_id

CATALOG, SCHEMA = "org", "models"
DEPTH = 5  # groups, each in the next
READER, TOKEN = "reader@bench.example", "bench-reader-token"
EVERYBODY, EVERYWHERE = "all-groups@bench.example", "bench-all-groups-token"
"""A user who is in every group: the most that the organisation allows."""


@dataclass(frozen=True)
class Size:
    """How much to write."""

    models: int
    users: int
    groups: int
    grants_each: int
    """grants on each model, half of them to groups as far as there are as many"""
    chains_each: int
    """chains of groups whose innermost one a user is in"""


SMALL = Size(models=2_000, users=100, groups=10, grants_each=10, chains_each=1)
LARGE = Size(models=2_000, users=10_000, groups=1_000, grants_each=500, chains_each=5)


def model_name(index: int) -> str:
    """The full name of the n-th model; each has the alias `champion`."""
    return f"{CATALOG}.{SCHEMA}.model_{index:05d}"


def user_name(index: int) -> str:
    return f"user{index:05d}@bench.example"


def fill_sqlite(database: Path, size: Size) -> None:
    with sqlite_bulk(database) as bulk:
        Organisation(bulk, size).write()


def fill_postgres(url: str, size: Size) -> None:
    with postgres_bulk(url) as bulk:
        Organisation(bulk, size).write()


class Organisation:
    """One bulk load; the server must have run once (metastore, admin)."""

    def __init__(self, bulk: Bulk, size: Size) -> None:
        self._bulk, self._size = bulk, size
        self._now = time.time_ns() // 1_000_000
        self._random = random.Random(7)

    def write(self) -> None:
        self._metastore, self._owner = self._bulk.first_row(
            "SELECT id, owner_id FROM securables WHERE kind = 'METASTORE'"
        )
        (self._account_users,) = self._bulk.first_row("SELECT id FROM principals WHERE name_key = 'account users'")
        self._chains = [[new_id() for _ in range(DEPTH)] for _ in range(self._size.groups // DEPTH)]
        groups = [group for chain in self._chains for group in chain]
        users = [new_id() for _ in range(self._size.users)]
        reader, everybody = new_id(), new_id()
        self._principals("GROUP", [(group, f"group{i:04d}") for i, group in enumerate(groups)])
        named = [(user, user_name(i)) for i, user in enumerate(users)]
        self._principals("USER", [*named, (reader, READER), (everybody, EVERYBODY)])
        self._memberships(users, reader, everybody)
        models = self._models()
        self._grants(models, users, groups)
        for user, secret in ((reader, TOKEN), (everybody, EVERYWHERE)):
            row = (new_id(), hashlib.sha256(secret.encode()).hexdigest(), user, self._now, self._owner)
            self._bulk.many("tokens", ("id", "hash", "principal_id", "created_at", "created_by"), iter([row]))

    def _principals(self, kind: str, named: list[tuple[str, str]]) -> None:
        columns = ("id", "number", "kind", "name", "name_key", "display_name", "created_at", "created_by")
        rows = ((id, self._random.getrandbits(52), kind, name, name, name, self._now, "") for id, name in named)
        self._bulk.many("principals", columns, rows)

    def _memberships(self, users: list[str], reader: str, everybody: str) -> None:
        """As store.memberships keeps them: the direct ones, and the closure of groups."""
        direct = [(outer, inner) for chain in self._chains for inner, outer in pairwise(chain)]
        closure = [(inner, outer) for chain in self._chains for i, inner in enumerate(chain) for outer in chain[i:]]
        for user in [*users, reader, everybody]:
            mine = self._chains if user == everybody else self._random.sample(self._chains, self._size.chains_each)
            mine = [self._chains[0], *(c for c in mine[1:] if c is not self._chains[0])] if user == reader else mine
            direct += [(chain[0], user) for chain in mine]
            closure += [(user, group) for group in (user, self._account_users)]
        self._bulk.many("memberships", ("group_id", "member_id"), iter(direct))
        self._bulk.many("membership_closure", ("member_id", "group_id"), iter(closure))

    def _models(self) -> list[str]:
        self._catalog, schema = new_id(), new_id()
        models = [new_id() for _ in range(self._size.models)]
        rows = [
            (self._catalog, "CATALOG", "catalog", self._metastore, None, None, CATALOG),
            (schema, "SCHEMA", "schema", self._catalog, self._catalog, None, SCHEMA),
            *(
                (model, "MODEL", "routine", schema, self._catalog, schema, model_name(i).rpartition(".")[2])
                for i, model in enumerate(models)
            ),
        ]
        result = (self._now, "", self._now, "")
        self._bulk.many("securables", SECURABLE, ((*row, row[-1], self._owner, 1, *result) for row in rows))
        versions = ((new_id(), model, 1, "READY", '["champion"]', *result) for model in models)
        self._bulk.many("model_versions", VERSION, versions)
        self._bulk.many("aliases", ("model_id", "alias", "version"), ((model, "champion", 1) for model in models))
        return models

    def _grants(self, models: list[str], users: list[str], groups: list[str]) -> None:
        """The reader executes all, by what is granted to the outermost group around him; the others hold single models."""
        outermost = self._chains[0][-1]
        rows = [(self._catalog, outermost, p, "CATALOG") for p in ("USE_CATALOG", "USE_SCHEMA", "EXECUTE")]
        self._bulk.many("grants", GRANT, ((*row, self._now, "") for row in rows))
        few = min(len(groups), self._size.grants_each // 2)
        content = (
            (model, holder, "EXECUTE", "MODEL", self._now, "")
            for model in models
            for holder in (*self._random.sample(groups, few), *self._random.sample(users, self._size.grants_each - few))
        )
        self._bulk.many("grants", GRANT, content)


_MADE = ("created_at", "created_by", "updated_at", "updated_by")
SECURABLE = (
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
VERSION = ("id", "model_id", "version", "status", "aliases", *_MADE)
GRANT = ("securable_id", "principal_id", "privilege", "kind", "created_at", "created_by")
