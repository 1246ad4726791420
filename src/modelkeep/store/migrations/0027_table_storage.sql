-- Which folder of a store belongs to which securable: external locations, storage roots, external tables and volumes.
-- "path" is domain/storage_urls.StorageUrl as text; "folded" the same without regard to case, as some stores read policies. "location_id" is the external location that a table, volume or root was
-- created under: only with it are credentials issued. "credential_id" is an external location's storage credential.
CREATE TABLE storage_paths (
    securable_id KEYTEXT PRIMARY KEY REFERENCES securables (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    path KEYTEXT NOT NULL,
    folded KEYTEXT NOT NULL,
    location_id KEYTEXT REFERENCES securables (id) ON DELETE SET NULL,
    credential_id KEYTEXT REFERENCES securables (id) ON DELETE SET NULL
)
--;
CREATE INDEX storage_paths_folded ON storage_paths (folded)
--;
CREATE INDEX storage_paths_location ON storage_paths (location_id)
--;
CREATE INDEX storage_paths_credential ON storage_paths (credential_id)
--;
-- Until when credentials that write are valid somewhere. The id is a table's, a staging's or a volume's, and may outlive its row.
CREATE TABLE write_credentials (
    storage_id KEYTEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
)
