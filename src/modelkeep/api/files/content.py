"""How a stored file is answered: whole or one range, by the kernel if it can, never as what a browser would run."""

import re
from collections.abc import AsyncIterator
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote

from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.port import Blobs
from modelkeep.blobs.streams import cut
from modelkeep.core.operations.files.files import Opened
from modelkeep.domain.errors import Conflict, InvalidArgument
from modelkeep.http.messages import SENDFILE, Request, Response, json_response
from modelkeep.http.routing import Answer

_SMALL = 64 * 1024  # bytes; below, a read costs less than setting up a transfer by the kernel
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")
_NOT_QUOTABLE = re.compile(r"[^ -~]|[\"\\%]")
OUTSIDE = Answer(416, content="")
"""For the API's description: a range past the end of the file"""
_OUTSIDE = (1, 0)
"""No range: it begins behind its end"""


async def content(request: Request, blobs: Blobs, opened: Opened) -> Response:
    """The answer to GET and HEAD: 416 for a range outside the file. Raises Conflict where it changed."""
    file, etag = opened.file, entity_tag(opened.file.sha256 or opened.file.checksum)
    _check_unmodified(request, file.modified_at)
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"content-disposition", disposition(file.path.rpartition("/")[2])),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
        (b"cache-control", b"private, no-store"),
        (b"accept-ranges", b"bytes"),
        (b"last-modified", formatdate(file.modified_at // 1000, usegmt=True).encode()),
        *([(b"etag", etag)] if etag else []),
    ]
    range_header = request.header(b"range") if request.header(b"if-range") in ("", etag.decode()) else ""
    part = byte_range(range_header, file.size)
    start, end = part or (0, file.size)
    if start > end:
        return _unsatisfiable(range_header, file.size)
    if part:
        headers.append((b"content-range", f"bytes {start}-{end - 1}/{file.size}".encode()))
    now = None if file.data is None else file.data[start:end]
    if now is None and request.method == "GET" and isinstance(blobs, LocalBlobs) and end - start <= _SMALL:
        now = await blobs.read_small(opened.set_id, opened.segments, start, end)
    body = _body(request, blobs, opened, start, end) if now is None else now
    return Response(206 if part else 200, body, headers, end - start)


def disposition(name: str) -> bytes:
    """As a file to save, with its name for readers of RFC 6266, and an ASCII one for those before it."""
    plain = _NOT_QUOTABLE.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}".encode()


def entity_tag(digest: str) -> bytes:
    return f'"{digest}"'.encode() if digest else b""


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """[start, end) of a Range header; None where the whole file is meant (no range, several, another unit), and `start` above
    `end` where the range lies outside the file."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1]:
        start, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    else:
        start, end = max(size - int(match[2]), 0), size
    return (start, end) if start < end else _OUTSIDE


def _unsatisfiable(header: str, size: int) -> Response:
    message = f"The range '{header[:60]}' lies outside the file, which has {size} bytes."
    headers = [(b"content-range", f"bytes */{size}".encode()), (b"accept-ranges", b"bytes")]
    return json_response({"error_code": InvalidArgument.code, "message": message}, 416, headers)


def _check_unmodified(request: Request, modified_at: int) -> None:
    text = request.header(b"if-unmodified-since")
    if not text:
        return
    try:
        since = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return  # a date that cannot be read is ignored (RFC 9110, 13.1.4)
    if modified_at // 1000 > since:
        raise Conflict("The file changed since you began to read it. Read it again from its start.")


async def _body(request: Request, blobs: Blobs, opened: Opened, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes; or none of them, where the server has sent them itself by the time this ends."""
    send = request.scope.get("extensions", {}).get(SENDFILE)
    if send is not None and isinstance(blobs, LocalBlobs) and end - start > _SMALL:
        for part in cut(opened.segments, start, end):
            descriptor = await blobs.open_object(opened.set_id, part.object)
            await send(descriptor, part.start, part.end - part.start)
        return
    async for chunk in blobs.read(opened.set_id, opened.segments, start, end):
        yield chunk
