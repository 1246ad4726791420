-- What identity providers keep of a principal, and what is known of a token's use.
-- "number" is the id that clients see: Databricks' are numbers, and its SDK reads some of them as such (16 digits: exact in JSON).
ALTER TABLE principals ADD COLUMN number BIGINT NOT NULL DEFAULT 0
--;
ALTER TABLE principals ADD COLUMN external_id TEXT NOT NULL DEFAULT ''
--;
ALTER TABLE principals ADD COLUMN given_name TEXT NOT NULL DEFAULT ''
--;
ALTER TABLE principals ADD COLUMN family_name TEXT NOT NULL DEFAULT ''
--;
ALTER TABLE principals ADD COLUMN emails TEXT NOT NULL DEFAULT '[]'
--;
ALTER TABLE principals ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0
--;
--sqlite
UPDATE principals SET number = 1000000000000000 + abs(random() % 8000000000000000), updated_at = created_at
--;
--postgresql
UPDATE principals SET number = 1000000000000000 + CAST(floor(random() * 8000000000000000) AS BIGINT), updated_at = created_at
--;
CREATE UNIQUE INDEX principals_number ON principals (number)
--;
CREATE INDEX principals_external ON principals (external_id)
--;
CREATE INDEX principals_kind ON principals (kind, name_key)
--;
ALTER TABLE tokens ADD COLUMN creator_id KEYTEXT NOT NULL DEFAULT ''
--;
ALTER TABLE tokens ADD COLUMN last_used_at BIGINT
