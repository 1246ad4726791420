"""How a SELECT walks the list operations: page after page as the caller, narrowed by what the query asks for, and not for ever."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from modelkeep.core.engine import Engine
from modelkeep.core.operations.catalog import catalogs, metastores, model_search, objects
from modelkeep.core.operations.governance import grants
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import LimitExceeded, NotFound, PermissionDenied
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Grant, ModelVersion, Page, RegisteredModel, Securable
from modelkeep.domain.names import METASTORE, FullName
from modelkeep.domain.time_slices import Pace
from modelkeep.limits import COMPARE_S

MAX_LOOKED = 20_000
"""Rows that one statement may look at"""
PAGE = 1_000
_AT_ONCE = 50
_COST_OF_GRANTS = 10
"""Rows that reading the grants of one securable counts for"""


class SqlSession(msgspec.Struct, frozen=True):
    """Who runs a statement, and what names without a catalog or schema mean."""

    engine: Engine
    actor: Actor
    request_id: str
    home: FullName

    async def ask(self, request: msgspec.Struct) -> Any:
        return await self.engine.execute(self.actor, request, request_id=self.request_id)

    async def metastore(self) -> str:
        """Its global id, as `current_metastore()` has it at Databricks: `cloud:region:id`."""
        metastore: Securable = await self.ask(metastores.ReadMetastore())
        return f"self-hosted:local:{metastore.id}"


class TooMuch(LimitExceeded):
    """A statement that would look at too many rows, or for too long."""


def too_long() -> TooMuch:
    return TooMuch(
        f"The statement took longer than {COMPARE_S:.0f} seconds. Narrow it with WHERE and = (catalog, schema, name)."
    )


class Scan:
    """One SELECT on its way. `equal`: what columns must be equal to, by name; a row that differs is of no use."""

    def __init__(self, session: SqlSession, place: tuple[str, ...], equal: dict[str, str], only: str = "") -> None:
        """`place` as in View; `only` is the catalog whose information_schema is read, '' for all."""
        self._session = session
        self._only = only
        self.deadline = time.monotonic() + COMPARE_S
        self.pace = Pace(too_long=too_long)
        self._looked = [0]
        named = [equal.get(column) for column in place]
        self._catalog, self._schema, self._leaf = (*named, None, None, None)[:3]
        self.equal = equal
        self.since, self.until = 0, 2**62

    def shares(self, other: "Scan") -> None:
        """Rows and seconds count together with those of another scan."""
        self._looked, self.deadline = other._looked, other.deadline

    def look(self, count: int) -> None:
        """Raises TooMuch."""
        self._looked[0] += count
        if self._looked[0] > MAX_LOOKED:
            raise TooMuch(
                f"The statement would look at more than {MAX_LOOKED} rows. Narrow it with WHERE and = (catalog, schema, name), or by "
                "event_time."
            )
        self.check_time()

    def check_time(self) -> None:
        """Raises TooMuch."""
        if time.monotonic() > self.deadline:
            raise too_long()

    async def pages(self, request: Callable[[str], msgspec.Struct]) -> AsyncIterator[tuple[Any, ...]]:
        """The items of each page; a list that is gone meanwhile has no more."""
        token = ""
        while True:
            page: Page[Any] = await self._session.ask(request(token))
            self.look(len(page.items))
            yield page.items
            if not (token := page.next_token):
                return

    async def start(self) -> None:
        """Raises NotFound, PermissionDenied for a catalog of which the caller may not see that it is there."""
        if self._only:
            await self._session.ask(catalogs.GetCatalog(METASTORE.child(self._only)))

    async def catalogs(self) -> AsyncIterator[list[Securable]]:
        async for listed in self.pages(lambda token: catalogs.ListCatalogs(PAGE, token)):
            yield [x for x in listed if self._only in ("", x.full_name) and self._catalog in (None, x.full_name)]

    async def schemas(self) -> AsyncIterator[list[Securable]]:
        async for above in self.catalogs():
            for catalog in above:
                name = METASTORE.child(catalog.full_name)
                async for listed in self._inside(partial(catalogs.ListSchemas, name, PAGE)):
                    yield [x for x in listed if self._schema in (None, x.name_key)]

    async def objects(self, kind: Kind) -> AsyncIterator[list[Securable]]:
        """Functions, volumes or tables."""
        async for above in self.schemas():
            for schema in above:
                name = FullName(tuple(schema.full_name.split(".")))
                request = partial(objects.ListObjects, name, kind, PAGE)
                async for listed in self._inside(request):
                    yield [x for x in listed if self._leaf in (None, x.name_key)]

    async def _inside(self, request: Callable[[str], msgspec.Struct]) -> AsyncIterator[tuple[Any, ...]]:
        """As `pages`: a container that is deleted, or closed to the caller, while this goes on holds nothing."""
        try:
            async for items in self.pages(request):
                yield items
        except (NotFound, PermissionDenied):
            return

    async def models(self) -> AsyncIterator[Sequence[RegisteredModel]]:
        filter = self._filter()
        async for models in self.pages(lambda token: model_search.SearchModels(filter, PAGE, token)):
            yield [m for m in models if self._here(m.securable.full_name)]

    async def versions(self) -> AsyncIterator[Sequence[ModelVersion]]:
        filter = self._filter()
        async for versions in self.pages(lambda token: model_search.SearchVersions(filter, PAGE, token)):
            yield [v for v in versions if self._here(v.model)]

    def _filter(self) -> str:
        """What a search needs to look at, at least."""
        named: list[str] = []
        for part in (self._only or self._catalog, self._schema, self._leaf):
            if part is None:
                break
            named.append(part)
        if not named or any("/" in part or len(part) > 255 for part in named):
            return ""
        value = ".".join(named).replace("'", "''")
        return f"name = '{value}'" if len(named) == 3 else f"name LIKE '{value}.%'"

    def _here(self, full_name: str) -> bool:
        return self._only in ("", full_name.partition(".")[0])

    async def grants(
        self, names: Sequence[FullName], request: Callable[[FullName], msgspec.Struct] = grants.GetEffectiveGrants
    ) -> list[tuple[FullName, list[Grant]]]:
        """What holds on each of these, as far as the caller may see it: by default with what is inherited."""
        grants_by_name: list[tuple[FullName, list[Grant]]] = []
        for start in range(0, len(names), _AT_ONCE):
            batch = names[start : start + _AT_ONCE]
            self.look(_COST_OF_GRANTS * len(batch))
            grants_by_name += zip(batch, await self._grants(batch, request), strict=True)
        return grants_by_name

    async def _grants(
        self, names: Sequence[FullName], request: Callable[[FullName], msgspec.Struct]
    ) -> list[list[Grant]]:
        session = self._session
        requests = [request(name) for name in names]
        try:
            return await session.engine.execute_all(session.actor, requests, request_id=session.request_id)
        except (NotFound, PermissionDenied) as error:
            if len(names) == 1:
                if names[0].parts and error.kind != "PRINCIPAL":
                    return [[]]  # gone since it was listed
                raise error
            return [grants for name in names for grants in await self._grants([name], request)]
