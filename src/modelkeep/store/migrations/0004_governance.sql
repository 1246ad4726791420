-- Governed tags, protected aliases, requests for access. All of it hangs on ids and goes with them.
CREATE TABLE tag_policies (
    id KEYTEXT PRIMARY KEY,
    tag_key KEYTEXT NOT NULL CONSTRAINT tag_policies_key UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    allowed TEXT NOT NULL DEFAULT '[]',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
)
--;
-- Who may do what with a governed tag; a policy_id of '' is every one, also those to come.
CREATE TABLE tag_policy_rules (
    policy_id KEYTEXT NOT NULL,
    role KEYTEXT NOT NULL CHECK (role IN ('CREATE', 'MANAGE', 'ASSIGN')),
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    PRIMARY KEY (policy_id, role, principal_id)
)
--;
CREATE INDEX tag_policy_rules_principal ON tag_policy_rules (principal_id)
--;
-- An alias that only some may move, in a model or in all models of a container. The movers are rows of their own: with the last
-- of them gone the alias is protected still.
CREATE TABLE protected_aliases (
    securable_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    alias KEYTEXT NOT NULL,
    PRIMARY KEY (securable_id, alias)
)
--;
CREATE TABLE alias_movers (
    securable_id KEYTEXT NOT NULL,
    alias KEYTEXT NOT NULL,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    PRIMARY KEY (securable_id, alias, principal_id),
    FOREIGN KEY (securable_id, alias) REFERENCES protected_aliases (securable_id, alias) ON DELETE CASCADE
)
--;
CREATE INDEX alias_movers_principal ON alias_movers (principal_id)
--;
CREATE TABLE access_requests (
    id KEYTEXT PRIMARY KEY,
    securable_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    principal_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    requester_id KEYTEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    privileges TEXT NOT NULL,
    comment TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'APPROVED', 'REJECTED', 'WITHDRAWN')),
    reason TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT NOT NULL DEFAULT ''
)
--;
-- Asking twice is one request.
CREATE UNIQUE INDEX access_requests_pending ON access_requests (securable_id, principal_id) WHERE state = 'PENDING'
--;
CREATE INDEX access_requests_state ON access_requests (state, id)
--;
CREATE INDEX access_requests_securable ON access_requests (securable_id)
--;
CREATE INDEX access_requests_principal ON access_requests (principal_id)
--;
CREATE INDEX access_requests_requester ON access_requests (requester_id)
--;
-- Where people can request access besides the inbox; the server shows these addresses and never writes to them.
CREATE TABLE access_destinations (
    securable_id KEYTEXT PRIMARY KEY REFERENCES securables (id) ON DELETE CASCADE,
    destinations TEXT NOT NULL
)
