-- Ids of workspace directories and files, as Databricks' permissions API names them. An object that is deleted and made again has
-- a new id, so that nobody keeps a right on what is no longer there.
CREATE TABLE workspace_objects (
    workspace_id KEYTEXT NOT NULL,
    path KEYTEXT NOT NULL,
    object_id BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, path),
    CONSTRAINT workspace_objects_id UNIQUE (workspace_id, object_id)
)
--;
--sqlite
INSERT INTO workspace_objects (workspace_id, path, object_id)
    SELECT substr(s.owner_key, 1, length(s.owner_key) - length('/workspace_file:')), rtrim(f.path, '/'), (random() >> 11) & 4503599627370495
    FROM artifact_files f JOIN artifact_sets s ON s.id = f.set_id WHERE s.kind = 'workspace_file'
--;
--postgresql
INSERT INTO workspace_objects (workspace_id, path, object_id)
    SELECT substr(s.owner_key, 1, length(s.owner_key) - length('/workspace_file:')), rtrim(f.path, '/'),
    CAST(floor(random() * 4503599627370496) AS BIGINT)
    FROM artifact_files f JOIN artifact_sets s ON s.id = f.set_id WHERE s.kind = 'workspace_file'
--;
-- Who has which level directly on an object; each level holds on what lies below a directory. 1 CAN_READ, 2 CAN_RUN, 3 CAN_EDIT, 4 CAN_MANAGE.
CREATE TABLE workspace_permissions (
    workspace_id KEYTEXT NOT NULL,
    object_id BIGINT NOT NULL,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 4),
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, object_id, principal_id)
)
--;
CREATE INDEX workspace_permissions_principal ON workspace_permissions (principal_id, workspace_id, object_id)
--;
-- The level of the workspace's own group `users`. 0 takes away what the group has on Shared where nobody changed it.
CREATE TABLE workspace_users_levels (
    workspace_id KEYTEXT NOT NULL,
    object_id BIGINT NOT NULL,
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 4),
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, object_id)
)
