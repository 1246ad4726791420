"""Audit events that wait together: one transaction for many, and no caller pays for the event of another."""

import asyncio

import pytest

from modelkeep import limits
from modelkeep.core.joint_writes import JointWrites
from modelkeep.domain.errors import Throttled, Unavailable
from modelkeep.store.audit import AuditEvent

pytestmark = pytest.mark.anyio


class Log:
    """The transactions that were committed; `broken` is never taken."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.transactions: list[list[str]] = []
        self.failure = failure

    async def write(self, events: list[AuditEvent]) -> None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        if any(event.id == "broken" for event in events):
            raise ValueError("not a text")
        self.transactions.append([event.id for event in events])

    @property
    def ids(self) -> list[str]:
        return [id for transaction in self.transactions for id in transaction]


def _event(id: str) -> AuditEvent:
    return AuditEvent(
        id, 1, "model.get", "get_model", "p", "p", "t", "s", "r", (), "{}", "{}", "PERMISSION_DENIED", "", ""
    )


async def test_events_that_wait_are_committed_together() -> None:
    log = Log()
    joint = JointWrites(log.write)
    await asyncio.gather(*(joint.add(_event(str(n))) for n in range(50)))
    await joint.add(_event("later"))
    assert sorted(log.ids) == sorted([*map(str, range(50)), "later"])
    assert len(log.transactions) <= 3


async def test_one_transaction_takes_a_bounded_number_of_events() -> None:
    log = Log()
    joint = JointWrites(log.write)
    await asyncio.gather(*(joint.add(_event(str(n))) for n in range(2 * limits.AUDIT_EVENTS_TOGETHER + 5)))
    assert max(map(len, log.transactions)) == limits.AUDIT_EVENTS_TOGETHER


async def test_an_event_that_cannot_be_written_fails_for_its_own_caller_alone() -> None:
    log = Log()
    joint = JointWrites(log.write)
    answers = await asyncio.gather(*(joint.add(_event(id)) for id in ("a", "broken", "b")), return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), ValueError, type(None)]
    assert sorted(log.ids) == ["a", "b"]


@pytest.mark.parametrize("failure", [Unavailable("away"), Throttled("full"), OSError("disk")])
async def test_every_caller_learns_that_the_database_is_away_and_later_ones_go_on(failure: Exception) -> None:
    log = Log(failure)
    joint = JointWrites(log.write)
    answers = await asyncio.gather(*(joint.add(_event(str(n))) for n in range(3)), return_exceptions=True)
    assert answers == [failure] * 3
    log.failure = None
    await joint.add(_event("after"))
    assert log.transactions == [["after"]]


async def test_a_caller_who_leaves_does_not_stop_the_others() -> None:
    log = Log()
    joint = JointWrites(log.write)
    left, stays = asyncio.create_task(joint.add(_event("left"))), asyncio.create_task(joint.add(_event("stays")))
    await asyncio.sleep(0)
    left.cancel()
    await stays
    assert sorted(log.ids) == ["left", "stays"]
