--sqlite
-- A small file lies in its row, so that one commit stores it; `segments` is '[]' then.
-- The column is the last one: who reads the others does not read the bytes.
ALTER TABLE artifact_files ADD COLUMN data BLOB
--;
--postgresql
ALTER TABLE artifact_files ADD COLUMN data BYTEA
