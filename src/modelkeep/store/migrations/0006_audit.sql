-- The audit log to live with: found by who, what, when, outcome, request and address; archived; sent elsewhere.
DROP INDEX audit_actor
--;
CREATE INDEX audit_actor ON audit (actor, at, id)
--;
CREATE INDEX audit_event ON audit (event, at, id)
--;
CREATE INDEX audit_source ON audit (source, at, id)
--;
CREATE INDEX audit_request ON audit (request_id)
--;
-- Refusals are few, and most searches are for them.
CREATE INDEX audit_refused ON audit (at, id) WHERE outcome <> 'ok'
--;
-- What an event is about, by id and by the name of that moment. Each id and each name of an event stands in one row only,
-- so that neither search finds an event twice.
DROP TABLE audit_targets
--;
CREATE TABLE audit_targets (
    audit_id KEYTEXT NOT NULL,
    securable_id KEYTEXT NOT NULL DEFAULT '',
    name KEYTEXT NOT NULL DEFAULT '',
    at BIGINT NOT NULL,
    PRIMARY KEY (audit_id, securable_id, name)
)
--;
--sqlite
INSERT INTO audit_targets (audit_id, securable_id, name, at)
SELECT DISTINCT a.id, json_extract(t.value, '$.id'), '', a.at FROM audit a, json_each(a.targets) t WHERE json_extract(t.value, '$.id') <> ''
UNION SELECT DISTINCT a.id, '', substr(json_extract(t.value, '$.name'), 1, 600), a.at FROM audit a, json_each(a.targets) t
WHERE json_extract(t.value, '$.name') <> ''
--;
--postgresql
INSERT INTO audit_targets (audit_id, securable_id, name, at)
SELECT DISTINCT a.id, t ->> 'id', '', a.at FROM audit a, jsonb_array_elements(CAST(a.targets AS jsonb)) t WHERE t ->> 'id' <> ''
UNION SELECT DISTINCT a.id, '', substr(t ->> 'name', 1, 600), a.at FROM audit a, jsonb_array_elements(CAST(a.targets AS jsonb)) t
WHERE t ->> 'name' <> ''
--;
CREATE INDEX audit_targets_securable ON audit_targets (securable_id, at, audit_id)
--;
CREATE INDEX audit_targets_name ON audit_targets (name, at, audit_id)
--;
-- Links of the chain that lie in storage: the first and last of each file, and the hash that the first one builds on.
CREATE TABLE audit_archives (
    first_seq BIGINT PRIMARY KEY,
    last_seq BIGINT NOT NULL,
    previous TEXT NOT NULL,
    first_hash TEXT NOT NULL,
    last_hash TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    set_id KEYTEXT NOT NULL,
    path KEYTEXT NOT NULL,
    archived_at BIGINT NOT NULL
)
--;
-- How far the log has been sent to somebody else: the last link that they took.
CREATE TABLE audit_cursors (
    name KEYTEXT PRIMARY KEY,
    seq BIGINT NOT NULL
)
--;
--sqlite
-- The log stays append-only, but for records whose link is archived.
DROP TRIGGER audit_no_delete
--;
--sqlite
DROP TRIGGER seals_no_delete
--;
--sqlite
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit WHEN COALESCE((SELECT s.seq FROM audit_seals s WHERE s.audit_id = OLD.id)
    <= (SELECT r.last_seq FROM audit_archives r ORDER BY r.first_seq DESC LIMIT 1), 0) = 0
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
--;
--sqlite
CREATE TRIGGER seals_no_delete BEFORE DELETE ON audit_seals
WHEN COALESCE(OLD.seq <= (SELECT r.last_seq FROM audit_archives r ORDER BY r.first_seq DESC LIMIT 1), 0) = 0
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
--;
--sqlite
CREATE TRIGGER archives_no_update BEFORE UPDATE ON audit_archives BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
--;
--sqlite
CREATE TRIGGER archives_no_delete BEFORE DELETE ON audit_archives BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
--;
--postgresql
DROP TRIGGER audit_append_only ON audit
--;
--postgresql
DROP TRIGGER seals_append_only ON audit_seals
--;
--postgresql
CREATE TRIGGER audit_append_only BEFORE UPDATE OR TRUNCATE ON audit EXECUTE FUNCTION modelkeep_append_only()
--;
--postgresql
CREATE TRIGGER seals_append_only BEFORE UPDATE OR TRUNCATE ON audit_seals EXECUTE FUNCTION modelkeep_append_only()
--;
--postgresql
CREATE TRIGGER archives_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_archives EXECUTE FUNCTION modelkeep_append_only()
--;
--postgresql
CREATE FUNCTION modelkeep_archived_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT s.seq FROM audit_seals s WHERE s.audit_id = OLD.id) <= (SELECT MAX(r.last_seq) FROM audit_archives r)
    THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$
--;
--postgresql
CREATE FUNCTION modelkeep_archived_seals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.seq <= (SELECT MAX(r.last_seq) FROM audit_archives r) THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$
--;
--postgresql
CREATE TRIGGER audit_archived_only BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION modelkeep_archived_audit()
--;
--postgresql
CREATE TRIGGER seals_archived_only BEFORE DELETE ON audit_seals FOR EACH ROW EXECUTE FUNCTION modelkeep_archived_seals()
