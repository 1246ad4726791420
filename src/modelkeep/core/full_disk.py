"""What still happens when a disk is almost full: reads, and what the table of operations marks with `full_disk`."""

from collections.abc import Iterable

from modelkeep.core.errors import Unavailable
from modelkeep.core.operation import Operation

_CHANGED = "The server's disk is almost full, so changes are refused for now: reads and deletions go on. Ask the operator to free space."


class DiskState:
    """Of the disks that this process writes to. Whoever looks at them sets `reason`."""

    __slots__ = ("reason",)

    def __init__(self) -> None:
        self.reason = ""
        """Why changes are refused; '' where they are not."""

    def refuse(self, operations: Iterable[Operation]) -> None:
        """Raises Unavailable where the disk is almost full, unless none of the operations needs space."""
        if self.reason and any(needs_space(op) for op in operations):
            raise Unavailable(_CHANGED)


def needs_space(op: Operation) -> bool:
    """May this operation not run on a disk that is almost full?"""
    return op.effect == "write" and not op.full_disk
