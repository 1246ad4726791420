"""Names, versions, aliases, tags, filters, pages and grants that the rules forbid: 400 and a clear sentence."""

import base64
import hashlib
import hmac
from typing import Any

import msgspec
import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, World, refused, site

from modelkeep.core.operations.catalog import model_search
from modelkeep.limits import PAGE_TOKEN_BLOCK_BYTES
from modelkeep.store import principals, securable_lists

__all__ = ["site"]

INVALID = "INVALID_PARAMETER_VALUE"
LIMIT = "INVALID_PARAMETER_VALUE"


@pytest.fixture(scope="module")
def world(site: Site) -> World:
    return World(site)


# --- names -----------------------------------------------------------------------------------------------------------

THREE = "specify all three levels"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("iris", THREE),
        ("ml.iris", THREE),
        ("a.b.c.d", THREE),
        ("", THREE),
        (".", THREE),
        ("models:/a", THREE),
        ("..", "must not be empty"),
        ("a..c", "must not be empty"),
        (".b.c", "must not be empty"),
        ("a.b.", "must not be empty"),
        ("a.b. c", "character"),
        ("a.b.c ", "character"),
        ("a.with space.c", "character"),
        ("a.b.c/d", "character"),
        ("a.b.\u200bc", "character"),
        ("a.b.\u202ec", "character"),
        ("a.b.c\n", "character"),
        ("a.b.c\t", "character"),
        ("a.b.\x7f", "character"),
        ("a.b.\u00a0", "character"),
        ("a.b.\u2028", "character"),
        ("a.b." + "n" * 256, "256 characters"),
        ("a." + "n" * 256 + ".c", "256 characters"),
        ("a.b." + "ñ" * 256, "256 characters"),
        ("a.b." + "n" * 100_000, "100000 characters"),
    ],
)
def test_bad_model_names(site: Site, name: str, words: str) -> None:
    for method, path in (
        ("POST", "registered-models/create"),
        ("DELETE", "registered-models/delete"),
        ("POST", "model-versions/create"),
    ):
        refused(site.b(method, path, {"name": name}), 400, INVALID, words)
    if len(name) < 1000:
        refused(site.b("GET", "registered-models/get", {"name": name}), 400, INVALID, words)


@pytest.mark.parametrize(
    "part", ["n" * 255, "ñ" * 255, "a-b_c@d", "模型", "𝓪", "ｆull", "a'b\"c", "50%", "--", "*", "0", "select", "а"]
)
def test_good_names_are_kept_apart(site: Site, part: str) -> None:
    """Look-alikes of other alphabets are names of their own, and none of them is more than a name."""
    schema = site.schema()
    site.model(schema)
    name = f"{schema}.{part}"
    registered_model = site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": name})["registered_model"]
    assert registered_model["name"] == name.lower()
    registered_models = site.ok("GET", f"{DATABRICKS_UC}/registered-models/search", {"max_results": 1000})[
        "registered_models"
    ]
    assert sum(m["name"].startswith(schema) for m in registered_models) == 2
    user, token = site.user()
    site.allow(user, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA")
    site.ok(
        "PATCH",
        f"{UC}/permissions/function/{name.replace('%', '%25')}",
        {"changes": [{"principal": user, "add": ["EXECUTE"]}]},
    )
    seen = site.ok("GET", f"{DATABRICKS_UC}/registered-models/search", {}, token)["registered_models"]
    assert [m["name"] for m in seen] == [name.lower()]


def test_names_are_one_whatever_their_case_or_composition(site: Site) -> None:
    schema = site.schema()
    site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": f"{schema}.Caf\u00e9"})
    for name in (f"{schema.upper()}.CAFE\u0301", f"{schema}.cafe\u0301"):
        assert (
            site.b("GET", "registered-models/get", {"name": name}).json()["registered_model"]["name"]
            == f"{schema}.caf\u00e9"
        )
        refused(site.b("POST", "registered-models/create", {"name": name}), 409, "RESOURCE_ALREADY_EXISTS")


def test_container_names(site: Site) -> None:
    catalog = site.schema().partition(".")[0]
    for bad in ("", "a b", "a/b", "a.b", "x" * 256, "a\u0007", " "):
        refused(site.call("POST", f"{UC}/catalogs", {"name": bad}), 400, INVALID)
        refused(site.call("POST", f"{UC}/schemas", {"name": bad, "catalog_name": catalog}), 400, INVALID)
        refused(site.call("PATCH", f"{UC}/catalogs/{catalog}", {"new_name": bad}), 400, INVALID)
    refused(site.call("POST", f"{UC}/schemas", {"name": "s", "catalog_name": "a.b"}), 400, INVALID, "`catalog`")
    refused(site.call("GET", f"{UC}/schemas/{catalog}"), 400, INVALID, "`catalog.schema`")
    refused(site.call("GET", f"{UC}/catalogs/{catalog}.team"), 400, INVALID, "`catalog`")
    for encoded in ("a%20b", "%C3%BC%20", "%E2%80%AE", "a%0Ab", "a%00b"):
        refused(site.call("GET", f"{UC}/catalogs/{encoded}"), 400, INVALID)
    refused(
        site.call("PATCH", f"{UC}/schemas/{catalog}.team", {"new_name": "other.team2"}),
        400,
        INVALID,
        "stays in its catalog",
    )
    refused(site.call("PATCH", f"{UC}/schemas/{catalog}.team", {}), 400, INVALID, "changes nothing")
    for empty in ({}, {"changes": []}, {"changes": [{"principal": "admin", "adds": ["USE_CATALOG"]}]}):
        refused(site.call("PATCH", f"{UC}/permissions/catalog/{catalog}", empty), 400, INVALID, "changes nothing")
    for path, taken in (
        ("catalogs", {"name": "System"}),
        ("schemas", {"catalog_name": catalog, "name": "INFORMATION_SCHEMA"}),
    ):
        refused(site.call("POST", f"{UC}/{path}", taken), 400, INVALID, "reserved")
    renamed = site.call("PATCH", f"{UC}/schemas/{catalog}.team", {"new_name": "information_schema"})
    refused(renamed, 400, INVALID, "reserved")
    assert (
        site.ok("PATCH", f"{UC}/schemas/{catalog}.team", {"new_name": f"{catalog}.team2"})["full_name"]
        == f"{catalog}.team2"
    )


def test_what_does_not_exist_is_named_top_down(site: Site) -> None:
    schema = site.schema()
    catalog = schema.partition(".")[0]
    for name, code, words in (
        ("nope.b.c", "RESOURCE_DOES_NOT_EXIST", "Catalog 'nope'"),
        (f"{catalog}.nope.c", "RESOURCE_DOES_NOT_EXIST", f"Schema '{catalog}.nope'"),
    ):
        for method, path in (
            ("GET", "registered-models/get"),
            ("POST", "registered-models/create"),
            ("DELETE", "registered-models/delete"),
        ):
            refused(site.b(method, path, {"name": name}), 404, code, words)
    missing = f"Routine or Model '{schema}.nope' does not exist."
    refused(site.b("GET", "registered-models/get", {"name": f"{schema}.nope"}), 404, "RESOURCE_DOES_NOT_EXIST", missing)
    refused(
        site.b("POST", "model-versions/create", {"name": f"{schema}.nope"}), 404, "RESOURCE_DOES_NOT_EXIST", missing
    )


def test_an_existing_model_is_news_only_to_strangers(site: Site) -> None:
    model = site.model()
    schema = model.rpartition(".")[0]
    for privilege in ("EXECUTE", "MANAGE", "APPLY_TAG", "CREATE_MODEL_VERSION"):
        user, token = site.user()
        site.allow(user, "schema", schema, "USE_SCHEMA")
        site.allow(user, "catalog", schema.partition(".")[0], "USE_CATALOG")
        refused(
            site.b("POST", "registered-models/create", {"name": model}, token), 403, "PERMISSION_DENIED", "CREATE MODEL"
        )
        site.allow(user, "function", model, privilege)
        refused(
            site.b("POST", "registered-models/create", {"name": model}, token), 409, "RESOURCE_ALREADY_EXISTS", model
        )
        refused(
            site.b("POST", "registered-models/create", {"name": f"{model}2"}, token),
            403,
            "PERMISSION_DENIED",
            "CREATE MODEL",
        )


def test_rename(site: Site) -> None:
    world, other = World(site), World(site)

    def rename(new: Any) -> Any:
        return site.b("PATCH", "registered-models/update", {"name": world.model, "new_name": new})

    refused(rename(other.model), 400, INVALID, "stays in its schema")
    refused(rename(f"{world.catalog}.elsewhere.m"), 400, INVALID, "stays in its schema")
    for bad in ("", "a.b", "a b", "x" * 256, "a/b", "team."):
        refused(rename(bad), 400, INVALID)
    taken = site.model(world.schema)
    refused(rename(taken), 409, "RESOURCE_ALREADY_EXISTS")
    refused(rename(taken.rpartition(".")[2].upper()), 409, "RESOURCE_ALREADY_EXISTS")
    # Several changes are one: the rename fails, so the description stays.
    both = {"name": world.model, "description": "new", "new_name": taken}
    refused(site.b("PATCH", "registered-models/update", both), 409, "RESOURCE_ALREADY_EXISTS")
    assert site.b("GET", "registered-models/get", {"name": world.model}).json()["registered_model"]["description"] == ""
    assert rename("Bare_Name").json()["registered_model"]["name"] == f"{world.schema}.bare_name"
    world.model = f"{world.schema}.bare_name"
    assert rename(world.model.upper()).json()["registered_model"]["name"] == world.model
    assert rename(f"{world.schema}.again").json()["registered_model"]["name"] == f"{world.schema}.again"


# --- versions, aliases, tags -----------------------------------------------------------------------------------------

BAD_VERSIONS = [
    "abc",
    "",
    "0",
    0,
    -1,
    "-1",
    2**63,
    str(2**63),
    1.5,
    "1.5",
    True,
    "1e3",
    " 1",
    "1 ",
    "+1",
    "0x1",
    "١",
    "1\n",
    [],
    {},
    "9" * 400,
]


@pytest.mark.parametrize("version", BAD_VERSIONS, ids=repr)
def test_bad_versions(site: Site, world: World, version: Any) -> None:
    for method, path, extra in (
        ("POST", "model-versions/finalize", {}),
        ("DELETE", "model-versions/delete", {}),
        ("PATCH", "model-versions/update", {}),
        ("POST", "registered-models/alias", {"alias": "a"}),
        ("POST", "model-versions/set-tag", {"key": "k", "value": "v"}),
        ("POST", "model-versions/generate-temporary-credentials", {}),
        ("POST", "model-versions/emit-lineage", {}),
    ):
        refused(site.b(method, path, {"name": world.model, "version": version, **extra}), 400, INVALID)
    if isinstance(version, str | int):
        refused(site.b("GET", "model-versions/get", {"name": world.model, "version": str(version)}), 400, INVALID)


def test_absent_versions(site: Site, world: World) -> None:
    for version in (2, "2", 2**63 - 1):
        for method, path in (
            ("GET", "model-versions/get"),
            ("DELETE", "model-versions/delete"),
            ("POST", "model-versions/finalize"),
        ):
            refused(
                site.b(method, path, {"name": world.model, "version": version}),
                404,
                "RESOURCE_DOES_NOT_EXIST",
                f"version '{version}'",
            )


@pytest.mark.parametrize(
    "alias",
    [
        "latest",
        "LATEST",
        "Latest",
        "v1",
        "V23",
        "prod\n",
        "\nprod",
        "",
        " ",
        "a b",
        "a.b",
        "a/b",
        "a@b",
        "a" * 256,
        "a" * 100_000,
        "ü ",
        "\u202e",
        "a\u200b",
        "Unexpected error",
        "%00",
    ],
)
def test_bad_aliases(site: Site, world: World, alias: str) -> None:
    message = refused(
        site.b("POST", "registered-models/alias", {"name": world.model, "alias": alias, "version": "1"}),
        400,
        INVALID,
        "alias",
    )
    assert len(message) < 600
    assert "Unexpected error" not in message  # words that databricks-sdk would repeat the call for
    # What cannot exist is absent, and to delete what is absent is no error.
    assert site.b("DELETE", "registered-models/alias", {"name": world.model, "alias": alias}).json() == {}
    if len(alias) < 1000:
        refused(
            site.b("GET", "registered-models/alias", {"name": world.model, "alias": alias}),
            404,
            "RESOURCE_DOES_NOT_EXIST",
        )


def test_ten_aliases_and_not_one_more(site: Site) -> None:
    model = site.model(versions=2)

    def alias(name: str, version: int = 1) -> Any:
        return site.b("POST", "registered-models/alias", {"name": model, "alias": name, "version": str(version)})

    for number in range(10):
        assert alias(f"a{number}").status_code == 200
    refused(alias("one_more"), 400, LIMIT, "10 aliases")
    assert alias("a3", 2).status_code == 200  # to move one is no new one
    refused(alias("A3"), 400, LIMIT)  # case counts
    for _ in range(2):
        assert site.b("DELETE", "registered-models/alias", {"name": model, "alias": "a0"}).json() == {}
    assert alias("one_more").status_code == 200
    aliases = site.b("GET", "registered-models/get", {"name": model}).json()["registered_model"]["aliases"]
    assert {"alias": "a3", "version": "2"} in aliases
    assert len(aliases) == 10


@pytest.mark.parametrize(
    "key", ["a=b", "a.b", "a:b", "a/b", "a,b", "a-b", "", " a", "a ", "k" * 256, "mlflow.x", "a\tb", "\u001b[31m"]
)
def test_bad_tag_keys(site: Site, world: World, key: str) -> None:
    refused(site.b("POST", "registered-models/set-tag", {"name": world.model, "key": key, "value": "v"}), 400, INVALID)
    on_version = {"name": world.model, "version": "1", "key": key, "value": "v"}
    refused(site.b("POST", "model-versions/set-tag", on_version), 400, INVALID)
    if not key.startswith("mlflow."):  # MLflow's own keys come with a create, and stay
        new = {"name": f"{world.schema}.tagged", "tags": [{"key": key, "value": "v"}]}
        refused(site.b("POST", "registered-models/create", new), 400, INVALID)
        refused(site.b("GET", "registered-models/get", {"name": new["name"]}), 404, "RESOURCE_DOES_NOT_EXIST")
    assert site.b("DELETE", "registered-models/delete-tag", {"name": world.model, "key": key}).json() == {}


def test_tag_values_and_numbers(site: Site) -> None:
    model = site.model(versions=1)

    def tag(key: str, value: str) -> Any:
        return site.b("POST", "registered-models/set-tag", {"name": model, "key": key, "value": value})

    for bad in ("v" * 1001, " v", "v ", "\n"):
        refused(tag("k", bad), 400, INVALID, "'k'")
    assert tag("k" * 255, "v" * 1000).status_code == 200
    for number in range(49):
        assert tag(f"k{number}", "").status_code == 200
    refused(tag("fifty_one", ""), 400, LIMIT, "50")
    assert tag("k7", "changed").status_code == 200
    many = [{"key": f"k{i}", "value": ""} for i in range(51)]
    refused(site.b("POST", "model-versions/create", {"name": model, "source": "x", "tags": many}), 400, LIMIT)
    refused(site.b("GET", "model-versions/get", {"name": model, "version": "2"}), 404, "RESOURCE_DOES_NOT_EXIST")
    for huge in ({"key": "mlflow." + "k" * 300, "value": ""}, {"key": "mlflow.note", "value": "v" * 200_000}):
        refused(
            site.b("POST", "model-versions/create", {"name": model, "source": "x", "tags": [huge]}),
            400,
            INVALID,
            "tags[0]",
        )


def test_long_texts(site: Site) -> None:
    model = site.model(versions=1)
    long = "d" * 65_536
    refused(site.b("PATCH", "registered-models/update", {"name": model, "description": long}), 400, LIMIT, "65535")
    refused(
        site.b("PATCH", "model-versions/update", {"name": model, "version": "1", "description": long}),
        400,
        LIMIT,
        "65535",
    )
    refused(site.b("POST", "model-versions/create", {"name": model, "source": "s" * 2001}), 400, LIMIT, "2000")
    for field in ("run_id", "model_id", "run_tracking_server_id"):
        refused(
            site.b("POST", "model-versions/create", {"name": model, "source": "s", field: "r" * 256}),
            400,
            INVALID,
            field,
        )
    refused(site.b("POST", "registered-models/create", {"name": f"{model}2", "description": long}), 400, LIMIT)
    refused(site.call("PATCH", f"{UC}/catalogs/{model.partition('.')[0]}", {"owner": "o" * 1_000_000}), 400, INVALID)


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc/passwd",
        "file:///\\..\\..\\etc",
        "http://169.254.169.254/latest",
        "s3://bucket/../../x",
        "dbfs:/../../etc",
        "../../etc/passwd",
        "mlflow-artifacts:/..%2f..%2fetc",
        "models:/m-0123",
        "http:///#/../../etc/",
        "models:/a.b.c/1/../../d",
        "runs:/x/../y",
        "",
    ],
)
def test_a_source_is_text(site: Site, world: World, source: str) -> None:
    """Stored as it came and never opened; where the files lie is the server's own choice."""
    model_version = site.b("POST", "model-versions/create", {"name": world.model, "source": source}).json()[
        "model_version"
    ]
    assert (model_version["source"], model_version["status"]) == (source, "PENDING_REGISTRATION")
    assert (
        model_version["storage_location"] == f"dbfs:/Models/{world.model.replace('.', '/')}/{model_version['version']}"
    )


def test_a_source_in_this_registry_is_checked(site: Site) -> None:
    mine, victim = World(site), World(site)
    site.allow(mine.user, "catalog", mine.catalog, "USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL_VERSION")

    def create(source: str, token: str | None = None) -> Any:
        return site.b("POST", "model-versions/create", {"name": mine.model, "source": source}, token)

    for source in (
        f"models:/{victim.model}/1",
        f"models:/{victim.model}@champion",
        f"models:/{victim.model.upper()}/1",
    ):
        refused(create(source, mine.token), 403, "PERMISSION_DENIED", victim.catalog)
    refused(create(f"models:/{victim.model}/9"), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(create(f"models:/{victim.model}@nobody"), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(create(f"models:/{victim.model}/1"), 400, "INVALID_STATE", "PENDING_REGISTRATION")
    for number in ("0", "9" * 30, "٣"):
        refused(create(f"models:/{victim.model}/{number}"), 400, INVALID)
    refused(site.b("GET", "model-versions/get", {"name": mine.model, "version": "2"}), 404, "RESOURCE_DOES_NOT_EXIST")


def test_what_clients_say_of_lineage_may_be_anything(site: Site, world: World) -> None:
    def create(header: str, **fields: Any) -> Any:
        return site.call(
            "POST",
            f"{DATABRICKS_UC}/model-versions/create",
            {"name": world.model, "source": "x", **fields},
            headers={"x-databricks-lineage-identifier": header},
        )

    for header in (
        "not base64",
        base64.b64encode(b"{").decode(),
        base64.b64encode(b"[" * 30_000).decode(),
        "%%%%",
        base64.b64encode(b"\xff").decode(),
    ):
        refused(create(header), 400, INVALID, "X-Databricks-Lineage-Identifier")
    odd = [
        b"null",
        b"[]",
        b'"x"',
        b'{"lineages":5}',
        b'{"lineages":[5,{"source_securables":[null,{"table":[]}]}]}',
        b'{"entities":[{"job":{"id":[1]}}]}',
        b'{"lineages":[{"source_securables":[{"table":{"name":"a\\u0000b"}}]}]}',
    ]
    for info in odd:
        assert create(base64.b64encode(info).decode()).status_code == 200, info
    for deps in ("[" * 30_000, "{", "5", '{"input_tables":[{"table_name":["x"]}]}', '{"input_tables":{"a":1}}'):
        assert create("", feature_deps=deps).status_code == 200, deps[:50]
    lineage = {"name": world.model, "version": "1"}
    refused(
        site.b("POST", "model-versions/emit-lineage", {**lineage, "model_version_lineage_info": {"direction": ["UP"]}}),
        400,
        INVALID,
    )
    entities = {"direction": "DOWNSTREAM", "entities": [{"job": {"id": str(i)}} for i in range(500)]}
    refused(
        site.b("POST", "model-versions/emit-lineage", {**lineage, "model_version_lineage_info": entities}),
        400,
        INVALID,
        "200",
    )


def test_credentials_name_a_known_operation(site: Site, world: World) -> None:
    path = "model-versions/generate-temporary-credentials"
    for operation in ("", "READ", "MODEL_VERSION_OPERATION_DELETE", "model_version_operation_read", "x" * 10_000):
        refused(
            site.b("POST", path, {"name": world.model, "version": "1", "operation": operation}),
            400,
            INVALID,
            "READ_WRITE",
        )
    refused(site.b("POST", path, {"name": world.model, "version": "1"}), 400, "INVALID_STATE", "PENDING_REGISTRATION")


# --- searches and pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "name =",
        "name = a.b.c",
        "= 'a'",
        "name = 'a.b.c' AND",
        "AND",
        "name = 'a.b.c' OR name = 'd.e.f'",
        "name == 'a.b.c'",
        "name = 'a.b.c",
        "name = 'a'b'",
        "name > 'a.b.c'",
        "name IN ('a.b.c'",
        "name IN 'a.b.c'",
        "source_path IN ('a')",
        "version_number LIKE '1'",
        "version_number > 'x'",
        "name BETWEEN 'a' AND 'b'",
        "color = 'red'",
        "tags = 'x'",
        "tags. = 'x'",
        "name = 'a.b.c' -- x",
        "name = 'a.b.c'; DROP TABLE securables",
        "name = 'a.b.c' /* x */",
        "name LIKE 5x",
        "(name = 'a')",
        "NOT name = 'a'",
        "name = NULL",
        "stage = 'Production'",
        "current_stage = 'None'",
        "name\u00a0\u2028= x",
        "name = 'a.b'",
        "name = 'iris'",
        "`name` = `a`",
        "other.name = 'a.b.c'",
        "name = \"a.b.c'",
        "%",
        "\\",
        "'",
        '"',
        "name = 'a.b.c' name = 'a.b.c'",
    ],
)
def test_bad_filters(site: Site, text: str) -> None:
    message = refused(site.b("GET", "model-versions/search", {"filter": text}), 400, INVALID)
    assert len(message) < 600


def test_long_filters(site: Site) -> None:
    refused(
        site.b("GET", "model-versions/search", {"filter": "name = 'a.b.c' AND " * 900 + "run_id = 'x'"}),
        400,
        INVALID,
        "10000",
    )
    refused(
        site.b("GET", "model-versions/search", {"filter": " AND ".join(["run_id='x'"] * 101)}),
        400,
        INVALID,
        "100 conditions",
    )
    refused(site.b("GET", "model-versions/search", {"filter": "'" * 9_999}), 400, INVALID)
    slow = "%a" * 255 + "b"
    assert site.b("GET", "model-versions/search", {"filter": f"source_path LIKE '{slow}'"}).status_code == 200
    refused(site.b("GET", "model-versions/search", {"filter": f"source_path LIKE '%a{slow}'"}), 400, INVALID, "512")


def test_quotes_in_filters_stay_quotes(site: Site) -> None:
    model = site.model()
    for value in ("it's", 'say "hi"', "100%", "a_b", "x' OR '1'='1", "\\", "--", "/*"):
        site.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": model, "source": value})
        quoted = value.replace("'", "''")
        body = site.b(
            "GET", "model-versions/search", {"filter": f"name = '{model}' AND source_path = '{quoted}'"}
        ).json()
        assert [v["source"] for v in body["model_versions"]] == [value]
    nothing = site.b(
        "GET", "model-versions/search", {"filter": f"name = '{model}' and source_path ilike 'SAY%'"}
    ).json()
    assert [v["source"] for v in nothing["model_versions"]] == ['say "hi"']


LISTS = [
    ("GET", f"{DATABRICKS_UC}/registered-models/search", {}),
    ("GET", f"{DATABRICKS_UC}/model-versions/search", {}),
    ("GET", f"{UC}/catalogs", {}),
    ("GET", f"{V1}/audit", {}),
]


@pytest.mark.parametrize(("method", "path", "fields"), LISTS, ids=[path for _, path, _ in LISTS])
def test_page_sizes(site: Site, world: World, method: str, path: str, fields: dict[str, Any]) -> None:
    for bad in (-1, -(2**70), "abc", "1.5", "", "true", "١"):
        refused(site.call(method, path, {**fields, "max_results": bad}), 400, INVALID, "max_results")
    for fine in (0, 1, 2**31, 2**63, 10**30):
        assert site.call(method, path, {**fields, "max_results": fine}).status_code == 200, fine


def test_page_tokens_work_where_they_were_given(site: Site) -> None:
    schema = site.schema()
    for _ in range(3):
        site.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": site.model(schema), "source": "x"})
    user, token = site.user()
    site.allow(user, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA", "EXECUTE")

    def page(path: str, value: str = "", who: str | None = None, **fields: Any) -> Any:
        return site.call("GET", path, {"max_results": 1, "page_token": value, **fields}, token=who)

    models, versions, catalogs = (
        f"{DATABRICKS_UC}/registered-models/search",
        f"{DATABRICKS_UC}/model-versions/search",
        f"{UC}/catalogs",
    )
    mine = page(models, who=token).json()["next_page_token"]
    assert page(models, mine, token).status_code == 200
    schemas = {"catalog_name": schema.partition(".")[0]}
    forged = [
        "x",
        "0",
        "null",
        "....",
        mine[:-2],
        mine + "A",
        mine.swapcase(),
        "A" * 5000,
        "é",
        "%00",
        "-1",
        "../",
        mine[:20] + "AAAA" + mine[24:],
        "W10",
        "eyJhIjoxfQ",
    ]
    for bad in forged:
        for path, extra in ((models, {}), (versions, {}), (catalogs, {}), (f"{UC}/schemas", schemas)):
            if bad != "%00":
                refused(page(path, bad, token, **extra), 400, INVALID, "page token")
    refused(page(models, mine), 400, INVALID, "page token")  # another's
    refused(page(versions, mine, token), 400, INVALID, "page token")  # another list's
    filtered = page(versions, "", token, filter="source_path = 'x'").json()["next_page_token"]
    refused(
        page(versions, filtered, token, filter="source_path LIKE '%'"), 400, INVALID, "page token"
    )  # another filter's
    assert page(versions, filtered, token, filter="source_path = 'x'").status_code == 200


@pytest.mark.parametrize(
    ("path", "scope", "position", "fields"),
    [
        (f"{DATABRICKS_UC}/registered-models/search", "MODEL||{me}", ["a", ""], {}),
        (f"{DATABRICKS_UC}/model-versions/search", "versions|||None|{me}", ["a", 1, ""], {}),
        (f"{UC}/models", "browse||{me}", ["a", ""], {"include_browse": "true"}),
        (f"{UC}/catalogs", "CATALOG|{metastore}|False|False|{me}", ["a", ""], {}),
        (f"{V1}/access-requests", "access requests|ALL|{me}", ["0"], {"state": "ALL"}),
    ],
)
def test_a_token_made_by_hand_is_refused(
    site: Site, path: str, scope: str, position: list[Any], fields: dict[str, Any]
) -> None:
    """The key is the deployment's: a reader of the source cannot point a list at a row of their choice."""
    name, token = site.user()

    async def my_id() -> str:
        async with site.registry.db.read() as tx:
            principal = await principals.by_name(tx, name)
            assert principal
            return principal.id

    me, metastore = site.run(my_id()), site.registry.facts.metastore_id
    body = msgspec.json.encode(position)
    bound = scope.format(me=me, metastore=metastore).encode() + b"\0"
    for key in (hashlib.sha256(b"modelkeep page tokens").digest(), b"", b"modelkeep page tokens"):
        mac = hmac.digest(key, bound + body, "sha256")
        for forged in (mac[:16] + body, mac + body, body, mac[:16] + body.ljust(256)):
            value = base64.urlsafe_b64encode(forged).decode().rstrip("=")
            refused(site.call("GET", path, {"page_token": value, **fields}, token=token), 400, INVALID, "page token")
    assert site.call("GET", path, fields, token=token).status_code == 200


def test_a_token_holds_no_name_of_what_its_reader_may_not_see(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that stop at a hidden row because they have looked at so many rows."""
    monkeypatch.setattr(securable_lists, "SCAN_BUDGET", 5)
    monkeypatch.setattr(securable_lists, "MAX_DIRECT", 0)
    monkeypatch.setattr(model_search, "SEARCH_ROWS", 5)
    schema = site.schema()
    for index in range(12):
        site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": f"{schema}.secret{index:02}"})
        site.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": f"{schema}.secret{index:02}", "source": "x"})
    visible_text = site.model(schema)
    user, token = site.user()
    site.allow(user, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA")
    site.allow(user, "function", visible_text, "EXECUTE")
    catalog, _, leaf = schema.partition(".")
    lists = [
        (f"{DATABRICKS_UC}/registered-models/search", {}),
        (f"{DATABRICKS_UC}/model-versions/search", {}),
        (f"{UC}/models", {"catalog_name": catalog, "schema_name": leaf}),
        (f"{UC}/models", {"catalog_name": catalog, "schema_name": leaf, "include_browse": "true"}),
    ]
    for path, fields in lists:
        value, tokens = "", list[str]()
        for _ in range(100):
            page = site.call("GET", path, {"max_results": 2, "page_token": value, **fields}, token=token).json()
            value = page.get("next_page_token") or ""
            if not value:
                break
            tokens.append(value)
        assert tokens, path
        for text in tokens:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            assert b"secret" not in raw
            assert len(raw) % PAGE_TOKEN_BLOCK_BYTES == 16, "whole blocks, and the tag"


def test_a_page_does_not_count_the_hidden_models_of_a_schema(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(securable_lists, "SCAN_BUDGET", 5)
    schema = site.schema()
    for index in range(12):
        site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": f"{schema}.secret{index:02}"})
    text = site.model(schema)
    user, token = site.user()
    catalog, _, leaf = schema.partition(".")
    site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    site.allow(user, "function", text, "EXECUTE")
    page = site.call(
        "GET", f"{UC}/models", {"catalog_name": catalog, "schema_name": leaf, "max_results": 2}, token=token
    ).json()
    assert [model["full_name"] for model in page["registered_models"]] == [text]
    assert not page.get("next_page_token")


def test_pages_of_permissions(site: Site, world: World) -> None:
    for bad in (1, 149, -1):
        refused(site.call("GET", f"{UC}/permissions/function/{world.model}", {"max_results": bad}), 400, INVALID, "150")


# --- grants, principals, tokens --------------------------------------------------------------------------------------


def test_bad_grants(site: Site, world: World) -> None:
    path = f"{UC}/permissions/function/{world.model}"

    def change(**fields: Any) -> Any:
        return site.call("PATCH", path, {"changes": [{"principal": world.user, **fields}]})

    refused(change(add=["FLY"]), 400, INVALID, "'FLY'")
    refused(change(add=["USE_CATALOG"]), 400, INVALID, "cannot be granted")
    refused(change(add=["EXECUTE"], principal="nobody@x.io"), 404, "RESOURCE_DOES_NOT_EXIST", "nobody@x.io")
    refused(change(add=["EXECUTE", "FLY"]), 400, INVALID)  # all of it, or nothing
    refused(change(add=["EXECUTE"], remove=["FLY"]), 400, INVALID)
    assert site.ok("GET", path)["privilege_assignments"] == []
    for kind in ("connection", "recipient", "share", "", "x" * 500, "FUNCTION;--"):
        refused(site.call("GET", f"{UC}/permissions/{kind or '%20'}/{world.model}"), 400, INVALID, "Securable type")
    refused(site.call("GET", f"{UC}/permissions/metastore/other"), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("GET", f"{UC}/permissions/schema/{world.model}"), 400, INVALID)
    refused(site.call("GET", path, {"principal": "nobody@x.io"}), 404, "RESOURCE_DOES_NOT_EXIST", "nobody@x.io")


def test_bad_principals_and_tokens(site: Site, world: World) -> None:
    for name in ("", " a", "a ", "a\tb", "\u202ea", "n" * 256, "a\n"):
        refused(site.call("POST", f"{V1}/users", {"name": name}), 400, INVALID, "name")
    refused(site.call("POST", f"{V1}/users", {"name": world.user.upper()}), 409, "RESOURCE_ALREADY_EXISTS")
    for life in (0, -1, 10**10, 10**30, 1.5, "long", True):
        refused(site.call("POST", f"{V1}/tokens", {"lifetime_seconds": life}), 400, INVALID)
    refused(site.call("POST", f"{V1}/tokens", {"principal": "nobody@x.io"}), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("POST", f"{V1}/tokens", {"principal": "account users"}), 400, INVALID, "group")
    refused(site.call("DELETE", f"{V1}/users/admin"), 400, INVALID, "yourself")
    refused(site.call("DELETE", f"{V1}/users/a%00b"), 400, INVALID, "NUL")
    site.ok("POST", f"{V1}/groups", {"name": "inner"})
    site.ok("POST", f"{V1}/groups", {"name": "outer"})
    site.ok("PUT", f"{V1}/groups/outer/members/inner")
    refused(site.call("PUT", f"{V1}/groups/inner/members/outer"), 400, INVALID, "contain itself")
    refused(site.call("PUT", f"{V1}/groups/{world.user}/members/inner"), 404, "RESOURCE_DOES_NOT_EXIST")
    for times in ({"since": -1}, {"until": 2**63}, {"since": "yesterday"}, {"since": 10**40}):
        refused(site.call("GET", f"{V1}/audit", times), 400, INVALID)


def test_a_refusal_leaves_nothing_behind(site: Site) -> None:
    """Version numbers, tags, models: after all that was refused, the next good request finds a clean table."""
    model = site.model()
    bad = [
        {"source": "x" * 2001},
        {"source": "x", "tags": [{"key": "a=b", "value": ""}]},
        {"source": f"models:/{model}/7"},
        {"source": 5},
    ]
    for fields in bad:
        assert site.b("POST", "model-versions/create", {"name": model, **fields}).status_code in (400, 404)
    model_version = site.b("POST", "model-versions/create", {"name": model, "source": "x"}).json()["model_version"]
    assert model_version["version"] == "1"
