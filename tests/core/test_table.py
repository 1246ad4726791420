"""The operation table against the functions that it names."""

import inspect
import typing

import pytest

from modelkeep.core.context import BaseCtx, Ctx, ServiceCtx
from modelkeep.core.operation import NO_NAME, Operation
from modelkeep.core.table import BY_NAME, OPERATIONS
from modelkeep.domain.names import FullName
from modelkeep.store.db import Tx, WriteTx


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_each_function_takes_its_request_and_its_targets(op: Operation) -> None:
    assert len(inspect.signature(op.run).parameters) == 2 + len(op.targets)
    for on in op.targets:
        field = next(f for f in op.request.__struct_fields__ if f == on.field)
        assert "FullName" in str(op.request.__annotations__.get(field, FullName)) or on.optional
    for slow in (op.prepare, op.outside):
        assert slow is None or len(inspect.signature(slow).parameters) == 3 + len(op.targets)
    if op.outside is not None:
        assert op.targets[0].optional


def test_names_are_unique_and_each_operation_is_audited_by_noun_and_verb() -> None:
    assert len(BY_NAME) == len(OPERATIONS)
    assert all(len(op.audit.split(".")) == 2 for op in OPERATIONS)


def test_each_operation_on_a_securable_states_its_kinds() -> None:
    assert [op.name for op in OPERATIONS if op.targets and not op.kinds] == []
    assert all(len(set(op.kinds)) == len(op.kinds) for op in OPERATIONS)


def test_each_operation_on_a_securable_has_a_label_and_others_have_none() -> None:
    assert [op.name for op in OPERATIONS if bool(op.kinds) != bool(op.label)] == []
    assert all(op.label[0].isupper() and not op.label.endswith(".") for op in OPERATIONS if op.label)


def test_each_operation_states_databricks_name_of_it() -> None:
    services = {"unityCatalog", "accounts", "filesystem", "workspace", "serverlessRealTimeInference"}
    for op in OPERATIONS:
        service, _, action = op.databricks.partition(".")
        assert op.databricks == NO_NAME or (service in services and action[:1].islower()), op.name


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_a_change_is_recorded_in_its_own_transaction(op: Operation) -> None:
    """A read cannot be recorded with a change; a change is, unless it only vends."""
    assert op.record in (("in_tx", "vending") if op.effect == "write" else ("own_tx", "buffered", "vending"))


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_whatever_changes_something_needs_something(op: Operation) -> None:
    """All that a caller may change without holding anything: his own tokens."""
    if op.effect == "write" and not op.account_admin and not op.workspace_admin and not op.targets:
        assert op.decides or op.name in ("create_token", "update_token", "revoke_token", "revoke_origin")
    for on in op.targets:
        assert op.effect == "read" or on.need.any_of or on.need.owner or on.need.manage or on.need.admin


def _context(step: object) -> object:
    return typing.get_type_hints(step)["ctx"]


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_a_step_has_a_transaction_or_services_and_a_read_cannot_write(op: Operation) -> None:
    """The table's fields are any functions to the type checker, which checks what is inside of them."""
    read, write = Ctx[Tx], Ctx[WriteTx]
    assert _context(op.run) in ((read, write) if op.effect == "write" else (read,))
    for slow in (op.prepare, op.outside, op.finish):
        assert slow is None or _context(slow) is ServiceCtx


def test_a_transaction_knows_no_service() -> None:
    assert {name for kind in Ctx.__mro__ for name in getattr(kind, "__slots__", ())} == {
        "actor",
        "changes",
        "config",
        "now",
        "touched",
        "chains",
        "dialect",
        "performed",
        "performer",
        "prepared",
        "reacher",
        "tx",
    }
    assert not issubclass(ServiceCtx, Ctx) and issubclass(ServiceCtx, BaseCtx) and "tx" not in ServiceCtx.__slots__
