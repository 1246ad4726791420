-- Where clients write to the store themselves, its listing is a version's manifest until finalize. A change of what lies there
-- is announced in a transaction before the call of the store, and ended in another one, so that no transaction waits for the store;
-- `revision` counts both. Finalize lists without a transaction, and commits where nothing changed and nothing is under way.
ALTER TABLE artifact_sets ADD COLUMN revision BIGINT NOT NULL DEFAULT 0
--;
CREATE TABLE file_changes (
    id KEYTEXT PRIMARY KEY,
    set_id KEYTEXT NOT NULL REFERENCES artifact_sets (id) ON DELETE CASCADE,
    lapses_at BIGINT NOT NULL
)
--;
CREATE INDEX file_changes_set ON file_changes (set_id)
