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
