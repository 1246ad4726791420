-- Lineage between any two things: tables, versions, external metadata, paths and datasets of other systems.
-- A key is the id of a securable or version, so that an edge follows a rename and outlives a deletion; of what lies outside, its name, or the name's hash where it is long.
-- The name is the one that was given when the edge was written.
CREATE TABLE lineage_links (
    id KEYTEXT PRIMARY KEY,
    source_kind TEXT NOT NULL,
    source_key KEYTEXT NOT NULL,
    source_name TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_key KEYTEXT NOT NULL,
    target_name TEXT NOT NULL,
    columns TEXT NOT NULL DEFAULT '[]',
    properties TEXT NOT NULL DEFAULT '{}',
    context TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT lineage_link UNIQUE (source_key, target_key)
)
--;
CREATE INDEX lineage_links_target ON lineage_links (target_key, id)
--;
CREATE INDEX lineage_links_source ON lineage_links (source_key, id)
--;
CREATE INDEX lineage_links_author ON lineage_links (created_by)
--;
-- Of an edge of a version whose entity is a securable of this server: its id, which the server itself has looked up.
ALTER TABLE lineage ADD COLUMN securable_id KEYTEXT NOT NULL DEFAULT ''
--;
CREATE INDEX lineage_securable ON lineage (securable_id, id) WHERE securable_id <> ''
