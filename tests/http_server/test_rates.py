"""How many requests a caller may send, by a clock of the test's."""

import pytest

from modelkeep.domain.errors import Throttled
from modelkeep.http.rate_limits import RateLimiter
from modelkeep.limits import RATE_BUCKETS


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def allowed(rates: RateLimiter, caller: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            rates.take(caller)
        except Throttled:
            continue
        count += 1
    return count


@pytest.mark.parametrize(("per_second", "burst"), [(10, 50), (0.5, 3), (100, 1), (200, 2000)])
def test_a_burst_and_then_so_many_a_second(per_second: float, burst: int) -> None:
    clock = Clock()
    rates = RateLimiter(per_second, burst, clock)
    assert allowed(rates, "a", burst + 100) == burst
    clock.now += 10
    assert allowed(rates, "a", burst + 100_000 // 50) == min(burst, int(10 * per_second))
    clock.now += 1e6
    assert allowed(rates, "a", burst + 100) == burst, "no more is saved up than a burst"


def test_one_caller_costs_another_nothing() -> None:
    rates = RateLimiter(1, 5, Clock())
    assert allowed(rates, "a", 1000) == 5
    assert allowed(rates, "b", 1000) == 5


@pytest.mark.parametrize(("per_second", "wait"), [(10, 1), (0.5, 2), (0.1, 10), (200, 1)])
def test_the_wait_that_is_named_suffices(per_second: float, wait: int) -> None:
    clock = Clock()
    rates = RateLimiter(per_second, 1, clock)
    rates.take("a")
    for _ in range(3):
        with pytest.raises(Throttled) as refused:
            rates.take("a")
        assert refused.value.retry_after == wait
    clock.now += wait
    rates.take("a")


def test_no_limit_counts_nobody() -> None:
    rates = RateLimiter(0, 1, Clock())
    assert allowed(rates, "a", 10_000) == 10_000
    assert not rates._buckets  # pyright: ignore[reportPrivateUsage]


def test_memory_is_bounded_by_callers() -> None:
    rates = RateLimiter(1, 2, Clock())
    for index in range(RATE_BUCKETS + 5_000):
        rates.take(f"caller{index}")
    assert len(rates._buckets) == RATE_BUCKETS  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("amount", [1, 300, 1_000])
def test_an_amount_counts_as_so_many(amount: int) -> None:
    now = [0.0]
    rates = RateLimiter(100, 1_000, lambda: now[0], unit="bytes")
    for _ in range(1_000 // amount):
        rates.take("ann", amount)
    with pytest.raises(Throttled, match="more than 100 bytes a second") as refusal:
        rates.take("ann", amount)
    rates.take("bob", amount)
    assert refusal.value.retry_after
    now[0] += refusal.value.retry_after
    rates.take("ann", amount)
