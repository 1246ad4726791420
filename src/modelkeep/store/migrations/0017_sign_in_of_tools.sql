-- Databricks' entitlements of a principal, a JSON list of names. Stored and returned; no decision reads them.
ALTER TABLE principals ADD COLUMN entitlements TEXT NOT NULL DEFAULT '[]'
--;
-- Access lists may name a service principal by its display name.
CREATE INDEX principals_display ON principals (display_name)
--;
-- What everyone who is assigned to the workspace may do with an experiment: the workspace's own group `users`.
CREATE TABLE experiment_workspace_levels (
    workspace_id KEYTEXT NOT NULL,
    experiment_id KEYTEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('CAN_READ', 'CAN_EDIT', 'CAN_MANAGE')),
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, experiment_id)
)
--;
-- The catalog that SQL in a workspace means where a name has none; '' is the deployment's setting. "default_catalog_at" is when it was set.
ALTER TABLE workspaces ADD COLUMN default_catalog TEXT NOT NULL DEFAULT ''
--;
ALTER TABLE workspaces ADD COLUMN default_catalog_at BIGINT NOT NULL DEFAULT 0
--;
-- Authorization codes of OAuth, by the hash of each. "token_id" is what was issued for one that was used.
CREATE TABLE authorization_codes (
    hash KEYTEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    offline INTEGER NOT NULL,
    session_id KEYTEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    token_id KEYTEXT NOT NULL DEFAULT ''
)
--;
CREATE INDEX authorization_codes_session ON authorization_codes (session_id)
--;
CREATE INDEX authorization_codes_expired ON authorization_codes (expires_at)
--;
-- Of a token that an OAuth client refreshes: "hash" is then of the refresh token, in a form that no bearer token has.
ALTER TABLE tokens ADD COLUMN client_id TEXT NOT NULL DEFAULT ''
--;
-- Refresh tokens that were exchanged for their successor: a second use ends what came from the first.
CREATE TABLE used_refresh_tokens (
    hash KEYTEXT PRIMARY KEY,
    token_id KEYTEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    at BIGINT NOT NULL
)
--;
CREATE INDEX used_refresh_tokens_token ON used_refresh_tokens (token_id)
