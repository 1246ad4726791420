-- Which version of the table (or other entity) an edge is about: '' where nobody said.

ALTER TABLE lineage ADD COLUMN entity_version TEXT NOT NULL DEFAULT ''
