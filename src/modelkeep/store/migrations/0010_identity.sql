-- What a token was created with: "origin_kind" says what "origin_id" is the id of. A token that is bound ends with its origin.
-- A token that did not expire before this stays as it is.
ALTER TABLE tokens ADD COLUMN origin_kind TEXT NOT NULL DEFAULT ''
--;
ALTER TABLE tokens ADD COLUMN bound INTEGER NOT NULL DEFAULT 1
--;
UPDATE tokens SET origin_kind = 'ENV' WHERE created_by = 'modelkeep env' AND creator_id = ''
--;
UPDATE tokens SET origin_kind = 'CLIENT_SECRET' WHERE origin_id IN (SELECT id FROM client_secrets)
--;
UPDATE tokens SET origin_kind = 'FEDERATION_POLICY' WHERE origin_id IN (SELECT id FROM federation_policies)
--;
UPDATE tokens SET origin_kind = 'IDENTITY' WHERE origin_id IN (SELECT id FROM external_identities)
--;
UPDATE tokens SET origin_kind = 'TOKEN' WHERE origin_kind = '' AND origin_id <> ''
--;
-- The principal's name as it looks: two that look alike share it. '' of a row that was written before, until the next start.
ALTER TABLE principals ADD COLUMN look_key KEYTEXT NOT NULL DEFAULT ''
--;
CREATE INDEX principals_look ON principals (look_key)
