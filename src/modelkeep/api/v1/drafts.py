"""Drafts of descriptions, for the editor of a description (/api/modelkeep/v1/models/...)."""

from typing import Any

import msgspec

from modelkeep.core.operations.models.description_drafts import Draft, DraftComment, DraftVersionComment
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import parse_full_name, parse_version
from modelkeep.http.routing import Route


class Model(msgspec.Struct, frozen=True):
    full_name: str


class DraftVersion(Model, frozen=True):
    version: str


def _model(f: Model) -> DraftComment:
    return DraftComment(parse_full_name(f.full_name, Kind.MODEL))


def _version(f: DraftVersion) -> DraftVersionComment:
    return DraftVersionComment(parse_full_name(f.full_name, Kind.MODEL), parse_version(f.version))


def _draft(draft: Draft, _: Any) -> Draft:
    return draft


def routes(v1: str) -> list[Route]:
    of_model = f"{v1}/models/{{full_name}}"
    return [
        Route("POST", f"{of_model}/draft-comment", Model, _model, _draft),
        Route("POST", f"{of_model}/versions/{{version}}/draft-comment", DraftVersion, _version, _draft),
    ]
