-- What a client said of the features of a version, as text: '' where it said nothing.

ALTER TABLE model_versions ADD COLUMN feature_deps TEXT NOT NULL DEFAULT ''
