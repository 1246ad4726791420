"""Drafts of descriptions, written by a language model that the operator names. Nothing is saved: the caller decides."""

from collections.abc import Sequence

import msgspec

from modelkeep.core.context import ReadCtx, ServiceCtx
from modelkeep.core.operations.models.versions import VersionRequest, fetch_version
from modelkeep.domain.errors import WrongState
from modelkeep.domain.model import Metric, ModelVersion, Param, Securable
from modelkeep.domain.names import MAX_COMMENT, FullName
from modelkeep.store import versions
from modelkeep.store.db import Database

UNSET = (
    "No language model is set up. The operator names one with MODELKEEP_AI_URL (an OpenAI-compatible address that ends in /v1), "
    "MODELKEEP_AI_MODEL and, where it asks for one, MODELKEEP_AI_KEY."
)
_VERSIONS = 5  # the newest, of a model
_MOST = 50  # parameters and metrics of each version
_LONG = 2_000  # characters of any text


class DraftComment(msgspec.Struct, frozen=True):
    """Of a registered model."""

    name: FullName


class DraftVersionComment(VersionRequest, frozen=True):
    pass


class Draft(msgspec.Struct, frozen=True):
    comment: str
    """Markdown"""
    model: str
    """which language model wrote it"""


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that the language model reads: no file, no person, nothing of other models."""

    registered_model: str
    description: str = ""
    tags: dict[str, str] = {}
    aliases: dict[str, int] = {}
    versions: tuple["VersionFacts", ...] = ()
    only_version: int | None = None
    """The one that the draft is about; None: the model as a whole."""


class VersionFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    version: int
    description: str = ""
    tags: dict[str, str] = {}
    signature: str = ""
    params: tuple[Param, ...] = ()
    metrics: tuple[Metric, ...] = ()


async def draft_comment(ctx: ReadCtx, req: DraftComment, model: Securable) -> Facts:
    _check_set(ctx)
    newest = await versions.page_of_model(ctx.tx, model, 2**63 - 1, _VERSIONS)
    return await _facts(ctx, model, newest, None)


async def draft_version_comment(ctx: ReadCtx, req: DraftVersionComment, model: Securable) -> Facts:
    _check_set(ctx)
    return await _facts(ctx, model, [await fetch_version(ctx, model, req.name, req.version)], req.version)


async def write(ctx: ServiceCtx, db: Database, facts: Facts) -> Draft:
    """Raises Unavailable, Throttled."""
    assert ctx.services.writer is not None
    text = await ctx.services.writer.describe(msgspec.json.encode(facts).decode())
    return Draft(text[:MAX_COMMENT], ctx.services.writer.model)


def _check_set(ctx: ReadCtx) -> None:
    if not ctx.config.writer:
        raise WrongState(UNSET)


async def _facts(ctx: ReadCtx, model: Securable, model_versions: Sequence[ModelVersion], only: int | None) -> Facts:
    aliases = (await versions.registered(ctx.tx, model)).aliases
    facts = tuple(_version(version) for version in model_versions)
    return Facts(model.full_name, model.comment[:_LONG], _short(model.tags), aliases, facts, only)


def _version(v: ModelVersion) -> VersionFacts:
    return VersionFacts(
        v.version,
        v.comment[:_LONG],
        _short(v.tags),
        v.signature[:_LONG] if v.signature.startswith("{") else "",
        tuple(v.params[:_MOST]),
        tuple(v.metrics[:_MOST]),
    )


def _short(tags: dict[str, str]) -> dict[str, str]:
    """MLflow's own tags hold whole notebooks' histories, and names of people."""
    return {key: value[:200] for key, value in tags.items() if not key.startswith("mlflow.")}
