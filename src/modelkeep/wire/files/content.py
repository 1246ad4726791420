"""How a stored file is answered: whole or one range, by the kernel if it can, never as what a browser would run."""

import re
from collections.abc import AsyncIterator
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote

from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.pipe import cut
from modelkeep.blobs.port import Blobs
from modelkeep.core.errors import Conflict, InvalidArgument
from modelkeep.core.ops.files import Opened
from modelkeep.wire.http import SENDFILE, Request, Response

_SMALL = 64 * 1024  # bytes; below, a read costs less than setting up a transfer by the kernel
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


def content(request: Request, blobs: Blobs, opened: Opened) -> Response:
    """The answer to GET and HEAD. Raises InvalidArgument for a range outside the file, Conflict where it changed."""
    file, etag = opened.file, entity_tag(opened.file.sha256 or opened.file.checksum)
    name = quote(file.path.rpartition("/")[2], safe="")
    _check_unmodified(request, file.modified_at)
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"content-disposition", f"attachment; filename*=UTF-8''{name}".encode()),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
        (b"cache-control", b"private, no-store"),
        (b"accept-ranges", b"bytes"),
        (b"last-modified", formatdate(file.modified_at // 1000, usegmt=True).encode()),
        *([(b"etag", etag)] if etag else []),
    ]
    asked = request.header(b"range") if request.header(b"if-range") in ("", etag.decode()) else ""
    found = byte_range(asked, file.size)
    start, end = found or (0, file.size)
    if found:
        headers.append((b"content-range", f"bytes {start}-{end - 1}/{file.size}".encode()))
    now = None if file.data is None else file.data[start:end]
    if now is None and request.method == "GET" and isinstance(blobs, LocalBlobs) and end - start <= _SMALL:
        now = blobs.read_now(opened.set_id, opened.segments, start, end)
    body = _body(request, blobs, opened, start, end) if now is None else now
    return Response(206 if found else 200, body, headers, end - start)


def entity_tag(digest: str) -> bytes:
    return f'"{digest}"'.encode() if digest else b""


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """[start, end) of a Range header; None where the whole file is meant (no range, several, another unit).

    Raises InvalidArgument where the range lies outside: a 416 would be retried by clients for minutes.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1]:
        start, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    else:
        start, end = max(size - int(match[2]), 0), size
    if start >= end:
        raise InvalidArgument(f"The range '{header[:60]}' lies outside the file, which has {size} bytes.")
    return start, end


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
            await send(blobs.local_path(opened.set_id, part.object), part.start, part.end - part.start)
        return
    async for chunk in blobs.read(opened.set_id, opened.segments, start, end):
        yield chunk
