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


# --- lists -----------------------------------------------------------------------------------------------------------


def test_unbound_catalogs_are_listed_to_whoever_may_bind_them(place: Place) -> None:
    catalog = place.isolated().partition(".")[0]
    (owner, token), (user, other) = place.site.user(), place.site.user()
    place.assign(owner)
    place.assign(user)
    place.site.allow("account users", "catalog", catalog, "USE_CATALOG", "BROWSE", "MANAGE")

    def listed(token: str | None, **query: Any) -> set[str]:
        return {c["name"] for c in place.ok("GET", f"{UC}/catalogs", query, token).get("catalogs", [])}

    assert catalog in listed(None, include_unbound="true") and catalog not in listed(None)
    for query in ({"include_unbound": "true"}, {"include_unbound": "true", "include_browse": "true"}):
        assert catalog not in listed(token, **query)
    place.site.ok("PATCH", f"{UC}/catalogs/{catalog}", {"owner": owner})
    for query in ({"include_unbound": "true"}, {"include_unbound": "true", "include_browse": "true"}):
        assert catalog in listed(token, **query) and catalog not in listed(other, **query)
    assert place.dev("GET", f"{UC}/bindings/catalog/{catalog}", token=token).status_code == 200


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
    lacks = {
        "needs": "assignment",
        "securable_type": "WORKSPACE",
        "securable_name": "dev",
        "met": False,
        "given_by": [],
    }
    assert told["steps"][0] == lacks | {"ask": ["admins"]}
    place.assign(user)
    assert place.explained(model, "get_model", user)["allowed"]
    assert place.explained(model, "get_model", "account users")["steps"][0]["needs"] == "USE CATALOG"


# --- SQL -------------------------------------------------------------------------------------------------------------


def test_sql_reaches_what_the_workspace_reaches(place: Place) -> None:
    model = place.isolated()
    catalog, schema, own = model.split(".")
    place.site.allow("account users", "catalog", catalog, "USE_CATALOG")
    listed = {
        "SHOW CATALOGS": catalog, "SELECT catalog_name FROM system.information_schema.catalogs": catalog,
        "SELECT catalog_name FROM system.information_schema.schemata": catalog,
        "SELECT model_name FROM system.information_schema.registered_models": own,
        "SELECT model_name FROM system.information_schema.model_versions": own,
        f"SELECT grantee FROM system.information_schema.catalog_privileges WHERE catalog_name = '{catalog}'": "account users",
    }  # fmt: skip
    reads = (
        f"SHOW SCHEMAS IN {catalog}", f"SHOW MODELS IN {catalog}.{schema}", f"SHOW GRANTS ON CATALOG {catalog}",
        f"SHOW GRANTS ON MODEL {model}", f"DESCRIBE MODEL {model}", f"SELECT * FROM {catalog}.information_schema.registered_models",
    )  # fmt: skip
    writes = (
        f"GRANT EXECUTE ON MODEL {model} TO admins", f"REVOKE EXECUTE ON MODEL {model} FROM admins",
        f"CREATE SCHEMA {catalog}.fresh", f"COMMENT ON MODEL {model} IS 'x'",
        f"ALTER MODEL {model} SET TAGS ('a' = 'b')", f"ALTER MODEL {model} UNSET TAGS ('a')", f"ALTER CATALOG {catalog} OWNER TO admins",
        f"ALTER MODEL {model} RENAME TO {model}2",
        f"DROP SCHEMA {catalog}.{schema} CASCADE", f"DROP CATALOG {catalog} CASCADE",
    )  # fmt: skip

    def told(statement: str) -> str:
        answer = place.sql(statement)
        return answer["status"].get("error", {}).get("message") or str(answer.get("result"))

    for statement, word in listed.items():
        assert word not in told(statement), statement
    for statement in (*reads, *writes):
        assert f"Catalog '{catalog}' is not accessible in current workspace" in told(statement), statement
    place.bind(catalog, "READ_ONLY")
    for statement, word in listed.items():
        assert word in told(statement), statement
    for statement in reads:
        assert place.sql(statement)["status"]["state"] == "SUCCEEDED", statement
    for statement in writes:
        assert f"Catalog '{catalog}' has been designated as read-only in current workspace" in told(statement), (
            statement
        )
    place.bind(catalog, "READ_WRITE")
    for statement in writes[:-1]:
        assert place.sql(statement)["status"]["state"] == "SUCCEEDED", statement


def test_an_answer_of_sql_is_kept_for_the_workspace_that_asked(place: Place) -> None:
    catalog = place.isolated().partition(".")[0]
    asked = {"warehouse_id": WAREHOUSE_ID, "statement": "SHOW CATALOGS"}
    ran = place.site.ok("POST", STATEMENTS, asked)
    assert catalog in str(ran["result"])
    one = f"{STATEMENTS}/{ran['statement_id']}"
    assert place.site.ok("GET", one) == ran
    for method, path in (("GET", one), ("GET", f"{one}/result/chunks/0"), ("POST", f"{one}/cancel")):
        refused(place.dev(method, path), 404, "RESOURCE_DOES_NOT_EXIST")
