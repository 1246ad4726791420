"""The statements there are, beside SELECT."""

import msgspec

from modelkeep.domain.kinds import Kind

Name = tuple[str, ...]
"""Its parts as they were written, without backticks"""


class Object(msgspec.Struct, frozen=True):
    """A securable as a statement names it. A FUNCTION may turn out to be a model wherever REST lets it."""

    kind: Kind
    name: Name


class Statement(msgspec.Struct, frozen=True):
    pass


class GrantStatement(Statement, frozen=True):
    privileges: tuple[str, ...]
    """As written, in upper case, with single spaces"""
    on: Object
    principal: str


class Revoke(GrantStatement, frozen=True):
    pass


class ShowGrants(Statement, frozen=True):
    on: Object
    principal: str = ""


class ShowGrantsTo(Statement, frozen=True):
    """What is granted to one principal, on every securable whose grants the caller sees."""

    principal: str


class SetOwner(Statement, frozen=True):
    on: Object
    principal: str


class CreateStatement(Statement, frozen=True):
    on: Object
    comment: str = ""
    if_absent: bool = False
    properties: tuple[tuple[str, str], ...] = ()


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


class ShowPrincipals(Statement, frozen=True):
    """Users or groups of the account."""

    kind: str
    """USER or GROUP"""
    like: str = ""
    """As of `Show`"""


class ShowCurrent(Statement, frozen=True):
    """The catalog, schema or metastore of names that leave theirs out."""

    kind: Kind


class Describe(Statement, frozen=True):
    on: Object
    extended: bool = False


class ShowCreateTable(Statement, frozen=True):
    """The statement that creates such a table."""

    on: Object


class Use(Statement, frozen=True):
    """The catalog or schema of later statements: there are no sessions, so it says no more than that the caller may use it."""

    on: Object


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


class CopyStatement(Statement, frozen=True):
    """A version of a model to another model, which need not be there."""

    on: Object
    version: str
    to: Name


class Rename(Statement, frozen=True):
    on: Object
    new: Name
