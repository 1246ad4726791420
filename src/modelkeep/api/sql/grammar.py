"""From words to one statement. SELECT alone is sqlglot's to parse: of the others it knows some, some only as raw text
(`Command`), and which ones changes with a word; so that there is one reader of each, they are all read here, over its tokens."""

from collections.abc import Callable
from typing import TypeVar

from modelkeep.api.sql import statements as s
from modelkeep.api.sql.comments import without_comments
from modelkeep.api.sql.errors import BadSql
from modelkeep.api.sql.select_tree import Query, Value, read_select
from modelkeep.api.sql.tokens import TokenReader, words
from modelkeep.domain.kinds import BESIDE_CATALOGS, Kind

T = TypeVar("T")
_KINDS = {"DATABASE": Kind.SCHEMA, **{str(kind): kind for kind in Kind if kind not in BESIDE_CATALOGS}}
_TWO_WORDS = {kind: tuple(kind.split("_")) for kind in BESIDE_CATALOGS}
_CONTAINERS = {"CATALOG": Kind.CATALOG, "SCHEMA": Kind.SCHEMA, "DATABASE": Kind.SCHEMA}
_PLURALS = {f"{word}S": kind for word, kind in _KINDS.items() if kind is not Kind.METASTORE}
_PRINCIPALS = {"GROUPS": "GROUP", "USERS": "USER"}
_CURRENT = {**_CONTAINERS, "METASTORE": Kind.METASTORE}
_ON_ROUTINES = frozenset({"EXECUTE", "CREATE MODEL VERSION", "CREATE_MODEL_VERSION"})
"""Privileges that no table has"""
_BELOW = {word: kind for word, kind in _KINDS.items() if kind is not Kind.METASTORE}


def read(statement: str, parameters: dict[str, Value] | None = None) -> s.Statement | Query:
    """What the statement asks for. `parameters` are the values of its `:name` markers. Raises BadSql."""
    statement = without_comments(statement)
    reader = TokenReader(words(statement))
    if reader.sees("SELECT") or reader.sees("WITH"):
        return read_select(statement, parameters or {})
    parsed = _STATEMENTS[reader.one_of("SELECT", *_STATEMENTS)](reader)
    reader.end()
    return parsed


def _kind(r: TokenReader, kinds: dict[str, Kind]) -> Kind:
    if Kind.MODEL in kinds.values() and r.takes("REGISTERED", "MODEL"):
        return Kind.MODEL
    return kinds[r.one_of(*kinds)]


def _on(r: TokenReader, kinds: dict[str, Kind]) -> s.Object:
    kind = _kind(r, kinds)
    return s.Object(kind, () if kind is Kind.METASTORE else r.names())


def _grant(r: TokenReader) -> s.Statement:
    privileges = _privileges(r)
    on = _securable(r, privileges, "TO")
    r.one_of("TO")
    statement = s.GrantStatement(privileges, on, r.name())
    if r.sees("WITH", "GRANT", "OPTION"):
        raise BadSql(
            "Unity Catalog has no WITH GRANT OPTION, so nothing was granted. Grant MANAGE to let somebody grant to others."
        )
    return statement


def _revoke(r: TokenReader) -> s.Statement:
    privileges = _privileges(r)
    on = _securable(r, privileges, "FROM")
    r.one_of("FROM")
    return s.Revoke(privileges, on, r.name())


def _securable(r: TokenReader, privileges: tuple[str, ...] = (), *follows: str) -> s.Object:
    """A securable with its kind, or without: then it is a table, as in Databricks' grammar (`[ TABLE ] table_name`), or a
    function or model if a privilege is named that no table has."""
    for kind, pair in _TWO_WORDS.items():
        if r.takes(*pair):
            return s.Object(kind, r.names())
    if not any(r.sees(word) for word in (*_KINDS, "REGISTERED")) and (names := r.names_before(*follows)):
        return s.Object(Kind.TABLE if _ON_ROUTINES.isdisjoint(privileges) else Kind.FUNCTION, names)
    return _on(r, _KINDS)


def _privileges(r: TokenReader) -> tuple[str, ...]:
    """Up to and with ON."""
    privileges, keywords = list[str](), [r.keyword()]
    while not r.takes("ON"):
        if r.takes_sign(","):
            privileges.append(" ".join(keywords))
            keywords = []
        keywords.append(r.keyword())
    return (*privileges, " ".join(keywords))


def _show(r: TokenReader) -> s.Statement:
    if r.takes("GRANTS") or r.takes("GRANT"):
        if r.sees("TO") and not r.sees("TO", "ON") and r.takes("TO"):
            principal = r.name()
            return s.ShowGrants(_securable(r), principal) if r.takes("ON") else s.ShowGrantsTo(principal)
        principal = "" if r.sees("ON") else r.name()
        r.one_of("ON")
        return s.ShowGrants(_securable(r), principal)
    for word, kind in _PRINCIPALS.items():
        if r.takes(word):
            return s.ShowPrincipals(kind, _pattern(r))
    if r.takes("CURRENT"):
        return s.ShowCurrent(_kind(r, _CURRENT))
    if r.takes("CREATE"):
        r.one_of("TABLE")
        return s.ShowCreateTable(s.Object(Kind.TABLE, r.names()))
    if r.sees("USER", "FUNCTIONS") or r.sees("ALL", "FUNCTIONS"):
        r.one_of("USER", "ALL")
    kind = _PLURALS[r.one_of(*_PLURALS, *_PRINCIPALS, "CREATE", "CURRENT", "GRANTS")]
    within = r.names() if kind is not Kind.CATALOG and (r.takes("IN") or r.takes("FROM")) else ()
    return s.Show(kind, within, _pattern(r))


def _pattern(r: TokenReader) -> str:
    return r.text() if r.takes("LIKE") or r.is_text() else ""


def _alter(r: TokenReader) -> s.Statement:
    on = _on(r, _BELOW)
    if r.takes("OWNER", "TO") or r.takes("SET", "OWNER", "TO"):
        return s.SetOwner(on, r.name())
    if r.takes("SET", "TAGS"):
        return s.SetTags(on, _listed(r, _tag))
    if r.takes("UNSET", "TAGS"):
        return s.UnsetTags(on, _listed(r, _key))
    if r.takes("RENAME", "TO"):
        return s.Rename(on, r.names())
    raise r.wrong("OWNER TO, SET OWNER TO, SET TAGS, UNSET TAGS or RENAME TO")


def _listed(r: TokenReader, read_item: Callable[[TokenReader], T]) -> tuple[T, ...]:
    r.sign("(")
    items = [read_item(r)]
    while r.takes_sign(","):
        items.append(read_item(r))
    r.sign(")")
    return tuple(items)


def _key(r: TokenReader) -> str:
    return r.text() if r.is_text() else r.name()


def _tag(r: TokenReader) -> tuple[str, str]:
    key = _key(r)
    return key, r.text() if r.takes_sign("=") else ""


def _create(r: TokenReader) -> s.Statement:
    kind = _kind(r, _CONTAINERS)
    if_absent = r.takes("IF", "NOT", "EXISTS")
    on = s.Object(kind, r.names())
    comment, properties = "", tuple[tuple[str, str], ...]()
    while True:  # each at most once, in any order
        if not comment and r.takes("COMMENT"):
            comment = r.text()
        elif not properties and (r.takes("WITH", "DBPROPERTIES") or r.takes("WITH", "PROPERTIES")):
            properties = _listed(r, _property)
        else:
            return s.CreateStatement(on, comment, if_absent, properties)


def _property(r: TokenReader) -> tuple[str, str]:
    """`key = value`, where the sign may be left out. A key may have periods."""
    key = r.text() if r.is_text() else ".".join(r.names())
    r.takes_sign("=")
    if r.takes("TRUE") or r.takes("FALSE"):
        raise BadSql(f"The value of property '{key[:100]}' is no text. Put it in quotes.")
    return key, r.text() if r.is_text() else r.number()


def _drop(r: TokenReader) -> s.Statement:
    kind = _kind(r, _BELOW)
    if_there = r.takes("IF", "EXISTS")
    name = r.names()
    cascade = kind in _CONTAINERS.values() and not r.takes("RESTRICT") and r.takes("CASCADE")
    return s.Drop(s.Object(kind, name), cascade, if_there)


def _describe(r: TokenReader) -> s.Statement:
    if not r.sees("EXTENDED"):
        on = _described(r)
        if on is not None:
            return s.Describe(on)
    if r.takes("EXTENDED"):
        return s.Describe(s.Object(Kind.TABLE, r.names()), True)
    kind = _kind(r, _BELOW)
    extended = r.takes("EXTENDED")
    return s.Describe(s.Object(kind, r.names()), extended)


def _described(r: TokenReader) -> s.Object | None:
    """A name without its kind is a table, as in Databricks' grammar."""
    if any(r.sees(word) for word in (*_BELOW, "REGISTERED")):
        return None
    names = r.names_before()
    return s.Object(Kind.TABLE, names) if names else None


def _comment(r: TokenReader) -> s.Statement:
    r.one_of("ON")
    on = _on(r, _BELOW)
    r.one_of("IS")
    return s.CommentOn(on, "" if r.takes("NULL") else r.text())


def _set_tag(r: TokenReader) -> s.Statement:
    on = _tagged(r)
    return s.SetTags(on, ((_key(r), _key(r) if r.takes_sign("=") else ""),))


def _unset_tag(r: TokenReader) -> s.Statement:
    on = _tagged(r)
    return s.UnsetTags(on, (_key(r),))


def _tagged(r: TokenReader) -> s.Object:
    r.one_of("TAG")
    r.one_of("ON")
    return _on(r, _BELOW)


def _copy(r: TokenReader) -> s.Statement:
    """`COPY MODEL dev.ml.churn VERSION 3 TO prod.ml.churn`: ours, Databricks has no such statement."""
    on = _on(r, {"MODEL": Kind.MODEL})
    r.one_of("VERSION")
    version = r.number()
    r.one_of("TO")
    return s.CopyStatement(on, version, r.names())


def _use(r: TokenReader) -> s.Statement:
    """`USE [SCHEMA] name`, `USE CATALOG name`."""
    kind = next((kind for word, kind in _CONTAINERS.items() if r.takes(word)), Kind.SCHEMA)
    return s.Use(s.Object(kind, (r.text(),) if r.is_text() else r.names()))


_STATEMENTS: dict[str, Callable[[TokenReader], s.Statement]] = {
    "GRANT": _grant,
    "REVOKE": _revoke,
    "SHOW": _show,
    "ALTER": _alter,
    "CREATE": _create,
    "DROP": _drop,
    "DESCRIBE": _describe,
    "DESC": _describe,
    "COMMENT": _comment,
    "COPY": _copy,
    "SET": _set_tag,
    "UNSET": _unset_tag,
    "USE": _use,
}
