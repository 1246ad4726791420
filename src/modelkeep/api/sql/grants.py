"""SHOW GRANTS: what is granted on a securable, or to a principal."""

from collections.abc import AsyncIterator, Sequence

from modelkeep.api.sql.scan import Scan, SqlSession
from modelkeep.api.sql.tables import YES_NO, Row, SqlColumn, Table
from modelkeep.core.operations.governance import grants
from modelkeep.domain.errors import PermissionDenied
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Grant, Securable
from modelkeep.domain.names import METASTORE, FullName

_COLUMNS = tuple(map(SqlColumn, ("Principal", "ActionType", "ObjectType", "ObjectKey", "Inert")))
_LEAVES = (Kind.FUNCTION, Kind.VOLUME, Kind.TABLE, Kind.PROMPT)


async def show_grants(session: SqlSession, name: FullName, principal: str) -> Table:
    """What holds on one securable, inherited grants included; of one principal, or '' for all."""
    effective: list[Grant] = await session.ask(grants.GetEffectiveGrants(name, principal))
    return Table(_COLUMNS, [_row(name, grant) for grant in effective])


async def show_grants_to(session: SqlSession, principal: str) -> Table:
    """What is granted to a principal, each grant once, where it was made. Raises NotFound for an unknown principal."""
    scan, rows = Scan(session, (), {}), list[Row]()
    async for names in _names(scan):
        try:
            for name, direct in await scan.grants(names, lambda name: grants.GetGrants(name, principal)):
                rows += [_row(name, grant) for grant in direct]
        except PermissionDenied:
            if names != [METASTORE]:  # only its admins and holders of a grant on it see those of the metastore
                raise
    return Table(_COLUMNS, rows)


def _row(name: FullName, grant: Grant) -> Row:
    kind, source = grant.from_kind or str(name.kind), grant.from_name or str(name)
    return grant.principal, grant.privilege.replace("_", " "), kind, source, YES_NO[grant.inert]


async def _names(scan: Scan) -> AsyncIterator[Sequence[FullName]]:
    """Every securable that the caller may list, from the top down."""
    yield [METASTORE]
    async for catalogs in scan.catalogs():
        yield _named(catalogs, Kind.CATALOG)
    async for schemas in scan.schemas():
        yield _named(schemas, Kind.SCHEMA)
    async for models in scan.models():
        yield _named([model.securable for model in models], Kind.MODEL)
    for kind in _LEAVES:
        async for leaves in scan.objects(kind):
            yield _named(leaves, kind)


def _named(securables: Sequence[Securable], kind: Kind) -> list[FullName]:
    return [FullName(tuple(securable.full_name.split(".")), kind) for securable in securables]
