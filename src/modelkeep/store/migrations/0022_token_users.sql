-- Who may use personal access tokens, besides account admins: everyone, until somebody says otherwise.
CREATE TABLE token_users (
    principal_id KEYTEXT PRIMARY KEY REFERENCES principals (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
)
--;
-- On a first start the group comes later, with its row here.
INSERT INTO token_users (principal_id, created_at, created_by)
    SELECT id, created_at, created_by FROM principals WHERE name_key = 'account users'
