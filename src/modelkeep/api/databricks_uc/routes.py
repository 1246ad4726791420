"""`databricks-uc`: MLflow's Unity Catalog registry protocol, translated (mlflow/store/_unity_catalog/registry/rest_store.py)."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from modelkeep.api import client_lineage as said
from modelkeep.api import registry_messages
from modelkeep.api.databricks_uc import answers, prompts, shapes
from modelkeep.api.model_shapes import (
    Place,
    model_name,
    named,
    new_model_name,
    platform_tag,
    platform_tags,
    source_model,
    storage_mode,
)
from modelkeep.core.operations.catalog import catalogs, model_search
from modelkeep.core.operations.files import credentials
from modelkeep.core.operations.models import finalize, lineage, models, versions
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.model import ModelVersion, Page, RegisteredModel, Securable
from modelkeep.domain.names import parse_version
from modelkeep.http.messages import Request
from modelkeep.http.routing import NoFields, Route

PREFIX = "/api/2.0/mlflow/unity-catalog"
EXPORTER = b"mlflow-export-import"
"""In the User-Agent of databricks-sdk where DATABRICKS_SDK_UPSTREAM says so."""


# --- registered models -----------------------------------------------------------------------------------------------


def _create_model(f: registry_messages.CreateRegisteredModel) -> models.CreateModel:
    return models.CreateModel(model_name(f.name), f.description, platform_tags(f.tags), f.deployment_job_id)


def _update_model(f: shapes.DatabricksUcUpdateModel) -> Sequence[msgspec.Struct]:
    """One PATCH may ask for several things, each with a need of its own: all happen, or none."""
    name = model_name(f.name)
    requests: list[msgspec.Struct] = []
    if f.description is not None:
        requests.append(catalogs.UpdateComment(name, f.description))
    if f.deployment_job_id is not None:
        requests.append(catalogs.UpdateSpec(name, {"deployment_job_id": f.deployment_job_id}))
    if f.new_name is not None:
        new = new_model_name(name, f.new_name)
        requests.append(models.RenameModel(name, new))
        name = new
    return [*requests, models.GetModel(name)]


def _delete_model(f: registry_messages.RegisteredModelName) -> models.DeleteModel:
    return models.DeleteModel(model_name(f.name))


def _get_model(f: registry_messages.RegisteredModelName) -> models.GetModel:
    return models.GetModel(model_name(f.name))


def _search_models(f: shapes.DatabricksUcPage) -> models.ListModels:
    return models.ListModels(None, f.max_results, f.page_token)


def _set_alias(f: registry_messages.SetRegisteredModelAlias) -> models.SetAlias:
    return models.SetAlias(model_name(f.name), f.alias, parse_version(f.version))


def _delete_alias(f: registry_messages.RegisteredModelAlias) -> models.DeleteAlias:
    return models.DeleteAlias(model_name(f.name), f.alias)


def _by_alias(f: registry_messages.RegisteredModelAlias) -> versions.GetVersionByAlias:
    return versions.GetVersionByAlias(model_name(f.name), f.alias)


def _set_tag(f: registry_messages.SetRegisteredModelTag) -> models.ChangeTags:
    return models.ChangeTags(model_name(f.name), None, platform_tag(f.key, f.value))


def _delete_tag(f: registry_messages.DeleteRegisteredModelTag) -> models.ChangeTags:
    return models.ChangeTags(model_name(f.name), None, remove=(f.key,))


# --- model versions --------------------------------------------------------------------------------------------------


def _create_version(f: shapes.DatabricksUcCreateVersion, request: Request) -> versions.CreateVersion:
    source, source_version = source_model(f.source)
    return versions.CreateVersion(
        name=model_name(f.name),
        source=f.source,
        source_model=source,
        source_version=source_version,
        run_id=f.run_id,
        logged_model_id=f.model_id,
        comment=f.description,
        tags=platform_tags(f.tags),
        workspace_id=f.run_tracking_server_id,
        upstream=(
            *said.of_header(request.header(b"x-databricks-lineage-identifier")),
            *said.of_dependencies((d.type, d.name) for d in f.model_version_dependencies),
            *said.of_features(f.feature_deps),
        ),
        feature_deps=f.feature_deps,
    )


def _version(kind: type[versions.VersionRequest]) -> Callable[[Any], msgspec.Struct]:
    return lambda f: kind(model_name(f.name), parse_version(f.version))


def _update_version(f: registry_messages.UpdateModelVersion) -> versions.UpdateVersion:
    return versions.UpdateVersion(model_name(f.name), parse_version(f.version), f.description)


def _search_versions(f: shapes.DatabricksUcSearchVersions) -> model_search.SearchVersions:
    named = model_search.search_name(f.filter)
    if named is not None:
        model_name(named)  # a short name gets the sentence that says so, not an empty list
    return model_search.SearchVersions(f.filter, f.max_results, f.page_token)


def _credentials(f: shapes.DatabricksUcCredentialsRequest) -> versions.VersionRequest:
    name, version = model_name(f.name), parse_version(f.version)
    match f.operation:
        case "MODEL_VERSION_OPERATION_READ":
            return credentials.ReadCredentials(name, version)
        case "MODEL_VERSION_OPERATION_READ_WRITE":
            return credentials.WriteCredentials(name, version)
        case _:
            raise InvalidArgument(
                f"Operation '{f.operation[:100]}' is not known. Use MODEL_VERSION_OPERATION_READ or MODEL_VERSION_OPERATION_READ_WRITE."
            )


def _emit_lineage(f: shapes.DatabricksUcEmitLineage) -> msgspec.Struct:
    name, version = model_name(f.name), parse_version(f.version)
    direction, entities = said.of_info(f.model_version_lineage_info)
    # Every load in SDK mode says DOWNSTREAM without an entity: nothing to record, only to be allowed.
    if direction == lineage.UPSTREAM:
        return lineage.EmitUpstream(name, version, entities)
    return lineage.EmitLineage(name, version, entities) if entities else versions.GetVersion(name, version)


def _set_version_tag(f: registry_messages.SetModelVersionTag) -> models.ChangeTags:
    return models.ChangeTags(model_name(f.name), parse_version(f.version), platform_tag(f.key, f.value))


def _delete_version_tag(f: registry_messages.DeleteModelVersionTag) -> models.ChangeTags:
    return models.ChangeTags(model_name(f.name), parse_version(f.version), remove=(f.key,))


# --- answers ---------------------------------------------------------------------------------------------------------


def _model(result: RegisteredModel, _: Any) -> answers.DatabricksUcOneModel:
    return {"registered_model": shapes.model(result)}


def _models(result: Page[Securable], _: Any) -> answers.DatabricksUcModels:
    return {"registered_models": [shapes.model_brief(m) for m in result.items], "next_page_token": result.next_token}


def _vended(result: credentials.Vended, _: Any) -> answers.DatabricksUcCredentials:
    return {"credentials": storage_mode(result)}


def routes(files_api: bool, place: Place = named) -> list[Route]:
    """All routes. `files_api` answers the client's probe: True sends it to the Files API instead of presigned URLs.
    `place` writes the location of a version's files for the clients."""
    rm, mv = f"{PREFIX}/registered-models", f"{PREFIX}/model-versions"

    def one_version(result: ModelVersion, _: Any) -> answers.DatabricksUcOneVersion:
        return {"model_version": shapes.version(result, place)}

    def versions_page(result: Page[ModelVersion], _: Any) -> answers.DatabricksUcVersions:
        briefs = [shapes.version_brief(version, place) for version in result.items]
        return {"model_versions": briefs, "next_page_token": result.next_token}

    def for_exporter(answer: answers.DatabricksUcOneVersion, request: Request) -> answers.DatabricksUcOneVersion:
        """mlflow-export-import writes a version as JSON, and the client's objects for parameters and metrics have none: it
        would export nothing (mlflow_export_import/common/model_utils.py, `model_version_to_dict`)."""
        if EXPORTER in request.headers.get(b"user-agent", b""):
            answer["model_version"].pop("model_params", None)
            answer["model_version"].pop("model_metrics", None)
        return answer

    def artifact_uri(result: ModelVersion, _: Any) -> answers.DatabricksUcArtifactUri:
        return {"artifact_uri": place(result)}

    def probed(_: Any, __: Any) -> answers.ArtifactRepository:
        return {"is_databricks_sdk_models_artifact_repository_enabled": files_api}

    probe = f"{rm}:is-databricks-sdk-models-artifact-repository-enabled"
    return [
        Route("POST", f"{rm}/create", registry_messages.CreateRegisteredModel, _create_model, _model),
        Route("PATCH", f"{rm}/update", shapes.DatabricksUcUpdateModel, _update_model, _model),
        Route("DELETE", f"{rm}/delete", registry_messages.RegisteredModelName, _delete_model),
        Route("GET", f"{rm}/get", registry_messages.RegisteredModelName, _get_model, _model),
        Route("GET", f"{rm}/search", shapes.DatabricksUcPage, _search_models, _models),
        Route("POST", f"{rm}/alias", registry_messages.SetRegisteredModelAlias, _set_alias),
        Route("DELETE", f"{rm}/alias", registry_messages.RegisteredModelAlias, _delete_alias),
        Route("GET", f"{rm}/alias", registry_messages.RegisteredModelAlias, _by_alias, one_version),
        Route("POST", f"{rm}/set-tag", registry_messages.SetRegisteredModelTag, _set_tag),
        Route("DELETE", f"{rm}/delete-tag", registry_messages.DeleteRegisteredModelTag, _delete_tag),
        Route(
            "POST", f"{mv}/create", shapes.DatabricksUcCreateVersion, write=one_version, read_request=_create_version
        ),
        Route(
            "POST",
            f"{mv}/finalize",
            registry_messages.ModelVersionName,
            _version(finalize.FinalizeVersion),
            one_version,
        ),
        Route("PATCH", f"{mv}/update", registry_messages.UpdateModelVersion, _update_version, one_version),
        Route("DELETE", f"{mv}/delete", registry_messages.ModelVersionName, _version(versions.DeleteVersion)),
        Route(
            "GET",
            f"{mv}/get",
            registry_messages.ModelVersionName,
            _version(versions.GetVersion),
            one_version,
            fit=for_exporter,
        ),
        Route("GET", f"{mv}/search", shapes.DatabricksUcSearchVersions, _search_versions, versions_page),
        Route(
            "GET",
            f"{mv}/get-download-uri",
            registry_messages.ModelVersionName,
            _version(versions.GetVersion),
            artifact_uri,
        ),
        Route(
            "POST", f"{mv}/generate-temporary-credentials", shapes.DatabricksUcCredentialsRequest, _credentials, _vended
        ),
        Route("POST", f"{mv}/emit-lineage", shapes.DatabricksUcEmitLineage, _emit_lineage),
        Route("POST", f"{mv}/set-tag", registry_messages.SetModelVersionTag, _set_version_tag),
        Route("DELETE", f"{mv}/delete-tag", registry_messages.DeleteModelVersionTag, _delete_version_tag),
        Route("GET", probe, NoFields, lambda _: catalogs.GetMetastore(), probed),
        *prompts.routes(PREFIX),
    ]
