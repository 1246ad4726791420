-- How machines and people sign in beside personal access tokens: client secrets, federation policies, linked identities.
-- "origin_id" is what a token came from (a secret, a policy, a token, an external identity): it ends with that.
ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'PERSONAL' CHECK (kind IN ('PERSONAL', 'ACCESS', 'SESSION'))
--;
ALTER TABLE tokens ADD COLUMN origin_id KEYTEXT NOT NULL DEFAULT ''
--;
CREATE INDEX tokens_origin ON tokens (origin_id)
--;
CREATE INDEX tokens_expired ON tokens (kind, expires_at)
--;
CREATE TABLE client_secrets (
    id KEYTEXT PRIMARY KEY,
    hash TEXT NOT NULL CONSTRAINT client_secrets_hash UNIQUE,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT NOT NULL
)
--;
CREATE INDEX client_secrets_principal ON client_secrets (principal_id)
--;
-- Whose tokens are taken for a service principal's, or, without one, for those of the account's users.
CREATE TABLE federation_policies (
    id KEYTEXT PRIMARY KEY,
    policy_id KEYTEXT NOT NULL,
    principal_id KEYTEXT REFERENCES principals (id) ON DELETE CASCADE,
    scope KEYTEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    issuer KEYTEXT NOT NULL,
    subject TEXT NOT NULL DEFAULT '',
    subject_claim TEXT NOT NULL DEFAULT 'sub',
    audiences TEXT NOT NULL,
    keys TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT federation_policies_name UNIQUE (scope, policy_id)
)
--;
CREATE INDEX federation_policies_principal ON federation_policies (principal_id)
--;
-- Who somebody is to an OpenID provider. Never matched by name or e-mail.
CREATE TABLE external_identities (
    id KEYTEXT PRIMARY KEY,
    issuer KEYTEXT NOT NULL,
    subject KEYTEXT NOT NULL,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT external_identities_subject UNIQUE (issuer, subject)
)
--;
CREATE INDEX external_identities_principal ON external_identities (principal_id)
--;
-- Answers of a provider that were taken: none is taken twice, by whatever process.
CREATE TABLE used_sign_ins (
    state KEYTEXT PRIMARY KEY,
    at BIGINT NOT NULL
)
