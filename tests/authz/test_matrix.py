"""Who may do what: every operation of the table by every kind of actor, printed to matrix.txt, which people review.

`WRITE_MATRIX=1 pytest tests/authz/test_matrix.py` writes it anew; the difference is what a reviewer looks at.
"""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from authz.rows import ACTORS, Row, Who, build, rows
from world import Rehearsal, RolledBack, World, chunks, engine_on

from modelkeep.core.table import BY_NAME, BY_REQUEST, OPERATIONS
from modelkeep.domain.errors import (
    AlreadyExists,
    FileNotFound,
    NotFound,
    PermissionDenied,
    RegistryError,
    Unauthenticated,
)

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

FILE = Path(__file__).with_name("matrix.txt")


async def cell(w: World, engine: Any, who: Who, row: Row) -> str:
    """What one actor gets for one request: a sign that the head of matrix.txt explains."""

    try:
        actor = await w.actor(who.user)
        body = None if row.body is None else chunks(row.body)
        result = await engine.execute(actor, row.request, body=body)
    except RolledBack:
        return "+"
    except Unauthenticated:
        return "x"
    except AlreadyExists:
        return "="
    except PermissionDenied as error:
        return _refusal(error)
    except FileNotFound:
        return "f"
    except NotFound:
        return "?"
    except RegistryError as error:
        raise AssertionError(f"{row.label} by {who.label}: {error.message}") from error
    return row.show(result)


def _refusal(error: PermissionDenied) -> str:
    if error.message.startswith("User does not have USE CATALOG"):
        return "C"
    if error.message.startswith("User does not have USE SCHEMA"):
        return "S"
    if "in current workspace" in error.message:
        return "B"
    return "a" if "account admins" in error.message else "-"


HEAD = """\
Who may do what. Written by tests/authz/test_matrix.py, reviewed by people: a change here is a change of the rules.

The world: catalog prod, schema prod.ml and model prod.ml.churn, each owned by a group of its own; churn has version 1
(READY, @champion) and version 2 (PENDING, complete). On open.ml.model all account users hold EXECUTE and CREATE MODEL VERSION.
Alias @guarded of churn is for movers, tag `grade` is governed (values a and b), somebody has asked for EXECUTE on churn.
On the catalogs walled and shown they hold ALL PRIVILEGES; walled is bound to no workspace, and shown read-only to this one.
Volume prod.ml.raw (with a file), table prod.ml.features, function prod.ml.score and prompt prod.ml.greet (with version 1, @live)
are owned by one more group.
USE means USE CATALOG on prod and USE SCHEMA on prod.ml. "on model": on prod.ml.churn, and so on.

  +  done                                   C  403, names USE CATALOG        1 0  a list: what is asked about is in it, or not
  -  403, names what is missing there       S  403, names USE SCHEMA         o    grants: only those of one's own
  a  403, account admins only               ?  404                           =    409, it already exists
  B  403, names the catalog's binding
  b  done, for metadata alone
  x  401, not signed in                     f  allowed, and 404: an upload belongs to whoever began it
"""


def _printed(table: dict[str, dict[str, list[str]]], sections: dict[str, list[str]]) -> str:
    lines = [HEAD]
    for section, labels in sections.items():
        lines += ["", f"## {section}", ""]
        letters = [chr(ord("A") + i) if i < 26 else chr(ord("a") + i - 26) for i in range(len(labels))]
        lines += [f"  {letter}  {label}" for letter, label in zip(letters, labels, strict=True)]
        lines += ["", " " * 46 + " ".join(letters)]
        lines += [f"{who.label:<46}" + " ".join(table[section][who.label]) for who in ACTORS]
    return "\n".join(lines) + "\n"


async def test_the_matrix_is_the_reviewed_one(lite: World) -> None:
    ids = await build(lite)
    await lite.deactivate("deactivated-ALL-on-catalog")
    engine = engine_on(lite, Rehearsal(lite.db))  # type: ignore[arg-type]
    engine.auditor = lite.registry.auditor
    table: dict[str, dict[str, list[str]]] = {}
    sections: dict[str, list[str]] = {}
    for row in rows(ids):
        sections.setdefault(row.section, []).append(row.label)
        for who in ACTORS:
            cells = table.setdefault(row.section, {}).setdefault(who.label, [])
            cells.append(await cell(lite, engine, who, row))
    text = _printed(table, sections)
    if os.environ.get("WRITE_MATRIX"):
        FILE.write_text(text)
    assert text == FILE.read_text(), (
        "The matrix has changed. Look at it after: WRITE_MATRIX=1 pytest tests/authz/test_matrix.py"
    )


def test_every_operation_has_a_row() -> None:
    names = {BY_REQUEST[type(row.request)].name for row in rows(defaultdict(str))}
    # It needs a store that clients talk to, and asks for what its sister asks for.
    assert BY_NAME["vend_direct_upload"].targets == BY_NAME["vend_upload"].targets
    assert {op.name for op in OPERATIONS} - names == {"vend_direct_upload"}
