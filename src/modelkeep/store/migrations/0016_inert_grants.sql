-- Grants of privileges that mean nothing here. They have a table of their own, so that no statement that decides can read them, and
-- a release that gives a word a meaning does not give its old rows one: that takes a new grant.
CREATE TABLE inert_grants (
    securable_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    privilege KEYTEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (securable_id, principal_id, privilege)
)
--;
CREATE INDEX inert_grants_principal ON inert_grants (principal_id)
