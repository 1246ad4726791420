"""SQL as text: what is written reads back as itself, and what two readers could see differently is refused before it is read."""

import subprocess
import sys
from functools import singledispatch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeep.api.sql import statements as s
from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.grammar import read
from modelkeep.domain.kinds import BESIDE_CATALOGS, RULES, Kind

ODD = (
    "`",
    "``",
    "a`b",
    "'",
    "\\",
    "\\'",
    "--",
    "/*",
    "*/",
    ";",
    "a.b",
    "ON",
    "TO",
    "GRANTS",
    "ｓelect",
    "\u202e",
    "’",
    "\n",
    " ",
)
NAMES = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12))
TEXTS = st.one_of(st.just(""), NAMES)
WORDS = st.sampled_from(("SELECT", "USE CATALOG", "ALL PRIVILEGES", "CREATE MODEL VERSION", "MANAGE", "NONSENSE"))


def named(kind: Kind) -> st.SearchStrategy[s.Object]:
    depth = RULES[kind].depth
    return st.builds(s.Object, st.just(kind), st.lists(NAMES, min_size=min(depth, 1), max_size=depth).map(tuple))


ANY = st.sampled_from(list(Kind)).flatmap(named)
BELOW = st.sampled_from([kind for kind in Kind if RULES[kind].depth and kind not in BESIDE_CATALOGS]).flatmap(named)
CONTAINER = st.sampled_from([Kind.CATALOG, Kind.SCHEMA]).flatmap(named)
PRIVILEGES = st.lists(WORDS, min_size=1, max_size=4).map(tuple)
KEYS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
STATEMENTS = st.one_of(
    st.builds(s.GrantStatement, PRIVILEGES, ANY, NAMES),
    st.builds(s.Revoke, PRIVILEGES, ANY, NAMES),
    st.builds(s.ShowGrants, ANY, TEXTS),
    st.builds(s.ShowGrantsTo, NAMES),
    st.builds(s.Use, CONTAINER),
    st.builds(s.SetOwner, BELOW, NAMES),
    st.builds(
        s.CreateStatement, CONTAINER, TEXTS, st.booleans(), st.lists(st.tuples(NAMES, TEXTS), max_size=3).map(tuple)
    ),
    st.builds(s.Drop, CONTAINER, st.booleans(), st.booleans()),
    st.builds(s.Drop, BELOW, st.just(False), st.booleans()),
    st.builds(s.ShowPrincipals, st.sampled_from(("USER", "GROUP")), TEXTS),
    st.builds(s.Show, st.sampled_from([Kind.SCHEMA, Kind.MODEL, Kind.TABLE]), st.one_of(st.just(()), KEYS), TEXTS),
    st.builds(s.Describe, BELOW, st.booleans()),
    st.builds(s.ShowCreateTable, named(Kind.TABLE)),
    st.builds(s.CommentOn, BELOW, TEXTS),
    st.builds(s.SetTags, BELOW, st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=3).map(tuple)),
    st.builds(s.UnsetTags, BELOW, KEYS),
    st.builds(s.Rename, BELOW, KEYS),
)


# --- how each statement is written --------------------------------------------------------------------------------------


def quoted(name: str) -> str:
    """A name in backticks."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """Text in quotes, with what needs it escaped."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _object(on: s.Object) -> str:
    kind = on.kind.replace("_", " ") if on.kind in BESIDE_CATALOGS else on.kind
    return f"{kind} {_name(on.name)}".rstrip()


def _name(name: s.Name) -> str:
    return ".".join(quoted(part) for part in name)


@singledispatch
def write(statement: s.Statement) -> str:
    """The statement in SQL."""
    raise NotImplementedError(type(statement))


@write.register
def _(x: s.GrantStatement) -> str:
    return f"GRANT {', '.join(x.privileges)} ON {_object(x.on)} TO {quoted(x.principal)}"


@write.register
def _(x: s.Revoke) -> str:
    return f"REVOKE {', '.join(x.privileges)} ON {_object(x.on)} FROM {quoted(x.principal)}"


@write.register
def _(x: s.ShowGrants) -> str:
    return f"SHOW GRANTS {quoted(x.principal) + ' ' if x.principal else ''}ON {_object(x.on)}"


@write.register
def _(x: s.ShowGrantsTo) -> str:
    return f"SHOW GRANTS TO {quoted(x.principal)}"


@write.register
def _(x: s.Use) -> str:
    return f"USE {_object(x.on)}"


@write.register
def _(x: s.SetOwner) -> str:
    return f"ALTER {_object(x.on)} SET OWNER TO {quoted(x.principal)}"


@write.register
def _(x: s.CreateStatement) -> str:
    comment = f" COMMENT {text(x.comment)}" if x.comment else ""
    properties = ", ".join(f"{text(key)} = {text(value)}" for key, value in x.properties)
    options = comment + (f" WITH DBPROPERTIES ({properties})" if properties else "")
    return f"CREATE {x.on.kind} {'IF NOT EXISTS ' if x.if_absent else ''}{_name(x.on.name)}{options}"


@write.register
def _(x: s.Drop) -> str:
    return f"DROP {x.on.kind} {'IF EXISTS ' if x.if_there else ''}{_name(x.on.name)}{' CASCADE' if x.cascade else ''}"


@write.register
def _(x: s.Show) -> str:
    within = f" IN {_name(x.within)}" if x.within else ""
    return f"SHOW {x.kind}S{within}{' LIKE ' + text(x.like) if x.like else ''}"


@write.register
def _(x: s.ShowPrincipals) -> str:
    return f"SHOW {x.kind}S{' LIKE ' + text(x.like) if x.like else ''}"


@write.register
def _(x: s.Describe) -> str:
    return f"DESCRIBE {x.on.kind} {'EXTENDED ' if x.extended else ''}{_name(x.on.name)}"


@write.register
def _(x: s.ShowCreateTable) -> str:
    return f"SHOW CREATE TABLE {_name(x.on.name)}"


@write.register
def _(x: s.CommentOn) -> str:
    return f"COMMENT ON {_object(x.on)} IS {text(x.comment)}"


@write.register
def _(x: s.SetTags) -> str:
    tags = ", ".join(f"{text(key)} = {text(value)}" for key, value in x.tags)
    return f"ALTER {_object(x.on)} SET TAGS ({tags})"


@write.register
def _(x: s.UnsetTags) -> str:
    return f"ALTER {_object(x.on)} UNSET TAGS ({', '.join(text(key) for key in x.keys)})"


@write.register
def _(x: s.Rename) -> str:
    return f"ALTER {_object(x.on)} RENAME TO {_name(x.new)}"


@settings(max_examples=100)
@given(statement=STATEMENTS)
def test_what_is_written_reads_back_as_itself(statement: s.Statement) -> None:
    assert read(write(statement)) == statement


def test_the_words_of_databricks() -> None:
    catalog, model = s.Object(Kind.CATALOG, ("c",)), s.Object(Kind.MODEL, ("c", "s", "m"))
    assert read("grant use catalog,\n create schema on catalog c to `a@x.io` ;") == s.GrantStatement(
        ("USE CATALOG", "CREATE SCHEMA"), catalog, "a@x.io"
    )
    assert read("SHOW GRANT ON METASTORE") == s.ShowGrants(s.Object(Kind.METASTORE, ()))
    assert read("SHOW GRANTS `ON` ON CATALOG c") == s.ShowGrants(catalog, "ON")
    assert read("ALTER CATALOG c OWNER TO x") == read("ALTER CATALOG c SET OWNER TO `x`") == s.SetOwner(catalog, "x")
    assert read("CREATE DATABASE c.s COMMENT 'it\\'s'") == s.CreateStatement(s.Object(Kind.SCHEMA, ("c", "s")), "it's")
    assert read("DROP SCHEMA IF EXISTS `c`.s RESTRICT") == s.Drop(s.Object(Kind.SCHEMA, ("c", "s")), False, True)
    assert read("DESC MODEL c.s.m") == s.Describe(model)
    assert read("COMMENT ON MODEL c.s.m IS NULL") == s.CommentOn(model, "")
    assert read("ALTER MODEL c.s.m SET TAGS ('a' = 'b', `c`)") == s.SetTags(model, (("a", "b"), ("c", "")))
    assert read("SHOW SCHEMAS FROM c LIKE 'a*'") == s.Show(Kind.SCHEMA, ("c",), "a*")
    assert read("SHOW CATALOGS 'a*|b'") == s.Show(Kind.CATALOG, (), "a*|b")


GRANT = "GRANT SELECT ON CATALOG c TO x"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("", "empty"),
        (" \n;", "empty"),
        ("; ;", "more than one"),
        (f"{GRANT}; DROP CATALOG c CASCADE", "more than one"),
        (f"{GRANT};;", "more than one"),
        (f"{GRANT} /*", "does not end"),
        (f"{GRANT} /* /* */", "does not end"),
        ("/*/" + GRANT, "does not end"),
        ("-- x", "empty"),
        (f"{GRANT} */", "'*'"),
        (f"-- x\n{GRANT}; -- y\n{GRANT}", "more than one"),
        (f"{GRANT} {{# x #}}", "character {"),
        ("/*" * 9_000, "does not end"),
        ("/* ' */ COMMENT ON CATALOG c IS 'x", "does not end"),
        (f"/* {'x' * 20_000} */", "are allowed"),
        ("GRANT SELECT ON CATALOG `c TO x", "does not end"),
        ("COMMENT ON CATALOG c IS 'x", "does not end"),
        ("COMMENT ON CATALOG c IS 'x\\'", "does not end"),
        ('COMMENT ON CATALOG c IS "x', "does not end"),
        ("GRANT SELECT ON CATALOG c` TO x", "does not end"),
        ("GRANT\u00a0SELECT ON CATALOG c TO x", "U+00A0"),
        ("GRANT SELECT ON CATALOG c TO x\u2028", "U+2028"),
        ("GRANT SELECT ON CATALOG c TO x\x0b", "U+000B"),
        ("\ufeffGRANT SELECT ON CATALOG c TO x", "U+FEFF"),
        ("ＧRANT SELECT ON CATALOG c TO x", "U+FF27"),
        ("GRANT SELECT ON САTALOG c TO x", "U+0421"),
        ("GRANT SELECT ON CATALOG c TO ‘x’", "U+2018"),
        ("COMMENT ON CATALOG c IS ′x′", "U+2032"),
        ("GRANT SELECT ON CATALOG c\u037e DROP CATALOG c", "U+037E"),
        ("GRANT SELECT ON CATALOG ｀c｀ TO x", "U+FF40"),
        ("GRANT SELECT ON CATALOG x\u200by TO x", "U+200B"),
        ("GRANT SELECT ON CATALOG IDENTIFIER('c') TO x", "'('"),
        ("GRANT SELECT ON CATALOG IDENTIFIER(:c) TO x", "'('"),
        ("GRANT SELECT ON CATALOG c TO alice@x.io", "'@'"),
        ("GRANT SELECT ON CATALOG a-b TO x", "'-'"),
        ("GRANT SELECT ON CATALOG c TO 'x'", "a name"),
        ('GRANT SELECT ON CATALOG "c" TO x', "a name"),
        ("GRANT SELECT ON CATALOG c TO :who", "':'"),
        ("GRANT SELECT ON CATALOG c TO x WITH GRANT OPTION", "Grant MANAGE"),
        ("GRANT SELECT ON CATALOG c TO x WITH GRANT", "'WITH'"),
        ("GRANT SELECT ON CATALOG c TO x, y", "','"),
        ("GRANT SELECT ON CATALOG c TO", "ends"),
        ("GRANT ON CATALOG c TO x", "ends"),
        ("GRANT `SELECT` ON CATALOG c TO x", "a keyword"),
        ("GRANT SELECT, ON CATALOG c TO x", "ends"),
        ("GRANT", "ends"),
        ("GRANT SELECT ON SCHEMA TO x", "TO should be"),
        ("SHOW GRANTS ON SHARE c", "CATALOG"),
        ("SHOW GRANTS TO", "ends"),
        ("CREATE SCHEMA c.s WITH DBPROPERTIES (a = b)", "a number"),
        ("CREATE SCHEMA c.s WITH DBPROPERTIES ()", "a name"),
        ("CREATE SCHEMA c.s WITH DBPROPERTIES (a = true)", "in quotes"),
        ("CREATE SCHEMA c.s WITH TAGS (a = 'b')", "'WITH'"),
        ("CREATE SCHEMA c.s COMMENT 'a' COMMENT 'b'", "'COMMENT'"),
        ("DESCRIBE HISTORY c.s.t", "CATALOG"),
        ("USE", "ends"),
        ("USE CATALOG c.d, e", "','"),
        ("USE VOLUME a.b.c", "'a'"),
        ("GRANT SELECT ON SHARE c TO x", "CATALOG"),
        ("GRANT SELECT TO x", "ends"),
        ("GRANT SELECT ON CATALOG c..d TO x", "a name"),
        ("GRANT SELECT ON CATALOG c. TO x", "'x'"),
        ("CREATE CATALOG c MANAGED LOCATION 's3://x'", "'MANAGED'"),
        ("CREATE CATALOG c USING SHARE a.b", "'USING'"),
        ("CREATE OR REPLACE SCHEMA c.s", "CATALOG"),
        ("CREATE TABLE c.s.t (a INT)", "CATALOG"),
        ("COMMENT ON CATALOG c IS 'a' 'b'", "'b'"),
        ("COMMENT ON CATALOG c IS r'a'", "text in quotes"),
        ("COMMENT ON CATALOG c IS x'41'", "text in quotes"),
        ("COMMENT ON CATALOG c IS N'a'", "text in quotes"),
        ("ALTER MODEL a.b.c SET TAGS ()", "a name"),
        ("ALTER MODEL a.b.c SET TAGS ('a' = 'b',)", "a name"),
        ("ALTER MODEL a.b.c SET TAGS ('a' = 5)", "text in quotes"),
        ("ALTER METASTORE OWNER TO x", "CATALOG"),
        ("DROP METASTORE", "CATALOG"),
        ("DROP MODEL a.b.c CASCADE", "'CASCADE'"),
        ("DROP CATALOG a, b", "','"),
        ("DENY SELECT ON CATALOG c TO x", "GRANT"),
        ("EXECUTE IMMEDIATE 'DROP CATALOG c'", "GRANT"),
        ("BEGIN DROP CATALOG c; END", "more than one"),
        ("SET x = 1", "TAG"),
        ("SET TAG ON CATALOG c x = 5", "a name"),
        ("UNSET TAG ON CATALOG c x = y", "'='"),
        ("SET TAG ON CATALOG c", "ends"),
        ("SHOW GROUPS IN c", "'IN'"),
        ("SHOW CURRENT MODEL", "CATALOG"),
        ("INSERT INTO a.b.c VALUES (1)", "GRANT"),
        ("${x}", "GRANT"),
        ("{{ x }}", "GRANT"),
        ("EXPLAIN SELECT 1", "GRANT"),
        ("x" * 20_001, "20001"),
        ("GRANT " + "a, " * 2_000, "words"),
    ],
)
def test_what_is_refused(statement: str, words: str) -> None:
    with pytest.raises(BadSql) as refusal:
        read(statement)
    assert words in refusal.value.message
    assert refusal.value.message.endswith(".") and len(refusal.value.message) < 400


@pytest.mark.parametrize(
    "statement",
    [
        f"-- let the team in\n{GRANT}",
        f'/* {{"app": "dbt", "node_id": "model.x"}} */\n{GRANT}',
        f"{GRANT} -- temporary",
        f"{GRANT} --",
        f"{GRANT}; -- done",
        f"{GRANT} /* ; DROP CATALOG c CASCADE */",
        "GRANT/**/SELECT/* a */ON CATALOG c TO x",
        f"/*+ HINT */ {GRANT}",
        f"/* /* inner */ still a comment */ {GRANT}",
        f"-- a\r\n-- b \\\n goes on\n{GRANT}",
        f"/* it's */ {GRANT} -- `\"",
        f"--\n\n/**/ {GRANT}",
        f"/* é \u202e ｓ */ {GRANT} /*traceparent='00-4bf9-01'*/",
        "GRANT SELECT -- a, b\r ON CATALOG c TO x",
    ],
)
def test_comments_stand_anywhere(statement: str) -> None:
    assert read(statement) == read(GRANT)


@settings(max_examples=100)
@given(statement=STATEMENTS, comment=st.text("-*'\"` \n;ab", max_size=12))
def test_comments_change_no_statement(statement: s.Statement, comment: str) -> None:
    """Whatever stands in quotes is no comment, and whatever stands in a comment is no statement."""
    line = comment.replace("\n", "")
    assert read(f"/*{comment}*/{write(statement)}--{line}") == statement
    assert read(f"--{line}\n/*/*{comment}*/{comment}*/ {write(statement)} /**/") == statement


def test_tags_and_principals_of_databricks() -> None:
    schema, model = s.Object(Kind.SCHEMA, ("c", "s")), s.Object(Kind.MODEL, ("c", "s", "m"))
    assert read("SET TAG ON SCHEMA c.s cost = y") == s.SetTags(schema, (("cost", "y"),))
    assert read("SET TAG ON SCHEMA c.s `cost center` = 'a b'") == s.SetTags(schema, (("cost center", "a b"),))
    assert read("SET TAG ON REGISTERED MODEL c.s.m flag") == s.SetTags(model, (("flag", ""),))
    assert read("unset tag on schema c.s cost;") == s.UnsetTags(schema, ("cost",))
    assert read("SHOW GROUPS") == s.ShowPrincipals("GROUP")
    assert read("SHOW USERS LIKE '*@x.io'") == s.ShowPrincipals("USER", "*@x.io")
    assert read("SHOW CURRENT DATABASE") == s.ShowCurrent(Kind.SCHEMA)
    assert read("SHOW USER FUNCTIONS IN c.s") == read("SHOW FUNCTIONS IN c.s")
    assert read("DROP MODEL IF EXISTS c.s.m") == s.Drop(model, False, True)
    assert read("GRANT EXECUTE ON REGISTERED MODEL c.s.m TO x") == read("GRANT EXECUTE ON MODEL c.s.m TO x")


def test_a_name_without_its_kind_is_a_table_unless_no_table_has_the_privilege() -> None:
    name = ("c", "s", "m")
    table, routine = s.Object(Kind.TABLE, name), s.Object(Kind.FUNCTION, name)
    assert read("GRANT SELECT ON c.s.m TO x") == s.GrantStatement(("SELECT",), table, "x")
    assert read("GRANT ALL PRIVILEGES, MANAGE ON c.s.m TO x") == s.GrantStatement(
        ("ALL PRIVILEGES", "MANAGE"), table, "x"
    )
    assert read("grant execute on c.s.m to `x`") == s.GrantStatement(("EXECUTE",), routine, "x")
    assert read("REVOKE APPLY TAG, CREATE MODEL VERSION ON `c`.s.m FROM x") == s.Revoke(
        ("APPLY TAG", "CREATE MODEL VERSION"), routine, "x"
    )
    assert read("SHOW GRANTS ON c.s.m") == s.ShowGrants(table) and read("SHOW GRANTS x ON t") == s.ShowGrants(
        s.Object(Kind.TABLE, ("t",)), "x"
    )
    assert read("DESC c.s.m") == s.Describe(table) and read("DESCRIBE EXTENDED c.s.m;") == s.Describe(table, True)
    # A word that is a kind is the kind; backticks make a name of it.
    assert read("GRANT SELECT ON `schema` TO x") == s.GrantStatement(
        ("SELECT",), s.Object(Kind.TABLE, ("schema",)), "x"
    )
    assert read("GRANT SELECT ON SCHEMA `to` TO x") == s.GrantStatement(
        ("SELECT",), s.Object(Kind.SCHEMA, ("to",)), "x"
    )


def test_use_and_grants_of_a_principal_and_properties() -> None:
    assert read("USE CATALOG c") == read("use catalog 'c';") == s.Use(s.Object(Kind.CATALOG, ("c",)))
    assert read("USE c.s") == read("USE DATABASE c.s") == s.Use(s.Object(Kind.SCHEMA, ("c", "s")))
    assert read("SHOW GRANTS TO x") == read("show grant to `x`") == s.ShowGrantsTo("x")
    assert read("SHOW GRANTS TO x ON SCHEMA c.s") == read("SHOW GRANTS x ON SCHEMA c.s")
    assert read("SHOW GRANTS TO ON CATALOG c") == s.ShowGrants(s.Object(Kind.CATALOG, ("c",)), "TO")
    schema = s.Object(Kind.SCHEMA, ("c", "s"))
    properties = (("a", "b"), ("x.y", "5"), ("z", ""))
    assert read("CREATE SCHEMA c.s WITH DBPROPERTIES (a = 'b', x.y 5, 'z' = '') COMMENT 'w'") == s.CreateStatement(
        schema, "w", False, properties
    )
    assert read("CREATE SCHEMA c.s COMMENT 'w' WITH DBPROPERTIES (a='b')") == s.CreateStatement(
        schema, "w", False, properties[:1]
    )


def test_a_server_that_never_sees_sql_does_not_load_its_parser() -> None:
    code = "import sys, modelkeep.serve, modelkeep.api.sql.routes; sys.exit('sqlglot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
