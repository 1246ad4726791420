"""Reading the audit log, the activity of one securable, and the job queue."""

import msgspec

from modelkeep.core.context import ReadCtx
from modelkeep.core.operations.models.copy_sources import hide_in_events
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import FullName
from modelkeep.domain.paging import page_size
from modelkeep.limits import JOBS_PER_PAGE
from modelkeep.store import archives, audit, jobs, principals
from modelkeep.store.audit import AuditEvent, AuditFilter, ChainLink


class FindAudit(msgspec.Struct, frozen=True):
    """The whole log. `event` and `name` may end in *, `outcome` may be 'refused'; `since` and `until` are epoch ms."""

    actor: str = ""
    event: str = ""
    outcome: str = ""
    since: int = 0
    until: int = 2**62
    max_results: int | None = None
    page_token: str = ""
    name: str = ""
    source: str = ""
    request_id: str = ""
    oldest_first: bool = False
    changes_only: bool = False
    """Without what was only read, where that was allowed."""
    workspace_id: str = ""


class GetActivity(msgspec.Struct, frozen=True):
    """What happened to one securable, by its id: also under its former names. Filters as those of FindAudit."""

    name: FullName
    max_results: int | None = None
    page_token: str = ""
    actor: str = ""
    event: str = ""
    outcome: str = ""
    since: int = 0
    until: int = 2**62
    oldest_first: bool = False
    changes_only: bool = False


class SummarizeActivity(msgspec.Struct, frozen=True):
    """How often what was done with a securable, and when last: reads, too."""

    name: FullName
    since: int = 0
    until: int = 2**62


class ExportAudit(msgspec.Struct, frozen=True):
    """Records in the order in which they were sealed, so that an export that goes on after the last one misses none."""

    wanted: AuditFilter = AuditFilter()  # house: name because the audit log records requests by field
    after: int = 0
    """the cursor of the answer before"""
    max_results: int | None = None
    changes_only: bool = False
    """As in FindAudit"""


class Exported(msgspec.Struct, frozen=True):
    links: tuple[ChainLink, ...]
    cursor: int
    more: bool  # house: name because the answer has this field
    archived: int
    """Records up to this link are in the archive, and not in this list."""


class ListArchives(msgspec.Struct, frozen=True):
    pass


class ListJobs(msgspec.Struct, frozen=True):
    max_results: int | None = None
    page_token: str = ""


async def may_audit(ctx: ReadCtx) -> bool:
    """May the caller read the whole audit log: as an account admin, or as a member of the auditors' group?"""
    group = ctx.config.auditors
    return ctx.actor.account_admin or (group != "" and await principals.belongs(ctx.tx, ctx.actor.id, group))


async def find_audit(ctx: ReadCtx, req: FindAudit) -> Page[AuditEvent]:
    criteria = msgspec.structs.replace(
        _filter(req), name=req.name, source=req.source, request_id=req.request_id, workspace_id=req.workspace_id
    )
    return await _page(ctx, req, criteria)


async def get_activity(ctx: ReadCtx, req: GetActivity, securable: Securable) -> Page[AuditEvent]:
    page = await _page(ctx, req, _filter(req), securable.id)
    return Page(await hide_in_events(ctx, page.items, securable), page.next_token)


async def summarize_activity(ctx: ReadCtx, req: SummarizeActivity, securable: Securable) -> list[audit.Tally]:
    """By event and outcome, what was done most first."""
    return await audit.tally(ctx.tx, ctx.dialect, securable.id, _time(req.since), _time(req.until))


async def export_audit(ctx: ReadCtx, req: ExportAudit) -> Exported:
    """Of the next links (at most 5,000), those that match the filter, possibly none."""
    window, newest = page_size(req.max_results, 1000, 5000), await audit.last_link(ctx.tx)
    archive = await archives.last(ctx.tx)
    archived = archive.last_seq if archive else 0
    after = max(_time(req.after), archived)
    criteria = msgspec.structs.replace(req.wanted, since=_time(req.wanted.since), until=_time(req.wanted.until))
    links = await audit.links(ctx.tx, after, criteria, window=window, without=_reads(ctx) if req.changes_only else ())
    cursor = max(after, min(after + window, newest))
    return Exported(tuple(links), cursor, cursor < newest, archived)


async def list_archives(ctx: ReadCtx, req: ListArchives) -> list[archives.Archive]:
    return await archives.every(ctx.tx)


def _filter(req: FindAudit | GetActivity) -> AuditFilter:
    return AuditFilter(req.actor, req.event, outcome=req.outcome, since=_time(req.since), until=_time(req.until))


async def _page(
    ctx: ReadCtx, req: FindAudit | GetActivity, criteria: AuditFilter, securable_id: str = ""
) -> Page[AuditEvent]:
    filters = (
        req.actor,
        req.event,
        req.outcome,
        criteria.name,
        criteria.source,
        criteria.request_id,
        criteria.workspace_id,
        req.since,
        req.until,
    )
    scope = f"audit|{securable_id}|{filters}|{req.oldest_first}|{req.changes_only}|{ctx.actor.id}"
    position = ctx.config.page_tokens.open(scope, req.page_token, (int, str))
    limit = page_size(req.max_results, 100, 1000)
    after = (int(position[0]), str(position[1])) if position else None
    events = await audit.find(
        ctx.tx,
        criteria,
        audit.AuditSlice(after, limit + 1, req.oldest_first),
        securable_id=securable_id,
        without=_reads(ctx) if req.changes_only else (),
    )
    has_next = len(events) > limit
    return Page(
        tuple(events[:limit]),
        ctx.config.page_tokens.seal(scope, (events[limit - 1].at, events[limit - 1].id)) if has_next else "",
    )


def _reads(ctx: ReadCtx) -> tuple[str, ...]:
    """The events of operations that change nothing, and of handing out ways to files."""
    operations = ctx.config.operations.values()
    changes = {
        operation.audit for operation in operations if operation.effect == "write" and operation.record != "vending"
    }
    return tuple(sorted({operation.audit for operation in operations} - changes))


def _time(at: int) -> int:
    """Epoch ms that a database can compare with."""
    return min(max(at, 0), 2**62)


async def list_jobs(ctx: ReadCtx, req: ListJobs) -> Page[jobs.Job]:
    scope, limit = f"jobs|{ctx.actor.id}", page_size(req.max_results, 200, JOBS_PER_PAGE)
    position = ctx.config.page_tokens.open(scope, req.page_token, (int, str))
    after = (int(position[0]), str(position[1])) if position else None
    items, rest = await jobs.page(ctx.tx, after, limit)
    return Page(tuple(items), ctx.config.page_tokens.seal(scope, rest) if rest else "")
