"""What the audit log keeps of requests: bounded, and never a secret."""

import re
from typing import Any, get_args

import msgspec
import pytest

from modelkeep import limits
from modelkeep.core.operations.catalog import model_search
from modelkeep.core.operations.files import files
from modelkeep.core.operations.governance import grants
from modelkeep.core.operations.identity import federation
from modelkeep.core.operations.models import models
from modelkeep.core.table import OPERATIONS
from modelkeep.domain.names import FullName
from modelkeep.domain.paths import ArtifactPath
from modelkeep.domain.redaction import Secret, changes_json, holds_secrets, request_json

M = FullName(("prod", "ml", "churn"))


class Inner(msgspec.Struct, frozen=True):
    anything: Secret
    note: str = "n"


class Outer(msgspec.Struct, frozen=True):
    name: FullName
    whatever: Secret
    maybe: Secret | None = None
    inner: Inner | None = None
    several: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = {}
    listed: tuple[Secret, ...] = ()
    raw: bytes = b""


def test_a_secret_is_left_out_wherever_it_stands_and_whatever_it_is_called() -> None:
    inner = Inner(Secret("s3cret"))
    request = Outer(
        M, Secret("s3cret"), Secret("s3cret"), inner, (inner, inner), {"a": inner}, (Secret("s3cret"),), b"s3cret"
    )
    result = request_json(request)
    assert "s3cret" not in result and msgspec.json.decode(result) == {
        "name": "prod.ml.churn",
        "inner": {"note": "n"},
        "several": [{"note": "n"}, {"note": "n"}],
        "by_name": {"a": {"note": "n"}},
        "listed": [],
    }


@pytest.mark.parametrize(
    "kind", [Secret, Inner, Outer, Secret | None, tuple[Inner, ...], dict[str, Inner], files.WriteSmallFile]
)
def test_a_type_that_may_hold_a_secret_is_known_as_one(kind: Any) -> None:
    assert holds_secrets(kind)


_NO_CREDENTIAL = frozenset(
    {
        ("*", "page_token"),  # sealed for one caller, worth nothing to others
        ("*", "token_id"),
        ("AssignTag", "key"),
        ("ReassignTag", "key"),
        ("CreateTagPolicy", "key"),
        ("UpdateTagPolicy", "key"),
        ("DeleteTagPolicy", "key"),
        ("GetTagPolicy", "key"),
        ("FederationRule", "keys"),  # a JWKS: public keys
    }
)
_CREDENTIAL = re.compile("secret|token|passw|credential|assertion|hash|(^|_)keys?$|private|signature|cookie|bearer")


def test_every_request_field_that_may_be_a_credential_is_typed_as_one() -> None:
    """A new field with such a name is a Secret, or is listed here after a review."""
    suspects = {
        (kind.__name__, field.name)
        for kind in _structs()
        for field in msgspec.structs.fields(kind)
        if _CREDENTIAL.search(field.name) and str in (field.type, *get_args(field.type))
    }
    assert (
        suspects
        and {(kind, field) for kind, field in suspects if not {(kind, field), ("*", field)} & _NO_CREDENTIAL} == set()
    )


def _structs() -> set[type[msgspec.Struct]]:
    """Every struct that a request is made of."""
    seen = set[Any]()
    waiting: list[Any] = [op.request for op in OPERATIONS]
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in seen:
            seen.add(kind)
            waiting += [field.type for field in msgspec.structs.fields(kind)]
    return seen


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "request_",
    [
        model_search.SearchModels(LONG),
        model_search.SearchModels(page_token=LONG),
        models.ChangeTags(M, None, {f"k{i}": LONG for i in range(200)}),
        models.ChangeTags(M, None, {LONG + str(i): "" for i in range(20)}),
        grants.ChangeGrants(M, tuple(grants.GrantChange(LONG, (LONG,) * 100) for _ in range(100))),
        models.ChangeTags(M, None, {}, (LONG,) * 10_000),
        model_search.SearchModels("é" * 100_000),
        model_search.SearchModels('"' * 100_000),
        files.WriteSmallFile(path=ArtifactPath("/".join(["a" * 200] * 4)), name=M, version=1, data=b"x" * 60_000),
    ],
)
def test_what_is_kept_of_a_request_is_bounded_and_says_that_it_was_cut(request_: msgspec.Struct) -> None:
    result = request_json(request_)
    assert len(result.encode()) <= limits.AUDIT_REQUEST_BYTES
    fields = msgspec.json.decode(result)
    assert "characters)" in result or "in all" in result
    assert "name" not in fields or fields["name"] == "prod.ml.churn"


def test_a_short_request_is_kept_as_it_is() -> None:
    content = msgspec.json.decode(request_json(models.ChangeTags(M, None, {"a": "b"}, ("c",))))
    assert content == {"name": "prod.ml.churn", "set": {"a": "b"}, "remove": ["c"]}
    text = "y" * limits.AUDIT_TEXT_CHARS
    assert msgspec.json.decode(request_json(model_search.SearchModels(text)))["filter"] == text
    cut = msgspec.json.decode(request_json(model_search.SearchModels(text + "z")))["filter"]
    assert cut == f"{text}... ({len(text) + 1} characters)"


@pytest.mark.parametrize(
    "changes",
    [
        {"comment": (LONG, LONG)},
        {f"field {i}": (LONG, LONG) for i in range(500)},
        {"grants": ([LONG] * 500, [])},
        {LONG: (1, 2)},
    ],
)
def test_what_is_kept_of_changes_is_bounded(changes: dict[str, tuple[Any, Any]]) -> None:
    result = changes_json(changes)
    assert len(result.encode()) <= limits.AUDIT_CHANGES_BYTES and msgspec.json.decode(result)


def test_small_changes_are_kept_whole() -> None:
    assert msgspec.json.decode(changes_json({"a": (None, "b"), "n": (1, 2)})) == {"a": [None, "b"], "n": [1, 2]}


def test_public_keys_of_a_policy_stay_in_the_record() -> None:
    rule = federation.FederationRule(issuer="https://ci.example", subject="job", keys='{"keys": []}')
    assert "keys" in request_json(rule)
