-- Who creates an experiment, written before the tracking server creates it. A row without an experiment is a creation
-- that was not finished: if the server stopped in between, the same principal takes the experiment over with its next call.
-- Creators that older versions kept in a tag of the experiment are not read any more: editors could write that tag.
CREATE TABLE experiment_creators (
    workspace_id KEYTEXT NOT NULL,
    name KEYTEXT NOT NULL,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    experiment_id KEYTEXT NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, name)
)
--;
CREATE INDEX experiment_creators_principal ON experiment_creators (principal_id)
