-- Finding things by what users call them, the catalogue of event types, and the log of what was
-- refused.

-- Names are found by how they begin, whatever their case.
CREATE INDEX endpoints_by_name ON endpoints (project_id, lower(name), id)
    WHERE deleted_at IS NULL AND name IS NOT NULL;
CREATE INDEX listeners_by_name ON listener_revisions (project_id, lower(config_json ->> 'name'), listener_id)
    WHERE until_version IS NULL AND state <> 'deleted';
CREATE INDEX api_keys_by_name ON api_keys (project_id, lower(name), id);

-- The catalogue: which types of events a project has had, one row for each that it has seen, up to
-- a limit. `shard` is the node that counts: there is one here, and many would not wait for each other.
CREATE TABLE seen_types (
    project_id     TEXT    NOT NULL,
    type           TEXT    NOT NULL,
    shard          INTEGER NOT NULL,
    count          INTEGER NOT NULL,
    first_at       INTEGER NOT NULL,
    last_at        INTEGER NOT NULL,
    last_event     TEXT    NOT NULL,
    violations     INTEGER NOT NULL DEFAULT 0, -- events that broke the schema and were taken
    violation_json TEXT,                       -- the last of them: event, pointer, detail
    PRIMARY KEY (project_id, type, shard)
) STRICT, WITHOUT ROWID;

-- How many types a project has in `seen_types`, and how many events were of types beyond them.
CREATE TABLE seen_totals (
    project_id  TEXT    NOT NULL PRIMARY KEY,
    types       INTEGER NOT NULL,
    uncatalogued INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What users say about types of events. `version` is the version of the project's rules with which
-- the schema or its validation last changed.
CREATE TABLE event_types (
    project_id   TEXT    NOT NULL REFERENCES projects (id),
    type         TEXT    NOT NULL,
    description  TEXT,
    schema_json  TEXT, -- as users wrote it
    example_json TEXT, -- as users wrote it
    validation   TEXT    NOT NULL, -- off, warn or enforce
    version      INTEGER NOT NULL,
    revision     INTEGER NOT NULL, -- of all that is said; never the same again, also after a DELETE
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (project_id, type)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_types_judged ON event_types (project_id, type) WHERE validation <> 'off';

-- What was sent and did not become an event: the last of each project, written down in groups.
CREATE TABLE refusals (
    id          TEXT    NOT NULL PRIMARY KEY,
    project_id  TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    outcome     TEXT    NOT NULL, -- refused, duplicate or conflict
    code        TEXT,             -- with which it was answered
    pointer     TEXT,
    detail      TEXT    NOT NULL,
    event_id    TEXT,             -- the event that is there instead
    producer_id TEXT,             -- what could be read of it
    source      TEXT,
    type        TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX refusals_by_project ON refusals (project_id, id);
CREATE INDEX refusals_by_producer_id ON refusals (project_id, producer_id, id)
    WHERE producer_id IS NOT NULL;

-- How many there were, kept or not.
CREATE TABLE refusal_totals (
    project_id TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    code       TEXT    NOT NULL, -- empty for a duplicate
    count      INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    PRIMARY KEY (project_id, outcome, code)
) STRICT, WITHOUT ROWID;

-- Dead letters by their causes, which a read hops over.
CREATE INDEX dead_letters_by_cause ON deliveries (project_id, endpoint_id, reason, error_kind, id, state)
    WHERE state = 'dead';
