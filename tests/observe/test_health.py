"""Readiness is answered in bounded time whatever does not answer, and no probe makes a second question of one that is out."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from modelkeep import limits
from modelkeep.domain.errors import Unavailable
from modelkeep.observe.health import ProcessHealth, Readiness

pytestmark = pytest.mark.anyio


async def works(_: float = 0) -> None:
    pass


async def fine() -> str:
    return ""


def fails(error: Exception) -> Callable[..., Awaitable[str]]:
    async def ask(*_: float) -> str:
        raise error

    return ask


class Silent:
    """A part that is asked and does not answer until it is let go."""

    def __init__(self) -> None:
        self.requests = 0
        self.go = asyncio.Event()

    async def __call__(self) -> str:
        self.requests += 1
        await self.go.wait()
        return ""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEALTH_FIRST_S", 0.05)
    monkeypatch.setattr(limits, "HEALTH_SILENT_S", 0.05)
    monkeypatch.setattr(limits, "HEALTH_AGAIN_S", 0.0)


async def test_all_works() -> None:
    assert await ProcessHealth(works, {"store": fine, "tracking": fine}).readiness() == Readiness("ok")
    assert await ProcessHealth(works, {}).readiness() == Readiness("ok")


@pytest.mark.parametrize(
    ("store", "tracking", "away"),
    [
        (fails(Unavailable("The store is away.")), fine, ("store",)),
        (fine, fails(ValueError("a bug of ours")), ("tracking",)),
        (fails(Unavailable("x")), fails(Unavailable("y")), ("store", "tracking")),
    ],
)
async def test_what_reads_can_do_without_is_degraded(
    store: Callable[[], Awaitable[str]], tracking: Callable[[], Awaitable[str]], away: tuple[str, ...]
) -> None:
    state = await ProcessHealth(works, {"store": store, "tracking": tracking}).readiness()
    assert (state.status, state.degraded, state.ready) == ("degraded", away, True)
    assert state.message and "a bug of ours" not in state.message  # anybody may ask


async def test_without_the_database_nothing_is_ready_and_nothing_else_is_asked() -> None:
    store = Silent()
    state = await ProcessHealth(fails(Unavailable("The database is gone.")), {"store": store}).readiness()
    assert (state.status, state.message, state.ready, store.requests) == (
        "unavailable",
        "The database is gone.",
        False,
        0,
    )


async def test_the_database_is_asked_with_a_deadline_and_each_time() -> None:
    deadlines = list[float]()

    async def check(seconds: float) -> None:
        deadlines.append(seconds)

    health = ProcessHealth(check, {})
    for _ in range(3):
        await health.readiness()
    assert deadlines == [limits.HEALTH_DATABASE_S] * 3 and limits.HEALTH_DATABASE_S <= 2


async def test_many_probes_of_a_silent_part_are_one_question() -> None:
    store = Silent()
    health = ProcessHealth(works, {"store": store})
    states = await asyncio.wait_for(asyncio.gather(*(health.readiness() for _ in range(100))), 30)
    assert {(state.status, state.degraded) for state in states} == {("degraded", ("store",))} and store.requests == 1
    store.go.set()
    await asyncio.sleep(0)
    assert (await health.readiness()).status == "ok"
    await health.close()


async def test_a_part_that_is_back_is_found_again() -> None:
    reasons = ["The store is away.", ""]

    async def ask() -> str:
        return reasons.pop(0)

    health = ProcessHealth(works, {"store": ask})
    assert (await health.readiness()).degraded == ("store",)
    await health.readiness()
    await asyncio.sleep(0)
    assert (await health.readiness()).status == "ok"


async def test_a_part_that_works_is_not_asked_by_each_probe() -> None:
    requests = 0

    async def ask() -> str:
        nonlocal requests
        requests += 1
        return ""

    health = ProcessHealth(works, {"store": ask})
    for _ in range(10):
        await health.readiness()
    assert requests == 1


async def test_while_it_drains_nothing_is_asked() -> None:
    store = Silent()
    state = await ProcessHealth(fails(Unavailable("x")), {"store": store}, lambda: True).readiness()
    assert (state.status, state.ready, store.requests) == ("draining", False, 0)
