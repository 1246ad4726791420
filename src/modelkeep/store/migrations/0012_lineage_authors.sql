-- Edges of one version are read in turns of their authors, so that nobody's hide another's: the first of each, then the
-- second of each, ... Those of the version's creator have turn 0 and come before all.
ALTER TABLE lineage ADD COLUMN turn BIGINT NOT NULL DEFAULT 0
--;
UPDATE lineage SET turn = COALESCE((SELECT n.turn FROM (
    SELECT l.id, ROW_NUMBER() OVER (PARTITION BY l.model_id, l.version, l.direction, l.created_by ORDER BY l.id) AS turn
    FROM lineage l JOIN model_versions v ON v.model_id = l.model_id AND v.version = l.version WHERE v.created_by <> l.created_by
) n WHERE n.id = lineage.id), 0)
--;
CREATE INDEX lineage_turn ON lineage (model_id, version, direction, turn, id)
--;
CREATE INDEX lineage_author ON lineage (model_id, version, direction, created_by)
--;
CREATE INDEX lineage_entity_id ON lineage (entity_type, entity_id, id) WHERE entity_id <> ''
--;
DROP INDEX lineage_entity
--;
CREATE INDEX lineage_entity ON lineage (entity_type, entity_name, id)
