-- The folder of a managed table, from its staging on. It outlives the table: a job deletes its files, and then this row.
-- "state": staged (nobody sees a table yet), live, or dropped. "since": epoch milliseconds of that state.
-- "location_id": the external location whose role opens the folder; '' where it is the deployment's own.
CREATE TABLE table_folders (
    table_id KEYTEXT PRIMARY KEY,
    schema_id KEYTEXT NOT NULL,
    name TEXT NOT NULL,
    owner_id KEYTEXT NOT NULL,
    location TEXT NOT NULL,
    location_id TEXT NOT NULL,
    state KEYTEXT NOT NULL,
    since BIGINT NOT NULL
)
--;
CREATE INDEX table_folders_owner ON table_folders (owner_id, state)
--;
CREATE INDEX table_folders_state ON table_folders (state, since)
--;
-- What the catalog decides about a managed Delta table: its latest version, and up to which one its commits are published.
-- The counts are those that writers have reported.
CREATE TABLE delta_tables (
    table_id KEYTEXT PRIMARY KEY REFERENCES securables (id) ON DELETE CASCADE,
    latest_version BIGINT NOT NULL,
    latest_file TEXT NOT NULL,
    published_version BIGINT NOT NULL,
    file_count BIGINT NOT NULL DEFAULT 0,
    byte_count BIGINT NOT NULL DEFAULT 0,
    row_count BIGINT NOT NULL DEFAULT 0
)
--;
-- Accepted commits that are not published in the table's own log yet: a few for each table.
CREATE TABLE delta_commits (
    table_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    committed_at BIGINT NOT NULL,
    file_name TEXT NOT NULL,
    file_size BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (table_id, version)
)
