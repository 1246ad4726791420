"""Prompts over `databricks-uc`: the 20 calls of MLflow's Unity Catalog prompt service, translated.

Names and keys stand unquoted in paths. GETs repeat them in the query, and DELETEs in a body; the two must agree.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from modelkeep.api.databricks_uc import answers
from modelkeep.api.databricks_uc import prompt_shapes as shapes
from modelkeep.api.errors import Error, databricks
from modelkeep.api.registry_messages import (
    DeleteRegisteredModelTag,
    ModelVersionName,
    RegisteredModelAlias,
    SetRegisteredModelAlias,
)
from modelkeep.core.operations.models import models, prompt_links, prompt_search, prompts
from modelkeep.domain.errors import AlreadyExists, InvalidArgument, RegistryError
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Prompt, PromptVersion
from modelkeep.domain.names import METASTORE, FullName, parse_full_name, parse_version
from modelkeep.http.routing import Route


def prompt_errors(error: RegistryError) -> tuple[int, Error]:
    """As for models, with one word of its own: `register_prompt` of a prompt that exists goes on only where CreatePrompt answers
    ALREADY_EXISTS (mlflow/tracking/client.py). The name of a model or function is taken in the usual word."""
    status, body = databricks(error)
    if isinstance(error, AlreadyExists) and error.kind == Kind.PROMPT:
        body["error_code"] = "ALREADY_EXISTS"
    return status, body


def prompt_name(text: str) -> FullName:
    """Exactly three levels. Raises BadName."""
    return parse_full_name(text, Kind.PROMPT)


def prompt_version(value: str | int) -> int:
    """Raises InvalidArgument."""
    return parse_version(value, "Prompt")


def _agreed(outer: str, inner: str, field: str) -> str:
    """What the call and the message inside it both say. Raises InvalidArgument."""
    if outer and inner and outer != inner:
        raise InvalidArgument(f"Field '{field}' has two values in this request: {outer[:100]!r} and {inner[:100]!r}.")
    return outer or inner


def _create(f: shapes.DatabricksUcCreatePrompt) -> prompts.CreatePrompt:
    name = prompt_name(_agreed(f.name, f.prompt.name, "name"))
    return prompts.CreatePrompt(name, f.prompt.description or "", {tag.key: tag.value for tag in f.prompt.tags})


def _update(f: shapes.DatabricksUcUpdatePrompt) -> prompts.UpdatePrompt:
    _refuse_tags(f.prompt.tags)
    return prompts.UpdatePrompt(prompt_name(_agreed(f.name, f.prompt.name, "name")), f.prompt.description)


def _refuse_tags(tags: Sequence[object]) -> None:
    if tags:
        raise InvalidArgument("An update changes the description alone. Set tags by the calls for tags.")


def _search(f: shapes.DatabricksUcSearchPrompts) -> prompt_search.SearchPrompts:
    schema = METASTORE.child(f.catalog_schema.catalog_name).child(f.catalog_schema.schema_name)
    return prompt_search.SearchPrompts(schema, f.filter, f.max_results, f.page_token)


def _create_version(f: shapes.CreatePromptVersionFields) -> prompts.CreatePromptVersion:
    sent = f.prompt_version
    if sent.template is None:
        raise InvalidArgument("Field 'prompt_version.template' is missing from the request.")
    name = prompt_name(_agreed(f.name, sent.name, "name"))
    tags = {tag.key: tag.value for tag in sent.tags}
    return prompts.CreatePromptVersion(name, sent.template, sent.description or "", tags)


def _update_version(f: shapes.UpdatePromptVersionFields) -> prompts.UpdatePromptVersion:
    sent = f.prompt_version
    _refuse_tags(sent.tags)
    name = prompt_name(_agreed(f.name, sent.name, "name"))
    version = prompt_version(_agreed(str(f.version), str(sent.version), "version"))
    return prompts.UpdatePromptVersion(name, version, sent.description, sent.template)


def _version(kind: type[prompts.PromptVersionRequest]) -> Callable[[Any], msgspec.Struct]:
    return lambda f: kind(prompt_name(f.name), prompt_version(f.version))


def _list_versions(f: shapes.SearchPromptVersionsFields) -> prompts.ListPromptVersions:
    return prompts.ListPromptVersions(prompt_name(f.name), f.max_results, f.page_token)


def _set_alias(f: SetRegisteredModelAlias) -> prompts.SetPromptAlias:
    return prompts.SetPromptAlias(prompt_name(f.name), f.alias, prompt_version(f.version))


def _set_tag(f: shapes.SetPromptTag) -> models.ChangeTags:
    return models.ChangeTags(prompt_name(f.name), None, {f.key: f.value})


def _delete_tag(f: DeleteRegisteredModelTag) -> models.ChangeTags:
    return models.ChangeTags(prompt_name(f.name), None, remove=(f.key,))


def _set_version_tag(f: shapes.SetPromptVersionTag) -> prompts.ChangePromptVersionTags:
    return prompts.ChangePromptVersionTags(prompt_name(f.name), prompt_version(f.version), {f.key: f.value})


def _delete_version_tag(f: shapes.DeletePromptVersionTag) -> prompts.ChangePromptVersionTags:
    return prompts.ChangePromptVersionTags(prompt_name(f.name), prompt_version(f.version), remove=(f.key,))


def _link(
    kind: Literal["run", "logged_model", "trace"], versions: Sequence[shapes.LinkedPromptVersion], ids: tuple[str, ...]
) -> prompt_links.LinkPrompts:
    linked = (prompt_links.LinkedVersion(prompt_name(v.name), prompt_version(v.version)) for v in versions)
    return prompt_links.LinkPrompts(tuple(linked), kind, ids)


def _prompt(result: Prompt, _: Any) -> answers.DatabricksUcPrompt:
    return shapes.prompt(result)


def _prompts(result: Page[Prompt], _: Any) -> answers.Prompts:
    return {"prompts": [shapes.prompt(prompt) for prompt in result.items], "next_page_token": result.next_token}


def _one_version(result: PromptVersion, _: Any) -> answers.DatabricksUcPromptVersion:
    return shapes.version(result)


def _versions(result: Page[PromptVersion], _: Any) -> answers.PromptVersions:
    return {
        "prompt_versions": [shapes.version(version) for version in result.items],
        "next_page_token": result.next_token,
    }


def routes(prefix: str) -> list[Route]:
    """`prefix`: of the Unity Catalog registry's calls."""
    root, links = f"{prefix}/prompts", f"{prefix}/prompt-versions"
    by_name, versions = f"{root}/{{name}}", f"{root}/{{name}}/versions"
    version, alias = f"{versions}/{{version}}", f"{by_name}/aliases/{{alias}}"
    return [
        Route("POST", root, shapes.DatabricksUcCreatePrompt, _create, _prompt, render=prompt_errors),
        Route("PATCH", by_name, shapes.DatabricksUcUpdatePrompt, _update, _prompt),
        Route("DELETE", by_name, shapes.PromptName, lambda f: prompts.DeletePrompt(prompt_name(f.name), force=False)),
        Route("GET", by_name, shapes.PromptName, lambda f: prompts.GetPrompt(prompt_name(f.name)), _prompt),
        Route("POST", f"{root}/search", shapes.DatabricksUcSearchPrompts, _search, _prompts),
        Route("POST", versions, shapes.CreatePromptVersionFields, _create_version, _one_version),
        Route("PATCH", version, shapes.UpdatePromptVersionFields, _update_version, _one_version),
        Route("DELETE", version, ModelVersionName, _version(prompts.DeletePromptVersion)),
        Route("GET", version, ModelVersionName, _version(prompts.GetPromptVersion), _one_version),
        Route("POST", f"{versions}/search", shapes.SearchPromptVersionsFields, _list_versions, _versions),
        Route("POST", alias, SetRegisteredModelAlias, _set_alias),
        Route("DELETE", alias, RegisteredModelAlias, lambda f: prompts.DeletePromptAlias(prompt_name(f.name), f.alias)),
        Route(
            "GET",
            f"{versions}/by-alias/{{alias}}",
            RegisteredModelAlias,
            lambda f: prompts.GetPromptVersionByAlias(prompt_name(f.name), f.alias),
            _one_version,
        ),
        Route("POST", f"{by_name}/tags", shapes.SetPromptTag, _set_tag),
        Route("DELETE", f"{by_name}/tags/{{key}}", DeleteRegisteredModelTag, _delete_tag),
        Route("POST", f"{version}/tags", shapes.SetPromptVersionTag, _set_version_tag),
        Route("DELETE", f"{version}/tags/{{key}}", shapes.DeletePromptVersionTag, _delete_version_tag),
        Route(
            "POST",
            f"{links}/links-to-models",
            shapes.LinkToModels,
            lambda f: _link("logged_model", f.prompt_versions, f.model_ids),
        ),
        Route(
            "POST",
            f"{links}/links-to-traces",
            shapes.LinkToTraces,
            lambda f: _link("trace", f.prompt_versions, f.trace_ids),
        ),
        Route(
            "POST", f"{links}/links-to-runs", shapes.LinkToRuns, lambda f: _link("run", f.prompt_versions, f.run_ids)
        ),
    ]
