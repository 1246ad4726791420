"""Prompts for the web pages and the command line: lists by schema, versions with all that is known, and what used them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.api.v1 import answers
from modelkeep.core.operations.catalog import catalogs, objects
from modelkeep.core.operations.models import prompt_links, prompts
from modelkeep.core.operations.models.models import Browsed
from modelkeep.domain.errors import InvalidArgument
from modelkeep.domain.kinds import Kind
from modelkeep.domain.model import Page, Prompt, PromptLink, PromptVersion, Securable
from modelkeep.domain.names import METASTORE, FullName, comment_etag, parse_full_name, parse_version
from modelkeep.domain.prompt_templates import MODEL_CONFIG_TAG, PART_OF_VERSION, RESPONSE_FORMAT_TAG, type_of
from modelkeep.http.routing import Route


class InSchema(msgspec.Struct, frozen=True):
    catalog_name: str
    schema_name: str
    max_results: int | None = None
    page_token: str = ""


class OnePrompt(msgspec.Struct, frozen=True):
    full_name: str


class V1UpdatePrompt(OnePrompt, frozen=True):
    """Absent means unchanged."""

    comment: str | None = None
    etag: str = ""
    owner: str | None = None
    new_name: str | None = None


class V1DeletePrompt(OnePrompt, frozen=True):
    force: bool = False


class V1ListPromptVersions(OnePrompt, frozen=True):
    max_results: int | None = None
    page_token: str = ""


class V1PromptVersion(OnePrompt, frozen=True):
    version: str


class V1UpdatePromptVersion(V1PromptVersion, frozen=True):
    comment: str


def _name(text: str) -> FullName:
    return parse_full_name(text, Kind.PROMPT)


def _in_schema(f: InSchema) -> objects.BrowseObjects:
    schema = METASTORE.child(f.catalog_name).child(f.schema_name)
    return objects.BrowseObjects(schema, Kind.PROMPT, f.max_results, f.page_token)


def _update(f: V1UpdatePrompt) -> Sequence[msgspec.Struct]:
    """All changes happen, or none. The owner changes last: the new one decides on the others from then on."""
    changes: list[msgspec.Struct] = []
    name = _name(f.full_name)
    if f.comment is not None:
        changes.append(prompts.UpdatePrompt(name, f.comment, f.etag))
    if f.new_name is not None:
        new = name.parent.child(f.new_name, Kind.PROMPT) if "." not in f.new_name else _name(f.new_name)
        if new.parent != name.parent:
            raise InvalidArgument(
                f"A rename stays in its schema '{name.parent}'. Name another one there, or the new name alone."
            )
        changes.append(prompts.RenamePrompt(name, new))
        name = new
    if f.owner is not None:
        changes.append(catalogs.TransferOwnership(name, f.owner))
    if not changes:
        raise InvalidArgument("The request changes nothing. Send comment, new_name or owner.")
    return [*changes, prompts.BrowsePrompt(name)]


def _update_version(f: V1UpdatePromptVersion) -> prompts.UpdatePromptVersion:
    return prompts.UpdatePromptVersion(_name(f.full_name), parse_version(f.version, "Prompt"), f.comment)


def _info(securable: Securable, aliases: dict[str, int], newest: int | None, *, only: bool) -> answers.PromptInfo:
    tags = {} if only else securable.tags
    return {
        "full_name": securable.full_name,
        "name": securable.name,
        "comment": securable.comment,
        "etag": comment_etag(securable.comment),
        "owner": securable.owner,
        "created_at": securable.created_at,
        "created_by": securable.created_by,
        "updated_at": securable.updated_at,
        "updated_by": securable.updated_by,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
        "aliases": {} if only else aliases,
        "newest_version": None if only else newest,
        "browse_only": only,
    }


def _prompt(browsed: Browsed[Prompt], _: Any) -> answers.PromptInfo:
    prompt = browsed.entity
    return _info(prompt.securable, prompt.aliases, prompt.newest, only=browsed.only)


def _page(page: Page[Browsed[Securable]], _: Any) -> answers.PromptPage:
    """Without aliases and versions, which one prompt's own answer has."""
    rows = [_info(browsed.entity, {}, None, only=browsed.only) for browsed in page.items]
    return {"prompts": rows, "next_page_token": page.next_token}


def _version(version: PromptVersion, _: Any = None) -> answers.PromptVersionInfo:
    own = {key: value for key, value in version.tags.items() if not key.startswith(PART_OF_VERSION)}
    return {
        "full_name": version.prompt,
        "version": version.version,
        "comment": version.comment,
        "template": version.template,
        "type": type_of(version.template),
        "created_at": version.created_at,
        "created_by": version.created_by,
        "updated_at": version.updated_at,
        "updated_by": version.updated_by,
        "aliases": version.aliases,
        "tags": [{"key": key, "value": value} for key, value in own.items()],
        "response_format": version.tags.get(RESPONSE_FORMAT_TAG, ""),
        "model_config": version.tags.get(MODEL_CONFIG_TAG, ""),
    }


def _versions(page: Page[PromptVersion], _: Any) -> answers.PromptVersionPage:
    return {"versions": [_version(version) for version in page.items], "next_page_token": page.next_token}


def _links(page: Page[PromptLink], _: Any) -> answers.PromptLinks:
    links: list[answers.PromptLinkInfo] = [
        {
            "version": link.version,
            "kind": link.kind,
            "id": link.target_id,
            "name": link.name,
            "experiment_id": link.experiment_id,
            "created_at": link.created_at,
            "created_by": link.created_by,
        }
        for link in page.items
    ]
    return {"links": links, "next_page_token": page.next_token}


def routes(v1: str) -> list[Route]:
    """`v1`: the prefix of Modelkeep's own acts."""
    by_name = f"{v1}/prompts/{{full_name}}"
    versions, version = f"{by_name}/versions", f"{by_name}/versions/{{version}}"
    return [
        Route("GET", f"{v1}/prompts", InSchema, _in_schema, _page),
        Route("GET", by_name, OnePrompt, lambda f: prompts.BrowsePrompt(_name(f.full_name)), _prompt),
        Route("PATCH", by_name, V1UpdatePrompt, _update, _prompt),
        Route("DELETE", by_name, V1DeletePrompt, lambda f: prompts.DeletePrompt(_name(f.full_name), f.force)),
        Route(
            "GET",
            versions,
            V1ListPromptVersions,
            lambda f: prompts.ListPromptVersions(_name(f.full_name), f.max_results, f.page_token),
            _versions,
        ),
        Route(
            "GET",
            version,
            V1PromptVersion,
            lambda f: prompts.GetPromptVersion(_name(f.full_name), parse_version(f.version, "Prompt")),
            _version,
        ),
        Route("PATCH", version, V1UpdatePromptVersion, _update_version, _version),
        Route(
            "DELETE",
            version,
            V1PromptVersion,
            lambda f: prompts.DeletePromptVersion(_name(f.full_name), parse_version(f.version, "Prompt")),
        ),
        Route(
            "GET",
            f"{by_name}/links",
            V1ListPromptVersions,
            lambda f: prompt_links.ListPromptLinks(_name(f.full_name), f.max_results, f.page_token),
            _links,
        ),
    ]
