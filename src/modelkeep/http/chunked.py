"""The chunked coding of a body (RFC 9112, 7.1), read strictly: sizes, extensions and trailers are bounded, and nothing that
one reader could take for the end of a body and another for its middle is accepted."""

import re

from modelkeep.http.head import BadRequest
from modelkeep.limits import CHUNKS_PER_TURN, MAX_CHUNK_LINE_BYTES, MAX_TRAILER_BYTES

_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class Chunked:
    """Decodes one body. `done` once its last chunk and its trailers have arrived."""

    def __init__(self) -> None:
        self.done = False
        self.yielded = False
        """`decode` ended its turn; it has lines left that are complete."""
        self._left = 0
        """bytes of the current chunk that have not arrived, with the line break after it"""
        self._ending = False
        """The last chunk has come; trailers follow."""
        self._trailers = 0

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        """What `data` has of the body, and what is left of it: what follows the body once that is `done`, the beginning of
        a line that is not complete, or what the next turn decodes. Raises BadRequest."""
        pieces: list[bytes] = []
        start, size, turns = 0, len(data), 0
        while start < size and turns < CHUNKS_PER_TURN and not self.done:
            if self._left:
                start = self._take(data, start, pieces)
                continue
            turns += 1
            end = data.find(b"\n", start, start + MAX_CHUNK_LINE_BYTES)
            if end < 0:
                if size - start >= MAX_CHUNK_LINE_BYTES:
                    raise BadRequest("malformed")
                break
            self._line(data[start : end + 1])
            start = end + 1
        self.yielded = turns == CHUNKS_PER_TURN and not self.done
        return b"".join(pieces), data[start:]

    def _take(self, data: bytes, start: int, pieces: list[bytes]) -> int:
        """Bytes of the current chunk; its line break is no part of the body."""
        end = min(start + self._left, len(data))
        inside = min(end, start + max(self._left - 2, 0))
        if inside > start:
            pieces.append(data[start:inside])
        if data[inside:end] != b"\r\n"[2 - min(self._left, 2) :][: end - inside]:
            raise BadRequest("malformed")
        self._left -= end - start
        return end

    def _line(self, line: bytes) -> None:
        if self._ending:
            self._trailers += len(line)
            if line == b"\r\n":
                self.done = True
            elif self._trailers > MAX_TRAILER_BYTES or not _TRAILER.fullmatch(line):
                raise BadRequest("malformed")
            return
        match = _SIZE.fullmatch(line)
        if match is None:
            raise BadRequest("malformed")
        chunk = int(match[1], 16)
        self._ending = not chunk
        self._left = chunk + 2 if chunk else 0
