"""Whether the disks that this process writes to have space for changes."""


class DiskState:
    """Of this process. `observe/disk.py` sets `reason`."""

    __slots__ = ("reason",)

    def __init__(self) -> None:
        self.reason = ""
        """Why changes are refused; '' where they are not."""
