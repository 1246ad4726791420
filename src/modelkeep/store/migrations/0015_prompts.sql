-- Prompts of a schema: securables of the kind PROMPT. A version's template never changes; links say what a version was used by.
CREATE TABLE prompt_versions (
    id KEYTEXT PRIMARY KEY,
    prompt_id KEYTEXT NOT NULL REFERENCES securables (id),
    version BIGINT NOT NULL,
    comment TEXT NOT NULL DEFAULT '',
    template TEXT NOT NULL,
    characters BIGINT NOT NULL,
    aliases TEXT NOT NULL DEFAULT '[]',
    tags TEXT NOT NULL DEFAULT '{}',
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    CONSTRAINT prompt_versions_number UNIQUE (prompt_id, version)
)
--;
CREATE TABLE prompt_links (
    id KEYTEXT PRIMARY KEY,
    prompt_id KEYTEXT NOT NULL REFERENCES securables (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    workspace_id KEYTEXT NOT NULL,
    kind KEYTEXT NOT NULL CHECK (kind IN ('run', 'logged_model', 'trace')),
    target_id KEYTEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT prompt_links_once UNIQUE (prompt_id, version, workspace_id, kind, target_id)
)
--;
CREATE INDEX prompt_links_newest ON prompt_links (prompt_id, id)
--;
--sqlite
DROP TRIGGER search_securable_insert
--;
--sqlite
DROP TRIGGER search_securable_rename
--;
--sqlite
DROP TRIGGER search_securable_comment
--;
--sqlite
CREATE TRIGGER search_securable_insert AFTER INSERT ON securables WHEN NEW.kind IN ('CATALOG', 'SCHEMA', 'MODEL', 'PROMPT') BEGIN
    INSERT INTO search_texts (entity_id, field, text) VALUES (NEW.id, 'name', NEW.name_key);
    INSERT INTO search_texts (entity_id, field, text) SELECT NEW.id, 'comment', LOWER(NEW.comment) WHERE NEW.comment <> '';
END
--;
--sqlite
CREATE TRIGGER search_securable_rename AFTER UPDATE OF name_key ON securables
WHEN NEW.name_key <> OLD.name_key AND NEW.kind IN ('CATALOG', 'SCHEMA', 'MODEL', 'PROMPT') BEGIN
    UPDATE search_texts SET text = NEW.name_key WHERE entity_id = NEW.id AND field = 'name';
END
--;
--sqlite
CREATE TRIGGER search_securable_comment AFTER UPDATE OF comment ON securables
WHEN NEW.comment <> OLD.comment AND NEW.kind IN ('CATALOG', 'SCHEMA', 'MODEL', 'PROMPT') BEGIN
    DELETE FROM search_texts WHERE entity_id = NEW.id AND field = 'comment';
    INSERT INTO search_texts (entity_id, field, text) SELECT NEW.id, 'comment', LOWER(NEW.comment) WHERE NEW.comment <> '';
END
--;
--postgresql
CREATE OR REPLACE FUNCTION modelkeep_search_securable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM search_texts WHERE entity_id = OLD.id;
        RETURN NULL;
    END IF;
    IF NEW.kind NOT IN ('CATALOG', 'SCHEMA', 'MODEL', 'PROMPT') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO search_texts (entity_id, field, text) VALUES (NEW.id, 'name', NEW.name_key);
    ELSIF NEW.name_key <> OLD.name_key THEN
        UPDATE search_texts SET text = NEW.name_key WHERE entity_id = NEW.id AND field = 'name';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF NEW.comment = OLD.comment THEN
            RETURN NULL;
        END IF;
        DELETE FROM search_texts WHERE entity_id = NEW.id AND field = 'comment';
    END IF;
    IF NEW.comment <> '' THEN
        INSERT INTO search_texts (entity_id, field, text) VALUES (NEW.id, 'comment', LOWER(NEW.comment));
    END IF;
    RETURN NULL;
END $$
