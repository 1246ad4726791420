"""Reading the audit log, the activity of one securable, and the job queue."""

from functools import cache

import msgspec

from modelkeep.core.model import Page, Securable
from modelkeep.core.names import FullName
from modelkeep.core.operation import Ctx
from modelkeep.core.paging import make_token, page_size, read_token
from modelkeep.store import audit, jobs
from modelkeep.store.audit import AuditEvent


class FindAudit(msgspec.Struct, frozen=True):
    """The whole log, newest first. `since` and `until` are epoch ms; `outcome` may be 'refused'."""

    actor: str = ""
    event: str = ""
    outcome: str = ""
    since: int = 0
    until: int = 2**62
    changes_only: bool = False
    """Without what was only read, where that was allowed."""
    max_results: int | None = None
    page_token: str = ""


class GetActivity(msgspec.Struct, frozen=True):
    """What happened to one securable, by its id: also under its former names."""

    name: FullName
    changes_only: bool = False
    max_results: int | None = None
    page_token: str = ""


class ListJobs(msgspec.Struct, frozen=True):
    pass


async def find_audit(ctx: Ctx, req: FindAudit) -> Page[AuditEvent]:
    scope = f"audit|{req.actor}|{req.event}|{req.outcome}|{req.since}|{req.until}|{req.changes_only}|{ctx.actor.id}"
    return await _page(ctx, scope, req.page_token, req.max_results, "", req)


async def get_activity(ctx: Ctx, req: GetActivity, found: Securable) -> Page[AuditEvent]:
    scope, wanted = f"activity|{found.id}|{req.changes_only}|{ctx.actor.id}", FindAudit(changes_only=req.changes_only)
    return await _page(ctx, scope, req.page_token, req.max_results, found.id, wanted)


async def _page(
    ctx: Ctx, scope: str, token: str, max_results: int | None, securable_id: str, req: FindAudit
) -> Page[AuditEvent]:
    after = read_token(scope, token, (int, str)) or (2**62, "")
    limit = page_size(max_results, 100, 1000)
    found = await audit.find(
        ctx.tx, actor=req.actor, event=req.event, outcome=req.outcome, securable_id=securable_id,
        since=_time(req.since), until=_time(req.until), after=(int(after[0]), str(after[1])), limit=limit + 1,
        without=_reads() if req.changes_only else (),
    )  # fmt: skip
    more = len(found) > limit
    return Page(tuple(found[:limit]), make_token(scope, (found[limit - 1].at, found[limit - 1].id)) if more else "")


@cache
def _reads() -> tuple[str, ...]:
    """The events of operations that change nothing, and of handing out ways to files."""
    from modelkeep.core.table import OPERATIONS  # the table lists this module's functions

    changes = {
        operation.audit for operation in OPERATIONS if operation.effect == "write" and operation.record != "vending"
    }
    return tuple(sorted({operation.audit for operation in OPERATIONS} - changes))


def _time(at: int) -> int:
    """Epoch ms that a database can compare with."""
    return min(max(at, 0), 2**62)


async def list_jobs(ctx: Ctx, req: ListJobs) -> list[jobs.Job]:
    return await jobs.every(ctx.tx)
