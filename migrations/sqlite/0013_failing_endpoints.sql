-- Endpoints that fail: since when every attempt has failed. One that succeeds, is enabled anew or moves has no row.
CREATE TABLE failing_endpoints (
    endpoint_id TEXT    NOT NULL,
    project_id  TEXT    NOT NULL,
    since       INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, project_id)
) STRICT, WITHOUT ROWID;
