"""Whether a peer sends or takes enough bytes: a byte now and then must not hold a connection for ever."""

import fcntl
import struct
import termios
from contextlib import suppress

from modelkeep.limits import PEER_BYTES_PER_SECOND


def in_flight(descriptor: int) -> int:
    """Bytes that the kernel holds of a socket's output and that the peer has not acknowledged; 0 where the system does not say.

    The kernel may hold megabytes, and offers room for more only when a third of them is gone: a slow peer moves long before that."""
    with suppress(OSError):
        return struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0"))[0]
    return 0


class Progress:
    """An average over windows of the time in which only the peer was waited for. However long a transfer takes as a whole, it
    goes on while each window has enough."""

    __slots__ = ("_bytes", "_waited_s", "_window_s")

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self.restart()

    def restart(self) -> None:
        """Begin a window."""
        self._bytes, self._waited_s = 0, 0.0

    def moved(self, count: int) -> None:
        """Bytes that the peer sent or took."""
        self._bytes += count

    def too_slow(self, waited_s: float) -> bool:
        """`waited_s`: how long the peer was waited for since the last call. True at the end of a window with too few bytes."""
        self._waited_s += waited_s
        if self._waited_s < self._window_s:
            return False
        slow = self._bytes < PEER_BYTES_PER_SECOND * self._waited_s
        self.restart()
        return slow
