"""What requests may cost beside their connection: what is remembered of them, and the sizes of their bodies."""

import pytest
from wire.serving import Site, site

from modelkeep.limits import MAX_READING_BYTES, READINGS_BYTES

__all__ = ["site"]

MODELS = "/api/2.1/unity-catalog/models"


@pytest.mark.parametrize(
    "path",
    [
        f"{MODELS}/main.default.{{}}{'x' * 3_000}",
        f"{MODELS}/main.default.{{}}?x={'x' * 3_000}",
        f"/api/2.1/unity-catalog/schemas/main.{{}}{'x' * 60_000}",
        f"{MODELS}/main.default.{{}}{'x' * 600}?x={'x' * 600}",
    ],
)
def test_long_requests_are_not_remembered(site: Site, path: str) -> None:
    readings = site.app._readings  # pyright: ignore[reportPrivateUsage]
    before = len(readings)
    for i in range(5):
        assert site.call("GET", path.format(i)).status_code in (400, 404)
    assert len(readings) == before


def test_what_is_remembered_is_bounded_in_bytes(site: Site) -> None:
    readings, cleared = site.app._readings, False  # pyright: ignore[reportPrivateUsage]
    site.app._readings_bytes = READINGS_BYTES - 10 * MAX_READING_BYTES  # pyright: ignore[reportPrivateUsage]
    for i in range(20):
        before = len(readings)
        site.call("GET", f"{MODELS}/main.default.m{i}{'x' * 200}")
        cleared = cleared or len(readings) < before
    assert cleared
    assert site.app._readings_bytes <= 20 * 2 * MAX_READING_BYTES  # pyright: ignore[reportPrivateUsage]
