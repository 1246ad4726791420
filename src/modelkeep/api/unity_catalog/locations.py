"""External locations and storage credentials in native Unity Catalog REST, and `/credentials` as open-source clients call them."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from modelkeep.api.model_shapes import next_page
from modelkeep.api.unity_catalog import storage_answers as answers
from modelkeep.core.operations.catalog import catalogs
from modelkeep.core.operations.tables import external_locations as core
from modelkeep.core.operations.tables import validation
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Securable
from modelkeep.domain.names import METASTORE, FullName, parse_full_name
from modelkeep.http.routing import Route

PREFIX = "/api/2.1/unity-catalog"
LOCATIONS = f"{PREFIX}/external-locations"
STORAGE_CREDENTIALS = f"{PREFIX}/storage-credentials"
CREDENTIALS = f"{PREFIX}/credentials"
"""Of open-source Unity Catalog, and of databricks-sdk's `w.credentials`: storage credentials alone."""
_NO_KEYS = "This server keeps no secret keys. Send aws_iam_role with a role_arn that it may assume."


class IamRole(msgspec.Struct, frozen=True):
    role_arn: str


class CreateCredential(msgspec.Struct, frozen=True):
    name: str
    aws_iam_role: IamRole | None = None
    comment: str = ""
    read_only: bool = False
    purpose: Literal["STORAGE"] = "STORAGE"
    azure_managed_identity: dict[str, Any] | None = None
    azure_service_principal: dict[str, Any] | None = None
    cloudflare_api_token: dict[str, Any] | None = None
    databricks_gcp_service_account: dict[str, Any] | None = None


class UpdateCredential(msgspec.Struct, frozen=True):
    name: str
    new_name: str | None = None
    aws_iam_role: IamRole | None = None
    comment: str | None = None
    read_only: bool | None = None
    owner: str | None = None
    azure_managed_identity: dict[str, Any] | None = None
    azure_service_principal: dict[str, Any] | None = None
    cloudflare_api_token: dict[str, Any] | None = None
    databricks_gcp_service_account: dict[str, Any] | None = None


class CreateLocation(msgspec.Struct, frozen=True):
    name: str
    url: str
    credential_name: str = ""
    comment: str = ""
    read_only: bool = False


class UpdateLocation(msgspec.Struct, frozen=True):
    name: str
    new_name: str | None = None
    url: str | None = None
    credential_name: str | None = None
    comment: str | None = None
    read_only: bool | None = None
    owner: str | None = None
    force: bool = False


class OneByName(msgspec.Struct, frozen=True):
    name: str


class DeleteByName(msgspec.Struct, frozen=True):
    name: str
    force: bool = False


class PageOfAll(msgspec.Struct, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class ValidateCredential(msgspec.Struct, frozen=True):
    """A credential by name, at a url or at an external location's."""

    storage_credential_name: str = ""
    external_location_name: str = ""
    url: str = ""
    read_only: bool = False
    aws_iam_role: IamRole | None = None


def location_name(text: str) -> FullName:
    return parse_full_name(text, Kind.EXTERNAL_LOCATION)


def credential_name(text: str) -> FullName:
    return parse_full_name(text, Kind.STORAGE_CREDENTIAL)


def _role(f: CreateCredential | UpdateCredential) -> str | None:
    if any((f.azure_managed_identity, f.azure_service_principal, f.cloudflare_api_token)):
        raise InvalidArgument(_NO_KEYS)
    if f.databricks_gcp_service_account is not None:
        raise InvalidArgument(_NO_KEYS)
    return f.aws_iam_role.role_arn if f.aws_iam_role else None


def _create_credential(f: CreateCredential) -> core.CreateStorageCredential:
    role = _role(f)
    if role is None:
        raise InvalidArgument(_NO_KEYS)
    name = METASTORE.child(f.name, Kind.STORAGE_CREDENTIAL)
    return core.CreateStorageCredential(name=name, role_arn=role, comment=f.comment, read_only=f.read_only)


def _update_credential(f: UpdateCredential) -> Sequence[msgspec.Struct]:
    name = credential_name(f.name)
    new = credential_name(f.new_name) if f.new_name is not None else None
    role = _role(f)
    return _changes(
        f,
        core.UpdateStorageCredential(name=name, new_name=new, role_arn=role, comment=f.comment, read_only=f.read_only),
        (role, f.comment, f.read_only, f.new_name),
        new or name,
    )


def _changes(
    f: UpdateCredential | UpdateLocation, update: msgspec.Struct, fields: tuple[object, ...], name: FullName
) -> Sequence[msgspec.Struct]:
    """The owner last, and its own answer: it may end the caller's right to read what was changed."""
    requests = [update] if any(field is not None for field in fields) else []
    if f.owner is not None:
        requests.append(catalogs.TransferOwnership(name, f.owner))
    if not requests:
        raise InvalidArgument("The request changes nothing. Send new_name, comment, owner or another field.")
    return requests


def _create_location(f: CreateLocation) -> core.CreateExternalLocation:
    return core.CreateExternalLocation(
        name=METASTORE.child(f.name, Kind.EXTERNAL_LOCATION),
        url=f.url,
        credential=credential_name(f.credential_name) if f.credential_name else None,
        comment=f.comment,
        read_only=f.read_only,
    )


def _update_location(f: UpdateLocation) -> Sequence[msgspec.Struct]:
    name = location_name(f.name)
    new = location_name(f.new_name) if f.new_name is not None else None
    update = core.UpdateExternalLocation(
        name=name,
        new_name=new,
        url=f.url,
        credential=credential_name(f.credential_name) if f.credential_name else None,
        comment=f.comment,
        read_only=f.read_only,
        force=f.force,
    )
    return _changes(f, update, (f.url, f.credential_name, f.comment, f.read_only, f.new_name), new or name)


def _validate(f: ValidateCredential) -> validation.ValidateStorage:
    if f.aws_iam_role is not None:
        raise InvalidArgument("Create the storage credential first, then name it in storage_credential_name.")
    if not f.external_location_name and not (f.storage_credential_name and f.url):
        raise InvalidArgument("Name an external_location_name, or a storage_credential_name with a url.")
    return validation.ValidateStorage(
        credential=credential_name(f.storage_credential_name) if f.storage_credential_name else None,
        location=location_name(f.external_location_name) if f.external_location_name else None,
        url=f.url,
        read_only=f.read_only,
    )


def _validated(results: list[validation.CheckResult], _: Any) -> answers.CredentialValidation:
    checks: list[answers.ValidationResult] = [
        {"operation": check.operation, "result": check.result, "message": check.message} for check in results
    ]
    return {"isDir": True, "results": checks}


def routes(metastore_id: str) -> list[Route]:
    def common(x: Securable) -> answers.BesideCatalogs:
        return {
            "name": x.name,
            "owner": x.owner,
            "comment": x.comment,
            "read_only": x.spec.get("read_only") == "true",
            "metastore_id": metastore_id,
            "created_at": x.created_at,
            "created_by": x.created_by,
            "updated_at": x.updated_at,
            "updated_by": x.updated_by,
            "isolation_mode": "ISOLATION_MODE_OPEN",
        }

    def credential(x: Securable, _: Any = None) -> answers.StorageCredentialInfo:
        role: answers.IamRoleInfo = {"role_arn": x.spec["role_arn"], "external_id": x.spec["external_id"]}
        return {**common(x), "id": x.id, "full_name": x.full_name, "aws_iam_role": role, "purpose": "STORAGE"}

    def location(result: core.ExternalLocation | Securable, _: Any = None) -> answers.ExternalLocationInfo:
        if isinstance(result, Securable):  # the request changed its owner alone
            return {**common(result), "id": result.id}
        return {
            **common(result.securable),
            "id": result.securable.id,
            "url": str(result.details.url),
            "credential_name": result.details.credential_name,
            "credential_id": result.details.credential_id,
            "fallback": False,
            "browse_only": False,
        }

    def locations(page: Page[core.ExternalLocation], _: Any) -> answers.ExternalLocationPage:
        return {"external_locations": [location(item) for item in page.items], **next_page(page.next_token)}

    def storage_credentials(page: Page[Securable], _: Any) -> answers.StorageCredentialPage:
        return {"storage_credentials": [credential(item) for item in page.items], **next_page(page.next_token)}

    def credentials(page: Page[Securable], _: Any) -> answers.CredentialPage:
        return {"credentials": [credential(item) for item in page.items], **next_page(page.next_token)}

    def get_credential(f: OneByName) -> core.GetStorageCredential:
        return core.GetStorageCredential(credential_name(f.name))

    def delete_credential(f: DeleteByName) -> core.DeleteStorageCredential:
        return core.DeleteStorageCredential(credential_name(f.name), f.force)

    of_credentials = [
        route
        for path, page in ((STORAGE_CREDENTIALS, storage_credentials), (CREDENTIALS, credentials))
        for route in (
            Route("POST", path, CreateCredential, _create_credential, credential),
            Route("GET", path, PageOfAll, lambda f: core.ListStorageCredentials(f.max_results, f.page_token), page),
            Route("GET", f"{path}/{{name}}", OneByName, get_credential, credential),
            Route("PATCH", f"{path}/{{name}}", UpdateCredential, _update_credential, credential),
            Route("DELETE", f"{path}/{{name}}", DeleteByName, delete_credential),
        )
    ]
    by_name = f"{LOCATIONS}/{{name}}"
    return [
        *of_credentials,
        Route("POST", f"{PREFIX}/validate-storage-credentials", ValidateCredential, _validate, _validated),
        Route("POST", LOCATIONS, CreateLocation, _create_location, location),
        Route(
            "GET", LOCATIONS, PageOfAll, lambda f: core.ListExternalLocations(f.max_results, f.page_token), locations
        ),
        Route("GET", by_name, OneByName, lambda f: core.GetExternalLocation(location_name(f.name)), location),
        Route("PATCH", by_name, UpdateLocation, _update_location, location),
        Route("DELETE", by_name, DeleteByName, lambda f: core.DeleteExternalLocation(location_name(f.name), f.force)),
    ]
