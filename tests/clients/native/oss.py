"""unitycatalog-client, whose classes check every answer.  Arguments: a catalog, a user, a READY version's model."""

import asyncio
import os
import sys
from collections.abc import Awaitable
from typing import Any

from unitycatalog.client import (
    ApiClient,
    CatalogsApi,
    Configuration,
    CreateModelVersion,
    CreateRegisteredModel,
    FinalizeModelVersion,
    GenerateTemporaryModelVersionCredential,
    GrantsApi,
    MetastoresApi,
    ModelVersionOperation,
    ModelVersionsApi,
    ModelVersionStatus,
    PermissionsChange,
    Privilege,
    RegisteredModelsApi,
    SchemasApi,
    SecurableType,
    TemporaryCredentialsApi,
    UpdateModelVersion,
    UpdatePermissions,
    UpdateRegisteredModel,
)
from unitycatalog.client.exceptions import ApiException

catalog, user, ready = sys.argv[1:]
NAME, PARTS = f"{catalog}.ml_team.oss", {"catalog_name": catalog, "schema_name": "ml_team"}


async def refused(call: Awaitable[Any], status: int, reason: str) -> None:
    try:
        await call
    except ApiException as error:
        assert error.status == status, error
        assert f'"reason":"{reason}"' in error.body, error.body
        return
    raise AssertionError(f"not refused with {reason}")


async def use(api: ApiClient) -> None:
    models, versions, grants = RegisteredModelsApi(api), ModelVersionsApi(api), GrantsApi(api)
    assert (await MetastoresApi(api).summary()).metastore_id
    assert catalog in [c.name for c in (await CatalogsApi(api).list_catalogs()).catalogs]
    assert (await CatalogsApi(api).get_catalog(catalog)).name == catalog
    assert (await SchemasApi(api).get_schema(f"{catalog}.ml_team")).full_name == f"{catalog}.ml_team"

    registered_model = await models.create_registered_model(CreateRegisteredModel(name="oss", comment="first", **PARTS))
    assert (registered_model.full_name, registered_model.comment, registered_model.name) == (NAME, "first", "oss")
    again = models.create_registered_model(CreateRegisteredModel(name="oss", **PARTS))
    await refused(again, 409, "ALREADY_EXISTS")
    await refused(models.get_registered_model(f"{NAME}x"), 404, "NOT_FOUND")
    await refused(models.update_registered_model(NAME, UpdateRegisteredModel()), 400, "INVALID_ARGUMENT")
    await refused(models.list_registered_models(max_results=-1), 400, "INVALID_ARGUMENT")
    assert (await models.update_registered_model(NAME, UpdateRegisteredModel(comment="second"))).comment == "second"
    renamed = await models.update_registered_model(NAME, UpdateRegisteredModel(new_name="oss2"))
    assert renamed.full_name == f"{NAME}2"
    assert (
        await models.update_registered_model(f"{NAME}2", UpdateRegisteredModel(new_name="oss"))
    ).id == registered_model.id
    listed = await models.list_registered_models(**PARTS, max_results=1)
    assert len(listed.registered_models) == 1
    assert listed.next_page_token
    registered_models = await models.list_registered_models(**PARTS, page_token=listed.next_page_token)
    assert {m.full_name for m in (*listed.registered_models, *registered_models.registered_models)} == {NAME, ready}

    new = CreateModelVersion(model_name="oss", source="runs:/r/m", run_id="r", comment="c", **PARTS)
    version = await versions.create_model_version(new)
    assert (version.version, version.status, version.source) == (
        1,
        ModelVersionStatus.PENDING_REGISTRATION,
        "runs:/r/m",
    )
    empty = versions.finalize_model_version(NAME, 1, FinalizeModelVersion(full_name=NAME, version=1))
    await refused(empty, 400, "INVALID_ARGUMENT")
    assert (await versions.update_model_version(NAME, 1, UpdateModelVersion(comment="d"))).comment == "d"
    assert (await versions.get_model_version(NAME, 1)).comment == "d"
    assert [v.version for v in (await versions.list_model_versions(NAME)).model_versions] == [1]
    finished = await versions.get_model_version(ready, 1)
    assert finished.status == ModelVersionStatus.READY
    done = await versions.finalize_model_version(ready, 1, FinalizeModelVersion(full_name=ready, version=1))
    assert done.status == ModelVersionStatus.READY
    version_credential = GenerateTemporaryModelVersionCredential(
        model_name="oss", version=1, operation=ModelVersionOperation.READ_WRITE_MODEL_VERSION, **PARTS
    )
    vended = await TemporaryCredentialsApi(api).generate_temporary_model_version_credentials(version_credential)
    assert (
        vended.aws_temp_credentials is None
    )  # of a folder there are none: the directory is in the answer to the create
    assert vended.expiration_time
    assert version.storage_location.startswith("file:///")
    assert (await versions.get_model_version(ready, 1)).storage_location.startswith("file:///")

    add = UpdatePermissions(changes=[PermissionsChange(principal=user, add=[Privilege.EXECUTE], remove=[])])
    for kind in (SecurableType.REGISTERED_MODEL, SecurableType.FUNCTION):
        [privilege_assignment] = (await grants.update(kind, NAME, add)).privilege_assignments
        assert (privilege_assignment.principal, privilege_assignment.privileges) == (user, [Privilege.EXECUTE])
    # Others' privileges that this client has no word for would make it refuse the whole answer.
    [privilege_assignment] = (await grants.get(SecurableType.REGISTERED_MODEL, ready)).privilege_assignments
    assert (privilege_assignment.principal, privilege_assignment.privileges) == (user, [Privilege.EXECUTE])
    use_it = PermissionsChange(principal=user, add=[Privilege.USE_CATALOG, Privilege.CREATE_MODEL], remove=[])
    [privilege_assignment] = (
        await grants.update(SecurableType.CATALOG, catalog, UpdatePermissions(changes=[use_it]))
    ).privilege_assignments
    assert set(privilege_assignment.privileges) == {Privilege.USE_CATALOG, Privilege.CREATE_MODEL}

    await versions.delete_model_version(NAME, 1)
    assert not (await versions.list_model_versions(NAME)).model_versions
    await versions.create_model_version(new)
    await refused(models.delete_registered_model(NAME, force=False), 409, "ABORTED")
    await models.delete_registered_model(NAME)
    await refused(models.get_registered_model(NAME), 404, "NOT_FOUND")


async def main() -> None:
    base = f"{os.environ['DATABRICKS_HOST']}/api/2.1/unity-catalog"
    async with ApiClient(Configuration(host=base)) as api:
        api.default_headers["Authorization"] = f"Bearer {os.environ['DATABRICKS_TOKEN']}"
        await use(api)


asyncio.run(main())
