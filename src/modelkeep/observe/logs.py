"""Logs: JSON lines in production, coloured lines on a terminal. A message reads on its own; fields are for queries."""

import asyncio
import logging
import sys
import time
from collections.abc import Hashable
from typing import Any

import msgspec
import structlog

from modelkeep.limits import LOG_KINDS, LOG_LINES, LOG_MESSAGE_CHARS, LOG_WINDOW_S

log: Any = structlog.get_logger()


def configure(*, level: str, json: bool) -> None:
    """Once, at start. Everything goes to standard error."""
    global _lines
    _lines = json and getattr(logging, level.upper()) <= logging.INFO
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if json:
        # Without the frames' variables: among them are bearer tokens.
        traces = structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        )
        processors += [traces, structlog.processors.JSONRenderer(serializer=_encode)]
        factory: Any = structlog.BytesLoggerFactory(sys.stderr.buffer)
    else:
        processors += [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
        factory = structlog.PrintLoggerFactory(sys.stderr)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    _bridge()


def _bridge() -> None:
    """What libraries and asyncio log, and Python's warnings, become lines of ours."""
    root = logging.getLogger()
    if not any(isinstance(handler, _Bridge) for handler in root.handlers):
        root.addHandler(_Bridge(logging.WARNING))
        logging.captureWarnings(True)


class _Bridge(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # a library's own mistake in its format
            message = str(record.msg)
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        kind = (record.pathname, record.lineno)
        _limited(kind, record.levelno, message[:LOG_MESSAGE_CHARS], fields)


def limited(level: int, event: str, **fields: Any) -> None:
    """A line that anybody can cause: of one event only so many are written in a while, and how many were not."""
    _limited(event, level, event, fields)


_windows: dict[Hashable, tuple[float, int, int]] = {}
"""By kind of line: when its window began, how many were written in it, and how many were left out before and in it"""


def _limited(kind: Hashable, level: int, event: str, fields: dict[str, Any]) -> None:
    now = time.monotonic()
    if len(_windows) > LOG_KINDS:
        _windows.clear()
    begun, written, left_out = _windows.get(kind, (now, 0, 0))
    if now - begun > LOG_WINDOW_S:
        begun, written = now, 0
    if written >= LOG_LINES:
        _windows[kind] = begun, written, left_out + 1
        return
    _windows[kind] = begun, written + 1, 0
    if left_out:
        fields = {**fields, "left_out": left_out}
    log.log(level, event, **fields)


class AccessLine(msgspec.Struct):
    """One request, as the access log has it."""

    request_id: str
    method: str
    path: str
    status: int
    duration_ms: float
    waited_ms: float
    """of that, until the client had sent its body"""
    actor: str
    source: str
    timestamp: str = ""
    event: str = "request"
    level: str = "info"


_encoded = msgspec.json.Encoder().encode
_lines = False
_second: list[Any] = [0, ""]
_waiting: list[bytes] = []
_TOGETHER_S = 0.02


def access(line: AccessLine) -> None:
    """Writes the access log's line. In JSON it is written by one encoder call: structlog's chain costs as much as a whole statement."""
    if not _lines:
        log.info(
            "request",
            request_id=line.request_id,
            method=line.method,
            path=line.path,
            status=line.status,
            duration_ms=line.duration_ms,
            waited_ms=line.waited_ms,
            actor=line.actor,
            source=line.source,
        )
        return
    now = time.time()
    if int(now) != _second[0]:
        _second[:] = [int(now), time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))]
    line.timestamp = f"{_second[1]}.{int(now % 1 * 1_000_000):06d}Z"
    if not _waiting:
        asyncio.get_running_loop().call_later(_TOGETHER_S, flush)
    _waiting.append(_encoded(line))


def flush() -> None:
    """Write the access lines that wait: a system call a line would cost more than some answers do."""
    if _waiting:
        sys.stderr.buffer.write(b"\n".join((*_waiting, b"")))
        sys.stderr.buffer.flush()
        _waiting.clear()


def _encode(value: Any, **_: Any) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)
