"""How a statement fails that cannot be read."""

from modelkeep.domain.errors import InvalidArgument


class BadSql(InvalidArgument):
    """A statement that is not in this server's SQL."""
