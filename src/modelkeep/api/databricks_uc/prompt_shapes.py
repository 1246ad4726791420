"""The messages of prompts: what the `databricks-uc` client sends, and what it parses (mlflow/protos/unity_catalog_prompt_messages)."""

import msgspec

from modelkeep.api.databricks_uc import answers
from modelkeep.api.databricks_uc.shapes import tag_list
from modelkeep.api.model_shapes import Tag
from modelkeep.domain.model import Prompt, PromptVersion
from modelkeep.domain.prompt_templates import check_prompt_tag, check_version_tag, read_template
from modelkeep.domain.times import rfc3339


class PromptBody(msgspec.Struct, frozen=True):
    name: str = ""
    description: str | None = None
    tags: tuple[Tag, ...] = ()

    def __post_init__(self) -> None:
        for tag in self.tags:
            check_prompt_tag(tag.key, tag.value)


class PromptVersionBody(msgspec.Struct, frozen=True):
    """Its template and tags are checked as the body is read, so that long ones never are on the event loop."""

    name: str = ""
    version: str | int = ""
    description: str | None = None
    template: str | None = None
    """JSON text of a string, or of a list of messages"""
    tags: tuple[Tag, ...] = ()

    def __post_init__(self) -> None:
        if self.template is not None:
            msgspec.structs.force_setattr(self, "template", read_template(self.template))
        for tag in self.tags:
            check_version_tag(tag.key, tag.value)


class PromptName(msgspec.Struct, frozen=True):
    name: str


class DatabricksUcCreatePrompt(msgspec.Struct, frozen=True):
    name: str
    prompt: PromptBody = PromptBody()


class DatabricksUcUpdatePrompt(msgspec.Struct, frozen=True):
    name: str
    prompt: PromptBody = PromptBody()


class SchemaName(msgspec.Struct, frozen=True):
    catalog_name: str
    schema_name: str


class DatabricksUcSearchPrompts(msgspec.Struct, frozen=True):
    catalog_schema: SchemaName
    filter: str = ""
    max_results: int | None = None
    page_token: str = ""


class CreatePromptVersionFields(msgspec.Struct, frozen=True):
    name: str
    prompt_version: PromptVersionBody


class UpdatePromptVersionFields(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    prompt_version: PromptVersionBody = PromptVersionBody()


class SearchPromptVersionsFields(msgspec.Struct, frozen=True):
    name: str
    max_results: int | None = None
    page_token: str = ""


class SetPromptTag(msgspec.Struct, frozen=True):
    name: str
    key: str
    value: str = ""

    def __post_init__(self) -> None:
        check_prompt_tag(self.key, self.value)


class SetPromptVersionTag(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    key: str
    value: str = ""

    def __post_init__(self) -> None:
        check_version_tag(self.key, self.value)


class DeletePromptVersionTag(msgspec.Struct, frozen=True):
    name: str
    version: str | int
    key: str


class LinkedPromptVersion(msgspec.Struct, frozen=True):
    """A version that is linked."""

    name: str
    version: str | int


class LinkToModels(msgspec.Struct, frozen=True):
    prompt_versions: tuple[LinkedPromptVersion, ...] = ()
    model_ids: tuple[str, ...] = ()


class LinkToTraces(msgspec.Struct, frozen=True):
    prompt_versions: tuple[LinkedPromptVersion, ...] = ()
    trace_ids: tuple[str, ...] = ()


class LinkToRuns(msgspec.Struct, frozen=True):
    prompt_versions: tuple[LinkedPromptVersion, ...] = ()
    run_ids: tuple[str, ...] = ()


def prompt(entity: Prompt) -> answers.DatabricksUcPrompt:
    """A Prompt message."""
    securable = entity.securable
    return {
        "name": securable.full_name,
        "creation_timestamp": rfc3339(securable.created_at),
        "last_updated_timestamp": rfc3339(securable.updated_at),
        "description": securable.comment,
        "aliases": [{"alias": alias, "version": str(number)} for alias, number in entity.aliases.items()],
        "tags": tag_list(securable.tags),
    }


def version(entity: PromptVersion) -> answers.DatabricksUcPromptVersion:
    """A PromptVersion message."""
    return {
        "name": entity.prompt,
        "version": str(entity.version),
        "creation_timestamp": rfc3339(entity.created_at),
        "last_updated_timestamp": rfc3339(entity.updated_at),
        "description": entity.comment,
        "template": entity.template,
        "aliases": [{"alias": alias, "version": str(entity.version)} for alias in entity.aliases],
        "tags": tag_list(entity.tags),
    }
