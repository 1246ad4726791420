"""Tables, volumes and functions in statements: the columns that Databricks answers, and the rights of the same REST calls."""

from typing import Any

import pytest
from api.serving import UC, Site, site
from api.sql.test_sql import ask, fails, rows

from modelkeep.api.sql.table_answers import quoted_name, quoted_text

__all__ = ["site"]

COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "type_name": "LONG", "type_text": "bigint", "nullable": False, "comment": "the 'key'"},
    {"name": "seen at", "type_name": "TIMESTAMP", "type_text": "timestamp"},
    {"name": "day", "type_name": "DATE", "type_text": "date", "partition_index": 1},
    {"name": "shop", "type_name": "STRING", "type_text": "string", "partition_index": 0},
]


@pytest.fixture(scope="module")
def schema(site: Site) -> str:
    """A schema with two tables, a volume and a function."""
    name = site.schema()
    catalog, leaf = name.split(".")
    place = {"catalog_name": catalog, "schema_name": leaf}
    table = {"table_type": "EXTERNAL", "data_source_format": "DELTA", **place}
    sales = {"columns": COLUMNS, "comment": "one row a \\ sale", "properties": {"b": "2", "a": "it's"}}
    site.ok("POST", f"{UC}/tables", {"name": "sales", "storage_location": f"s3://{catalog}/sales", **table, **sales})
    site.ok("POST", f"{UC}/tables", {"name": "empty", "storage_location": f"s3://{catalog}/empty", **table})
    site.ok("POST", f"{UC}/volumes", {"name": "docs", "volume_type": "MANAGED", **place})
    function = {"name": "half", "data_type": "DOUBLE", "full_data_type": "DOUBLE", "routine_body": "SQL", **place}
    function |= {"routine_definition": "x / 2", "input_params": {"parameters": []}, "parameter_style": "S"}
    function |= {"is_deterministic": True, "sql_data_access": "NO_SQL", "is_null_call": False, "specific_name": "half"}
    function |= {"security_type": "DEFINER", "properties": "{}"}
    site.ok("POST", f"{UC}/functions", {"function_info": function})
    return name


def columns(answer: Any) -> list[tuple[str, str]]:
    return [(column["name"], column["type_text"]) for column in answer["manifest"]["schema"]["columns"]]


def test_show_tables_says_that_none_is_temporary(site: Site, schema: str) -> None:
    leaf = schema.split(".")[1]
    answer = ask(site, f"SHOW TABLES IN {schema}")
    assert columns(answer) == [("database", "STRING"), ("tableName", "STRING"), ("isTemporary", "BOOLEAN")]
    assert answer["result"]["data_array"] == [[leaf, "empty", "false"], [leaf, "sales", "false"]]
    assert rows(site, f"SHOW TABLES IN {schema} LIKE 'S*|x'") == [[leaf, "sales", "false"]]
    assert columns(ask(site, f"SHOW VOLUMES IN {schema}")) == [("database", "STRING"), ("volume_name", "STRING")]
    assert rows(site, f"SHOW USER FUNCTIONS IN {schema}") == [[leaf, "half"]]


@pytest.mark.parametrize("words", ["DESCRIBE", "DESC", "DESCRIBE TABLE", "desc table"])
def test_describe_has_columns_and_partitions(site: Site, schema: str, words: str) -> None:
    answer = ask(site, f"{words} {schema}.sales")
    assert columns(answer) == [("col_name", "STRING"), ("data_type", "STRING"), ("comment", "STRING")]
    assert answer["result"]["data_array"] == [
        ["id", "bigint", "the 'key'"],
        ["seen at", "timestamp", None],
        ["day", "date", None],
        ["shop", "string", None],
        ["# Partition Information", "", ""],
        ["# col_name", "data_type", "comment"],
        ["shop", "string", None],
        ["day", "date", None],
    ]
    assert rows(site, f"{words} {schema}.empty") == []


@pytest.mark.parametrize("words", ["DESCRIBE EXTENDED", "DESCRIBE TABLE EXTENDED", "DESC EXTENDED"])
def test_extended_adds_what_is_known_of_the_table(site: Site, schema: str, words: str) -> None:
    catalog, leaf = schema.split(".")
    answer = rows(site, f"{words} {schema}.sales")
    start = answer.index(["# Detailed Table Information", "", ""])
    assert answer[start - 1] == ["", "", ""]
    details = {row[0]: row[1] for row in answer[start + 1 :]}
    assert all(row[2] == "" for row in answer[start + 1 :])
    assert [details.pop("Created Time") is None, details] == [
        False,
        {
            "Catalog": catalog,
            "Database": leaf,
            "Table": "sales",
            "Owner": "admin",
            "Last Access": "UNKNOWN",
            "Created By": "admin",
            "Type": "EXTERNAL",
            "Comment": "one row a \\ sale",
            "Location": f"s3://{catalog}/sales",
            "Provider": "delta",
            "Table Properties": "[a=it's,b=2]",
        },
    ]


def test_show_create_table_is_a_statement_that_creates_it(site: Site, schema: str) -> None:
    answer = ask(site, f"SHOW CREATE TABLE {schema}.sales")
    assert columns(answer) == [("createtab_stmt", "STRING")]
    assert answer["result"]["data_array"] == [
        [
            f"CREATE TABLE {schema}.sales (\n"
            "  id BIGINT NOT NULL COMMENT 'the \\'key\\'',\n  `seen at` TIMESTAMP,\n  day DATE,\n  shop STRING)\n"
            "USING delta\nPARTITIONED BY (shop, day)\nCOMMENT 'one row a \\\\ sale'\n"
            f"LOCATION 's3://{schema.split('.')[0]}/sales'\nTBLPROPERTIES (\n  'a' = 'it\\'s',\n  'b' = '2')\n"
        ]
    ]
    [[empty]] = rows(site, f"show create table {schema}.empty")
    assert empty and empty.startswith(f"CREATE TABLE {schema}.empty\nUSING delta\nLOCATION")
    fails(site, f"SHOW CREATE VOLUME {schema}.docs", "BAD_REQUEST", "42601", "TABLE")
    fails(site, f"SHOW CREATE TABLE {schema}.absent", "NOT_FOUND", "42704", "absent")


@pytest.mark.parametrize("name", ["a b", "a`b", "1a", "a-b", "é", ""])
def test_names_and_texts_that_need_quotes_get_them(name: str) -> None:
    assert quoted_name(name) == "`" + name.replace("`", "``") + "`"
    assert quoted_name("a_1") == "a_1"
    assert quoted_text(name + "'\\") == f"'{name}\\'\\\\'"


@pytest.mark.parametrize(("kind", "leaf"), [("TABLE", "sales"), ("VOLUME", "docs"), ("FUNCTION", "half")])
def test_comment_owner_tags_and_grants(site: Site, schema: str, kind: str, leaf: str) -> None:
    """Each statement does what REST then says, and needs what the REST call needs."""
    name, catalog = f"{schema}.{leaf}", schema.split(".")[0]
    path = f"{UC}/{kind.lower()}s/{name}"
    comment = site.ok("GET", path).get("comment", "")
    user, token = site.user()
    privilege = {"TABLE": "SELECT", "VOLUME": "READ VOLUME", "FUNCTION": "EXECUTE"}[kind]
    site.allow(user, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA")
    site.allow("admin", "catalog", catalog, "APPLY_TAG")
    changes = [
        f"COMMENT ON {kind} {name} IS 'new'",
        f"ALTER {kind} {name} SET TAGS ('a' = '1', 'b')",
        f"ALTER {kind} {name} UNSET TAGS ('b')",
        f"GRANT {privilege} ON {kind} {name} TO `{user}`",
        f"ALTER {kind} {name} SET OWNER TO `admins`",
    ]
    for text in changes:
        fails(site, text, "BAD_REQUEST", "42501", token=token)
    fails(site, f"DESCRIBE {kind} {name}", "BAD_REQUEST", "42501", privilege, token=token)
    for text in changes:
        assert rows(site, text) == []
    assert [site.ok("GET", path)[field] for field in ("comment", "owner")] == ["new", "admins"]
    tags = site.ok("GET", f"{UC}/entity-tag-assignments/{kind.lower()}s/{name}/tags")["tag_assignments"]
    assert [(tag["tag_key"], tag["tag_value"]) for tag in tags] == [("a", "1")]
    assert [user, privilege, kind, name, "NO"] in rows(site, f"SHOW GRANTS ON {kind} {name}")
    assert rows(site, f"DESCRIBE {kind} {name}", token)
    rows(site, f"REVOKE {privilege} ON {kind} {name} FROM `{user}`")
    rows(site, f"ALTER {kind} {name} OWNER TO admin")
    rows(site, f"COMMENT ON {kind} {name} IS '{comment}'".replace("\\", "\\\\"))


def test_select_over_a_table_names_the_engines(site: Site, schema: str) -> None:
    user, token = site.user()
    for text in (f"SELECT * FROM {schema}.sales", f"WITH x AS (SELECT * FROM {schema}.SALES) SELECT * FROM x"):
        fails(site, text, "BAD_REQUEST", "22023", f"'{schema}.sales' is a table", "Spark, DuckDB, polars or deltalake")
        fails(site, text, "BAD_REQUEST", "42501", "USE CATALOG", token=token)
    site.allow(user, "catalog", schema.split(".")[0], "USE_CATALOG", "USE_SCHEMA")
    fails(site, f"SELECT * FROM {schema}.sales", "BAD_REQUEST", "42501", "SELECT", token=token)
    catalog, leaf = schema.split(".")
    fails(site, "SELECT count(*) FROM sales", "BAD_REQUEST", "22023", "is a table", catalog=catalog, schema=leaf)
    fails(site, f"SELECT * FROM {schema}.absent", "NOT_FOUND", "42704", "There is no view")
    fails(site, f"SELECT * FROM {schema}.docs", "NOT_FOUND", "42704", "There is no view")
