-- Endpoints that fail: since when every attempt has failed. One that succeeds, is enabled anew or moves has no row.
CREATE TABLE failing_endpoints (
    endpoint_id text COLLATE "C" NOT NULL,
    project_id  text COLLATE "C" NOT NULL,
    since       bigint NOT NULL,
    PRIMARY KEY (endpoint_id, project_id)
);
