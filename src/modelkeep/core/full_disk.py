"""What still happens when a disk is almost full: reads, deletions, and whatever takes rights away."""

from collections.abc import Iterable

from modelkeep.core.errors import Unavailable
from modelkeep.core.operation import Operation

_EVENTS = frozenset(
    {
        "abort", "bind", "change_destinations", "decide", "delete", "isolate", "protect", "remove_member", "revoke", "unassign",
        "unlink", "unprotect", "withdraw",
    }
)  # fmt: skip
"""Verbs of audit events of changes that free space, or take rights away and need next to none"""
_ALSO = frozenset({"change_grants", "set_active"})
"""Operations that revoke and deactivate, among others"""
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
    return op.effect == "write" and op.audit.rpartition(".")[2] not in _EVENTS and op.name not in _ALSO
