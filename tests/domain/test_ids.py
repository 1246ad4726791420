"""Ids and pages: unique, in order of their making, and of the size that was asked for."""

import re

import pytest

from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.paging import page_size
from modelkeep.store import db
from modelkeep.store.db import new_id


def test_ids_are_unique_version_7_uuids() -> None:
    results = [new_id() for _ in range(20_000)]
    assert len(set(results)) == len(results)
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", id) for id in results
    )


def test_ids_sort_by_the_moment_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    results: list[str] = []
    for moment in range(1_700_000_000_000, 1_700_000_000_000 + 5000, 7):
        monkeypatch.setattr(db, "now_ms", lambda moment=moment: moment)
        results.append(new_id())
    assert results == sorted(results)


@pytest.mark.parametrize(
    ("max_results", "size"), [(None, 100), (0, 100), (1, 1), (1000, 1000), (1001, 1000), (10**30, 1000)]
)
def test_a_page_has_the_size_that_was_asked_for_within_bounds(max_results: int | None, size: int) -> None:
    assert page_size(max_results, 100, 1000) == size


def test_a_negative_page_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="-1"):
        page_size(-1, 100, 1000)
