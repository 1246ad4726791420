-- Jobs run in lanes, several at a time, each under a lease that one holder has by the database's clock.
-- A job that is enqueued while it runs is due again at "again_at", when the attempt that runs has ended.
ALTER TABLE jobs ADD COLUMN lane KEYTEXT NOT NULL DEFAULT 'files'
--;
ALTER TABLE jobs ADD COLUMN holder KEYTEXT NOT NULL DEFAULT ''
--;
ALTER TABLE jobs ADD COLUMN again_at BIGINT
--;
UPDATE jobs SET lane = 'registrations' WHERE task = 'bring'
--;
DROP INDEX jobs_due
--;
CREATE INDEX jobs_due ON jobs (lane, state, run_at)
--;
--postgresql
-- SQLite's connections have a function of this name.
CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql STABLE AS 'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)'
--;
--postgresql
-- A deleted container stays as a row of kind DELETED until a job has removed what lies below it. Nothing new may be made there:
-- the foreign key's check, which comes first, has waited for a deletion that was about to commit. (SQLite has one writer.)
CREATE FUNCTION modelkeep_parent_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM securables a WHERE a.id IN (NEW.parent_id, NEW.catalog_id) AND a.kind = 'DELETED') THEN
        RAISE foreign_key_violation USING MESSAGE = 'the parent is deleted';
    END IF;
    RETURN NULL;
END $$
--;
--postgresql
CREATE TRIGGER securables_parent AFTER INSERT ON securables FOR EACH ROW EXECUTE FUNCTION modelkeep_parent_is_there()
--;
CREATE INDEX uploads_principal ON uploads (principal_id)
--;
-- The first and the last time of what a minute counts.
ALTER TABLE vendings ADD COLUMN first_at BIGINT NOT NULL DEFAULT 0
--;
ALTER TABLE vendings ADD COLUMN last_at BIGINT NOT NULL DEFAULT 0
--;
UPDATE vendings SET first_at = minute * 60000, last_at = minute * 60000
