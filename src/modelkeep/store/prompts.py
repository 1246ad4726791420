"""Versions of prompts, and what they were used by, as rows. Prompts themselves are securables; their aliases and tags lie with those
of models (`store/versions.py`)."""

from collections.abc import Sequence

import msgspec

from modelkeep.domain.model import Prompt, PromptLink, PromptVersion, Securable
from modelkeep.domain.prompt_templates import PART_OF_VERSION
from modelkeep.store.db import Row, Tx, WriteTx, among
from modelkeep.store.versions import put_tag_rows

COLUMNS = (
    "v.id, v.prompt_id, v.version, v.comment, v.template, v.characters, v.aliases, v.tags, v.created_at, v.created_by, v.updated_at, "
    "v.updated_by"
)


def _version(row: Row, prompt: Securable) -> PromptVersion:
    columns: Row = (*row, prompt.full_name)
    return PromptVersion(*columns)


async def by_number(tx: Tx, prompt: Securable, version: int) -> PromptVersion | None:
    row = await tx.one(
        f"SELECT {COLUMNS} FROM prompt_versions v WHERE v.prompt_id = :prompt AND v.version = :version",
        prompt=prompt.id,
        version=version,
    )
    return _version(row, prompt) if row else None


async def by_alias(tx: Tx, prompt: Securable, alias: str) -> PromptVersion | None:
    row = await tx.one(
        f"SELECT {COLUMNS} FROM aliases a JOIN prompt_versions v ON v.prompt_id = a.model_id AND v.version = a.version "
        "WHERE a.model_id = :prompt AND a.alias = :alias",
        prompt=prompt.id,
        alias=alias,
    )
    return _version(row, prompt) if row else None


async def newest(tx: Tx, prompt: Securable) -> PromptVersion | None:
    row = await tx.one(
        f"SELECT {COLUMNS} FROM prompt_versions v WHERE v.prompt_id = :prompt ORDER BY v.version DESC LIMIT 1",
        prompt=prompt.id,
    )
    return _version(row, prompt) if row else None


async def with_aliases(tx: Tx, prompts: Sequence[Securable]) -> list[Prompt]:
    """A page of prompts, each with its aliases and the number of its newest version."""
    if not prompts:
        return []
    marks, ids = among(prompt.id for prompt in prompts)
    aliases: dict[str, dict[str, int]] = {}
    for prompt_id, alias, number in await tx.all(
        f"SELECT model_id, alias, version FROM aliases WHERE model_id IN ({marks}) ORDER BY alias", **ids
    ):
        aliases.setdefault(prompt_id, {})[alias] = number
    rows = await tx.all(
        f"SELECT v.prompt_id, MAX(v.version) FROM prompt_versions v WHERE v.prompt_id IN ({marks}) GROUP BY v.prompt_id",
        **ids,
    )
    numbers = {row[0]: row[1] for row in rows}
    return [Prompt(prompt, aliases.get(prompt.id, {}), numbers.get(prompt.id)) for prompt in prompts]


async def page_of(tx: Tx, prompt: Securable, before: int, limit: int, characters: int) -> list[PromptVersion]:
    """Up to `limit` versions with a number below `before`, newest first; fewer where their templates have more than so many
    characters together, but one at least."""
    rows = await tx.scan(
        "SELECT v.version, v.characters FROM prompt_versions v WHERE v.prompt_id = :prompt AND v.version < :before "
        "ORDER BY v.version DESC LIMIT :limit",
        prompt=prompt.id,
        before=before,
        limit=limit,
    )
    last, total = 0, 0
    for number, length in rows:
        total += length
        if total > characters and last:
            break
        last = number
    matching = await tx.scan(
        f"SELECT {COLUMNS} FROM prompt_versions v WHERE v.prompt_id = :prompt AND v.version < :before AND v.version >= :last "
        "ORDER BY v.version DESC",
        prompt=prompt.id,
        before=before,
        last=last,
    )
    return [_version(row, prompt) for row in matching]


async def has_versions(tx: Tx, prompt: Securable) -> bool:
    return (
        await tx.one("SELECT 1 FROM prompt_versions v WHERE v.prompt_id = :prompt LIMIT 1", prompt=prompt.id)
        is not None
    )


async def has_versions_below(tx: Tx, prompt: Securable, number: int) -> bool:
    row = await tx.one(
        "SELECT 1 FROM prompt_versions v WHERE v.prompt_id = :prompt AND v.version < :number LIMIT 1",
        prompt=prompt.id,
        number=number,
    )
    return row is not None


async def insert(tx: WriteTx, version: PromptVersion) -> None:
    await tx.run(
        "INSERT INTO prompt_versions (id, prompt_id, version, comment, template, characters, created_at, created_by, updated_at, "
        "updated_by) VALUES (:id, :prompt_id, :version, :comment, :template, :characters, :created_at, :created_by, :created_at, "
        ":created_by)",
        id=version.id,
        prompt_id=version.prompt_id,
        version=version.version,
        comment=version.comment,
        template=version.template,
        characters=version.characters,
        created_at=version.created_at,
        created_by=version.created_by,
    )


async def set_comment(tx: WriteTx, version: PromptVersion, comment: str, by: str, at: int) -> None:
    await tx.run(
        "UPDATE prompt_versions SET comment = :comment, updated_at = :at, updated_by = :by WHERE id = :id",
        id=version.id,
        comment=comment,
        at=at,
        by=by,
    )


async def put_tags(
    tx: WriteTx, prompt: Securable, version: PromptVersion, tags: dict[str, str], by: str, at: int
) -> None:
    """Make these the tags of the version: JSON to answer, and rows to search, without those that are part of the version."""
    rows = {key: value for key, value in tags.items() if not key.startswith(PART_OF_VERSION)}
    await put_tag_rows(tx, prompt, version.version, rows)
    await tx.run(
        "UPDATE prompt_versions SET tags = :tags, updated_at = :at, updated_by = :by WHERE id = :id",
        id=version.id,
        tags=msgspec.json.encode(tags).decode(),
        at=at,
        by=by,
    )


async def delete(tx: WriteTx, version: PromptVersion) -> None:
    """The version with its aliases, tags and links. Its number is never used again."""
    for table, prompt in (("aliases", "model_id"), ("tags", "securable_id"), ("prompt_links", "prompt_id")):
        await tx.run(
            f"DELETE FROM {table} WHERE {prompt} = :prompt AND version = :version",
            prompt=version.prompt_id,
            version=version.version,
        )
    await tx.run("DELETE FROM prompt_versions WHERE id = :id", id=version.id)


# --- links -----------------------------------------------------------------------------------------------------------


async def count_links(tx: Tx, prompt: Securable, most: int) -> int:
    """Up to `most`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM prompt_links l WHERE l.prompt_id = :prompt LIMIT :most) n",
        prompt=prompt.id,
        most=most,
    )
    return row[0] if row else 0


async def link(tx: WriteTx, prompt_id: str, link: PromptLink) -> bool:
    """False where they are linked already."""
    added = await tx.run(
        "INSERT INTO prompt_links (id, prompt_id, version, workspace_id, kind, target_id, created_at, created_by) "
        "VALUES (:id, :prompt, :version, :workspace, :kind, :target, :at, :by) ON CONFLICT DO NOTHING",
        id=link.id,
        prompt=prompt_id,
        version=link.version,
        workspace=link.workspace_id,
        kind=link.kind,
        target=link.target_id,
        at=link.created_at,
        by=link.created_by,
    )
    return added == 1


async def forget_oldest_link(tx: WriteTx, prompt: Securable) -> None:
    await tx.run(
        "DELETE FROM prompt_links WHERE id = (SELECT l.id FROM prompt_links l WHERE l.prompt_id = :prompt ORDER BY l.id LIMIT 1)",
        prompt=prompt.id,
    )


async def links_of(tx: Tx, prompt: Securable, before: str, limit: int) -> list[PromptLink]:
    """Up to `limit` links with an id before this one, newest first."""
    rows = await tx.scan(
        "SELECT l.id, l.version, l.workspace_id, l.kind, l.target_id, l.created_at, l.created_by FROM prompt_links l "
        "WHERE l.prompt_id = :prompt AND l.id < :before ORDER BY l.id DESC LIMIT :limit",
        prompt=prompt.id,
        before=before,
        limit=limit,
    )
    return [PromptLink(*row) for row in rows]
