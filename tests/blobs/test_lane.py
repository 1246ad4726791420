"""The threads of one dependency: a call has a deadline, waiting calls a bound, and what does not answer is not asked again."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from modelkeep.blobs.storage_threads import Circuit, StorageLane
from modelkeep.domain.errors import NotFound, NotSent, Unavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What stuck calls wait for."""
    event = threading.Event()
    yield event
    event.set()


async def test_a_call_has_a_deadline_and_one_that_never_began_was_not_sent(gate: threading.Event) -> None:
    lane, calls = StorageLane("test", 1, Circuit("The store", failures=99)), list[str]()
    stuck = asyncio.create_task(lane.run(0.05, gate.wait))
    await asyncio.sleep(0)
    with pytest.raises(NotSent, match=r"The store did not answer within 0\.05 seconds"):
        await lane.run(0.05, calls.append, "never")
    with pytest.raises(Unavailable) as failure:
        await stuck
    assert not isinstance(failure.value, NotSent)  # nobody knows what became of it
    gate.set()
    assert await lane.run(5, lambda: "free again") == "free again"
    assert calls == []


async def test_waiting_calls_are_bounded_and_cleaning_up_is_never_refused(gate: threading.Event) -> None:
    lane = StorageLane("test", 1, Circuit("The store"), waiting=2)
    waiting = [asyncio.create_task(lane.run(5, gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(NotSent, match="is busy"):
        await lane.run(5, gate.wait)
    cleaned = lane.always(lambda: "cleaned")
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 3 and cleaned.result(5) == "cleaned"


async def test_the_circuit_opens_tries_again_and_closes(gate: threading.Event) -> None:
    circuit = Circuit("The store", failures=2, open_s=1)
    lane, calls = StorageLane("test", 4, circuit), list[int]()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await lane.run(0.01, gate.wait)
    assert circuit.open
    with pytest.raises(NotSent):
        await lane.run(1, calls.append, 1)
    await asyncio.sleep(1.1)
    trial = asyncio.create_task(lane.run(5, gate.wait))
    await asyncio.sleep(0)
    with pytest.raises(NotSent):  # one at a time
        await lane.run(1, calls.append, 2)
    gate.set()
    await trial
    assert not circuit.open
    await lane.run(1, calls.append, 3)
    assert calls == [3]


@pytest.mark.parametrize("error", [NotFound("no"), Unavailable("refused at once"), ValueError("ours")])
async def test_an_error_is_an_answer(error: Exception) -> None:
    circuit = Circuit("The store", failures=1)
    lane = StorageLane("test", 1, circuit)

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        await lane.run(60, fail)
    assert not circuit.open


async def test_who_leaves_takes_back_what_no_thread_has_begun(gate: threading.Event) -> None:
    lane, calls = StorageLane("test", 1, Circuit("The store")), list[str]()
    stuck = asyncio.create_task(lane.run(5, gate.wait))
    left = asyncio.create_task(lane.run(5, calls.append, "late"))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    gate.set()
    await stuck
    assert left.cancelled() and calls == []
