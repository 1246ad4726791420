"""The statements there are, beside SELECT, and how each is written: `read(write(x)) == x`, whatever the names."""

from functools import singledispatch

import msgspec

from modelkeep.core.kinds import Kind
from modelkeep.wire.sql.words import quoted, text

Name = tuple[str, ...]
"""Its parts as they were written, without backticks"""


class Object(msgspec.Struct, frozen=True):
    """A securable as a statement names it. A FUNCTION may turn out to be a model wherever REST lets it."""

    kind: Kind
    name: Name


class Statement(msgspec.Struct, frozen=True):
    pass


class Grant(Statement, frozen=True):
    privileges: tuple[str, ...]
    """As written, in upper case, with single spaces"""
    on: Object
    principal: str


class Revoke(Grant, frozen=True):
    pass


class ShowGrants(Statement, frozen=True):
    on: Object
    principal: str = ""


class SetOwner(Statement, frozen=True):
    on: Object
    principal: str


class Create(Statement, frozen=True):
    on: Object
    comment: str = ""
    if_absent: bool = False


class Drop(Statement, frozen=True):
    on: Object
    cascade: bool = False
    if_there: bool = False


class Show(Statement, frozen=True):
    """Securables of one kind in a container, as far as the caller sees them."""

    kind: Kind
    within: Name = ()
    like: str = ""
    """`*` is any text, `|` stands between two patterns; case does not count"""


class Describe(Statement, frozen=True):
    on: Object
    extended: bool = False


class CommentOn(Statement, frozen=True):
    on: Object
    comment: str
    """'' where it was NULL"""


class SetTags(Statement, frozen=True):
    on: Object
    tags: tuple[tuple[str, str], ...]


class UnsetTags(Statement, frozen=True):
    on: Object
    keys: tuple[str, ...]


class Rename(Statement, frozen=True):
    on: Object
    new: Name


def plural(kind: Kind) -> str:
    return f"{kind}S"


def _object(on: Object) -> str:
    return f"{on.kind} {_name(on.name)}".rstrip()


def _name(name: Name) -> str:
    return ".".join(quoted(part) for part in name)


@singledispatch
def write(statement: Statement) -> str:
    """The statement in SQL."""
    raise NotImplementedError(type(statement))


@write.register
def _(s: Grant) -> str:
    return f"GRANT {', '.join(s.privileges)} ON {_object(s.on)} TO {quoted(s.principal)}"


@write.register
def _(s: Revoke) -> str:
    return f"REVOKE {', '.join(s.privileges)} ON {_object(s.on)} FROM {quoted(s.principal)}"


@write.register
def _(s: ShowGrants) -> str:
    return f"SHOW GRANTS {quoted(s.principal) + ' ' if s.principal else ''}ON {_object(s.on)}"


@write.register
def _(s: SetOwner) -> str:
    return f"ALTER {_object(s.on)} SET OWNER TO {quoted(s.principal)}"


@write.register
def _(s: Create) -> str:
    comment = f" COMMENT {text(s.comment)}" if s.comment else ""
    return f"CREATE {s.on.kind} {'IF NOT EXISTS ' if s.if_absent else ''}{_name(s.on.name)}{comment}"


@write.register
def _(s: Drop) -> str:
    return f"DROP {s.on.kind} {'IF EXISTS ' if s.if_there else ''}{_name(s.on.name)}{' CASCADE' if s.cascade else ''}"


@write.register
def _(s: Show) -> str:
    within = f" IN {_name(s.within)}" if s.within else ""
    return f"SHOW {plural(s.kind)}{within}{' LIKE ' + text(s.like) if s.like else ''}"


@write.register
def _(s: Describe) -> str:
    return f"DESCRIBE {s.on.kind} {'EXTENDED ' if s.extended else ''}{_name(s.on.name)}"


@write.register
def _(s: CommentOn) -> str:
    return f"COMMENT ON {_object(s.on)} IS {text(s.comment)}"


@write.register
def _(s: SetTags) -> str:
    tags = ", ".join(f"{text(key)} = {text(value)}" for key, value in s.tags)
    return f"ALTER {_object(s.on)} SET TAGS ({tags})"


@write.register
def _(s: UnsetTags) -> str:
    return f"ALTER {_object(s.on)} UNSET TAGS ({', '.join(text(key) for key in s.keys)})"


@write.register
def _(s: Rename) -> str:
    return f"ALTER {_object(s.on)} RENAME TO {_name(s.new)}"
