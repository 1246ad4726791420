-- Model serving endpoints of workspaces. The configuration in force serves while a pending one is prepared.
CREATE TABLE serving_endpoints (
    id KEYTEXT PRIMARY KEY,
    workspace_id KEYTEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    name_key KEYTEXT NOT NULL,
    creator_id KEYTEXT NOT NULL,
    creator TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '{}',
    config TEXT NOT NULL DEFAULT '',
    config_version BIGINT NOT NULL DEFAULT 0,
    pending TEXT NOT NULL DEFAULT '',
    update_state KEYTEXT NOT NULL
        CHECK (update_state IN ('NOT_UPDATING', 'IN_PROGRESS', 'UPDATE_FAILED', 'UPDATE_CANCELED')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    CONSTRAINT serving_endpoints_name UNIQUE (workspace_id, name_key)
)
--;
-- What an endpoint serves (pending 0), or is about to (pending 1). A version of 0 is not resolved yet.
CREATE TABLE served_entities (
    endpoint_id KEYTEXT NOT NULL REFERENCES serving_endpoints (id) ON DELETE CASCADE,
    pending BIGINT NOT NULL CHECK (pending IN (0, 1)),
    name KEYTEXT NOT NULL,
    model_id KEYTEXT NOT NULL,
    version BIGINT NOT NULL DEFAULT 0,
    state KEYTEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (endpoint_id, pending, name)
)
--;
CREATE INDEX served_entities_model ON served_entities (model_id, version)
--;
-- Levels: 1 CAN_VIEW, 2 CAN_QUERY, 3 CAN_MANAGE. The creator and the workspace's admins manage without a row.
CREATE TABLE serving_permissions (
    endpoint_id KEYTEXT NOT NULL REFERENCES serving_endpoints (id) ON DELETE CASCADE,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    level BIGINT NOT NULL CHECK (level IN (1, 2, 3)),
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, principal_id)
)
--;
CREATE INDEX serving_permissions_principal ON serving_permissions (principal_id)
