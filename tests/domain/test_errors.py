"""Every failure that a caller may see has a code, a documented meaning, and a status that clients do not retry for minutes."""

from collections.abc import Iterator

import pytest

from modelkeep.api.errors import databricks
from modelkeep.core.engine import Concealed
from modelkeep.domain import errors
from modelkeep.domain.errors import RegistryError
from modelkeep.domain.kinds import Kind

STATUSES = {400, 401, 403, 404, 409, 429, 503}


def _tree(root: type[RegistryError]) -> Iterator[type[RegistryError]]:
    for item in root.__subclasses__():
        yield item
        yield from _tree(item)


ALL = sorted(set(_tree(RegistryError)), key=lambda item: item.__name__)


@pytest.mark.parametrize("error", ALL)
@pytest.mark.parametrize("kind", ["", *Kind, "PRINCIPAL", "TOKEN"])
def test_every_error_renders(error: type[RegistryError], kind: str) -> None:
    status, body = databricks(error("Do this.", kind=kind))
    assert status in STATUSES and set(body) >= {"error_code", "message"}
    assert body["message"] == "Do this." and body["error_code"] == body["error_code"].upper() != ""


@pytest.mark.parametrize("error", ALL)
def test_every_error_says_what_it_means_and_is_in_the_tree_at_the_top(error: type[RegistryError]) -> None:
    assert error.__doc__
    if error.__module__ == errors.__name__:
        assert f"{error.__name__}" in (errors.__doc__ or "")
    else:
        assert error is Concealed or error.__module__.startswith("modelkeep.")


def test_kinds_with_codes_of_their_own_get_them() -> None:
    assert databricks(errors.NotFound("x", kind="CATALOG"))[1]["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert databricks(errors.AlreadyExists("x", kind="SCHEMA"))[1]["error_code"] == "SCHEMA_ALREADY_EXISTS"
    assert databricks(errors.NotFound("x", kind="MODEL"))[1]["error_code"] == "RESOURCE_DOES_NOT_EXIST"
