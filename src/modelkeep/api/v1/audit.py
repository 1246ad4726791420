"""Asking the audit log (/api/modelkeep/v1/audit), and what happened to one securable (.../activity)."""

from typing import Annotated, Any, Literal

import msgspec

from modelkeep.api import databricks_audit_log
from modelkeep.api.v1 import answers
from modelkeep.api.v1.governance import V1, securable
from modelkeep.core.operations.audit import audit_log
from modelkeep.domain.model import Page
from modelkeep.http.routing import NoFields, Route
from modelkeep.store.archives import Archive
from modelkeep.store.audit import AuditEvent, AuditFilter, Tally

Time = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
"""epoch ms, within what a database column holds"""
Order = Literal["newest", "oldest"]


class Audit(msgspec.Struct, frozen=True):
    actor: str = ""
    event: str = ""
    outcome: str = ""
    since: Time = 0
    until: Time = 2**62
    max_results: int | None = None
    page_token: str = ""
    name: str = ""
    source: str = ""
    request_id: str = ""
    workspace_id: str = ""
    first: Order = "newest"
    changes_only: bool = False


class Export(msgspec.Struct, frozen=True):
    actor: str = ""
    event: str = ""
    outcome: str = ""
    since: Time = 0
    until: Time = 2**62
    name: str = ""
    source: str = ""
    request_id: str = ""
    workspace_id: str = ""
    after: Time = 0
    max_results: int | None = None
    changes_only: bool = False


class Activity(msgspec.Struct, frozen=True):
    securable_type: str
    full_name: str
    actor: str = ""
    event: str = ""
    outcome: str = ""
    since: Time = 0
    until: Time = 2**62
    first: Order = "newest"
    changes_only: bool = False
    max_results: int | None = None
    page_token: str = ""


class Summary(msgspec.Struct, frozen=True):
    securable_type: str
    full_name: str
    since: Time = 0
    until: Time = 2**62


def _find(f: Audit) -> audit_log.FindAudit:
    return audit_log.FindAudit(
        f.actor,
        f.event,
        f.outcome,
        f.since,
        f.until,
        f.max_results,
        f.page_token,
        f.name,
        f.source,
        f.request_id,
        f.first == "oldest",
        f.changes_only,
        f.workspace_id,
    )


def _export(f: Export) -> audit_log.ExportAudit:
    filters = AuditFilter(f.actor, f.event, f.name, f.outcome, f.source, f.request_id, f.since, f.until, f.workspace_id)
    return audit_log.ExportAudit(filters, f.after, f.max_results, f.changes_only)


def _activity(f: Activity) -> audit_log.GetActivity:
    return audit_log.GetActivity(
        securable(f.securable_type, f.full_name),
        f.max_results,
        f.page_token,
        f.actor,
        f.event,
        f.outcome,
        f.since,
        f.until,
        f.first == "oldest",
        f.changes_only,
    )


def _summary(f: Summary) -> audit_log.SummarizeActivity:
    return audit_log.SummarizeActivity(securable(f.securable_type, f.full_name), f.since, f.until)


def _events(result: Page[AuditEvent], _: Any) -> answers.AuditPage:
    return {"events": [_event(e) for e in result.items], "next_page_token": result.next_token}


def _event(event: AuditEvent) -> answers.AuditRecord:
    record: answers.AuditRecord = msgspec.to_builtins(event)
    record["request"] = msgspec.json.decode(event.request)
    record["changes"] = msgspec.json.decode(event.changes)
    record["workspace_id"] = event.workspace_id
    return record


def _tallies(tallies: list[Tally], _: Any) -> answers.ActivitySummary:
    return {"summary": tallies}


def _archives(archives: list[Archive], _: Any) -> answers.AuditArchives:
    return {"archives": archives}


def routes(account_id: str) -> list[Route]:
    def exported(result: audit_log.Exported, _: Any) -> answers.AuditExport:
        records = [databricks_audit_log.record(link.event, account_id) for link in result.links]
        return {"records": records, "cursor": result.cursor, "more": result.more, "archived": result.archived}

    activity = f"{V1}/activity/{{securable_type}}/{{full_name}}"
    return [
        Route("GET", f"{V1}/audit", Audit, _find, _events),
        Route("GET", f"{V1}/audit/export", Export, _export, exported),
        Route("GET", f"{V1}/audit/archives", NoFields, lambda _: audit_log.ListArchives(), _archives),
        Route("GET", activity, Activity, _activity, _events),
        Route("GET", f"{activity}/summary", Summary, _summary, _tallies),
    ]
