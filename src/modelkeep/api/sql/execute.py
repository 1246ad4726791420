"""What each statement asks of the core: the very requests that REST makes, with the same decisions and audit events."""

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from modelkeep.api.sql import statements as s
from modelkeep.api.sql.grants import show_grants, show_grants_to
from modelkeep.api.sql.query import select
from modelkeep.api.sql.relations import NoSuchView
from modelkeep.api.sql.scan import PAGE, Scan, SqlSession
from modelkeep.api.sql.select_tree import Query
from modelkeep.api.sql.table_answers import describe_table, show_create_table
from modelkeep.api.sql.tables import Row, SqlColumn, Table
from modelkeep.core.operations.catalog import catalogs, functions, objects
from modelkeep.core.operations.governance import grants
from modelkeep.core.operations.identity import principals
from modelkeep.core.operations.models import models, prompts, versions
from modelkeep.domain.errors import AlreadyExists, InvalidArgument, NotFound
from modelkeep.domain.kinds import RULES, Kind
from modelkeep.domain.model import Prompt, RegisteredModel, Securable
from modelkeep.domain.names import METASTORE, FullName, check_platform_tag, parse_version
from modelkeep.domain.patterns import Matcher, check_pattern, pattern
from modelkeep.domain.times import rfc3339


async def run(session: SqlSession, statement: s.Statement | Query) -> Table:
    """Raises RegistryError."""
    match statement:
        case Query():
            return await _select(session, statement)
        case s.ShowGrants():
            return await show_grants(session, full_name(statement.on, session.home), statement.principal)
        case s.ShowGrantsTo():
            return await show_grants_to(session, statement.principal)
        case s.Use():
            await session.ask(_GETS[statement.on.kind](full_name(statement.on, session.home)))
        case s.Show():
            return await _show(session, statement)
        case s.ShowPrincipals():
            return await _show_principals(session, statement)
        case s.ShowCurrent():
            return await _show_current(session, statement.kind)
        case s.Describe():
            return await _describe(session, statement)
        case s.ShowCreateTable():
            return show_create_table(await session.ask(objects.GetObject(full_name(statement.on, session.home))))
        case s.CreateStatement():
            await _create(session, statement)
        case s.Drop():
            await _drop(session, statement)
        case _:
            await session.ask(_request(statement, session.home))
    return Table()


def full_name(on: s.Object, home: FullName) -> FullName:
    """The name with what it leaves out taken from `home`. Raises InvalidArgument, BadName."""
    depth = RULES[on.kind].depth
    if len(on.name) > depth:
        raise InvalidArgument(f"'{'.'.join(on.name)[:300]}' has {len(on.name)} parts; a {on.kind.lower()} has {depth}.")
    name = METASTORE
    for part in (*home.parts[: depth - len(on.name)], *on.name):
        name = name.child(part, on.kind)
    return name


def _request(statement: s.Statement, home: FullName) -> msgspec.Struct:
    """The one change that a statement is."""
    match statement:
        case s.Revoke(privileges=privileges, on=on, principal=who):
            return grants.ChangeGrants(full_name(on, home), (grants.GrantChange(who, remove=privileges),))
        case s.GrantStatement(privileges=privileges, on=on, principal=who):
            return grants.ChangeGrants(full_name(on, home), (grants.GrantChange(who, add=privileges),))
        case s.SetOwner(on=on, principal=owner):
            return catalogs.TransferOwnership(full_name(on, home), owner)
        case s.CommentOn(on=on, comment=comment):
            return _COMMENTS.get(on.kind, catalogs.UpdateComment)(full_name(on, home), comment)
        case s.SetTags(on=on, tags=tags):
            _once([key for key, _ in tags])
            for key, value in tags:
                check_platform_tag(key, value)
            return models.ChangeTags(full_name(on, home), set=dict(tags))
        case s.UnsetTags(on=on, keys=keys):
            _once(keys)
            return models.ChangeTags(full_name(on, home), remove=keys)
        case s.CopyStatement(on=on, version=version, to=to):
            destination = full_name(s.Object(Kind.MODEL, to), home)
            return versions.CopyVersion(full_name(on, home), parse_version(version), destination)
        case s.Rename(on=on, new=new):
            return _rename(on, new, home)
        case _:
            raise NotImplementedError(type(statement))


def _once(keys: Sequence[str], what: str = "tag") -> None:
    if len(set(keys)) != len(keys):
        raise InvalidArgument(f"A {what} key is in this statement twice. Name it once.")


_COMMENTS: dict[Kind, Callable[[FullName, str], msgspec.Struct]] = {
    Kind.CATALOG: catalogs.UpdateCatalogComment,
    Kind.PROMPT: prompts.UpdatePrompt,
    Kind.FUNCTION: functions.UpdateRoutineComment,
}
_RENAMES: dict[Kind, Callable[[FullName, FullName], msgspec.Struct]] = {
    Kind.CATALOG: catalogs.RenameCatalog,
    Kind.SCHEMA: catalogs.RenameSchema,
    Kind.MODEL: models.RenameModel,
    Kind.FUNCTION: objects.RenameObject,
    Kind.VOLUME: objects.RenameObject,
    Kind.TABLE: objects.RenameObject,
    Kind.PROMPT: prompts.RenamePrompt,
}


def _rename(on: s.Object, new: s.Name, home: FullName) -> msgspec.Struct:
    name = full_name(on, home)
    renamed = name.parent.child(new[0], on.kind) if len(new) == 1 else full_name(s.Object(on.kind, new), home)
    if renamed.parent != name.parent:
        raise InvalidArgument(f"A rename stays where it is: name something in '{name.parent}', or the new name alone.")
    return _RENAMES[on.kind](name, renamed)


async def _create(session: SqlSession, statement: s.CreateStatement) -> None:
    kind = catalogs.CreateCatalog if statement.on.kind is Kind.CATALOG else catalogs.CreateSchema
    name = full_name(statement.on, session.home)
    try:
        await session.ask(kind(name=name, comment=statement.comment, spec=_spec(statement.properties)))
    except AlreadyExists:
        if not statement.if_absent:
            raise


def _spec(properties: tuple[tuple[str, str], ...]) -> dict[str, str]:
    _once([key for key, _ in properties], "property")
    return {"properties": msgspec.json.encode(dict(properties)).decode()} if properties else {}


_DROPS: dict[Kind, Callable[[FullName], msgspec.Struct]] = {
    Kind.MODEL: models.DeleteModel,
    Kind.FUNCTION: objects.DeleteObject,
    Kind.VOLUME: objects.DeleteObject,
    Kind.TABLE: objects.DeleteObject,
    Kind.PROMPT: prompts.DeletePrompt,
}


async def _drop(session: SqlSession, statement: s.Drop) -> None:
    name = full_name(statement.on, session.home)
    container = name.kind in (Kind.CATALOG, Kind.SCHEMA)
    try:
        await session.ask(catalogs.DeleteContainer(name, statement.cascade) if container else _DROPS[name.kind](name))
    except NotFound:
        if not statement.if_there:
            raise


# --- answers ------------------------------------------------------------------------------------------------------------


async def _select(session: SqlSession, query: Query) -> Table:
    """Raises InvalidArgument for a table of the caller: only engines read rows of tables."""
    try:
        return await select(session, query)
    except NoSuchView as missing:
        if name := await _readable_table(session, missing.parts):
            raise InvalidArgument(
                f"'{name}' is a table, and this server runs no SELECT over tables: read it by its name with Spark, DuckDB, "
                "polars or deltalake."
            ) from missing
        raise


async def _readable_table(session: SqlSession, parts: s.Name) -> FullName | None:
    """The table of this name, if there is one. Raises PermissionDenied."""
    try:
        name = full_name(s.Object(Kind.TABLE, parts), session.home)
        await session.ask(objects.GetObject(name))
    except (NotFound, InvalidArgument):
        return None
    return name


_SHOWN = {
    Kind.CATALOG: ("catalog",),
    Kind.SCHEMA: ("databaseName",),
    Kind.MODEL: ("database", "modelName"),
    Kind.FUNCTION: ("database", "functionName"),
    Kind.VOLUME: ("database", "volume_name"),
    Kind.TABLE: ("database", "tableName"),
    Kind.PROMPT: ("database", "promptName"),
}


def _patterns(like: str) -> list[Matcher]:
    """One of them matches. Raises InvalidArgument."""
    check_pattern(like)  # as a whole: each row is compared with all of its parts
    return [pattern(part, any_case=True, any_run="*", any_character="", escape="") for part in (like or "*").split("|")]


async def _show_principals(session: SqlSession, statement: s.ShowPrincipals) -> Table:
    like, rows = _patterns(statement.like), list[Row]()
    scan = Scan(session, (), {})
    async for page in scan.pages(lambda token: principals.ListPrincipals(statement.kind, "", PAGE, token)):
        for principal in page:
            await scan.pace.breathe()
            if any(matches(principal.name) for matches in like):
                rows.append((principal.name,))
    return Table((SqlColumn("name"),), rows)


async def _show_current(session: SqlSession, kind: Kind) -> Table:
    if kind is Kind.METASTORE:
        return Table((SqlColumn("metastore"),), [(await session.metastore(),)])
    return Table((SqlColumn(kind.lower()),), [(session.home.parts[RULES[kind].depth - 1],)])


async def _show(session: SqlSession, statement: s.Show) -> Table:
    like = _patterns(statement.like)
    heads, rows = _SHOWN[statement.kind], list[Row]()
    is_temporary = (False,) if statement.kind is Kind.TABLE else ()
    scan = Scan(session, (), {})
    async for securables in _listed(scan, session, statement):
        # As many of its last parts as there are columns.
        parts = [tuple(x.full_name.split("."))[-len(heads) :] for x in securables]
        for row in parts:
            await scan.pace.breathe()
            if any(matches(row[-1]) for matches in like):
                rows.append((*row, *is_temporary))
    temporary = (SqlColumn("isTemporary", "BOOLEAN"),) if is_temporary else ()
    return Table((*map(SqlColumn, heads), *temporary), rows)


def _listed(scan: Scan, session: SqlSession, statement: s.Show) -> AsyncIterator[tuple[Securable, ...]]:
    if statement.kind is Kind.CATALOG:
        return scan.pages(lambda token: catalogs.ListCatalogs(PAGE, token))
    if statement.kind is Kind.SCHEMA:
        catalog = full_name(s.Object(Kind.CATALOG, statement.within), session.home)
        return scan.pages(lambda token: catalogs.ListSchemas(catalog, PAGE, token))
    schema = full_name(s.Object(Kind.SCHEMA, statement.within), session.home)
    if statement.kind is Kind.MODEL:
        return scan.pages(lambda token: models.ListModels(schema, PAGE, token))
    return scan.pages(lambda token: objects.ListObjects(schema, statement.kind, PAGE, token))


_GETS: dict[Kind, Callable[[FullName], msgspec.Struct]] = {
    Kind.CATALOG: catalogs.GetCatalog,
    Kind.SCHEMA: catalogs.GetSchema,
    Kind.MODEL: models.GetModel,
    Kind.FUNCTION: functions.GetRoutine,
    Kind.VOLUME: objects.GetObject,
    Kind.TABLE: objects.GetObject,
    Kind.PROMPT: prompts.GetPrompt,
}


async def _describe(session: SqlSession, statement: s.Describe) -> Table:
    name = full_name(statement.on, session.home)
    described: Securable | RegisteredModel | Prompt = await session.ask(_GETS[name.kind](name))
    x = described if isinstance(described, Securable) else described.securable
    if x.kind is Kind.TABLE:
        return describe_table(x, extended=statement.extended)
    label = "Namespace" if name.kind is Kind.SCHEMA else x.kind.capitalize()
    rows: list[Row] = [("Catalog Name", name.parts[0])] if name.kind is not Kind.CATALOG else []
    rows += [("Schema Name", name.parts[1])] if len(name.parts) == 3 else []
    rows += [(f"{label} Name", x.name_key), ("Comment", x.comment), ("Owner", x.owner)]
    if isinstance(described, RegisteredModel):
        rows.append(("Latest Version", str(described.latest.version) if described.latest else ""))
        rows.append(
            ("Aliases", ", ".join(f"{alias} = {version}" for alias, version in sorted(described.aliases.items())))
        )
    if statement.extended:
        rows += [("Created By", x.created_by), ("Created At", rfc3339(x.created_at))]
        rows += [("Updated By", x.updated_by), ("Updated At", rfc3339(x.updated_at))]
        rows.append(("Tags", ", ".join(f"{key} = {value}" for key, value in sorted(x.tags.items()))))
        if properties := msgspec.json.decode(x.spec.get("properties", "{}"), type=dict[str, str]):
            rows.append(("Properties", ", ".join(f"{key} = {value}" for key, value in sorted(properties.items()))))
    heads = ("database_description_item", "database_description_value")
    return Table(tuple(map(SqlColumn, heads if name.kind is Kind.SCHEMA else ("info_name", "info_value"))), rows)
