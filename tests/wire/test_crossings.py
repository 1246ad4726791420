"""Where two parts meet: rights, SQL, sign-in and audit at a second workspace, for every kind of credential."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from wire.serving import UC, V1, Site, refused, running_site

from modelkeep.wire.sql.routes import STATEMENTS, WAREHOUSE_ID

DEV = "dev.registry.example.com"


@dataclass
class Place:
    """A server with a second workspace `dev`, and requests that come by its address."""

    site: Site
    id: str

    def dev(
        self, method: str, path: str, fields: Any = None, token: str | None = None, **headers: str
    ) -> httpx.Response:
        return self.site.call(method, path, fields, token=token, headers={"host": DEV, **headers})

    def ok(self, method: str, path: str, fields: Any = None, token: str | None = None) -> Any:
        answer = self.dev(method, path, fields, token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def assign(self, who: str, level: str = "USER") -> None:
        self.site.ok("PUT", f"{V1}/workspaces/dev/assignments/{who}", {"level": level})

    def isolated(self, access: str = "") -> str:
        """A new model in a catalog that dev reaches so far: '' not at all, READ_ONLY, READ_WRITE."""
        model = self.site.model(versions=1)
        catalog = model.partition(".")[0]
        self.site.ok("PATCH", f"{UC}/catalogs/{catalog}", {"isolation_mode": "ISOLATED"})
        if access:
            self.bind(catalog, access)
        return model

    def bind(self, catalog: str, access: str) -> None:
        add = [{"workspace_id": int(self.id), "binding_type": f"BINDING_TYPE_{access}"}]
        self.site.ok("PATCH", f"{UC}/bindings/catalog/{catalog}", {"add": add})

    def explained(self, model: str, operation: str, principal: str = "", token: str | None = None) -> Any:
        query = {"securable_type": "function", "full_name": model, "operation": operation, "principal": principal}
        return self.ok("GET", f"{V1}/explain", query, token)

    def sql(self, statement: str, token: str | None = None) -> Any:
        return self.ok("POST", STATEMENTS, {"warehouse_id": WAREHOUSE_ID, "statement": statement}, token)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_site(tmp_path_factory.mktemp("crossings")) as site:
        made = site.ok("POST", f"{V1}/workspaces", {"name": "dev", "address": DEV})
        yield Place(site, made["id"])


# --- why, and why not ------------------------------------------------------------------------------------------------


def test_an_explanation_names_the_binding_that_lacks(place: Place) -> None:
    model = place.isolated()
    catalog = model.partition(".")[0]
    told = place.explained(model, "get_model")
    assert (told["allowed"], told["reason"]) == (False, f"Catalog '{catalog}' is not accessible in current workspace.")
    lacks = {
        "needs": "binding to workspace dev", "securable_type": "CATALOG", "securable_name": catalog, "met": False,
        "given_by": [], "ask": ["admin", "admins"],
    }  # fmt: skip
    assert told["steps"][0] == lacks
    assert [step["met"] for step in told["steps"][1:]] == [True], "what is held still counts, where it is reached"
    place.bind(catalog, "READ_ONLY")
    told = place.explained(model, "get_model")
    (way,) = told["steps"][0]["given_by"]
    assert told["allowed"] and (way["what"], way["principal"]) == ("READ_ONLY BINDING", "workspace dev")
    told = place.explained(model, "set_alias")
    assert not told["allowed"] and "read-only" in told["reason"]
    assert told["steps"][0] == lacks | {"needs": "read-write binding to workspace dev"}
    assert all(step["met"] for step in told["steps"][1:])
    may = place.ok("GET", f"{V1}/can/function/{model}")["operations"]
    assert may["get_model"] is True and "read-only in current workspace" in may["set_alias"]
    place.bind(catalog, "READ_WRITE")
    told = place.explained(model, "set_alias")
    assert told["allowed"] and told["steps"][0]["given_by"][0]["what"] == "READ_WRITE BINDING"


def test_an_explanation_to_whom_the_catalog_is_closed_ends_there(place: Place) -> None:
    model = place.isolated()
    user, token = place.site.user()
    place.assign(user)
    for name in (model, f"{model}_absent"):
        told = place.explained(name, "get_model", token=token)
        assert not told["allowed"]
        assert [step["needs"] for step in told["steps"]] == ["binding to workspace dev", "USE CATALOG"]


def test_an_explanation_of_somebody_says_whether_they_may_enter_at_all(place: Place) -> None:
    model, (user, _) = place.site.model(), place.site.user()
    catalog = model.partition(".")[0]
    place.site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    told = place.explained(model, "get_model", user)
    assert (told["allowed"], told["reason"]) == (False, f"'{user}' is not assigned to workspace 'dev'.")
    lacks = {"needs": "assignment", "securable_type": "WORKSPACE", "securable_name": "dev", "met": False, "given_by": []}
    assert told["steps"][0] == lacks | {"ask": ["admins"]}
    place.assign(user)
    assert place.explained(model, "get_model", user)["allowed"]
    assert place.explained(model, "get_model", "account users")["steps"][0]["needs"] == "USE CATALOG"
