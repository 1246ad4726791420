"""What deciding costs in an organisation of 10,000 users, 1,000 groups nested 5 deep and 1,000,000 grants, on both databases.

The models are the same ones in the small organisation: only those who may use them are more. Each request asks for another model.
"""

import random
import statistics
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import load, people
from bench.people import LARGE, SMALL, Size
from bench.program import Missing, Server, bearer, database, modelkeep, postgres
from bench.report import Row, at_most, known

ALIAS = "/api/2.0/mlflow/unity-catalog/registered-models/alias"
EFFECTIVE = "/api/2.1/unity-catalog/effective-permissions/function"
READS = 1_500
WARM_UP = 300
ASKED = 400


def measure(folder: Path) -> list[Row]:
    rows = _measured("SQLite", folder, lambda name: "", lambda data, _, size: people.fill_sqlite(database(data), size))
    try:
        with postgres() as new_database:
            urls = {name: new_database() for name in ("small", "large")}
            rows += _measured(
                "PostgreSQL", folder, urls.__getitem__, lambda _, url, size: people.fill_postgres(url, size)
            )
    except Missing as missing:
        rows.append(known(f"PostgreSQL: not measured, {missing}", "", "", 0))
    return rows


def _measured(what: str, folder: Path, url: Callable[[str], str], fill: Callable[[Path, str, Size], None]) -> list[Row]:
    for name, size in (("small", SMALL), ("large", LARGE)):
        with modelkeep(folder / f"{what}-{name}", database_url=url(name)):
            pass
        fill(folder / f"{what}-{name}", url(name), size)
    with (
        modelkeep(folder / f"{what}-small", database_url=url("small")) as small,
        modelkeep(folder / f"{what}-large", database_url=url("large")) as large,
    ):
        return [_alias(what, small, large), _everywhere(what, large), _effective(what, large)]


def _alias(what: str, small: Server, large: Server) -> Row:
    for count in (WARM_UP, READS):
        first, two = load.paired_medians(
            (small.port, _aliases(people.TOKEN, count)), (large.port, _aliases(people.TOKEN, count))
        )
    return at_most(
        f"{what}: get by alias, 1,000,000 grants", _ms(two), f"20,000 grants: {_ms(first)}", two / first, 1.3
    )


def _everywhere(what: str, large: Server) -> Row:
    """The user who is in all 1,000 groups, against the one who is in 25."""
    first, two = load.paired_medians(
        (large.port, _aliases(people.TOKEN, ASKED)), (large.port, _aliases(people.EVERYWHERE, ASKED))
    )
    return known(f"{what}: the same, by a member of all 1,000 groups", _ms(two), f"of 25: {_ms(first)}", two / first)


def _aliases(token: str, count: int) -> Iterator[bytes]:
    for number in random.Random(11).sample(range(LARGE.models), count):
        query = urllib.parse.urlencode({"name": people.model_name(number), "alias": "champion"})
        yield load.request(f"{ALIAS}?{query}", bearer(token))


def _effective(what: str, large: Server) -> Row:
    """Of any user on any model, as an admin asks; the question is recorded at once, with a commit."""
    choice = random.Random(12)
    line, times = load.Line(large.port), list[float]()
    for _ in range(ASKED):
        model, user = choice.randrange(LARGE.models), choice.randrange(LARGE.users)
        query = urllib.parse.urlencode({"principal": people.user_name(user)})
        times.append(line.time(load.request(f"{EFFECTIVE}/{people.model_name(model)}?{query}", large.headers)))
    line.close()
    median = statistics.median(times) * 1000
    return at_most(f"{what}: effective permissions of a user on a model", f"{median:.2f} ms", "", median, 5, "ms")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"
