"""Native Unity Catalog REST for registered models, versions, aliases and tags: answers, refusals, who sees what."""

import uuid
from typing import Any

import pytest
from api.serving import UC, Site, refused, site
from world import MLMODEL

__all__ = ["site"]


def fresh() -> str:
    return f"m_{uuid.uuid4().hex[:8]}"


def create_model(site: Site, schema: str, token: str | None = None, **fields: Any) -> dict[str, Any]:
    catalog, name = schema.split(".")
    return site.ok(
        "POST", f"{UC}/models", {"name": fresh(), "catalog_name": catalog, "schema_name": name, **fields}, token=token
    )


def version_of(site: Site, full_name: str, **fields: Any) -> dict[str, Any]:
    catalog, schema, name = full_name.split(".")
    body = {"model_name": name, "catalog_name": catalog, "schema_name": schema, "source": "models:/m-1", **fields}
    return site.ok("POST", f"{UC}/models/versions", body)


@pytest.fixture(scope="module")
def schema(site: Site) -> str:
    return site.schema()


# --- registered models -----------------------------------------------------------------------------------------------


def test_a_model_and_all_that_is_told_of_it(site: Site, schema: str) -> None:
    model = create_model(site, schema, comment="c", tags=[{"key": "team", "value": "ds"}], deployment_job_id="7")
    full_name = model["full_name"]
    assert full_name == f"{schema}.{model['name']}"
    version_of(site, full_name)
    site.ok("PUT", f"{UC}/models/{full_name}/aliases/champion", {"version_num": 1})
    answer = site.ok("GET", f"{UC}/models/{full_name}", {"full_name": full_name, "include_aliases": "true"})
    catalog, schema_name, name = full_name.split(".")
    alias = {
        "alias_name": "champion",
        "version_num": 1,
        "catalog_name": catalog,
        "schema_name": schema_name,
        "model_name": name,
    }
    expected = {
        "name": name,
        "catalog_name": catalog,
        "schema_name": schema_name,
        "full_name": full_name,
        "comment": "c",
        "tags": [{"key": "team", "value": "ds"}],
        "aliases": [alias],
        "deployment_job_id": "7",
        "deployment_job_state": "CONNECTED",
        "browse_only": False,
        "securable_type": "FUNCTION",
        "securable_kind": "FUNCTION_REGISTERED_MODEL",
        "storage_location": f"dbfs:/Models/{full_name.replace('.', '/')}",
        "metastore_id": site.ok("GET", f"{UC}/metastore_summary")["metastore_id"],
        "owner": model["owner"],
    }
    assert {key: answer[key] for key in expected} == expected
    assert isinstance(answer["created_at"], int)
    assert answer["created_by"] == answer["owner"]
    assert set(answer) - set(expected) == {"id", "created_at", "created_by", "updated_at", "updated_by", "etag"}
    assert "aliases" not in site.ok("GET", f"{UC}/models/{full_name}")


def test_one_patch_may_ask_for_several_things(site: Site, schema: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    other, token = site.user()
    catalog = schema.partition(".")[0]
    site.allow(other, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    new = fresh()
    changes = {"comment": "new", "new_name": new, "owner": other, "full_name": full_name}
    changed = site.ok("PATCH", f"{UC}/models/{full_name}", changes)
    assert (changed["full_name"], changed["comment"], changed["owner"]) == (f"{schema}.{new}", "new", other)
    site.allow(other, "schema", schema, "CREATE_MODEL", "EXECUTE")
    again = site.ok("PATCH", f"{UC}/models/{schema}.{new}", {"new_name": full_name, "comment": ""}, token=token)
    assert (again["full_name"], again["comment"]) == (full_name, "")


def test_an_owner_can_give_a_model_away_whole(site: Site, schema: str) -> None:
    """The answer comes although the change ends the caller's own right to read."""
    giver, token = site.user()
    taker, _ = site.user()
    site.allow(giver, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL")
    full_name = create_model(site, schema, token)["full_name"]
    assert site.ok("PATCH", f"{UC}/models/{full_name}", {"owner": taker}, token=token)["owner"] == taker
    refused(site.call("GET", f"{UC}/models/{full_name}", token=token), 403, "PERMISSION_DENIED", "EXECUTE")


def test_a_patch_changes_all_or_nothing(site: Site, schema: str) -> None:
    """MANAGE may give the model away and may not describe it."""
    full_name = create_model(site, schema, comment="old")["full_name"]
    manager, token = site.user()
    site.allow(manager, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA")
    site.allow(manager, "function", full_name, "MANAGE", "EXECUTE")
    answer = site.call("PATCH", f"{UC}/models/{full_name}", {"owner": manager, "comment": "mine"}, token=token)
    refused(answer, 403, "PERMISSION_DENIED")
    reply = site.ok("GET", f"{UC}/models/{full_name}")
    assert reply["comment"] == "old"
    assert reply["owner"] != manager
    assert site.ok("PATCH", f"{UC}/models/{full_name}", {"owner": manager}, token=token)["owner"] == manager


def test_a_model_goes_with_its_versions_unless_force_is_false(site: Site, schema: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    version_of(site, full_name)
    refused(
        site.call("DELETE", f"{UC}/models/{full_name}", params={"force": "false"}),
        409,
        "RESOURCE_CONFLICT",
        "1 version",
    )
    assert site.ok("DELETE", f"{UC}/models/{full_name}", {"full_name": full_name}) == {}
    refused(site.call("GET", f"{UC}/models/{full_name}"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_lists_page_through_everything(site: Site) -> None:
    schema = site.schema()
    catalog, name = schema.split(".")
    names = sorted(create_model(site, schema)["full_name"] for _ in range(5))
    query: dict[str, Any] = {"catalog_name": catalog, "schema_name": name, "max_results": 2}
    results: list[str] = []
    while True:
        page = site.ok("GET", f"{UC}/models", query)
        results += [model["full_name"] for model in page["registered_models"]]
        assert not {"tags", "aliases"} & set(page["registered_models"][0])
        if not page.get("next_page_token"):
            break
        query["page_token"] = page.get("next_page_token")
    assert results == names
    everywhere = {m["full_name"] for m in site.ok("GET", f"{UC}/models", {"max_results": 1000})["registered_models"]}
    assert set(names) <= everywhere


BAD_LISTS = (
    ({"catalog_name": "x"}, "both"),
    ({"schema_name": "x"}, "both"),
    ({"max_results": -1}, "negative"),
    ({"page_token": "Zm9vYmFy"}, "page token"),
    ({"max_results": "many"}, "max_results"),
)


@pytest.mark.parametrize(("query", "word"), BAD_LISTS, ids=str)
def test_a_list_that_cannot_be_is_refused(site: Site, query: dict[str, Any], word: str) -> None:
    refused(site.call("GET", f"{UC}/models", query), 400, "INVALID_PARAMETER_VALUE", word)


def test_a_page_token_is_good_for_its_list_and_its_caller_alone(site: Site) -> None:
    schema = site.schema()
    catalog, name = schema.split(".")
    for _ in range(2):
        create_model(site, schema)
    query: dict[str, Any] = {"catalog_name": catalog, "schema_name": name, "max_results": 1}
    token = site.ok("GET", f"{UC}/models", query)["next_page_token"]
    everywhere = site.call("GET", f"{UC}/models", {"page_token": token})
    refused(everywhere, 400, "INVALID_PARAMETER_VALUE", "page token")
    browsing = site.call("GET", f"{UC}/models", {**query, "page_token": token, "include_browse": True})
    refused(browsing, 400, "INVALID_PARAMETER_VALUE", "page token")
    other, signed_in = site.user()
    site.allow(other, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    foreign = site.call("GET", f"{UC}/models", {**query, "page_token": token}, token=signed_in)
    refused(foreign, 400, "INVALID_PARAMETER_VALUE", "page token")


BAD_MODELS = (
    ({"name": "iris"}, "specify all three levels"),
    ({"name": "iris", "catalog_name": "main"}, "specify all three levels"),
    ({"name": "a.b", "catalog_name": "main", "schema_name": "default"}, "period"),
    ({"name": "", "catalog_name": "main", "schema_name": "default"}, "empty"),
    ({"name": "iris", "catalog_name": "main", "schema_name": "default", "full_name": "main.default.rose"}, "full_name"),
    (
        {"name": "iris", "catalog_name": "main", "schema_name": "default", "storage_location": "s3://x/y"},
        "storage_location",
    ),
    ({"name": "iris", "CatalogName": "main", "schema_name": "default"}, "catalog_name"),
    ({"catalog_name": "main", "schema_name": "default"}, "name"),
)


@pytest.mark.parametrize(("body", "words"), BAD_MODELS, ids=str)
def test_a_model_that_cannot_be_made_is_refused(site: Site, body: dict[str, Any], words: str) -> None:
    refused(site.call("POST", f"{UC}/models", body), 400, "INVALID_PARAMETER_VALUE", words)


def test_bad_changes_of_a_model(site: Site, schema: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    for body, words in (
        ({}, "changes nothing"),
        ({"full_name": "a.b.c", "comment": "x"}, "two values"),
        ({"name": "rose", "comment": "x"}, "new_name"),
        ({"new_name": "other.schema.iris"}, "stays in its schema"),
        ({"owner": "nobody@x.io"}, "does not exist"),
        ({"Comment": "x"}, "looks like"),
    ):
        refused(site.call("PATCH", f"{UC}/models/{full_name}", body), 400, "INVALID_PARAMETER_VALUE", words)
    refused(site.call("GET", f"{UC}/models/iris"), 400, "INVALID_PARAMETER_VALUE", "specify all three levels")
    refused(site.call("GET", f"{UC}/models/{schema}.none"), 404, "RESOURCE_DOES_NOT_EXIST", "does not exist")
    taken = full_name.rpartition(".")[2]
    catalog, name = schema.split(".")
    again = site.call("POST", f"{UC}/models", {"name": taken, "catalog_name": catalog, "schema_name": name})
    refused(again, 409, "RESOURCE_ALREADY_EXISTS")


# --- versions --------------------------------------------------------------------------------------------------------


def test_a_version_and_all_that_is_told_of_it(site: Site, schema: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    made_version = version_of(
        site,
        full_name,
        comment="c",
        run_id="r1",
        model_id="m-9",
        run_tracking_server_id="12",
        feature_deps="",
        tags=[{"key": "k", "value": "v"}],
    )
    assert (made_version["status"], made_version["version"]) == ("PENDING_REGISTRATION", 1)
    path = f"/api/2.0/fs/files/Models/{full_name.replace('.', '/')}/1/MLmodel"
    site.call("PUT", path, content=MLMODEL).raise_for_status()
    finalized = site.ok("PATCH", f"{UC}/models/{full_name}/versions/1/finalize", {"full_name": full_name, "version": 1})
    assert finalized["status"] == "READY"
    site.ok(
        "PUT",
        f"{UC}/models/{full_name}/aliases/champion",
        {"full_name": full_name, "alias": "champion", "version_num": 1},
    )
    answer = site.ok("GET", f"{UC}/models/{full_name}/versions/1", {"version": 1, "include_aliases": "true"})
    expected = {
        "version": 1,
        "status": "READY",
        "source": "models:/m-1",
        "comment": "c",
        "run_id": "r1",
        "model_id": "m-9",
        "run_workspace_id": 12,
        "storage_location": f"dbfs:/Models/{full_name.replace('.', '/')}/1",
        "tags": [{"key": "k", "value": "v"}],
        "model_params": [],
        "model_metrics": [],
        "browse_only": False,
        "full": full_name,
    }
    answer["full"] = f"{answer['catalog_name']}.{answer['schema_name']}.{answer['model_name']}"
    assert {key: answer[key] for key in expected} == expected
    assert [(a["alias_name"], a["version_num"]) for a in answer["aliases"]] == [("champion", 1)]
    assert "aliases" not in site.ok("GET", f"{UC}/models/{full_name}/versions/1")
    listed = site.ok("GET", f"{UC}/models/{full_name}/versions")["model_versions"]
    assert [v["version"] for v in listed] == [1]
    assert not {"tags", "aliases"} & set(listed[0])
    updated = site.ok("PATCH", f"{UC}/models/{full_name}/versions/1", {"comment": "d"})
    assert (updated["comment"], updated["tags"]) == ("d", expected["tags"])


def test_finalize_of_another_model_in_the_body_is_refused(site: Site, schema: str) -> None:
    """The path is what is authorized, so nothing else may be what is acted on."""
    attacker, token = site.user()
    site.allow(attacker, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL")
    victim = create_model(site, schema)["full_name"]
    version_of(site, victim)
    site.call(
        "PUT", f"/api/2.0/fs/files/Models/{victim.replace('.', '/')}/1/MLmodel", content=MLMODEL
    ).raise_for_status()
    mine = create_model(site, schema, token)["full_name"]
    before = site.ok("GET", f"{UC}/models/{victim}/versions/1")
    path = f"{UC}/models/{mine}/versions/1"
    for method, where, body in (
        ("PATCH", f"{path}/finalize", {"full_name": victim, "version": 1}),
        ("PATCH", f"{path}/finalize", {"version": 7}),
        ("PATCH", path, {"full_name": victim, "comment": "mine now"}),
        ("DELETE", path, {"full_name": victim}),
        ("PATCH", f"{UC}/models/{mine}", {"full_name": victim, "comment": "x"}),
        ("DELETE", f"{UC}/models/{mine}", {"full_name": victim}),
        ("PUT", f"{UC}/models/{mine}/aliases/a", {"full_name": victim, "version_num": 1}),
        (
            "PATCH",
            f"{UC}/securable-tags/FUNCTION/{mine}",
            {"securable_full_name": victim, "changes": {"remove": ["k"]}},
        ),
    ):
        refused(site.call(method, where, body, token=token), 400, "INVALID_PARAMETER_VALUE", "two values")
    assert site.ok("GET", f"{UC}/models/{victim}/versions/1") == before
    assert before["status"] == "PENDING_REGISTRATION"
    assert site.ok("GET", f"{UC}/models/{mine}", token=token)["comment"] == ""


def test_bad_versions(site: Site, schema: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    version_of(site, full_name)
    versions = f"{UC}/models/{full_name}/versions"
    for number in ("0", "-1", "one", "1.5", "9" * 20):
        refused(site.call("GET", f"{versions}/{number}"), 400, "INVALID_PARAMETER_VALUE", "positive integer")
    refused(site.call("GET", f"{versions}/2"), 404, "RESOURCE_DOES_NOT_EXIST", "does not exist")
    refused(site.call("PATCH", f"{versions}/1", {}), 400, "INVALID_PARAMETER_VALUE", "changes nothing")
    refused(site.call("PATCH", f"{versions}/1/finalize", {}), 400, "INVALID_PARAMETER_VALUE", "MLmodel")
    refused(site.call("GET", versions, {"max_results": -1}), 400, "INVALID_PARAMETER_VALUE", "negative")
    orphan = site.call("POST", f"{UC}/models/versions", {"model_name": "m", "source": "x"})
    refused(orphan, 400, "INVALID_PARAMETER_VALUE", "specify all three levels")
    assert site.ok("DELETE", f"{versions}/1", {"full_name": full_name, "version": 1}) == {}
    assert site.ok("GET", versions)["model_versions"] == []
    assert version_of(site, full_name)["version"] == 2


def test_credentials(site: Site, schema: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    version_of(site, full_name)
    catalog, schema_name, name = full_name.split(".")
    body: dict[str, Any] = {"catalog_name": catalog, "schema_name": schema_name, "model_name": name, "version": 1}
    path = f"{UC}/temporary-model-version-credentials"
    answer = site.ok("POST", path, {**body, "operation": "READ_WRITE_MODEL_VERSION"})
    assert answer["storage_mode"] == "DEFAULT_STORAGE"
    assert answer["expiration_time"] > 1_700_000_000_000
    refused(site.call("POST", path, {**body, "operation": "READ_MODEL_VERSION"}), 400, "INVALID_STATE", "READY")
    refused(
        site.call("POST", path, {**body, "operation": "EVERYTHING"}),
        400,
        "INVALID_PARAMETER_VALUE",
        "READ_MODEL_VERSION",
    )
    refused(site.call("POST", path, {**body, "schema_name": ""}), 400, "INVALID_PARAMETER_VALUE", "three levels")
    _, stranger = site.user()
    refused(
        site.call("POST", path, {**body, "operation": "READ_MODEL_VERSION"}, token=stranger), 403, "PERMISSION_DENIED"
    )


def test_aliases(site: Site, schema: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    for _ in range(2):
        version_of(site, full_name)
    path = f"{UC}/models/{full_name}/aliases"
    moved = [site.ok("PUT", f"{path}/Champion", {"version_num": n})["version_num"] for n in (1, 2, 2)]
    assert moved == [1, 2, 2]
    answer = site.ok("GET", f"{path}/Champion", {"include_aliases": True})
    assert (answer["version"], [a["alias_name"] for a in answer["aliases"]]) == (2, ["Champion"])
    refused(site.call("GET", f"{path}/champion"), 404, "RESOURCE_DOES_NOT_EXIST", "Alias")
    refused(site.call("PUT", f"{path}/latest", {"version_num": 1}), 400, "INVALID_PARAMETER_VALUE", "reserved")
    refused(site.call("PUT", f"{path}/c", {"version_num": 3}), 404, "RESOURCE_DOES_NOT_EXIST", "version '3'")
    refused(site.call("PUT", f"{path}/c", {}), 400, "INVALID_PARAMETER_VALUE", "version_num")
    assert [site.ok("DELETE", f"{path}/Champion", {"alias": "Champion"}) for _ in range(2)] == [{}, {}]


# --- tags ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["FUNCTION", "registered_model", "Model"])
def test_tags_of_models_and_versions(site: Site, schema: str, kind: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    version_of(site, full_name)
    of_model, of_version = f"{UC}/securable-tags/{kind}/{full_name}", f"{UC}/subentity-tags/{kind}/{full_name}/1"
    for path in (of_model, of_version):
        add = {"changes": {"add_tags": [{"key": "team", "value": "ds"}, {"key": "stage"}]}}
        assert site.ok("PATCH", path, add) == {}
        assert site.ok("PATCH", path, {"changes": {"remove": ["team"]}}) == {}
    assert site.ok("GET", f"{UC}/models/{full_name}")["tags"] == [{"key": "stage", "value": ""}]
    assert site.ok("GET", f"{UC}/models/{full_name}/versions/1")["tags"] == [{"key": "stage", "value": ""}]
    for path in (of_model, of_version):
        for changes, words in (
            ({}, "changes nothing"),
            ({"add_tags": [{"key": "a.b", "value": "x"}]}, "must not contain"),
            ({"add_tags": [{"key": "a"}, {"key": "a", "value": "b"}]}, "twice"),
            ({"add_tags": [{"key": "a"}], "remove": ["a"]}, "twice"),
            ({"add-tags": [{"key": "a"}]}, "looks like"),
            ({"addTags": [{"Key": "a"}]}, "looks like"),
            ({"addTags": [{"key": "a"}], "add_tags": [{"key": "b"}]}, "two values"),
        ):
            refused(site.call("PATCH", path, {"changes": changes}), 400, "INVALID_PARAMETER_VALUE", words)
    refused(site.call("PATCH", of_model, {}), 400, "INVALID_PARAMETER_VALUE", "changes")


def test_tags_that_cannot_be(site: Site, schema: str) -> None:
    changes = {"changes": {"remove": ["a"]}}
    refused(
        site.call("PATCH", f"{UC}/securable-tags/CONNECTION/a.b.c", changes),
        400,
        "INVALID_PARAMETER_VALUE",
        "CONNECTION",
    )
    refused(
        site.call("PATCH", f"{UC}/subentity-tags/SCHEMA/{schema}/1", changes),
        400,
        "INVALID_PARAMETER_VALUE",
        "versions",
    )
    refused(
        site.call("PATCH", f"{UC}/securable-tags/METASTORE/x", changes), 400, "INVALID_PARAMETER_VALUE", "metastore"
    )
    add = {"changes": {"add_tags": [{"key": "k", "value": "v"}]}}
    assert site.ok("PATCH", f"{UC}/securable-tags/schema/{schema}", add) == {}


def test_apply_tag_suffices_to_tag(site: Site, schema: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    tagger, token = site.user()
    path, add = f"{UC}/securable-tags/FUNCTION/{full_name}", {"changes": {"add_tags": [{"key": "k", "value": "v"}]}}
    site.allow(tagger, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA")
    refused(site.call("PATCH", path, add, token=token), 403, "PERMISSION_DENIED", "APPLY TAG")
    site.allow(tagger, "function", full_name, "APPLY_TAG")
    site.ok("PATCH", path, add, token=token)
    refused(site.call("GET", f"{UC}/models/{full_name}", token=token), 403, "PERMISSION_DENIED")


def test_entity_tag_assignments(site: Site, schema: str) -> None:
    full_name = create_model(site, schema)["full_name"]
    names = {
        "catalogs": schema.partition(".")[0],
        "schemas": schema,
        "functions": full_name,
        "registered_models": full_name,
    }
    top = f"{UC}/entity-tag-assignments"
    for entity, name in names.items():
        tag = {"entity_type": entity, "entity_name": name, "tag_key": f"team {entity}", "tag_value": "ds"}
        text, path = f"{top}/{entity}/{name}/tags/{tag['tag_key']}", f"{top}/{entity}/{name}/tags"
        assert [site.ok("POST", top, tag) for _ in range(2)] == [tag, tag]
        refused(site.call("POST", top, {**tag, "tag_value": "other"}), 409, "RESOURCE_ALREADY_EXISTS", "Update")
        assert site.ok("GET", text) == tag
        changed = {**tag, "tag_value": "ml"}
        assert site.ok("PATCH", f"{text}?update_mask=tag_value", changed) == changed
        assert site.ok("GET", text) == changed
        refused(
            site.call("PATCH", f"{text}?update_mask=tag_key", changed), 400, "INVALID_PARAMETER_VALUE", "update_mask"
        )
        refused(site.call("PATCH", f"{path}/absent", {"tag_value": "x"}), 404, "RESOURCE_DOES_NOT_EXIST", "absent")
        refused(site.call("GET", f"{path}/absent"), 404, "RESOURCE_DOES_NOT_EXIST", "absent")
        site.ok("POST", top, {**tag, "tag_key": f"a {entity}"})
        first = site.ok("GET", path, {"max_results": 1})
        rest = site.ok("GET", path, {"page_token": first["next_page_token"]})
        keys = [t["tag_key"] for t in (*first["tag_assignments"], *rest["tag_assignments"])]
        assert keys == sorted(keys)
        assert {f"a {entity}", f"team {entity}"} <= set(keys)
        refused(site.call("GET", path, {"page_token": "bm8"}), 400, "INVALID_PARAMETER_VALUE", "page token")
        refused(
            site.call("PATCH", text, {**changed, "entity_name": "other"}), 400, "INVALID_PARAMETER_VALUE", "two values"
        )
        assert [site.ok("DELETE", text) for _ in range(2)] == [{}, {}]
        refused(site.call("GET", text), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("GET", f"{top}/connections/a.b.c/tags"), 400, "INVALID_PARAMETER_VALUE", "connection")


# --- BROWSE ----------------------------------------------------------------------------------------------------------


def test_browse_shows_metadata_and_nothing_more(site: Site) -> None:
    schema = site.schema()
    catalog, schema_name = schema.split(".")
    seen = create_model(site, schema, comment="c", tags=[{"key": "secret", "value": "x"}])["full_name"]
    mine = create_model(site, schema)["full_name"]
    version_of(site, seen, run_id="r1", comment="v")
    site.ok("PUT", f"{UC}/models/{seen}/aliases/champion", {"version_num": 1})
    browser, token = site.user()
    browse, where = (
        {"include_browse": True, "include_aliases": True},
        {"catalog_name": catalog, "schema_name": schema_name},
    )
    for path, query in (
        (f"{UC}/models/{seen}", browse),
        (f"{UC}/models/{seen}/versions", browse),
        (f"{UC}/models", {**browse, **where}),
    ):
        refused(site.call("GET", path, query, token=token), 403, "PERMISSION_DENIED", "USE CATALOG")
    site.allow(browser, "catalog", catalog, "BROWSE")
    answer = site.ok("GET", f"{UC}/models/{seen}", browse, token=token)
    assert (answer["browse_only"], answer["comment"], answer["full_name"]) == (True, "c", seen)
    assert not {"tags", "aliases", "storage_location", "deployment_job_id"} & set(answer)
    version = site.ok("GET", f"{UC}/models/{seen}/versions/1", browse, token=token)
    assert (version["browse_only"], version["status"], version["comment"]) == (True, "PENDING_REGISTRATION", "v")
    assert not {"tags", "aliases", "run_id", "source", "model_params", "storage_location"} & set(version)
    browse_containers(site, catalog, schema, token)
    [listed] = site.ok("GET", f"{UC}/models/{seen}/versions", {"include_browse": True}, token=token)["model_versions"]
    assert listed == version
    for path in (f"{UC}/models/{seen}", f"{UC}/models/{seen}/versions/1", f"{UC}/models/{seen}/versions"):
        refused(site.call("GET", path, token=token), 403, "PERMISSION_DENIED", "USE CATALOG")
    site.allow(browser, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    site.allow(browser, "function", mine, "EXECUTE")
    for query in ({**browse, **where}, browse):
        items = site.ok("GET", f"{UC}/models", query, token=token)["registered_models"]
        assert {m["full_name"]: m["browse_only"] for m in items} == {seen: True, mine: False}
    without = site.ok("GET", f"{UC}/models", where, token=token)["registered_models"]
    assert [m["full_name"] for m in without] == [mine]
    assert site.ok("GET", f"{UC}/models/{mine}", browse, token=token)["aliases"] == []
    refused(site.call("GET", f"{UC}/models/{schema}.none", browse, token=token), 404, "RESOURCE_DOES_NOT_EXIST")


def browse_containers(site: Site, catalog: str, schema: str, token: str) -> None:
    """With BROWSE on the catalog, and nothing else."""
    browse = {"include_browse": True}
    for path, parent, key in (
        (f"{UC}/catalogs", {}, catalog),
        (f"{UC}/schemas", {"catalog_name": catalog}, schema),
    ):
        answer = site.ok("GET", f"{path}/{key}", browse, token=token)
        assert (answer["full_name"], answer["browse_only"], "properties" in answer) == (key, True, False)
        noun = path.rpartition("/")[2]
        assert [x for x in site.ok("GET", path, {**browse, **parent}, token=token)[noun] if x["full_name"] == key] == [
            answer
        ]
        as_admin = site.ok("GET", path, {**browse, **parent})[noun]
        assert {x["browse_only"] for x in as_admin} == {False}
        assert all("properties" in x for x in as_admin)
        refused(site.call("GET", f"{path}/{key}", token=token), 403, "PERMISSION_DENIED", "USE CATALOG")
    assert site.ok("GET", f"{UC}/catalogs", token=token)["catalogs"] == []
    refused(
        site.call("GET", f"{UC}/schemas", {"catalog_name": catalog}, token=token),
        403,
        "PERMISSION_DENIED",
        "USE CATALOG",
    )


def test_all_privileges_on_a_model_is_not_browse(site: Site, schema: str) -> None:
    """BROWSE is held on the catalog or not at all; ALL PRIVILEGES below it opens no parent."""
    full_name = create_model(site, schema)["full_name"]
    user, token = site.user()
    site.allow(user, "function", full_name, "ALL_PRIVILEGES")
    answer = site.call("GET", f"{UC}/models/{full_name}", {"include_browse": True}, token=token)
    refused(answer, 403, "PERMISSION_DENIED", "USE CATALOG")
