-- Tables, volumes and functions are searched by words, too.
INSERT INTO search_texts (entity_id, field, text)
SELECT id, 'name', name_key FROM securables WHERE kind IN ('TABLE', 'VOLUME', 'FUNCTION')
--;
INSERT INTO search_texts (entity_id, field, text)
SELECT id, 'comment', LOWER(comment) FROM securables WHERE kind IN ('TABLE', 'VOLUME', 'FUNCTION') AND comment <> ''
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
CREATE TRIGGER search_securable_insert AFTER INSERT ON securables WHEN NEW.kind IN ('CATALOG', 'SCHEMA', 'MODEL', 'PROMPT', 'TABLE', 'VOLUME', 'FUNCTION') BEGIN
    INSERT INTO search_texts (entity_id, field, text) VALUES (NEW.id, 'name', NEW.name_key);
    INSERT INTO search_texts (entity_id, field, text) SELECT NEW.id, 'comment', LOWER(NEW.comment) WHERE NEW.comment <> '';
END
--;
--sqlite
CREATE TRIGGER search_securable_rename AFTER UPDATE OF name_key ON securables
WHEN NEW.name_key <> OLD.name_key AND NEW.kind IN ('CATALOG', 'SCHEMA', 'MODEL', 'PROMPT', 'TABLE', 'VOLUME', 'FUNCTION') BEGIN
    UPDATE search_texts SET text = NEW.name_key WHERE entity_id = NEW.id AND field = 'name';
END
--;
--sqlite
CREATE TRIGGER search_securable_comment AFTER UPDATE OF comment ON securables
WHEN NEW.comment <> OLD.comment AND NEW.kind IN ('CATALOG', 'SCHEMA', 'MODEL', 'PROMPT', 'TABLE', 'VOLUME', 'FUNCTION') BEGIN
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
    IF NEW.kind NOT IN ('CATALOG', 'SCHEMA', 'MODEL', 'PROMPT', 'TABLE', 'VOLUME', 'FUNCTION') THEN
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
