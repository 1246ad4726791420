"""Comments and hints of a statement, which tools write before, after and inside of it (dbt, sqlcommenter, drivers of BI tools).

They are taken out before anything is read, so that every reader sees the same words. The rules are Spark's (`SqlBaseLexer.g4`):
`--` ends with its line, unless a backslash stands before the line's end; `/* */` nest, hints (`/*+ */`) are such comments too.
"""

import re

from modelkeep.api.sql.errors import BadSql

_PIECES = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|--(?:\\\n|[^\r\n])*|/\*|[^'"`/\-]+|.""", re.DOTALL)
_BOUNDS = re.compile(r"/\*|\*/")
UNENDED = (
    "The statement has a quote, backtick or comment that does not end. In text, write a quote as \\', in a name a "
    "backtick as ``."
)


MAX_STATEMENT = 20_000  # characters


def without_comments(statement: str) -> str:
    """The statement with a space in the place of each comment. Raises BadSql, for a statement that is too long also."""
    if len(statement) > MAX_STATEMENT:
        raise BadSql(f"The statement is {len(statement)} characters long; at most {MAX_STATEMENT} are allowed.")
    if "--" not in statement and "/*" not in statement:
        return statement
    pieces: list[str] = []
    position = 0
    while position < len(statement):
        match = _PIECES.match(statement, position)
        assert match is not None
        piece, position = match[0], match.end()
        if piece == "/*":
            piece, position = " ", _end_of_comment(statement, position)
        elif piece in ("'", '"', "`"):
            raise BadSql(UNENDED)
        pieces.append(" " if piece.startswith("--") else piece)
    return "".join(pieces)


def beginning(statement: str) -> str:
    """Where a statement begins, in upper case; '' for a statement that cannot be read."""
    try:
        return without_comments(statement).lstrip("( \t\r\n")[:20].upper()
    except BadSql:
        return ""


def _end_of_comment(statement: str, position: int) -> int:
    """Where the comment ends whose content begins at `position`. Raises BadSql."""
    depth = 1
    while depth:
        bound = _BOUNDS.search(statement, position)
        if bound is None:
            raise BadSql(UNENDED)
        depth += 1 if bound[0] == "/*" else -1
        position = bound.end()
    return position
