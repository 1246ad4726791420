"""Prometheus metrics, labelled by route template (never by a name that a caller chose)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

registry = CollectorRegistry()
requests = Counter("modelkeep_requests", "Requests answered.", ("route", "method", "status"), registry=registry)
seconds = Histogram(
    "modelkeep_request_seconds",
    "Time to answer.",
    ("route",),
    registry=registry,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
unauthenticated = Counter(
    "modelkeep_unauthenticated", "Requests refused for want of a valid credential.", registry=registry
)
ignored_keys = Gauge(
    "modelkeep_ignored_keys", "Unknown request fields ignored since start: clients have grown.", registry=registry
)
audit_dropped = Gauge(
    "modelkeep_audit_reads_dropped", "Audit records of plain reads that did not fit the buffer.", registry=registry
)
audit_unsent = Gauge("modelkeep_audit_unsent", "Audit records that wait for the OTLP collector.", registry=registry)
jobs_waiting = Gauge("modelkeep_jobs_waiting", "Jobs that wait or run.", registry=registry)
jobs_dead = Gauge("modelkeep_jobs_dead", "Jobs given up after all attempts: somebody has to look.", registry=registry)
database_seconds = Histogram(
    "modelkeep_database_seconds",
    "Time of a scan or commit (SQLite), of a transaction (PostgreSQL).",
    ("work",),
    registry=registry,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
database_wait = Histogram(
    "modelkeep_database_wait_seconds",
    "Time that reads, changes and scans waited in line.",
    ("work",),
    registry=registry,
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30),
)
database_deadlines = Counter(
    "modelkeep_database_deadlines",
    "Statements and waits that were ended at their deadline.",
    ("work",),
    registry=registry,
)
scans_waiting = Gauge("modelkeep_scans_waiting", "Scans that wait in line.", registry=registry)
scans_refused = Counter("modelkeep_scans_refused", "Scans refused with 429.", ("why",), registry=registry)
connections = Gauge("modelkeep_connections", "Open connections.", registry=registry)
connections_refused = Counter(
    "modelkeep_connections_refused",
    "Connections refused for want of a place or of a descriptor.",
    ("reason",),
    registry=registry,
)
refused_early = Counter(
    "modelkeep_refused_early",
    "Requests and connections ended by the limits of the HTTP server.",
    ("reason",),
    registry=registry,
)
disk_free_bytes = Gauge(
    "modelkeep_disk_free_bytes", "Space of the disks that the server writes to.", ("path",), registry=registry
)
writes_refused = Gauge(
    "modelkeep_writes_refused", "1 while changes are refused because a disk is almost full.", registry=registry
)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


_children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


def request(route: str, method: str, status: int, took: float) -> None:
    """`took` in seconds."""
    key = (route, method if method in _METHODS else "other", status)
    children = _children.get(key)
    if children is None:  # looking a child up by its labels costs more than counting
        children = _children[key] = (requests.labels(route, key[1], str(status)), seconds.labels(route))
    children[0].inc()
    children[1].observe(took)


def text() -> bytes:
    """The exposition format."""
    return generate_latest(registry)
