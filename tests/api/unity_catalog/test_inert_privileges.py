"""Privileges of Databricks that mean nothing here: kept, shown, marked, revoked, and never part of a decision."""

import re
from typing import Any

import pytest
from api.serving import UC, V1, Site, refused, site
from api.sql.test_sql import rows
from databricks.sdk.service.catalog import Privilege as Vendors

from modelkeep.domain import privileges as vocabulary
from modelkeep.domain.privileges import INERT, Privilege
from modelkeep.jobs.check import notes

__all__ = ["site"]
OSS = {"user-agent": "OpenAPI-Generator/0.7.0/python"}
# What databricks-sdk 0.30 knew, and what 0.162 added to 0.156.
OLD_AND_NEW = {"CREATE_VIEW", "USE_MARKETPLACE_ASSETS", "READ_PRIVATE_FILES", "CREATE_FEATURE", "READ_FEATURE"}


@pytest.fixture(scope="module")
def schema(site: Site) -> str:
    return site.schema()


def change(site: Site, kind: str, name: str, who: str, **words: list[str]) -> dict[str, Any]:
    answer = site.ok("PATCH", f"{UC}/permissions/{kind}/{name}", {"changes": [{"principal": who, **words}]})
    listed = answer["privilege_assignments"]
    assert len(listed) <= 1
    return listed[0] if listed else {"privileges": []}


def test_every_word_of_the_vendor_is_known() -> None:
    """One that comes with a new release of databricks-sdk fails this, and is either built or listed as inert."""
    words = {word.value for word in Vendors} | OLD_AND_NEW
    assert words - set(Privilege) <= INERT
    assert not INERT & set(Privilege)


@pytest.mark.parametrize("word", sorted(INERT))
def test_it_is_granted_shown_and_revoked(site: Site, schema: str, word: str) -> None:
    who, _ = site.user()
    spelled = word.replace("_", " ").lower()
    for _ in range(2):
        privileges = change(site, "schema", schema, who, add=[spelled, "USE_SCHEMA"])
        assert (set(privileges["privileges"]), privileges["inert_privileges"]) == ({word, "USE_SCHEMA"}, [word])
    taken = change(site, "schema", schema, who, remove=[word])
    assert set(taken["privileges"]) == (set() if word == "ALL" else {"USE_SCHEMA"})
    assert "inert_privileges" not in taken


def test_on_every_kind_of_securable_and_by_both_lists(site: Site) -> None:
    who, _ = site.user()
    model = site.model()
    catalog, schema = model.partition(".")[0], model.rpartition(".")[0]
    metastore = site.ok("GET", f"{UC}/metastore_summary")["metastore_id"]
    for kind, name in (("metastore", metastore), ("catalog", catalog), ("schema", schema), ("function", model)):
        change(site, kind, name, who, add=["REFRESH"])
        for prefix in ("permissions", "privilege-assignments"):
            listed = site.ok("GET", f"{UC}/{prefix}/{kind}/{name}", {"principal": who})["privilege_assignments"]
            assert listed == [{"principal": who, "privileges": ["REFRESH"], "inert_privileges": ["REFRESH"]}]
        for prefix, key in (
            ("effective-permissions", "privilege_assignments"),
            ("effective-privilege-assignments", "effective_privilege_assignments"),
        ):
            listed = site.ok("GET", f"{UC}/{prefix}/{kind}/{name}", {"principal": who})[key]
            assert listed == [{"principal": who, "privileges": [{"privilege": "REFRESH", "inert": True}]}], kind


def test_it_is_no_part_of_any_decision(site: Site, schema: str) -> None:
    """All of them at once, on the whole chain, open nothing: neither what they name nor the securable itself."""
    model, (who, token) = site.model(schema, versions=1), site.user()
    catalog = schema.partition(".")[0]
    for kind, name in (("catalog", catalog), ("schema", schema), ("function", model)):
        change(site, kind, name, who, add=sorted(INERT))
    for path in (f"{UC}/models/{model}", f"{UC}/schemas/{schema}", f"{UC}/catalogs/{catalog}"):
        refused(site.call("GET", path, token=token), 403, "PERMISSION_DENIED", "USE CATALOG")
    assert site.ok("GET", f"{UC}/models", token=token)["registered_models"] == []
    names = [c["name"] for c in site.ok("GET", f"{UC}/catalogs", token=token)["catalogs"]]
    assert catalog not in names
    refused(site.call("GET", f"{UC}/permissions/schema/{schema}", token=token), 403, "PERMISSION_DENIED")
    # Beside real ones, they add nothing.
    site.allow(who, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    refused(site.call("GET", f"{UC}/models/{model}", token=token), 403, "PERMISSION_DENIED", "EXECUTE")


def test_explain_names_what_it_ignored(site: Site, schema: str) -> None:
    model, (who, _) = site.model(schema), site.user()
    change(site, "schema", schema, who, add=["CREATE_VIEW"])
    fields = {"securable_type": "function", "full_name": model, "operation": "get_model", "principal": who}
    answer = site.ok("GET", f"{V1}/explain", fields)
    assert not answer["allowed"]
    [ignored] = answer["without_effect"]
    assert (ignored["what"], ignored["securable_name"], ignored["principal"]) == ("CREATE_VIEW", schema, who)


def test_all_privileges_takes_them_but_for_two(site: Site, schema: str) -> None:
    who, _ = site.user()
    change(site, "schema", schema, who, add=["REFRESH", "USAGE", "EXTERNAL_USE_SCHEMA", "MANAGE"])
    privileges = change(site, "schema", schema, who, add=["CREATE_VIEW"], remove=["ALL_PRIVILEGES"])
    assert set(privileges["privileges"]) == {"CREATE_VIEW", "EXTERNAL_USE_SCHEMA", "MANAGE"}
    assert "MANAGE" not in privileges["inert_privileges"]


def test_revoking_all_in_one_word_revokes_everything(site: Site, schema: str) -> None:
    """`ALL` alone grants nothing; a REVOKE of it must not leave somebody with rights who was to lose them."""
    who, _ = site.user()
    rows(site, f"GRANT ALL ON SCHEMA {schema} TO `{who}`")
    rows(site, f"GRANT EXECUTE, SELECT ON SCHEMA {schema} TO `{who}`")
    rows(site, f"REVOKE ALL ON SCHEMA {schema} FROM `{who}`")
    assert rows(site, f"SHOW GRANTS `{who}` ON SCHEMA {schema}") == []


def test_in_sql(site: Site, schema: str) -> None:
    who, _ = site.user()
    for words in ("REFRESH", "EXTERNAL USE SCHEMA, CREATE MATERIALIZED VIEW", "usage", "USE SCHEMA"):
        rows(site, f"GRANT {words} ON SCHEMA {schema} TO `{who}`")
    text = {(row[1], row[4]) for row in rows(site, f"SHOW GRANTS `{who}` ON SCHEMA {schema}")}
    assert text == {
        ("REFRESH", "YES"),
        ("EXTERNAL USE SCHEMA", "NO"),
        ("CREATE MATERIALIZED VIEW", "YES"),
        ("USAGE", "YES"),
        ("USE SCHEMA", "NO"),
    }
    catalog, name = schema.split(".")
    listed = rows(
        site,
        f"SELECT privilege_type, is_inert FROM {catalog}.information_schema.schema_privileges "
        f"WHERE schema_name = '{name}' AND grantee = '{who}'",
    )
    assert {tuple(row) for row in listed} == text
    rows(site, f"REVOKE REFRESH ON SCHEMA {schema} FROM `{who}`")
    assert ("REFRESH", "YES") not in {(row[1], row[4]) for row in rows(site, f"SHOW GRANTS `{who}` ON SCHEMA {schema}")}


def test_open_source_clients_see_the_words_that_they_know(site: Site, schema: str) -> None:
    who, _ = site.user()
    path, body = (
        f"{UC}/permissions/schema/{schema}",
        {"changes": [{"principal": who, "add": ["USE SCHEMA", "REFRESH"]}]},
    )
    answer = site.call("PATCH", path, body, headers=OSS).json()["privilege_assignments"]
    assert answer == [{"principal": who, "privileges": ["USE SCHEMA"], "inert_privileges": []}]


def test_an_unknown_word_is_refused_and_changes_nothing(site: Site, schema: str) -> None:
    who, _ = site.user()
    changes = [{"principal": who, "add": ["REFRESH", "EXECUTE", "REFRESHH"]}]
    refused(
        site.call("PATCH", f"{UC}/permissions/schema/{schema}", {"changes": changes}), 400, "INVALID_PARAMETER_VALUE"
    )
    assert change(site, "schema", schema, who, remove=["MODIFY"])["privileges"] == []


def test_nobody_can_ask_for_one(site: Site, schema: str) -> None:
    fields = {"securable": {"type": "SCHEMA", "full_name": schema}, "permissions": ["REFRESH"]}
    answer = site.call("POST", "/api/3.0/rfa/requests", {"requests": [{"securable_permissions": [fields]}]})
    refused(answer, 400, "INVALID_PARAMETER_VALUE", "means nothing here")


def test_the_audit_log_says_that_it_is_inert(site: Site, schema: str) -> None:
    who, _ = site.user()
    change(site, "schema", schema, who, add=["REFRESH", "EXECUTE"])
    [event] = site.ok("GET", f"{V1}/audit", {"event": "grants.change", "max_results": 1})["events"]
    assert re.search(r"EXECUTE.*REFRESH \(inert\)", str(event["changes"]))


def test_a_release_that_gives_it_a_meaning_needs_a_new_grant(
    site: Site, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MODIFY plays the word that had no meaning when it was granted."""
    who, _ = site.user()
    with monkeypatch.context() as past:
        past.setattr("modelkeep.core.operations.governance.grants.INERT", INERT | {"MODIFY"})
        past.setattr(vocabulary, "INERT", INERT | {"MODIFY"})
        change(site, "schema", schema, who, add=["MODIFY"])

    async def remarks() -> list[str]:
        return [text async for text in notes(site.registry.db)]

    [note] = [text for text in site.run(remarks()) if who in text]
    assert "MODIFY" in note and schema in note and note.endswith("granted again.")
    listed = site.ok("GET", f"{UC}/permissions/schema/{schema}", {"principal": who})["privilege_assignments"]
    assert listed[0]["inert_privileges"] == ["MODIFY"]
    again = change(site, "schema", schema, who, add=["MODIFY"])
    assert again == {"principal": who, "privileges": ["MODIFY"]}
    assert not [text for text in site.run(remarks()) if who in text]


def test_they_go_with_the_securable_and_with_the_principal(site: Site) -> None:
    schema, (who, _) = site.schema(), site.user()
    change(site, "schema", schema, who, add=["REFRESH"])
    site.ok("DELETE", f"{UC}/schemas/{schema}")
    catalog, name = schema.split(".")
    site.ok("POST", f"{UC}/schemas", {"name": name, "catalog_name": catalog})
    assert site.ok("GET", f"{UC}/permissions/schema/{schema}")["privilege_assignments"] == []
    change(site, "schema", schema, who, add=["REFRESH"])
    site.ok("DELETE", f"{V1}/users/{who}")
    assert site.ok("GET", f"{UC}/permissions/schema/{schema}")["privilege_assignments"] == []
