"""SQL on the wire: requests and their final answers, whose they are, what they leave in the audit log, and where they end."""

from typing import Any

import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, refused, site

from modelkeep.api.sql import scan, statement
from modelkeep.api.sql.results import KEPT_MS, MOST_BYTES, MOST_EACH, Results
from modelkeep.api.sql.routes import STATEMENTS, WAREHOUSE_ID, WAREHOUSES
from modelkeep.domain.errors import NotFound

__all__ = ["site"]
INVALID = "INVALID_PARAMETER_VALUE"


def ask(site: Site, text: str, token: str | None = None, **fields: Any) -> Any:
    return site.ok("POST", STATEMENTS, {"statement": text, "warehouse_id": WAREHOUSE_ID, **fields}, token)


def rows(site: Site, text: str, token: str | None = None, **fields: Any) -> list[list[str | None]]:
    answer = ask(site, text, token, **fields)
    assert answer["status"] == {"state": "SUCCEEDED"}, answer
    return answer["result"]["data_array"]


def fails(site: Site, text: str, word: str, state: str, *words: str, token: str | None = None, **fields: Any) -> str:
    answer = ask(site, text, token, **fields)
    assert set(answer) == {"statement_id", "status"}, answer
    status = answer["status"]
    assert (status["state"], status["error"]["error_code"], status["sql_state"]) == ("FAILED", word, state), answer
    message = status["error"]["message"]
    assert message.startswith("[") and message.endswith(".")
    for item in words:
        assert item in message, message
    return message


@pytest.fixture(scope="module")
def named(site: Site) -> tuple[str, str, str, str]:
    """(catalog, model, user, his token); the user may use the catalog and its schema."""
    model = site.model(versions=1)
    catalog = model.partition(".")[0]
    user, token = site.user()
    site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    return catalog, model, user, token


def test_an_answer_is_typed_and_whole(site: Site, named: tuple[str, ...]) -> None:
    catalog, model, *_ = named
    answer = ask(site, f"SELECT model_name, version, created FROM {catalog}.information_schema.model_versions")
    assert [
        (c["name"], c["type_name"], c["type_text"], c["position"]) for c in answer["manifest"]["schema"]["columns"]
    ] == [
        ("model_name", "STRING", "STRING", 0),
        ("version", "LONG", "BIGINT", 1),
        ("created", "TIMESTAMP", "TIMESTAMP", 2),
    ]
    [[name, version, created]] = answer["result"]["data_array"]
    assert (name, version) == (model.split(".")[2], "1")
    assert len(created) == len("2026-01-31T12:00:00.000Z") and created.endswith("Z")
    chunk = {"chunk_index": 0, "row_count": 1, "row_offset": 0}
    assert answer["manifest"]["chunks"] == [chunk]
    assert {k: answer["manifest"][k] for k in ("format", "total_chunk_count", "total_row_count", "truncated")} == {
        "format": "JSON_ARRAY",
        "total_chunk_count": 1,
        "total_row_count": 1,
        "truncated": False,
    }


def test_answers_belong_to_whoever_asked(site: Site, named: tuple[str, ...]) -> None:
    token = named[3]
    answer = ask(site, "SHOW CATALOGS", token)
    text = f"{STATEMENTS}/{answer['statement_id']}"
    assert site.ok("GET", text, token=token) == answer
    assert site.ok("GET", f"{text}/result/chunks/0", token=token) == answer["result"]
    assert site.ok("POST", f"{text}/cancel", {}, token) == {}
    refused(site.call("GET", f"{text}/result/chunks/1", token=token), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("GET", f"{text}/result/chunks/x", token=token), 400, INVALID)
    for method, path in (("GET", text), ("GET", f"{text}/result/chunks/0"), ("POST", f"{text}/cancel")):
        there = refused(site.call(method, path), 404, "RESOURCE_DOES_NOT_EXIST", "Run it again")
        absent = site.call(method, path.replace(answer["statement_id"], "absent"))
        assert there.replace(answer["statement_id"], "absent") == absent.json()["message"]
    failed = ask(site, "GRANT", token)
    assert site.ok("GET", f"{STATEMENTS}/{failed['statement_id']}", token=token) == failed
    refused(
        site.call("GET", f"{STATEMENTS}/{failed['statement_id']}/result/chunks/0", token=token),
        404,
        "RESOURCE_DOES_NOT_EXIST",
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"statement": None}, "statement"),
        ({"warehouse_id": None}, "warehouse_id"),
        ({"warehouse_id": "abc"}, "only one is"),
        ({"wait_timeout": "3s"}, "wait_timeout"),
        ({"wait_timeout": "51s"}, "wait_timeout"),
        ({"wait_timeout": "10"}, "wait_timeout"),
        ({"wait_timeout": "²s"}, "wait_timeout"),
        ({"wait_timeout": "-5s"}, "wait_timeout"),
        ({"wait_timeout": 5}, "wait_timeout"),
        ({"on_wait_timeout": "WAIT"}, "on_wait_timeout"),
        ({"disposition": "EXTERNAL_LINKS"}, "INLINE"),
        ({"format": "CSV"}, "JSON_ARRAY"),
        ({"row_limit": 0}, "row_limit"),
        ({"row_limit": "many"}, "row_limit"),
        ({"byte_limit": -1}, "byte_limit"),
        ({"parameters": [{"value": "x"}]}, "name"),
        ({"parameters": [{"name": "a"}, {"name": "a"}]}, "twice"),
        ({"parameters": [{"name": "a", "type": "MAP<STRING,INT>", "value": "x"}]}, "type"),
        ({"parameters": [{"name": "a", "type": "INT", "value": "x"}]}, "INT"),
        ({"parameters": [{"name": "a", "type": "BOOLEAN", "value": "1"}]}, "BOOLEAN"),
        ({"parameters": [{"name": "a", "type": "DATE", "value": "soon"}]}, "DATE"),
        ({"catalog": "a.b"}, "character"),
        ({"statement": ["SHOW CATALOGS"]}, "statement"),
        ({"Statement": "DROP CATALOG main"}, "looks like"),
    ],
)
def test_a_malformed_request_is_no_statement(site: Site, fields: dict[str, Any], words: str) -> None:
    body = {"statement": "SHOW CATALOGS", "warehouse_id": WAREHOUSE_ID, **fields}
    refused(site.call("POST", STATEMENTS, {k: v for k, v in body.items() if v is not None}), 400, INVALID, words)


def test_failures_have_words_of_the_sdk(site: Site, named: tuple[str, ...]) -> None:
    catalog, model, user, token = named
    fails(site, f"DROP CATALOG {catalog}; DROP CATALOG main", "BAD_REQUEST", "42601", "more than one")
    fails(
        site,
        f"GRANT EXECUTE ON MODEL {model} TO `{user}`",
        "BAD_REQUEST",
        "42501",
        "PERMISSION_DENIED",
        "MANAGE",
        token=token,
    )
    fails(site, f"DESCRIBE MODEL {model}", "BAD_REQUEST", "42501", "EXECUTE", token=token)
    fails(site, f"DESCRIBE MODEL {model}x", "NOT_FOUND", "42704", "does not exist")
    fails(site, f"CREATE CATALOG {catalog}", "ALREADY_EXISTS", "42710")
    fails(site, f"DROP CATALOG {catalog}", "BAD_REQUEST", "2BP01", "not empty")
    fails(site, f"GRANT EXECUT ON MODEL {model} TO `{user}`", "BAD_REQUEST", "22023", "not known")
    fails(site, f"GRANT EXECUTE ON CATALOG {model} TO `{user}`", "BAD_REQUEST", "22023", "3 parts")
    fails(site, f"GRANT EXECUTE ON MODEL {model} TO nobody", "NOT_FOUND", "42704", "principal")
    fails(site, "SELECT * FROM system.access.audit", "BAD_REQUEST", "42501", "account admins", token=token)
    fails(site, "SELECT * FROM system.information_schema.catalog", "NOT_FOUND", "42704", "information_schema.catalogs.")
    fails(site, f"SELECT * FROM {model}", "NOT_FOUND", "42704", "There are system.access.audit")
    fails(site, "SELECT nme FROM system.information_schema.catalogs", "BAD_REQUEST", "22023", "no column")
    fails(site, "SELECT model_nam FROM system.information_schema.model_tags", "BAD_REQUEST", "22023", "'model_name'.")
    fails(site, "SELECT * FROM absent.information_schema.schemata", "NOT_FOUND", "42704", "absent")
    for where in ("created = 'soon'", "created > 5", "catalog_name = 5", "catalog_name = TRUE", "created LIKE '2%'"):
        fails(site, f"SELECT * FROM system.information_schema.catalogs WHERE {where}", "BAD_REQUEST", "22023")
    _, stranger = site.user()
    fails(
        site,
        f"SELECT * FROM {catalog}.information_schema.schemata",
        "BAD_REQUEST",
        "42501",
        "USE CATALOG",
        token=stranger,
    )
    assert (
        rows(site, f"SELECT * FROM system.information_schema.schemata WHERE catalog_name = '{catalog}'", stranger) == []
    )


def events(site: Site, user: str) -> list[Any]:
    """What a user did, newest first, without what differs between any two acts."""
    site.run(site.registry.auditor.flush())  # plain reads are buffered
    result = site.ok("GET", f"{V1}/audit", {"actor": user, "max_results": 100})["events"]
    return [
        {k: v for k, v in e.items() if k not in ("id", "event_id", "at", "request_id", "targets")}
        | {"targets": [(target["kind"], target["name"]) for target in e["targets"]]}
        for e in result
    ]


def test_a_statement_is_what_rest_does(site: Site) -> None:
    """The same records of the same operations by one user, done twice."""
    user, token = site.user()
    site.ok("PATCH", f"{V1}/users/{user}", {"active": True})
    catalog = f"c_{user[2:8]}"
    metastore = site.ok("GET", f"{UC}/metastore_summary")["metastore_id"]
    site.allow(user, "metastore", metastore, "CREATE_CATALOG")
    other, _ = site.user()
    done: list[list[Any]] = []
    for sql in (False, True):

        def do(text: str, method: str, path: str, body: dict[str, Any] | None = None, sql: bool = sql) -> None:
            if sql:
                rows(site, text, token)
            else:
                site.ok(method, f"{UC}/{path}", body, token)

        do(f"CREATE CATALOG {catalog} COMMENT 'x'", "POST", "catalogs", {"name": catalog, "comment": "x"})
        do(f"CREATE SCHEMA {catalog}.s", "POST", "schemas", {"name": "s", "catalog_name": catalog})
        site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": f"{catalog}.s.m"}, token)
        permissions = f"permissions/function/{catalog}.s.m"
        change = {"principal": other, "add": ["EXECUTE"]}
        do(f"GRANT EXECUTE ON MODEL {catalog}.s.m TO `{other}`", "PATCH", permissions, {"changes": [change]})
        do(f"SHOW GRANTS ON MODEL {catalog}.s.m", "GET", f"effective-{permissions}")
        change = {"principal": other, "remove": ["EXECUTE"]}
        do(f"REVOKE EXECUTE ON MODEL {catalog}.s.m FROM `{other}`", "PATCH", permissions, {"changes": [change]})
        tags = {"changes": {"add_tags": [{"key": "team", "value": "ds"}]}}
        do(
            f"ALTER MODEL {catalog}.s.m SET TAGS ('team' = 'ds')",
            "PATCH",
            f"securable-tags/function/{catalog}.s.m",
            tags,
        )
        do(f"ALTER SCHEMA {catalog}.s OWNER TO `{user}`", "PATCH", f"schemas/{catalog}.s", {"owner": user})
        do(f"DROP CATALOG {catalog} CASCADE", "DELETE", f"catalogs/{catalog}?force=true")
        done.append(events(site, user))
    rest, both = done
    assert [e for e in both if e not in rest] == []
    assert len(both) == 2 * len(rest) > 16


def test_defaults_parameters_and_limits(site: Site, named: tuple[str, ...]) -> None:
    catalog, model, *_ = named
    _, schema, leaf = model.split(".")
    described = rows(site, f"DESCRIBE MODEL {leaf}", catalog=catalog, schema=schema)
    assert described[:3] == [["Catalog Name", catalog], ["Schema Name", schema], ["Model Name", leaf]]
    assert rows(site, f"DESCRIBE MODEL {schema}.{leaf}", catalog=catalog.upper()) == described
    assert rows(site, "SHOW MODELS", catalog=catalog, schema=schema) == [[schema, leaf]]
    text = "SELECT schema_name FROM information_schema.schemata WHERE schema_name = :s AND created > :d LIMIT :n"
    values = [
        {"name": "s", "value": schema},
        {"name": "d", "value": "2020-01-01", "type": "DATE"},
        {"name": "n", "value": "5", "type": "INT"},
    ]
    assert rows(site, text, catalog=catalog, parameters=values) == [[schema]]
    injected = [{"name": "s", "value": "' OR schema_name <> '"}, *values[1:]]
    assert rows(site, text, catalog=catalog, parameters=injected) == []
    everything = rows(site, "SELECT event_id FROM system.access.audit")
    cut = ask(site, "SELECT event_id FROM system.access.audit ORDER BY event_time DESC", row_limit=2)
    assert (cut["manifest"]["truncated"], cut["manifest"]["total_row_count"]) == (True, 2)
    assert ask(site, "SELECT event_id FROM system.access.audit", byte_limit=100)["manifest"]["truncated"] is True
    assert ask(site, "SELECT event_id FROM system.access.audit LIMIT 2", row_limit=2)["manifest"]["truncated"] is False
    assert len(everything) > 5


def test_statements_as_tools_write_them(site: Site) -> None:
    name = site.model(versions=0)
    catalog, schema, leaf = name.split(".")
    user, _ = site.user()
    site.allow("admin", "catalog", catalog, "APPLY_TAG")
    assert [user] in rows(site, "-- who is there\nSHOW USERS") and rows(site, f"SHOW USERS LIKE '{user}'") == [[user]]
    assert ["admins"] in rows(site, "SHOW GROUPS") and [user] not in rows(site, "SHOW GROUPS")
    assert rows(site, "SHOW CURRENT CATALOG /* here */", catalog=catalog) == [[catalog]]
    assert rows(site, "SHOW CURRENT SCHEMA", catalog=catalog, schema=schema) == [[schema]]
    metastore = site.ok("GET", f"{UC}/metastore_summary")["global_metastore_id"]
    assert rows(site, "SHOW CURRENT METASTORE") == [[metastore]]
    for kind, on in (("CATALOG", catalog), ("SCHEMA", f"{catalog}.{schema}"), ("REGISTERED MODEL", name)):
        rows(site, f"/* dbt */ SET TAG ON {kind} {on} cost = high -- until friday")
        view = f"{kind.split()[-1].lower()}_tags"
        tags = f"SELECT tag_name, tag_value FROM {catalog}.information_schema.{view}"
        assert rows(site, tags) == [["cost", "high"]]
        rows(site, f"UNSET TAG ON {kind} {on} cost")
        assert rows(site, tags) == []
    rows(site, f"DROP MODEL {name}")
    rows(site, f"DROP MODEL IF EXISTS {name}")
    fails(site, f"DROP MODEL {name}", "NOT_FOUND", "42704", leaf)


def test_a_model_is_a_function_and_needs_no_kind_for_execute(site: Site) -> None:
    name = site.model(versions=1)
    user, token = site.user()
    schema = name.rpartition(".")[0]
    rows(site, f"COMMENT ON FUNCTION {name} IS 'scores'")
    described = rows(site, f"DESCRIBE FUNCTION {name}")
    assert described == rows(site, f"DESCRIBE MODEL {name}") and ["Comment", "scores"] in described
    rows(site, f"GRANT EXECUTE ON {name} TO `{user}`")
    [row] = rows(site, f"SHOW GRANTS `{user}` ON FUNCTION {name}")
    assert row == [user, "EXECUTE", "FUNCTION", name, "NO"]
    fails(site, f"GRANT SELECT ON {name} TO `{user}`", "NOT_FOUND", "42704", "Table")
    fails(site, f"GRANT EXECUTE ON {name} TO `{user}` WITH GRANT OPTION", "BAD_REQUEST", "42601", "MANAGE")
    rows(site, f"REVOKE EXECUTE ON {name} FROM `{user}`")
    assert rows(site, f"SHOW GRANTS `{user}` ON FUNCTION {name}") == []
    fails(site, f"COMMENT ON FUNCTION {name} IS 'x'", "BAD_REQUEST", "42501", token=token)
    fails(site, f"DESCRIBE FUNCTION {name}x", "NOT_FOUND", "42704", "Routine or Model")
    site.ok("POST", f"{DATABRICKS_UC}/prompts", {"name": f"{schema}.p", "prompt": {}})
    for text in (f"DESCRIBE FUNCTION {schema}.p", f"COMMENT ON FUNCTION {schema}.p IS 'x'"):
        fails(site, text, "NOT_FOUND", "42704", "does not exist")


def test_grants_of_one_principal_wherever_they_are(site: Site) -> None:
    name = site.model(versions=1)
    catalog, schema, _ = name.split(".")
    user, token = site.user()
    site.ok("POST", f"{DATABRICKS_UC}/prompts", {"name": f"{catalog}.{schema}.p", "prompt": {}})
    for kind, on, privilege in (
        ("catalog", catalog, "USE_CATALOG"),
        ("schema", f"{catalog}.{schema}", "USE_SCHEMA"),
        ("function", name, "EXECUTE"),
        ("prompt", f"{catalog}.{schema}.p", "APPLY_TAG"),
    ):
        site.allow(user, kind, on, privilege)
    granted = [
        [user, "USE CATALOG", "CATALOG", catalog, "NO"],
        [user, "USE SCHEMA", "SCHEMA", f"{catalog}.{schema}", "NO"],
        [user, "EXECUTE", "MODEL", name, "NO"],
        [user, "APPLY TAG", "PROMPT", f"{catalog}.{schema}.p", "NO"],
    ]
    assert rows(site, f"SHOW GRANTS TO `{user.upper()}`") == granted
    assert rows(site, f"SHOW GRANTS TO `{user}`", token) == granted[:3]  # who cannot list the prompt is not told of it
    other, stranger = site.user()
    assert rows(site, f"SHOW GRANTS TO `{user}`", stranger) == [] == rows(site, f"SHOW GRANTS TO `{other}`")
    fails(site, "SHOW GRANTS TO nobody", "NOT_FOUND", "42704", "principal")


def test_use_changes_nothing_and_says_whether_the_caller_may(site: Site) -> None:
    name = site.model(versions=0)
    catalog, schema, _ = name.split(".")
    _, stranger = site.user()
    for text in (f"USE CATALOG {catalog}", f"USE {catalog}.{schema}", f"USE SCHEMA {catalog}.{schema}"):
        assert rows(site, text) == []
        fails(site, text, "BAD_REQUEST", "42501", "USE CATALOG", token=stranger)
    assert rows(site, "SHOW CURRENT CATALOG") == [["main"]]
    fails(site, f"USE CATALOG {catalog}x", "NOT_FOUND", "42704", "does not exist")
    fails(site, f"USE {catalog}.{schema}x", "NOT_FOUND", "42704", "does not exist")


def test_a_schema_has_the_properties_that_sql_gives_it(site: Site) -> None:
    catalog = site.schema().partition(".")[0]
    rows(site, f"CREATE SCHEMA {catalog}.told WITH DBPROPERTIES (team = 'ds', 'cost center' = '7') COMMENT 'c'")
    info = site.ok("GET", f"{UC}/schemas/{catalog}.told")
    assert (info["properties"], info["comment"]) == ({"team": "ds", "cost center": "7"}, "c")
    assert ["Properties", "cost center = 7, team = ds"] in rows(site, f"DESCRIBE SCHEMA EXTENDED {catalog}.told")
    fails(site, f"CREATE SCHEMA {catalog}.t WITH DBPROPERTIES (a = 'b', a = 'c')", "BAD_REQUEST", "22023", "twice")


def test_prompts_in_statements(site: Site) -> None:
    schema = site.schema()
    site.ok("POST", "/api/2.0/mlflow/unity-catalog/prompts", {"name": f"{schema}.p", "prompt": {}})
    assert rows(site, f"SHOW PROMPTS IN {schema}") == [[schema.split(".")[1], "p"]]
    assert rows(site, f"DESCRIBE PROMPT {schema}.p")[2] == ["Prompt Name", "p"]
    rows(site, f"ALTER PROMPT {schema}.p RENAME TO q")
    fails(site, f"ALTER PROMPT {schema}.q RENAME TO `a+b`", "BAD_REQUEST", "22023", "hyphens")
    fails(site, f"ALTER PROMPT {schema}.q RENAME TO elsewhere.s.q", "BAD_REQUEST", "22023", "stays where it is")
    assert rows(site, f"SHOW PROMPTS IN {schema}") == [[schema.split(".")[1], "q"]]
    rows(site, f"DROP PROMPT {schema}.q")
    fails(site, f"DESCRIBE PROMPT {schema}.q", "NOT_FOUND", "42704", "does not exist")


def test_audit_is_read_as_over_rest(site: Site) -> None:
    user, token = site.user()
    for _ in range(3):
        site.call("GET", f"{UC}/permissions/catalog/main", token=token)
    mine = site.ok("GET", f"{V1}/audit", {"actor": user})["events"]
    select = "SELECT event_id, user_identity.email, action_name, response.status_code, outcome FROM system.access.audit"
    result = rows(site, f"{select} WHERE user_identity.email = '{user}' ORDER BY event_time DESC")
    assert [row[0] for row in result] == [e.get("event_id", e.get("id")) for e in mine]
    assert result[0][1:] == [user, "getPermissions", "403", "PERMISSION_DENIED"]
    theirs = f"email = '{user}' AND service_name = 'unityCatalog' AND action_name = 'getPermissions'"
    for same in (theirs, f"email = '{user}' AND event = 'grants.get'"):
        assert rows(site, f"SELECT COUNT(*) FROM system.access.audit WHERE {same}") == [["3"]]
    day = rows(site, "SELECT event_date FROM system.access.audit LIMIT 1")[0][0]
    count = "SELECT COUNT(*) AS n FROM system.access.audit WHERE"
    assert rows(site, f"{count} email = '{user}' AND event_time >= '{day}' AND outcome <> 'ok'") == [["3"]]
    assert rows(site, f"{count} email = '{user}' AND event_time < '{day}'") == [["0"]]
    assert rows(site, f"{count} email = '{user}' AND event_date = DATE '{day}'") == [["3"]]


def test_a_statement_does_not_look_for_ever(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        site.schema()
    with monkeypatch.context() as patch:
        patch.setattr(scan, "MAX_LOOKED", 2)
        fails(site, "SELECT * FROM system.information_schema.catalogs", "RESOURCE_EXHAUSTED", "54000", "Narrow it")
    with monkeypatch.context() as patch:
        patch.setattr(scan, "COMPARE_S", -1.0)
        fails(site, "SELECT * FROM system.information_schema.catalogs", "RESOURCE_EXHAUSTED", "54000", "longer than")
    with monkeypatch.context() as patch:
        patch.setattr(statement, "MOST_BYTES", 10)
        fails(site, "SHOW CATALOGS", "RESOURCE_EXHAUSTED", "54000", "larger than")


def test_the_warehouse(site: Site) -> None:
    [warehouse] = site.ok("GET", WAREHOUSES)["warehouses"]
    assert (warehouse["id"], warehouse["state"]) == (WAREHOUSE_ID, "RUNNING")
    assert site.ok("GET", f"{WAREHOUSES}/{warehouse['id']}") == warehouse
    refused(site.call("GET", f"{WAREHOUSES}/absent"), 404, "RESOURCE_DOES_NOT_EXIST")


def test_results_are_kept_for_a_while_and_not_without_end() -> None:
    now = 0
    results = Results(lambda: now)

    def keep(owner: str, id: str, size: int = 10) -> None:
        results.keep(owner, {"statement_id": id, "status": {"state": "SUCCEEDED"}}, size)

    keep("b", "other")
    for i in range(MOST_EACH + 5):
        keep("a", str(i))
    assert results.get("a", "5") and results.get("b", "other")
    for owner, id in (("a", "4"), ("b", "5"), ("a", "other"), ("a", "")):
        with pytest.raises(NotFound):
            results.get(owner, id)
    keep("a", "large", MOST_BYTES - 10)
    assert results.get("a", "large") and results.get("a", str(MOST_EACH + 4))
    with pytest.raises(NotFound):
        results.get("b", "other")
    now = KEPT_MS + 1
    with pytest.raises(NotFound):
        results.get("a", "large")


def test_a_version_is_copied_into_a_model_that_need_not_be_there(site: Site) -> None:
    source, target = site.model(), site.schema()
    number = site.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": source, "source": "models:/m-1"})
    assert number["model_version"]["version"] == "1"
    fails(site, f"COPY MODEL {source} VERSION 1 TO {target}.m", "ABORTED", "40000", "READY")
    fails(site, f"COPY MODEL {source} VERSION 7 TO {target}.m", "NOT_FOUND", "42704", "'7'")
    for bad in (f"COPY MODEL {source} TO {target}.m", f"COPY MODEL {source} VERSION x TO {target}.m", f"COPY {source}"):
        fails(site, bad, "BAD_REQUEST", "42601")
    assert rows(site, f"SHOW MODELS IN {target}") == []
    pointer = {"name": f"p_{number['model_version']['creation_timestamp']}", "source": "s3://elsewhere/m"}
    site.ok("POST", "/api/2.0/mlflow/registered-models/create", {"name": pointer["name"]})
    site.ok("POST", "/api/2.0/mlflow/model-versions/create", pointer)
    for _ in range(2):
        rows(site, f"COPY MODEL main.default.{pointer['name']} VERSION 1 TO {target}.m")
    assert [row[1] for row in rows(site, f"SHOW MODELS IN {target}")] == ["m"]
