-- Workspaces: each an address with experiments of its own; who may come through which, and which catalogs it may reach.
-- The default workspace has no row of its address: the settings say that one.
CREATE TABLE workspaces (
    id KEYTEXT PRIMARY KEY,
    name TEXT NOT NULL,
    name_key KEYTEXT NOT NULL CONSTRAINT workspaces_name UNIQUE,
    url TEXT NOT NULL DEFAULT '',
    host KEYTEXT CONSTRAINT workspaces_host UNIQUE,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
)
--;
CREATE TABLE workspace_assignments (
    workspace_id KEYTEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    level TEXT NOT NULL CHECK (level IN ('ADMIN', 'USER')),
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, principal_id)
)
--;
CREATE INDEX workspace_assignments_principal ON workspace_assignments (principal_id)
--;
-- Of catalogs that are isolated; an open one can be reached through every workspace, whatever stands here.
CREATE TABLE catalog_bindings (
    catalog_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    workspace_id KEYTEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    access TEXT NOT NULL CHECK (access IN ('READ_WRITE', 'READ_ONLY')),
    PRIMARY KEY (catalog_id, workspace_id)
)
--;
CREATE INDEX catalog_bindings_workspace ON catalog_bindings (workspace_id)
--;
ALTER TABLE securables ADD COLUMN isolated INTEGER NOT NULL DEFAULT 0
--;
-- Ids of traces are the clients' choice: two workspaces may have the same.
UPDATE artifact_sets SET owner_key = (
    SELECT e.workspace_id || '/' || artifact_sets.owner_key FROM tracking_entities e
    WHERE e.kind || ':' || e.id = artifact_sets.owner_key ORDER BY e.workspace_id LIMIT 1
) WHERE kind IN ('run', 'logged_model', 'trace') AND EXISTS (
    SELECT 1 FROM tracking_entities e WHERE e.kind || ':' || e.id = artifact_sets.owner_key
)
--;
ALTER TABLE audit ADD COLUMN workspace_id KEYTEXT NOT NULL DEFAULT ''
--;
CREATE INDEX audit_workspace ON audit (workspace_id, at, id)
