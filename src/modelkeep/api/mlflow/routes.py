"""Plain MLflow REST: the registry protocol of MLflow's own server, translated (mlflow/store/model_registry/rest_store.py).

The same calls are those of `databricks` workspace-registry clients. Names without periods live in the default schema.
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from modelkeep.api import registry_messages
from modelkeep.api.errors import plain
from modelkeep.api.mlflow import answers, shapes
from modelkeep.api.mlflow.sources import LATEST, read_source
from modelkeep.api.mlflow.stages import only_others, refuse
from modelkeep.api.model_shapes import PLAIN_PREFIXES, Tag
from modelkeep.core.operations.catalog import catalogs, model_search
from modelkeep.core.operations.models import models, versions
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.filters import IS_PROMPT
from modelkeep.domain.model import ModelVersion, Page, RegisteredModel
from modelkeep.domain.names import FullName, check_mlflow_tag, parse_short_name, parse_version
from modelkeep.http.routing import Route

_MOST_MODELS, _MOST_VERSIONS = 1_000, 200_000  # mlflow/store/model_registry/__init__.py: more is refused
_NEWEST_FIRST = ("last_updated_timestamp DESC", "name ASC", "version_number DESC")


class MlflowDialect:
    """Readers and writers over one default schema."""

    def __init__(self, home: FullName) -> None:
        self.home = home

    def name(self, text: str) -> FullName:
        return parse_short_name(text, self.home)

    def in_callers_words(self, message: str, fields: Any) -> str:
        """A refusal that calls models of the default schema as this request does."""
        for text in (getattr(fields, "name", ""), getattr(fields, "new_name", "")):
            if text and "." not in text:
                message = message.replace(f"'{self.name(text)}'", f"'{text}'")
        return message

    # --- registered models -------------------------------------------------------------------------------------------

    def create_model(self, f: registry_messages.CreateRegisteredModel) -> models.CreateModel:
        tags = _tags(f.tags)
        return models.CreateModel(self.name(f.name), f.description, tags, f.deployment_job_id, _spelled(f.name))

    def get_model(self, f: registry_messages.RegisteredModelName) -> models.GetModel:
        return models.GetModel(self.name(f.name))

    def update_model(self, f: shapes.MlflowUpdateModel) -> Sequence[msgspec.Struct]:
        name, requests = self.name(f.name), list[msgspec.Struct]()
        if f.description is not None:
            requests.append(catalogs.UpdateComment(name, f.description))
        if f.deployment_job_id is not None:
            requests.append(catalogs.UpdateSpec(name, {"deployment_job_id": f.deployment_job_id}))
        return [*requests, models.GetModel(name)]

    def rename_model(self, f: shapes.MlflowRenameModel) -> Sequence[msgspec.Struct]:
        """A rename inside of one schema, and the renamed model as the answer. Raises InvalidArgument."""
        old, new = self.name(f.name), self.name(f.new_name)
        if new.parent != old.parent:
            raise InvalidArgument(
                f"A rename stays in its schema '{old.parent}'. To move a model, copy its versions with `copy_model_version`."
            )
        return [models.RenameModel(old, new, _spelled(f.new_name)), models.GetModel(new)]

    def delete_model(self, f: registry_messages.RegisteredModelName) -> models.DeleteModel:
        return models.DeleteModel(self.name(f.name))

    def search_models(self, f: shapes.MlflowSearch) -> model_search.SearchModels:
        _at_most(f.max_results, _MOST_MODELS)
        return model_search.SearchModels(f.filter, f.max_results, f.page_token, f.order_by, self.home)

    def list_models(self, f: shapes.MlflowListModels) -> model_search.SearchModels:
        _at_most(f.max_results, _MOST_MODELS)
        return model_search.SearchModels("", f.max_results, f.page_token, (), self.home)

    def latest(self, f: shapes.MlflowLatestVersionsRequest) -> models.GetModel:
        if only_others(f.stages):
            raise refuse()
        return models.GetModel(self.name(f.name))

    def set_tag(self, f: registry_messages.SetRegisteredModelTag) -> models.ChangeTags:
        return models.ChangeTags(self.name(f.name), None, _tags([f]))

    def delete_tag(self, f: registry_messages.DeleteRegisteredModelTag) -> models.ChangeTags:
        return models.ChangeTags(self.name(f.name), None, remove=(f.key,))

    def set_alias(self, f: registry_messages.SetRegisteredModelAlias) -> models.SetAlias:
        return models.SetAlias(self.name(f.name), f.alias, parse_version(f.version))

    def delete_alias(self, f: registry_messages.RegisteredModelAlias) -> models.DeleteAlias:
        return models.DeleteAlias(self.name(f.name), f.alias)

    def by_alias(self, f: registry_messages.RegisteredModelAlias) -> versions.GetVersionByAlias:
        """MLflow's server takes `latest`, in any case, for the newest version; no alias can be called so."""
        return versions.GetVersionByAlias(self.name(f.name), f.alias, f.alias.lower() == LATEST)

    # --- model versions ----------------------------------------------------------------------------------------------

    def create_version(self, f: shapes.MlflowCreateVersion) -> versions.RegisterVersion:
        tags = _tags(f.tags)
        prompt = tags.get(IS_PROMPT, "").lower() == "true"
        source = read_source(f.source, self.home, prompt=prompt)
        origin = source.origin
        return versions.RegisterVersion(
            name=self.name(f.name),
            source=f.source,
            source_model=source.model,
            source_version=source.version,
            origin=origin,
            volume=source.volume,
            run_link=f.run_link,
            comment=f.description,
            tags=tags,
            run_id=f.run_id or (origin.id if origin and origin.kind == "run" else ""),
            logged_model_id=f.model_id or (origin.id if origin and origin.kind == "logged_model" else ""),
        )

    def version(self, kind: type[versions.VersionRequest]) -> Callable[[Any], msgspec.Struct]:
        return lambda f: kind(self.name(f.name), parse_version(f.version))

    def update_version(self, f: registry_messages.UpdateModelVersion) -> versions.UpdateVersion:
        return versions.UpdateVersion(self.name(f.name), parse_version(f.version), f.description)

    def search_versions(self, f: shapes.MlflowSearch) -> model_search.SearchVersions:
        _at_most(f.max_results, _MOST_VERSIONS)
        order = f.order_by or _NEWEST_FIRST
        return model_search.SearchVersions(f.filter, f.max_results, f.page_token, order, self.home)

    def set_version_tag(self, f: registry_messages.SetModelVersionTag) -> models.ChangeTags:
        return models.ChangeTags(self.name(f.name), parse_version(f.version), _tags([f]))

    def delete_version_tag(self, f: registry_messages.DeleteModelVersionTag) -> models.ChangeTags:
        return models.ChangeTags(self.name(f.name), parse_version(f.version), remove=(f.key,))

    def transition(self, _: shapes.Transition) -> msgspec.Struct:
        raise refuse()

    # --- answers -----------------------------------------------------------------------------------------------------

    def one_model(self, result: RegisteredModel, _: Any) -> answers.MlflowOneModel:
        return {"registered_model": shapes.model(result, self.home)}

    def one_model_of_databricks(self, result: RegisteredModel, _: Any) -> answers.ModelOfDatabricks:
        """For `w.model_registry.get_model`, which terraform's `databricks_mlflow_model` reads."""
        return {"registered_model_databricks": {**shapes.model(result, self.home), "id": result.securable.id}}

    def some_models(self, result: Page[RegisteredModel], _: Any) -> answers.MlflowModels:
        listed = [shapes.model(model, self.home) for model in result.items]
        return {"registered_models": listed, "next_page_token": result.next_token}

    def latest_versions(self, result: RegisteredModel, _: Any) -> answers.MlflowLatestVersions:
        return {"model_versions": [shapes.version(result.latest, self.home)] if result.latest else []}

    def one_version(self, result: ModelVersion, _: Any) -> answers.MlflowOneVersion:
        return {"model_version": shapes.version(result, self.home)}

    def some_versions(self, result: Page[ModelVersion], _: Any) -> answers.MlflowVersions:
        listed = [shapes.version(version, self.home) for version in result.items]
        return {"model_versions": listed, "next_page_token": result.next_token}


def _tags(
    tags: Sequence[Tag | registry_messages.SetRegisteredModelTag | registry_messages.SetModelVersionTag],
) -> dict[str, str]:
    """Raises InvalidArgument."""
    for tag in tags:
        check_mlflow_tag(tag.key, tag.value)
    return {tag.key: tag.value for tag in tags}


def _spelled(text: str) -> str:
    """The model's name as the caller wrote it, for answers of this API; '' for a name of three levels, which is folded as in other APIs."""
    return "" if "." in text else text


def place(result: ModelVersion, _: Any) -> answers.MlflowArtifactUri:
    """Where clients find the files: through this server, or where the version points."""
    if not result.artifact_set_id:
        return {"artifact_uri": result.location}
    parts = "/".join(quote(part, safe="") for part in result.model.split("."))
    return {"artifact_uri": f"mlflow-artifacts:/Models/{parts}/{result.version}"}


def _at_most(max_results: int | None, most: int) -> None:
    if max_results is not None and max_results > most:
        raise InvalidArgument(
            f"max_results must be at most {most}, got {max_results}. Follow next_page_token for more."
        )


def routes(home: FullName) -> list[Route]:
    dialect = MlflowDialect(home)
    table = [route for prefix in PLAIN_PREFIXES for route in _routes(dialect, prefix)]

    words = dialect.in_callers_words
    return [msgspec.structs.replace(route, render=plain, reword=words) for route in table]


def _routes(dialect: MlflowDialect, prefix: str) -> list[Route]:
    rm, mv = f"{prefix}/registered-models", f"{prefix}/model-versions"
    return [
        Route("POST", f"{rm}/create", registry_messages.CreateRegisteredModel, dialect.create_model, dialect.one_model),
        Route("GET", f"{rm}/get", registry_messages.RegisteredModelName, dialect.get_model, dialect.one_model),
        Route("PATCH", f"{rm}/update", shapes.MlflowUpdateModel, dialect.update_model, dialect.one_model),
        Route("POST", f"{rm}/rename", shapes.MlflowRenameModel, dialect.rename_model, dialect.one_model),
        Route("DELETE", f"{rm}/delete", registry_messages.RegisteredModelName, dialect.delete_model),
        Route("GET", f"{rm}/search", shapes.MlflowSearch, dialect.search_models, dialect.some_models),
        Route("GET", f"{rm}/list", shapes.MlflowListModels, dialect.list_models, dialect.some_models),
        Route(
            "GET",
            f"{prefix}/databricks/registered-models/get",
            registry_messages.RegisteredModelName,
            dialect.get_model,
            dialect.one_model_of_databricks,
        ),
        Route(
            "GET",
            f"{rm}/get-latest-versions",
            shapes.MlflowLatestVersionsRequest,
            dialect.latest,
            dialect.latest_versions,
        ),
        Route(
            "POST",
            f"{rm}/get-latest-versions",
            shapes.MlflowLatestVersionsRequest,
            dialect.latest,
            dialect.latest_versions,
        ),
        Route("POST", f"{rm}/set-tag", registry_messages.SetRegisteredModelTag, dialect.set_tag),
        Route("DELETE", f"{rm}/delete-tag", registry_messages.DeleteRegisteredModelTag, dialect.delete_tag),
        Route("POST", f"{rm}/alias", registry_messages.SetRegisteredModelAlias, dialect.set_alias),
        Route("DELETE", f"{rm}/alias", registry_messages.RegisteredModelAlias, dialect.delete_alias),
        Route("GET", f"{rm}/alias", registry_messages.RegisteredModelAlias, dialect.by_alias, dialect.one_version),
        Route("POST", f"{mv}/create", shapes.MlflowCreateVersion, dialect.create_version, dialect.one_version),
        Route(
            "GET",
            f"{mv}/get",
            registry_messages.ModelVersionName,
            dialect.version(versions.GetVersion),
            dialect.one_version,
        ),
        Route(
            "PATCH", f"{mv}/update", registry_messages.UpdateModelVersion, dialect.update_version, dialect.one_version
        ),
        Route("DELETE", f"{mv}/delete", registry_messages.ModelVersionName, dialect.version(versions.DeleteVersion)),
        Route("GET", f"{mv}/search", shapes.MlflowSearch, dialect.search_versions, dialect.some_versions),
        Route(
            "GET",
            f"{mv}/get-download-uri",
            registry_messages.ModelVersionName,
            dialect.version(versions.GetVersion),
            place,
        ),
        Route("POST", f"{mv}/set-tag", registry_messages.SetModelVersionTag, dialect.set_version_tag),
        Route("DELETE", f"{mv}/delete-tag", registry_messages.DeleteModelVersionTag, dialect.delete_version_tag),
        Route("POST", f"{mv}/transition-stage", shapes.Transition, dialect.transition),
    ]
