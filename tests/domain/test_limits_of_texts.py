"""Limits of what is parsed, each reached and passed: MLmodel files and SCIM."""

import io
import resource
import sys
from typing import Any

import pytest

from modelkeep.domain import mlmodel_reader
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.mlmodel import read_mlmodel
from modelkeep.domain.scim import patch
from modelkeep.domain.scim.patch import PatchOperation, apply, changes_of
from modelkeep.domain.scim.resources import read_wanted
from modelkeep.domain.scim.schema import GROUP, TYPES, ScimRequestError
from modelkeep.limits import (
    MLMODEL_DEPTH,
    MLMODEL_DIRECTIVES,
    MLMODEL_MEMORY_BYTES,
    RESOURCE_NAME_CHARACTERS,
    SCIM_COMPARED_MEMBERS,
    SCIM_ENTITLEMENTS,
    SCIM_OPERATIONS,
)


def test_depth_of_an_mlmodel_file() -> None:
    inside = MLMODEL_DEPTH - 1  # the whole file is a mapping
    read_mlmodel(b"flavors: {}\na: " + b"[" * inside + b"]" * inside)
    with pytest.raises(InvalidArgument, match="nested too deeply"):
        read_mlmodel(b"flavors: {}\na: " + b"[" * (inside + 1) + b"]" * (inside + 1))


def test_directives_of_an_mlmodel_file() -> None:
    read_mlmodel(b"# %TAG\n" * MLMODEL_DIRECTIVES + b"flavors: {}")
    with pytest.raises(InvalidArgument, match=f"more than {MLMODEL_DIRECTIVES} YAML directives"):
        read_mlmodel(b"# %TAG\n" * (MLMODEL_DIRECTIVES + 1) + b"flavors: {}")


def test_memory_of_the_process_that_reads_a_large_mlmodel_file(monkeypatch: pytest.MonkeyPatch) -> None:
    set_limits: list[Any] = []

    class Stream:
        def __init__(self) -> None:
            self.buffer = io.BytesIO(b"flavors: {}")

    monkeypatch.setattr(resource, "setrlimit", lambda *pair: set_limits.append(pair))
    monkeypatch.setattr(sys, "stdin", Stream())
    monkeypatch.setattr(sys, "stdout", Stream())
    mlmodel_reader._main()  # pyright: ignore[reportPrivateUsage]
    assert set_limits == [(resource.RLIMIT_AS, (MLMODEL_MEMORY_BYTES, MLMODEL_MEMORY_BYTES))]


def test_operations_of_a_patch() -> None:
    operation = {"op": "replace", "path": "displayName", "value": "x"}
    assert len(changes_of(GROUP, [operation] * SCIM_OPERATIONS)) == SCIM_OPERATIONS
    with pytest.raises(ScimRequestError, match=f"at most {SCIM_OPERATIONS} operations"):
        changes_of(GROUP, [operation] * (SCIM_OPERATIONS + 1))


def test_entitlements_of_a_principal() -> None:
    def body(count: int) -> dict[str, Any]:
        return {"userName": "u", "entitlements": [{"value": f"e{n}"} for n in range(count)]}

    assert len(read_wanted(TYPES["USER"], body(SCIM_ENTITLEMENTS)).entitlements or ()) == SCIM_ENTITLEMENTS
    with pytest.raises(ScimRequestError, match=f"at most {SCIM_ENTITLEMENTS} entitlements"):
        read_wanted(TYPES["USER"], body(SCIM_ENTITLEMENTS + 1))


def test_members_that_one_patch_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    assert patch.SCIM_COMPARED_MEMBERS == SCIM_COMPARED_MEMBERS
    monkeypatch.setattr(patch, "SCIM_COMPARED_MEMBERS", 10)
    group = {"displayName": "g", "members": [{"value": str(n), "display": f"u{n}"} for n in range(5)]}
    look = PatchOperation("remove", 'members[display eq "nobody"]')
    apply(GROUP, group, (look,) * 2)
    with pytest.raises(ScimRequestError, match="look at too many members"):
        apply(GROUP, group, (look,) * 3)


def test_names_of_resources() -> None:
    """A longer one is left out."""
    for length, count in ((RESOURCE_NAME_CHARACTERS, 1), (RESOURCE_NAME_CHARACTERS + 1, 0)):
        text = f"flavors: {{}}\nresources:\n  databricks:\n    table:\n    - name: {'a' * length}\n"
        assert len(read_mlmodel(text.encode()).resources) == count
