"""How a moment is written where an API wants text."""

from datetime import UTC, datetime


def rfc3339(at: int) -> str:
    """Epoch ms as `2026-01-31T12:00:00.000Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
