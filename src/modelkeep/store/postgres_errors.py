"""What a failure of PostgreSQL means to a caller, in a sentence: wait, try again, narrow it, or look at the server."""

from modelkeep import limits
from modelkeep.domain.errors import Conflict, LimitExceeded, RegistryError, Unavailable
from modelkeep.store.db import Contended, UniqueViolation

AWAY = "The database does not answer. Try again in a moment."
FULL = "All connections to the database are in use. Try again in a moment."
UNKNOWN = "The database did not answer the commit, so it is not known whether the change was stored. Read before you repeat it."
CONTENDED = "The change met another one at the same moment, and nothing of it was stored. Try again."
LOCKED = "Another change to the same thing has been under way for too long. Try again in a moment."
CANCELLED = "The database stopped this after {:g} seconds. Try again in a moment."
SCAN_STOPPED = (
    "Reading this took longer than {:g} seconds and was stopped. Narrow it (a catalog, a schema, a model, fewer words), "
    "or try again when the server has less to do."
)
_SENTENCES = {
    "40001": CONTENDED,
    "40P01": CONTENDED,
    "55P03": LOCKED,
    "25P03": "The change took too long between two of its steps, and nothing of it was stored. Try again.",
    "25006": "The database takes no changes: it is a standby, or set to read-only. Try again in a moment.",
    "53100": "The database's disk is full. Operators: make room there.",
    "53300": FULL,
    "57P01": AWAY,
    "57P02": AWAY,
    "57P03": AWAY,
}


def meaning(error: Exception, seconds: float, *, scan: bool) -> Exception | None:
    """What to raise instead of psycopg's error; None where it is a mistake of ours. `scan`: the statement was a scan;
    `seconds`: its deadline."""
    import psycopg

    if isinstance(error, psycopg.errors.UniqueViolation):
        return UniqueViolation(error.diag.constraint_name or str(error))
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return Conflict("Something that this request refers to was made or deleted meanwhile. Try again.")
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    if state == "57014":
        return stopped(seconds, scan=scan)
    if state in ("40001", "40P01"):
        return Contended(CONTENDED)
    if state in _SENTENCES:
        return Unavailable(_SENTENCES[state])
    return Unavailable(AWAY) if isinstance(error, psycopg.OperationalError) else None


def stopped(seconds: float, *, scan: bool) -> RegistryError:
    """A statement that was ended at its deadline."""
    if scan and seconds <= limits.DATABASE_S:
        return LimitExceeded(SCAN_STOPPED.format(seconds))
    return Unavailable(CANCELLED.format(seconds))
