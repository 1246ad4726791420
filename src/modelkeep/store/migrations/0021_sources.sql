-- Searches for `source_path = '...'` read the versions of that source alone.

CREATE INDEX model_versions_source ON model_versions (substr(source, 1, 300))
