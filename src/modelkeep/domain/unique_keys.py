"""Objects in JSON that name each key once: of two values under one key, two readers could take different ones."""

from typing import Any


class DuplicateKey(ValueError):
    """An object has `key` twice."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} is given twice")
        self.key = key


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads` as its `object_pairs_hook`. Raises DuplicateKey."""
    values = dict(pairs)
    if len(values) != len(pairs):
        seen: set[str] = set()
        raise DuplicateKey(next(key for key, _ in pairs if key in seen or seen.add(key)))
    return values
