--sqlite
-- What is searched by words: each text of a catalog, schema, model or principal, in lower case, in a row of its own. Names are leaf
-- names: a rename of a container writes one row. Triggers keep it, so that no writer can forget to.
CREATE TABLE search_texts (
    id INTEGER PRIMARY KEY,
    entity_id TEXT NOT NULL,
    field TEXT NOT NULL CHECK (field IN ('name', 'comment', 'tag', 'alias', 'principal')),
    part TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL,
    CONSTRAINT search_texts_part UNIQUE (entity_id, field, part)
)
--;
--postgresql
CREATE TABLE search_texts (
    entity_id KEYTEXT NOT NULL,
    field KEYTEXT NOT NULL CHECK (field IN ('name', 'comment', 'tag', 'alias', 'principal')),
    part KEYTEXT NOT NULL DEFAULT '',
    text KEYTEXT NOT NULL,
    CONSTRAINT search_texts_part PRIMARY KEY (entity_id, field, part)
)
--;
INSERT INTO search_texts (entity_id, field, text)
SELECT id, 'name', name_key FROM securables WHERE kind IN ('CATALOG', 'SCHEMA', 'MODEL')
--;
INSERT INTO search_texts (entity_id, field, text)
SELECT id, 'comment', LOWER(comment) FROM securables WHERE kind IN ('CATALOG', 'SCHEMA', 'MODEL') AND comment <> ''
--;
INSERT INTO search_texts (entity_id, field, part, text)
SELECT securable_id, 'tag', CAST(version AS TEXT) || '/' || key, LOWER(key || ':' || value) FROM tags
--;
INSERT INTO search_texts (entity_id, field, part, text) SELECT model_id, 'alias', alias, LOWER(alias) FROM aliases
--;
INSERT INTO search_texts (entity_id, field, part, text) SELECT id, 'principal', 'name', name_key FROM principals
--;
INSERT INTO search_texts (entity_id, field, part, text)
SELECT id, 'principal', 'display name', LOWER(display_name) FROM principals WHERE display_name <> ''
--;
-- Tags by key, or by key and value.
CREATE INDEX search_texts_tag ON search_texts (substr(text, 1, 300)) WHERE field = 'tag'
--;
--sqlite
-- Names by themselves: a word that every comment or alias holds costs a search for names nothing.
CREATE VIRTUAL TABLE search_names USING fts5(
    text, content='search_texts', content_rowid='id', tokenize='trigram', detail='none', columnsize=0
)
--;
--sqlite
INSERT INTO search_names (rowid, text) SELECT id, text FROM search_texts WHERE field = 'name'
--;
--sqlite
CREATE TRIGGER search_names_insert AFTER INSERT ON search_texts WHEN NEW.field = 'name' BEGIN
    INSERT INTO search_names (rowid, text) VALUES (NEW.id, NEW.text);
END
--;
--sqlite
CREATE TRIGGER search_names_delete AFTER DELETE ON search_texts WHEN OLD.field = 'name' BEGIN
    INSERT INTO search_names (search_names, rowid, text) VALUES ('delete', OLD.id, OLD.text);
END
--;
--sqlite
CREATE TRIGGER search_names_update AFTER UPDATE OF text ON search_texts WHEN NEW.field = 'name' BEGIN
    INSERT INTO search_names (search_names, rowid, text) VALUES ('delete', OLD.id, OLD.text);
    INSERT INTO search_names (rowid, text) VALUES (NEW.id, NEW.text);
END
--;
--sqlite
CREATE VIRTUAL TABLE search_trigrams USING fts5(
    text, content='search_texts', content_rowid='id', tokenize='trigram', detail='none', columnsize=0
)
--;
--sqlite
INSERT INTO search_trigrams (rowid, text) SELECT id, text FROM search_texts WHERE field <> 'name'
--;
--sqlite
CREATE TRIGGER search_trigrams_insert AFTER INSERT ON search_texts WHEN NEW.field <> 'name' BEGIN
    INSERT INTO search_trigrams (rowid, text) VALUES (NEW.id, NEW.text);
END
--;
--sqlite
CREATE TRIGGER search_trigrams_delete AFTER DELETE ON search_texts WHEN OLD.field <> 'name' BEGIN
    INSERT INTO search_trigrams (search_trigrams, rowid, text) VALUES ('delete', OLD.id, OLD.text);
END
--;
--sqlite
CREATE TRIGGER search_trigrams_update AFTER UPDATE OF text ON search_texts WHEN NEW.field <> 'name' BEGIN
    INSERT INTO search_trigrams (search_trigrams, rowid, text) VALUES ('delete', OLD.id, OLD.text);
    INSERT INTO search_trigrams (rowid, text) VALUES (NEW.id, NEW.text);
END
--;
--sqlite
CREATE TRIGGER search_securable_insert AFTER INSERT ON securables WHEN NEW.kind IN ('CATALOG', 'SCHEMA', 'MODEL') BEGIN
    INSERT INTO search_texts (entity_id, field, text) VALUES (NEW.id, 'name', NEW.name_key);
    INSERT INTO search_texts (entity_id, field, text) SELECT NEW.id, 'comment', LOWER(NEW.comment) WHERE NEW.comment <> '';
END
--;
--sqlite
CREATE TRIGGER search_securable_rename AFTER UPDATE OF name_key ON securables
WHEN NEW.name_key <> OLD.name_key AND NEW.kind IN ('CATALOG', 'SCHEMA', 'MODEL') BEGIN
    UPDATE search_texts SET text = NEW.name_key WHERE entity_id = NEW.id AND field = 'name';
END
--;
--sqlite
CREATE TRIGGER search_securable_comment AFTER UPDATE OF comment ON securables
WHEN NEW.comment <> OLD.comment AND NEW.kind IN ('CATALOG', 'SCHEMA', 'MODEL') BEGIN
    DELETE FROM search_texts WHERE entity_id = NEW.id AND field = 'comment';
    INSERT INTO search_texts (entity_id, field, text) SELECT NEW.id, 'comment', LOWER(NEW.comment) WHERE NEW.comment <> '';
END
--;
--sqlite
CREATE TRIGGER search_securable_delete AFTER DELETE ON securables BEGIN
    DELETE FROM search_texts WHERE entity_id = OLD.id;
END
--;
--sqlite
CREATE TRIGGER search_tag_insert AFTER INSERT ON tags BEGIN
    INSERT INTO search_texts (entity_id, field, part, text)
    VALUES (NEW.securable_id, 'tag', NEW.version || '/' || NEW.key, LOWER(NEW.key || ':' || NEW.value));
END
--;
--sqlite
CREATE TRIGGER search_tag_update AFTER UPDATE ON tags BEGIN
    UPDATE search_texts SET part = NEW.version || '/' || NEW.key, text = LOWER(NEW.key || ':' || NEW.value)
    WHERE entity_id = OLD.securable_id AND field = 'tag' AND part = OLD.version || '/' || OLD.key;
END
--;
--sqlite
CREATE TRIGGER search_tag_delete AFTER DELETE ON tags BEGIN
    DELETE FROM search_texts WHERE entity_id = OLD.securable_id AND field = 'tag' AND part = OLD.version || '/' || OLD.key;
END
--;
--sqlite
CREATE TRIGGER search_alias_insert AFTER INSERT ON aliases BEGIN
    INSERT INTO search_texts (entity_id, field, part, text) VALUES (NEW.model_id, 'alias', NEW.alias, LOWER(NEW.alias));
END
--;
--sqlite
CREATE TRIGGER search_alias_delete AFTER DELETE ON aliases BEGIN
    DELETE FROM search_texts WHERE entity_id = OLD.model_id AND field = 'alias' AND part = OLD.alias;
END
--;
--sqlite
CREATE TRIGGER search_principal_insert AFTER INSERT ON principals BEGIN
    INSERT INTO search_texts (entity_id, field, part, text) VALUES (NEW.id, 'principal', 'name', NEW.name_key);
    INSERT INTO search_texts (entity_id, field, part, text)
    SELECT NEW.id, 'principal', 'display name', LOWER(NEW.display_name) WHERE NEW.display_name <> '';
END
--;
--sqlite
CREATE TRIGGER search_principal_update AFTER UPDATE OF name_key, display_name ON principals
WHEN NEW.name_key <> OLD.name_key OR NEW.display_name <> OLD.display_name BEGIN
    DELETE FROM search_texts WHERE entity_id = OLD.id;
    INSERT INTO search_texts (entity_id, field, part, text) VALUES (NEW.id, 'principal', 'name', NEW.name_key);
    INSERT INTO search_texts (entity_id, field, part, text)
    SELECT NEW.id, 'principal', 'display name', LOWER(NEW.display_name) WHERE NEW.display_name <> '';
END
--;
--sqlite
CREATE TRIGGER search_principal_delete AFTER DELETE ON principals BEGIN
    DELETE FROM search_texts WHERE entity_id = OLD.id;
END
--;
--postgresql
CREATE FUNCTION modelkeep_search_securable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM search_texts WHERE entity_id = OLD.id;
        RETURN NULL;
    END IF;
    IF NEW.kind NOT IN ('CATALOG', 'SCHEMA', 'MODEL') THEN
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
--;
--postgresql
CREATE TRIGGER search_securable AFTER INSERT OR DELETE OR UPDATE OF name_key, comment ON securables
FOR EACH ROW EXECUTE FUNCTION modelkeep_search_securable()
--;
--postgresql
CREATE FUNCTION modelkeep_search_tag() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM search_texts WHERE entity_id = OLD.securable_id AND field = 'tag' AND part = OLD.version || '/' || OLD.key;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO search_texts (entity_id, field, part, text)
        VALUES (NEW.securable_id, 'tag', NEW.version || '/' || NEW.key, LOWER(NEW.key || ':' || NEW.value));
    END IF;
    RETURN NULL;
END $$
--;
--postgresql
CREATE TRIGGER search_tag AFTER INSERT OR UPDATE OR DELETE ON tags FOR EACH ROW EXECUTE FUNCTION modelkeep_search_tag()
--;
--postgresql
CREATE FUNCTION modelkeep_search_alias() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM search_texts WHERE entity_id = OLD.model_id AND field = 'alias' AND part = OLD.alias;
    ELSE
        INSERT INTO search_texts (entity_id, field, part, text) VALUES (NEW.model_id, 'alias', NEW.alias, LOWER(NEW.alias));
    END IF;
    RETURN NULL;
END $$
--;
--postgresql
CREATE TRIGGER search_alias AFTER INSERT OR DELETE ON aliases FOR EACH ROW EXECUTE FUNCTION modelkeep_search_alias()
--;
--postgresql
CREATE FUNCTION modelkeep_search_principal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.name_key = OLD.name_key AND NEW.display_name = OLD.display_name THEN
            RETURN NULL;
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM search_texts WHERE entity_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO search_texts (entity_id, field, part, text) VALUES (NEW.id, 'principal', 'name', NEW.name_key);
        IF NEW.display_name <> '' THEN
            INSERT INTO search_texts (entity_id, field, part, text)
            VALUES (NEW.id, 'principal', 'display name', LOWER(NEW.display_name));
        END IF;
    END IF;
    RETURN NULL;
END $$
--;
--postgresql
CREATE TRIGGER search_principal AFTER INSERT OR DELETE OR UPDATE OF name_key, display_name ON principals
FOR EACH ROW EXECUTE FUNCTION modelkeep_search_principal()
--;
--postgresql
-- Where the extension is not there, or may not be made, searches walk in order and stop at their budget.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX search_texts_names ON search_texts USING gin (text gin_trgm_ops) WHERE field = 'name';
    CREATE INDEX search_texts_trigrams ON search_texts USING gin (text gin_trgm_ops) WHERE field <> 'name';
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'searches have no index: %', SQLERRM;
END $$
--;
-- The versions of one model by their last change.
CREATE INDEX model_versions_model_updated ON model_versions (model_id, updated_at, id)
