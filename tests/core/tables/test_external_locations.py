"""External locations: no overlaps, who may create in them, and that only what was created in one has credentials."""

from typing import Any

import msgspec
import pytest
from world import World

from modelkeep.core.operations.catalog import catalogs, objects, tables, volumes
from modelkeep.core.operations.tables import credentials
from modelkeep.core.operations.tables import external_locations as core
from modelkeep.domain.errors import AlreadyExists, InvalidArgument, NotEmpty, NotFound, PermissionDenied
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import FullName
from modelkeep.domain.storage_urls import parse_storage_url
from modelkeep.store import storage_paths

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio
ROLE = "arn:aws:iam::1:role/lake"
CREDENTIAL = FullName(("lake",), Kind.STORAGE_CREDENTIAL)
LOCATION = FullName(("lake",), Kind.EXTERNAL_LOCATION)


def location(text: str) -> FullName:
    return FullName((text,), Kind.EXTERNAL_LOCATION)


def table(text: str) -> FullName:
    return FullName(tuple(text.split(".")), Kind.TABLE)


def at(url: str) -> tables.Definition:
    return tables.Definition("EXTERNAL", "DELTA", url)


async def lake(w: World, url: str = "s3://lake/data", owner: str = "keeper") -> None:
    """Credential and location `lake` of the same name, and a schema in which all may create tables and volumes."""
    await w.schema("prod.ml")
    await w.grant(owner, "CREATE_STORAGE_CREDENTIAL+CREATE_EXTERNAL_LOCATION")
    keeper = w.as_(owner)
    await keeper.do(core.CreateStorageCredential(name=CREDENTIAL, role_arn=ROLE))
    await keeper.do(core.CreateExternalLocation(name=LOCATION, url=url, credential=CREDENTIAL))
    for who in (owner, "ann", "bob"):
        await w.grant(who, "USE_CATALOG@prod+USE_SCHEMA@prod.ml+CREATE_TABLE@prod.ml+CREATE_VOLUME@prod.ml")


async def test_a_table_in_a_location_needs_its_privilege_and_has_its_role(w: World) -> None:
    await lake(w)
    with pytest.raises(PermissionDenied, match="CREATE EXTERNAL TABLE on External Location 'lake'"):
        await w.as_("ann").do(tables.CreateTable(table("prod.ml.t"), at("s3a://lake/data/t/")))
    await w.grant("ann", "CREATE_EXTERNAL_TABLE@lake!EXTERNAL_LOCATION")
    created = await w.as_("ann").do(tables.CreateTable(table("prod.ml.t"), at("s3a://lake/data/t/")))
    with pytest.raises(PermissionDenied, match="CREATE EXTERNAL VOLUME"):
        volume = FullName(("prod", "ml", "v"), Kind.VOLUME)
        await w.as_("ann").do(volumes.CreateVolume(volume, "EXTERNAL", storage_location="s3://lake/data/v"))
    async with w.db.read() as tx:
        (path, above) = await storage_paths.above(tx, parse_storage_url("s3://lake/data/t/x"))
    assert (path.securable_id, path.path) == (created.id, "s3://lake/data/t") and path.location_id == above.securable_id


@pytest.mark.parametrize(
    "url",
    [
        "s3://lake/data/t",
        "s3a://lake/data/t/",
        "s3://lake/data",
        "s3://lake/data/t/x",
        "s3://LAKE/data/t",
        "s3://lake/data/T",
    ],
)
async def test_two_tables_never_share_a_folder_of_a_location(w: World, url: str) -> None:
    await lake(w)
    await w.as_("keeper").do(tables.CreateTable(table("prod.ml.t"), at("s3://lake/data/t")))
    if url == "s3://LAKE/data/t":  # no bucket has such a name: it is metadata, and never has credentials
        created = await w.as_("keeper").do(tables.CreateTable(table("prod.ml.u"), at(url)))
        with pytest.raises(InvalidArgument):
            await w.as_("keeper").do(credentials.TableCredentialsById(created.id, Kind.TABLE, False))
        return
    with pytest.raises(InvalidArgument, match="overlaps the storage of another Table"):
        await w.as_("keeper").do(tables.CreateTable(table("prod.ml.u"), at(url)))
    await w.as_("keeper").do(objects.DeleteObject(table("prod.ml.t")))
    await w.as_("keeper").do(tables.CreateTable(table("prod.ml.u"), at(url)))


@pytest.mark.parametrize(
    "url", ["s3://lake/data", "s3://lake/data/below", "s3://lake", "s3://lake/DATA", "s3n://lake/data/"]
)
async def test_two_locations_never_overlap(w: World, url: str) -> None:
    await lake(w)
    with pytest.raises(InvalidArgument, match="overlaps the storage of another External Location"):
        await w.as_("keeper").do(core.CreateExternalLocation(name=location("two"), url=url, credential=CREDENTIAL))
    with pytest.raises(AlreadyExists):
        await w.as_("keeper").do(core.CreateExternalLocation(name=LOCATION, url="s3://x/y", credential=CREDENTIAL))
    beside = core.CreateExternalLocation(name=location("two"), url="s3://lake/data2", credential=CREDENTIAL)
    await w.as_("keeper").do(beside)
    with pytest.raises(InvalidArgument, match="overlaps"):
        await w.as_("keeper").do(core.UpdateExternalLocation(name=location("two"), url=url))


async def test_what_others_registered_there_before_hinders_a_location_and_never_gains_by_it(w: World) -> None:
    """A table outside of all locations is metadata. A location around it must not give its owner the location's role."""
    await w.schema("prod.ml")
    await w.grant("ann", "USE_CATALOG@prod+USE_SCHEMA@prod.ml+CREATE_TABLE@prod.ml")
    created = await w.as_("ann").do(tables.CreateTable(table("prod.ml.early"), at("s3://lake/data/secret")))
    with pytest.raises(InvalidArgument, match="overlaps the storage of another Table"):
        await lake(w)
    with pytest.raises(InvalidArgument, match="not created under an external location"):
        await w.as_("ann").do(credentials.TableCredentialsById(created.id, Kind.TABLE, False))
    await w.own("prod.ml.early!TABLE", "keeper")
    location_request = core.CreateExternalLocation(name=LOCATION, url="s3://lake/data", credential=CREDENTIAL)
    created = await w.as_("keeper").do(location_request)
    async with w.db.read() as tx:
        (path, _) = await storage_paths.above(tx, parse_storage_url("s3://lake/data/secret"))
    assert path.location_id == created.securable.id


async def test_a_location_is_kept_from_this_servers_own_storage(w: World) -> None:
    await lake(w)
    for url in (f"file://{w.registry.settings.data}/artifacts", f"file://{w.registry.settings.data}", "file:///"):
        with pytest.raises(InvalidArgument):
            await w.as_("admin").do(core.CreateExternalLocation(name=location("own"), url=url))
    managed = (*w.engine.config.managed, "s3://lake/data/models")
    settings = msgspec.structs.replace(w.engine.services.settings, managed=managed)
    w.engine.services = msgspec.structs.replace(w.engine.services, settings=settings)
    for url in ("s3://lake/data/models/x", "s3://lake/data"):
        with pytest.raises(InvalidArgument, match=r"this server manages|holds"):
            await w.as_("keeper").do(credentials.PathCredentials(url, "PATH_READ"))


@pytest.mark.parametrize(
    "url",
    ["s3://lake/data/../x", "s3://lake/data?x", "s3://k:s@lake/data", "gs://lake/data", "lake", "", "s3://lake/%2e"],
)
async def test_a_url_that_has_a_second_reading_is_no_location(w: World, url: str) -> None:
    await lake(w, "s3://other/x")
    with pytest.raises(InvalidArgument):
        await w.as_("keeper").do(core.CreateExternalLocation(name=location("two"), url=url, credential=CREDENTIAL))


async def test_a_folder_of_this_machine_is_for_metastore_admins(w: World) -> None:
    await lake(w)
    with pytest.raises(PermissionDenied, match="metastore admins"):
        await w.as_("keeper").do(core.CreateExternalLocation(name=location("disk"), url="file:///lake"))
    with pytest.raises(InvalidArgument, match="takes none"):
        await w.as_("keeper").do(
            core.CreateExternalLocation(name=location("disk"), url="file:///lake", credential=CREDENTIAL)
        )
    with pytest.raises(InvalidArgument, match="storage credential"):
        await w.as_("admin").do(core.CreateExternalLocation(name=location("s3"), url="s3://free/x"))


async def test_what_is_used_is_deleted_by_force_alone_and_leaves_tables_without_credentials(w: World) -> None:
    await lake(w)
    created = await w.as_("keeper").do(tables.CreateTable(table("prod.ml.t"), at("s3://lake/data/t")))
    with pytest.raises(NotEmpty, match="in use"):
        await w.as_("keeper").do(core.DeleteStorageCredential(CREDENTIAL))
    for change in (core.DeleteExternalLocation(LOCATION), core.UpdateExternalLocation(name=LOCATION, url="s3://new/x")):
        with pytest.raises(NotEmpty, match="in use"):
            await w.as_("keeper").do(change)
    await w.as_("keeper").do(core.DeleteExternalLocation(LOCATION, force=True))
    with pytest.raises(InvalidArgument, match="not created under an external location"):
        await w.as_("keeper").do(credentials.TableCredentialsById(created.id, Kind.TABLE, False))
    with pytest.raises(NotFound):
        await w.as_("keeper").do(core.GetExternalLocation(LOCATION))
    await w.as_("keeper").do(core.DeleteStorageCredential(CREDENTIAL))


@pytest.mark.parametrize(
    "arn", ["", "role", "arn:aws:iam::1:user/x", "arn:aws:iam::1:role/", "arn:aws:iam::1:role/a b"]
)
async def test_a_credential_names_a_role(w: World, arn: str) -> None:
    await w.grant("keeper", "CREATE_STORAGE_CREDENTIAL")
    with pytest.raises(InvalidArgument, match="role_arn"):
        await w.as_("keeper").do(core.CreateStorageCredential(name=CREDENTIAL, role_arn=arn))


# --- paths -----------------------------------------------------------------------------------------------------------


async def path(w: World, who: str, url: str, operation: Any = "PATH_READ") -> Any:
    return await w.as_(who).do(credentials.PathCredentials(url, operation, dry_run=True))


async def test_a_path_needs_the_locations_privileges_or_those_of_what_lies_there(w: World) -> None:
    await lake(w)
    await w.as_("keeper").do(tables.CreateTable(table("prod.ml.t"), at("s3://lake/data/t")))
    await w.grant("ann", "READ_FILES@lake!EXTERNAL_LOCATION")
    assert (await path(w, "ann", "s3a://lake/data/free/")).url == "s3://lake/data/free"
    for operation in ("PATH_READ_WRITE", "PATH_CREATE_TABLE"):
        with pytest.raises(PermissionDenied):
            await path(w, "ann", "s3://lake/data/free", operation)
    for url in ("s3://lake/data/t", "s3://lake/data/t/p=1", "s3://lake/data/T"):
        with pytest.raises(PermissionDenied, match="SELECT on Table"):
            await path(w, "ann", url)
    with pytest.raises(InvalidArgument, match="holds tables"):
        await path(w, "ann", "s3://lake/data")
    with pytest.raises(InvalidArgument, match="storage of a table"):
        await path(w, "keeper", "s3://lake/data/t", "PATH_CREATE_TABLE")
    for url in ("s3://lake/data2", "s3://lake", "s3://other/x"):
        with pytest.raises(InvalidArgument, match="no external location"):
            await path(w, "keeper", url)
    await w.grant("bob", "SELECT@prod.ml.t!TABLE")
    assert (await path(w, "bob", "s3://lake/data/t/p=1")).url == "s3://lake/data/t/p=1"
    with pytest.raises(PermissionDenied, match="MODIFY"):
        await path(w, "bob", "s3://lake/data/t", "PATH_READ_WRITE")


async def test_external_use_is_asked_for_where_the_deployment_wants_it(w: World) -> None:
    await lake(w)
    await w.as_("keeper").do(tables.CreateTable(table("prod.ml.t"), at("s3://lake/data/t")))
    settings = msgspec.structs.replace(w.engine.services.settings, external_use_schema=True)
    w.engine.services = msgspec.structs.replace(w.engine.services, settings=settings)
    with pytest.raises(PermissionDenied, match=r"EXTERNAL USE SCHEMA on Schema 'prod.ml'"):
        await w.as_("keeper").do(credentials.ReadTableCredentials(table("prod.ml.t")))
    with pytest.raises(PermissionDenied, match=r"EXTERNAL USE LOCATION on External Location 'lake'"):
        await path(w, "keeper", "s3://lake/data/free")
    await w.grant("keeper", "ALL_PRIVILEGES@prod+ALL_PRIVILEGES@lake!EXTERNAL_LOCATION")
    with pytest.raises(PermissionDenied, match="EXTERNAL USE LOCATION"):
        await path(w, "keeper", "s3://lake/data/free")
    with pytest.raises(PermissionDenied, match="EXTERNAL USE SCHEMA"):
        await path(w, "keeper", "s3://lake/data/t")
    await w.grant("keeper", "EXTERNAL_USE_SCHEMA@prod.ml+EXTERNAL_USE_LOCATION@lake!EXTERNAL_LOCATION")
    assert (await path(w, "keeper", "s3://lake/data/free")).url and (await path(w, "keeper", "s3://lake/data/t")).url


# --- storage roots ---------------------------------------------------------------------------------------------------


async def test_a_storage_root_lies_in_a_location_and_its_folder_is_nobody_elses(w: World) -> None:
    await lake(w)
    await w.grant("ann", "CREATE_SCHEMA@prod+CREATE_EXTERNAL_TABLE@lake!EXTERNAL_LOCATION")
    schema = catalogs.CreateSchema(name=FullName(("prod", "own")), spec={"storage_root": "s3a://lake/data/roots/"})
    with pytest.raises(PermissionDenied, match="CREATE MANAGED STORAGE"):
        await w.as_("ann").do(schema)
    await w.grant("ann", "CREATE_MANAGED_STORAGE@lake!EXTERNAL_LOCATION")
    created = await w.as_("ann").do(schema)
    assert created.spec["storage_root"] == "s3://lake/data/roots"
    folder = f"s3://lake/data/roots/__unitystorage/schemas/{created.id}"
    for url in (f"{folder}/tables/x", folder, "s3://lake/data/roots", "s3://lake/data"):
        with pytest.raises(InvalidArgument, match="overlaps"):
            await w.as_("ann").do(tables.CreateTable(table("prod.ml.t"), at(url)))
        with pytest.raises(InvalidArgument, match="container"):
            await path(w, "keeper", url)
    for root in ("s3://elsewhere/x", f"file://{w.registry.settings.data}", "s3://lake/data/../x"):
        with pytest.raises(InvalidArgument):
            await w.as_("ann").do(catalogs.CreateSchema(name=FullName(("prod", "two")), spec={"storage_root": root}))


async def test_folders_that_an_older_program_registered_are_known_after_a_start(w: World) -> None:
    await lake(w, "s3://other/x")
    created = await w.as_("keeper").do(tables.CreateTable(table("prod.ml.old"), at("s3://lake/data/old")))
    async with w.db.write() as tx:
        await tx.run("DELETE FROM storage_paths WHERE securable_id = :id", id=created.id)
        await tx.run("DELETE FROM deployment WHERE key = 'storage_paths'")
    await storage_paths.fill(w.db)
    async with w.db.read() as tx:
        (folder,) = await storage_paths.above(tx, parse_storage_url("s3://lake/data/old"))
    assert (folder.securable_id, folder.location_id) == (created.id, "")
