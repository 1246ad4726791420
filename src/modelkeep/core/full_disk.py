"""What still happens when a disk is almost full: reads, and what the table of operations marks with `full_disk`."""

from collections.abc import Iterable

from modelkeep.core.operation import Operation
from modelkeep.domain.disk_state import DiskState
from modelkeep.domain.errors import Unavailable

_CHANGED = "The server's disk is almost full, so changes are refused for now: reads and deletions go on. Ask the operator to free space."


def refuse_changes(disk: DiskState, operations: Iterable[Operation]) -> None:
    """Raises Unavailable where the disk is almost full and an operation needs space."""
    if disk.reason and any(needs_space(op) for op in operations):
        raise Unavailable(_CHANGED)


def needs_space(op: Operation) -> bool:
    """May this operation not run on a disk that is almost full?"""
    return op.effect == "write" and not op.full_disk
