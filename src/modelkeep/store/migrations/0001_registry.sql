-- The registry: principals, securables, grants, model versions and their files, jobs, audit.
-- Portable between SQLite and PostgreSQL. Times are epoch milliseconds, flags are 0/1, JSON is text.
-- KEYTEXT is TEXT that sorts by its bytes in both (PostgreSQL: COLLATE "C"), so that keyset paging and prefix ranges agree.
-- Every column that holds an id is one: PostgreSQL uses no index to compare two columns of different collations.
CREATE TABLE deployment (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
)
--;
CREATE TABLE principals (
    id KEYTEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('USER', 'GROUP', 'SERVICE_PRINCIPAL')),
    name TEXT NOT NULL,
    name_key KEYTEXT NOT NULL CONSTRAINT principals_name UNIQUE,
    display_name TEXT NOT NULL DEFAULT '',
    active INTEGER NOT NULL DEFAULT 1,
    account_admin INTEGER NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
)
--;
CREATE TABLE memberships (
    group_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    member_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, member_id)
)
--;
CREATE INDEX memberships_member ON memberships (member_id)
--;
-- Everything a principal acts as: itself, its groups, their groups. Kept by store/principals.py, read by every decision.
CREATE TABLE membership_closure (
    member_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    group_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    PRIMARY KEY (member_id, group_id)
)
--;
CREATE INDEX membership_closure_group ON membership_closure (group_id)
--;
CREATE TABLE tokens (
    id KEYTEXT PRIMARY KEY,
    hash TEXT NOT NULL CONSTRAINT tokens_hash UNIQUE,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    comment TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
)
--;
CREATE INDEX tokens_principal ON tokens (principal_id)
--;
-- One table for every kind: resolution, owners, grants, tags and paging are then written once.
-- "space" is the name space inside the parent: models and functions share one.
CREATE TABLE securables (
    id KEYTEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    space TEXT NOT NULL,
    parent_id KEYTEXT REFERENCES securables (id),
    catalog_id KEYTEXT,
    schema_id KEYTEXT,
    name TEXT NOT NULL,
    name_key KEYTEXT NOT NULL,
    owner_id KEYTEXT NOT NULL REFERENCES principals (id),
    comment TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '{}',
    spec TEXT NOT NULL DEFAULT '{}',
    last_version BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    CONSTRAINT securables_name UNIQUE (parent_id, space, name_key)
)
--;
CREATE INDEX securables_kind ON securables (kind, name_key, id)
--;
CREATE INDEX securables_created ON securables (kind, created_at, id)
--;
CREATE INDEX securables_updated ON securables (kind, updated_at, id)
--;
CREATE INDEX securables_catalog ON securables (catalog_id, kind, name_key, id)
--;
CREATE INDEX securables_owner ON securables (owner_id, kind, name_key, id)
--;
CREATE TABLE grants (
    securable_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    privilege KEYTEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (securable_id, principal_id, privilege)
)
--;
-- With the securable's kind, so that a list can tell at once whether a principal reads whole containers.
CREATE INDEX grants_principal ON grants (principal_id, kind, securable_id)
--;
-- The files of a model version, a run, a logged model or a trace. A version's set is frozen once 'live'
-- and may be shared by copies (refs); the last reference gone, the set is 'deleting' and a job frees the bytes.
CREATE TABLE artifact_sets (
    id KEYTEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    owner_key TEXT CONSTRAINT artifact_sets_owner UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('open', 'live', 'deleting')),
    refs INTEGER NOT NULL DEFAULT 1,
    hashed INTEGER NOT NULL DEFAULT 1,
    size BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
)
--;
CREATE INDEX artifact_sets_state ON artifact_sets (state, created_at)
--;
CREATE TABLE artifact_files (
    set_id KEYTEXT NOT NULL REFERENCES artifact_sets (id) ON DELETE CASCADE,
    path KEYTEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL DEFAULT '',
    checksum TEXT NOT NULL DEFAULT '',
    segments TEXT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (set_id, path)
)
--;
CREATE TABLE uploads (
    id KEYTEXT PRIMARY KEY,
    set_id KEYTEXT NOT NULL REFERENCES artifact_sets (id) ON DELETE CASCADE,
    path KEYTEXT NOT NULL,
    principal_id KEYTEXT NOT NULL,
    store_upload TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL
)
--;
CREATE INDEX uploads_set ON uploads (set_id)
--;
CREATE TABLE upload_parts (
    upload_id KEYTEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    part_number INTEGER NOT NULL,
    segment TEXT NOT NULL,
    PRIMARY KEY (upload_id, part_number)
)
--;
CREATE TABLE model_versions (
    id KEYTEXT PRIMARY KEY,
    model_id KEYTEXT NOT NULL REFERENCES securables (id),
    version BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PENDING_REGISTRATION', 'FAILED_REGISTRATION', 'READY')),
    status_message TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL DEFAULT '',
    run_id TEXT NOT NULL DEFAULT '',
    experiment_id TEXT NOT NULL DEFAULT '',
    workspace_id TEXT NOT NULL DEFAULT '',
    logged_model_id TEXT NOT NULL DEFAULT '',
    run_link TEXT NOT NULL DEFAULT '',
    comment TEXT NOT NULL DEFAULT '',
    artifact_set_id KEYTEXT REFERENCES artifact_sets (id),
    aliases TEXT NOT NULL DEFAULT '[]',
    tags TEXT NOT NULL DEFAULT '{}',
    params TEXT NOT NULL DEFAULT '[]',
    metrics TEXT NOT NULL DEFAULT '[]',
    signature TEXT NOT NULL DEFAULT '',
    copied_from TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    CONSTRAINT model_versions_number UNIQUE (model_id, version)
)
--;
CREATE INDEX model_versions_run ON model_versions (run_id)
--;
CREATE INDEX model_versions_created ON model_versions (created_at, id)
--;
CREATE INDEX model_versions_updated ON model_versions (updated_at, id)
--;
CREATE INDEX model_versions_version ON model_versions (version, id)
--;
CREATE INDEX model_versions_set ON model_versions (artifact_set_id)
--;
CREATE INDEX model_versions_logged_model ON model_versions (logged_model_id)
--;
CREATE INDEX model_versions_status ON model_versions (status, created_at)
--;
CREATE TABLE aliases (
    model_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    alias KEYTEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (model_id, alias)
)
--;
-- Tags once more, as rows, to be searched; the JSON on the securable or version is what answers are made of.
CREATE TABLE tags (
    securable_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    version BIGINT NOT NULL DEFAULT 0,
    key KEYTEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (securable_id, version, key)
)
--;
-- Of a long value only the beginning: PostgreSQL indexes no more than 2,704 bytes, of key and value together.
CREATE INDEX tags_key ON tags (key, substr(value, 1, 300))
--;
-- Which tables, notebooks, jobs, models a version came from (UPSTREAM) or serves (DOWNSTREAM).
CREATE TABLE lineage (
    id KEYTEXT PRIMARY KEY,
    model_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('UPSTREAM', 'DOWNSTREAM')),
    entity_type TEXT NOT NULL,
    entity_name TEXT NOT NULL,
    entity_id TEXT NOT NULL DEFAULT '',
    context TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT lineage_edge UNIQUE (model_id, version, direction, entity_type, entity_name, context)
)
--;
CREATE INDEX lineage_entity ON lineage (entity_type, entity_name)
--;
CREATE TABLE jobs (
    id KEYTEXT PRIMARY KEY,
    task TEXT NOT NULL,
    key KEYTEXT NOT NULL,
    payload TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    run_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    CONSTRAINT jobs_key UNIQUE (task, key)
)
--;
CREATE INDEX jobs_due ON jobs (state, run_at)
--;
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL
)
--;
-- Vended URLs and credentials of the running minute; counted here, then one audit row each.
CREATE TABLE vendings (
    key TEXT PRIMARY KEY,
    minute BIGINT NOT NULL,
    count BIGINT NOT NULL,
    event TEXT NOT NULL
)
--;
CREATE TABLE audit (
    id KEYTEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    event KEYTEXT NOT NULL,
    operation TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor KEYTEXT NOT NULL,
    token_id TEXT NOT NULL,
    source TEXT NOT NULL,
    request_id TEXT NOT NULL,
    targets TEXT NOT NULL,
    request TEXT NOT NULL,
    changes TEXT NOT NULL DEFAULT '{}',
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT ''
)
--;
CREATE INDEX audit_at ON audit (at, id)
--;
CREATE INDEX audit_actor ON audit (actor_id, at)
--;
CREATE TABLE audit_targets (
    audit_id KEYTEXT NOT NULL,
    securable_id KEYTEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (securable_id, at, audit_id)
)
--;
CREATE TABLE audit_pending (
    audit_id KEYTEXT PRIMARY KEY,
    at BIGINT NOT NULL
)
--;
CREATE INDEX audit_pending_at ON audit_pending (at, audit_id)
--;
-- The chain: the sealer numbers committed audit rows; each link hashes the row and the link before it.
CREATE TABLE audit_seals (
    seq BIGINT PRIMARY KEY,
    audit_id KEYTEXT NOT NULL CONSTRAINT audit_seals_once UNIQUE,
    hash TEXT NOT NULL
)
--;
--sqlite
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
--;
--sqlite
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
--;
--sqlite
CREATE TRIGGER seals_no_update BEFORE UPDATE ON audit_seals BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
--;
--sqlite
CREATE TRIGGER seals_no_delete BEFORE DELETE ON audit_seals BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
--;
--postgresql
CREATE FUNCTION modelkeep_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
--;
--postgresql
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION modelkeep_append_only()
--;
--postgresql
CREATE TRIGGER seals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals EXECUTE FUNCTION modelkeep_append_only()
