"""Audit records as OpenTelemetry logs: OTLP over HTTP in its JSON encoding, in the order of the chain, each at least once.

The last link that the collector took is kept in the database; requests to a collector that is away are repeated, later and later,
and no request ever waits for it. What it takes twice (a crash between its answer and our note) has one `modelkeep.audit.id`.
"""

import asyncio
import random
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from modelkeep import limits
from modelkeep.domain.errors import InvalidArgument
from modelkeep.observe import metrics
from modelkeep.observe.logs import log
from modelkeep.store import archives, audit
from modelkeep.store.audit import ChainHead, ChainLink
from modelkeep.store.db import Database, now_ms

NAME = "otlp"
_BATCH = 500  # records of one request
_LONGEST_WAIT_MS = 300_000
_INFO, _WARN = (9, "INFO"), (13, "WARN")


class Collector:
    """Sends to one endpoint. Used by one task at a time."""

    def __init__(self, endpoint: str, headers: str = "") -> None:
        """`endpoint`: the collector's base URL, or its whole URL that ends in /v1/logs. Raises InvalidArgument."""
        url = urlsplit(endpoint)
        if url.scheme not in ("http", "https") or not url.netloc or url.query or url.fragment:
            raise InvalidArgument("MODELKEEP_OTLP_ENDPOINT must be an http:// or https:// URL.")
        self._url = endpoint if url.path.endswith("/v1/logs") else endpoint.rstrip("/") + "/v1/logs"
        self._headers = _headers(headers) | {"Content-Type": "application/json"}
        self._batch = _BATCH
        self._failures = 0
        self._again_at = 0
        self._client: Any = None
        self._head: dict[str, Any] | None = None

    def ready(self, now: int) -> bool:
        """Is it time to ask (again)?"""
        return now >= self._again_at

    async def pending(self, db: Database) -> bool:
        """Is there anything to send? (Takes no write lock.)"""
        async with db.read() as tx:
            waiting = await audit.last_link(tx) - await archives.cursor(tx, NAME)
        metrics.audit_unsent.set(waiting)
        return waiting > 0

    async def send(self, db: Database) -> bool:
        """Send the next records; whether there may be more to send at once."""
        async with db.read() as tx:
            last = await archives.last(tx)  # what was archived before there was a collector stays there
            after = max(await archives.cursor(tx, NAME), last.last_seq if last else 0)
            links = await audit.links(tx, after, window=self._batch)
        if links and not await self._post([_record(link) for link in links]):
            return False
        async with db.write() as tx:
            await archives.move_cursor(tx, NAME, links[-1].seq if links else after)
        return bool(links)

    def offer_head(self, head: ChainHead, at: int) -> None:
        """Send this head of the chain, as it was at `at` (ms), next; it replaces one that waits."""
        self._head = _head_record(head, at)

    @property
    def has_head(self) -> bool:
        """Does one wait to be sent?"""
        return self._head is not None

    async def send_head(self) -> None:
        """Where the collector is away, it waits."""
        record = self._head
        if record is not None and await self._post([record]) and self._head is record:
            self._head = None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, records: list[dict[str, Any]]) -> bool:
        import httpx

        self._client = self._client or httpx.AsyncClient(timeout=limits.OTLP_S)
        try:
            async with asyncio.timeout(limits.OTLP_S):  # httpx bounds each step alone
                answer: Any = await self._client.post(self._url, content=payload(records), headers=self._headers)
        except TimeoutError:
            return self._failed(f"no answer within {limits.OTLP_S:g} seconds")
        except httpx.HTTPError as error:
            return self._failed(str(error) or type(error).__name__)
        if answer.status_code == 413 and self._batch > 1:
            self._batch //= 2
            return self._failed(f"the collector takes no request of {len(records)} records")
        if not answer.is_success:
            return self._failed(f"HTTP {answer.status_code} {answer.text[:200]}", answer.headers.get("retry-after", ""))
        self._failures = 0
        _tell_rejected(answer)
        return True

    def _failed(self, reason: str, retry_after: str = "") -> bool:
        """Nothing is given up: whatever the collector dislikes, its operator or ours can mend."""
        self._failures += 1
        wait = min(1000 * 2**self._failures, _LONGEST_WAIT_MS)
        retry_after_ms = int(retry_after) * 1000 if retry_after.isdecimal() else 0
        self._again_at = now_ms() + max(retry_after_ms, int(wait * random.uniform(0.5, 1)))
        log.warning("audit records wait for the collector", url=self._url, reason=reason, failures=self._failures)
        return False


def _tell_rejected(answer: Any) -> None:
    """A collector that took some only wants none of them again (OTLP's partial success)."""
    try:
        partial: Any = msgspec.json.decode(answer.content).get("partialSuccess") or {}
    except (msgspec.DecodeError, AttributeError):
        return
    if partial.get("rejectedLogRecords"):
        log.warning(
            "the collector rejected audit records",
            count=partial["rejectedLogRecords"],
            reason=partial.get("errorMessage"),
        )


def _headers(text: str) -> dict[str, str]:
    """`name=value,name=value`, percent-encoded. Raises InvalidArgument."""
    headers: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip().isascii():
            raise InvalidArgument("MODELKEEP_OTLP_HEADERS must be name=value pairs with commas between them.")
        headers[name.strip()] = unquote(value.strip())
    return headers


def payload(records: list[dict[str, Any]]) -> bytes:
    """An ExportLogsServiceRequest in OTLP's JSON encoding (64-bit numbers are texts there)."""
    resource = [_attribute("service.name", "modelkeep"), _attribute("service.version", version("modelkeep"))]
    scope = {"scope": {"name": "modelkeep.audit"}, "logRecords": records}
    return msgspec.json.encode({"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [scope]}]})


def _record(link: ChainLink) -> dict[str, Any]:
    event = link.event
    number, text = _INFO if event.outcome == "ok" else _WARN
    names = [target.name for target in event.targets]
    attributes = {
        "modelkeep.audit.id": event.id,
        "modelkeep.audit.seq": link.seq,
        "modelkeep.audit.hash": link.hash,
        "modelkeep.operation": event.operation,
        "modelkeep.outcome": event.outcome,
        "modelkeep.reason": event.reason,
        "modelkeep.targets": names,
        "modelkeep.target_ids": [target.id for target in event.targets],
        "modelkeep.request": event.request,
        "modelkeep.changes": event.changes,
        "modelkeep.request_id": event.request_id,
        "modelkeep.token_id": event.token_id,
        "user.id": event.actor_id,
        "user.name": event.actor,
        "client.address": event.source,
        "modelkeep.tracking_id": event.workspace_id,
    }
    body = f"{event.actor or 'somebody'}: {event.event} {', '.join(names)}".rstrip() + f" ({event.outcome})"
    return {
        "timeUnixNano": str(event.at * 1_000_000),
        "observedTimeUnixNano": str(event.at * 1_000_000),
        "severityNumber": number,
        "severityText": text,
        "eventName": event.event,
        "body": {"stringValue": body},
        "attributes": [_attribute(name, value) for name, value in attributes.items() if value not in ("", [])],
    }


def _head_record(head: ChainHead, at: int) -> dict[str, Any]:
    number, text = _INFO
    attributes: dict[str, str | int] = {"modelkeep.audit.seq": head.seq, "modelkeep.audit.hash": head.hash}
    return {
        "timeUnixNano": str(at * 1_000_000),
        "observedTimeUnixNano": str(at * 1_000_000),
        "severityNumber": number,
        "severityText": text,
        "eventName": "audit.head",
        "body": {"stringValue": f"The head of the audit chain is link {head.seq}, {head.hash}."},
        "attributes": [_attribute(name, value) for name, value in attributes.items()],
    }


def _attribute(name: str, value: str | int | list[str]) -> dict[str, Any]:
    return {"key": name, "value": _value(value)}


def _value(value: str | int | list[str]) -> dict[str, Any]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(part) for part in value]}}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
