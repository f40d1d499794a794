-- Finding things by what users call them, the catalogue of event types, and the log of what was
-- refused.

-- Names are found by how they begin, whatever their case.
CREATE INDEX endpoints_by_name ON endpoints (project_id, lower(name), id)
    WHERE deleted_at IS NULL AND name IS NOT NULL;
CREATE INDEX listeners_by_name ON listener_revisions (project_id, lower(config_json ->> 'name'), listener_id)
    WHERE until_version IS NULL AND state <> 'deleted';
CREATE INDEX api_keys_by_name ON api_keys (project_id, lower(name), id);
