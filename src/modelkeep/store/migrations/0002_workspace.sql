-- The workspace: who may do what with an experiment, and where runs, logged models and traces belong.
-- The experiments themselves are in the tracking server's own database.
CREATE TABLE experiment_permissions (
    workspace_id KEYTEXT NOT NULL,
    experiment_id KEYTEXT NOT NULL,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    level TEXT NOT NULL CHECK (level IN ('CAN_READ', 'CAN_EDIT', 'CAN_MANAGE')),
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, experiment_id, principal_id)
)
--;
CREATE INDEX experiment_permissions_principal ON experiment_permissions (principal_id, workspace_id, experiment_id)
--;
-- The experiment of a run, logged model or trace never changes, so a row never does.
CREATE TABLE tracking_entities (
    workspace_id KEYTEXT NOT NULL,
    kind KEYTEXT NOT NULL CHECK (kind IN ('run', 'logged_model', 'trace')),
    id KEYTEXT NOT NULL,
    experiment_id KEYTEXT NOT NULL,
    PRIMARY KEY (workspace_id, kind, id)
)
--;
-- A dataset's source as this very run gave it: MLflow keeps one row per (experiment, name, digest) and would answer
-- a later run with the source of the first.
CREATE TABLE run_inputs (
    workspace_id KEYTEXT NOT NULL,
    run_id KEYTEXT NOT NULL,
    name KEYTEXT NOT NULL,
    digest KEYTEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (workspace_id, run_id, name, digest)
)
