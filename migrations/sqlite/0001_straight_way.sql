-- The straight way of an event: projects and their keys, listeners and endpoints, events,
-- deliveries, attempts, and the small tables that carry work in progress.
--
-- Conventions: identifiers are TypeIDs as text and sort by time; points in time are milliseconds
-- since the Unix epoch; payloads are blobs, kept as they came; *_json columns hold JSON that only
-- this program writes. Each table says what its rows are, and when they go.

-- Tenants. `rules_version` counts the changes of a project's listeners: an event remembers which
-- versions it met.
CREATE TABLE projects (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    openings_json TEXT    NOT NULL DEFAULT '{}',
    rules_version INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL
) STRICT;

-- API keys: the SHA-256 of the secret part, never the key. `project_id` is null for an operator.
CREATE TABLE api_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    project_id TEXT    REFERENCES projects (id),
    name       TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_by_project ON api_keys (project_id, id);

-- Where webhooks go. A deleted endpoint stays, without its secrets, for the deliveries that name it.
CREATE TABLE endpoints (
    id           TEXT    NOT NULL PRIMARY KEY,
    project_id   TEXT    NOT NULL REFERENCES projects (id),
    name         TEXT,
    url          TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    state_reason TEXT    NOT NULL,
    state_since  INTEGER NOT NULL,
    format       TEXT    NOT NULL,
    retry_json   TEXT,
    timeout_ms   INTEGER,
    concurrency  INTEGER,
    headers      BLOB    NOT NULL, -- sealed: headers carry credentials
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;
CREATE INDEX endpoints_by_project ON endpoints (project_id, id) WHERE deleted_at IS NULL;
-- A listener that names a URL finds the endpoint that is already there.
CREATE INDEX endpoints_by_url ON endpoints (project_id, url, id) WHERE deleted_at IS NULL;

-- Secrets of endpoints, sealed. The newest has no end; those before it sign until theirs.
CREATE TABLE endpoint_secrets (
    endpoint_id TEXT    NOT NULL REFERENCES endpoints (id),
    number      INTEGER NOT NULL,
    sealed      BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    PRIMARY KEY (endpoint_id, number)
) STRICT, WITHOUT ROWID;

-- Every revision of every listener. A revision holds from the rules version `from_version` on, and
-- up to but without `until_version`; null says that it holds still. `state` `deleted` ends a listener.
CREATE TABLE listener_revisions (
    project_id    TEXT    NOT NULL REFERENCES projects (id),
    listener_id   TEXT    NOT NULL,
    revision      INTEGER NOT NULL,
    from_version  INTEGER NOT NULL,
    until_version INTEGER,
    state         TEXT    NOT NULL,
    config_json   TEXT    NOT NULL,
    created_at    INTEGER NOT NULL, -- of the listener
    updated_at    INTEGER NOT NULL, -- of this revision
    PRIMARY KEY (project_id, listener_id, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX listener_revisions_by_version ON listener_revisions (project_id, from_version);
CREATE INDEX listener_revisions_current ON listener_revisions (project_id, listener_id)
    WHERE until_version IS NULL;
CREATE UNIQUE INDEX listener_revisions_by_id ON listener_revisions (listener_id, revision);

-- The log of events.
CREATE TABLE events (
    id               TEXT    NOT NULL PRIMARY KEY,
    project_id       TEXT    NOT NULL,
    producer_id      TEXT    NOT NULL, -- the CloudEvents `id`
    source           TEXT    NOT NULL,
    type             TEXT    NOT NULL,
    subject          TEXT,
    time             TEXT    NOT NULL, -- as the producer wrote it
    attributes_json  TEXT    NOT NULL, -- datacontenttype, dataschema, extensions
    data_kind        TEXT    NOT NULL, -- absent, json, text or binary
    data             BLOB    NOT NULL,
    received_at      INTEGER NOT NULL,
    correlation_id   TEXT    NOT NULL,
    causation_id     TEXT,
    path_json        TEXT    NOT NULL, -- the listeners that led here
    state            TEXT    NOT NULL,
    rules_version    INTEGER NOT NULL, -- the rules of its project that it met
    platform_version INTEGER NOT NULL  -- the rules of the platform that it met
) STRICT;
CREATE INDEX events_by_project ON events (project_id, id);
CREATE INDEX events_by_type ON events (project_id, type, id);
CREATE INDEX events_by_producer_id ON events (project_id, producer_id, id);
CREATE INDEX events_by_correlation ON events (correlation_id, id);

-- The same event twice: one row for each event that a producer named, whatever becomes of the log.
CREATE TABLE event_keys (
    project_id  TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    producer_id TEXT    NOT NULL,
    hash        BLOB    NOT NULL, -- of what the producer sent
    event_id    TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, source, producer_id)
) STRICT, WITHOUT ROWID;

-- The log of deliveries. `listener_id` is null for a test of an endpoint, `endpoint_id` for an
-- event that could not be emitted.
CREATE TABLE deliveries (
    id                TEXT    NOT NULL PRIMARY KEY,
    project_id        TEXT    NOT NULL,
    event_id          TEXT    NOT NULL,
    listener_id       TEXT,
    listener_revision INTEGER,
    reaction          INTEGER,
    endpoint_id       TEXT,
    state             TEXT    NOT NULL,
    reason            TEXT,
    detail            TEXT,
    attempts          INTEGER NOT NULL DEFAULT 0,
    attempts_before   INTEGER NOT NULL DEFAULT 0, -- those made before the last redrive
    cancel_requested  INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    since             INTEGER NOT NULL,           -- made, or last redriven
    updated_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_by_project ON deliveries (project_id, id);
CREATE INDEX deliveries_by_event ON deliveries (event_id, id);
CREATE INDEX deliveries_by_state ON deliveries (project_id, state, id);
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_by_listener ON deliveries (listener_id, id);

-- Work: one row for each pending delivery, gone with its last attempt. A row without an owner may
-- be claimed once it is due; an owned one is in the memory of that node.
CREATE TABLE queue (
    delivery_id TEXT    NOT NULL PRIMARY KEY,
    endpoint_id TEXT    NOT NULL,
    due_at      INTEGER NOT NULL,
    owner       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_due ON queue (endpoint_id, due_at, delivery_id) WHERE owner IS NULL;
CREATE INDEX queue_owned ON queue (owner) WHERE owner IS NOT NULL;

-- The log of attempts: each request with what came of it.
CREATE TABLE attempts (
    id                   TEXT    NOT NULL PRIMARY KEY,
    delivery_id          TEXT    NOT NULL,
    project_id           TEXT    NOT NULL,
    endpoint_id          TEXT    NOT NULL,
    number               INTEGER NOT NULL,
    started_at           INTEGER NOT NULL,
    duration_ms          INTEGER NOT NULL,
    url                  TEXT    NOT NULL,
    format               TEXT    NOT NULL, -- with the event it gives the body as it was sent
    request_headers_json TEXT    NOT NULL,
    address              TEXT,
    error_kind           TEXT,             -- null where the receiver took it
    error_message        TEXT,
    status               INTEGER,
    response_headers_json TEXT,
    response_body        BLOB,
    response_truncated   INTEGER NOT NULL DEFAULT 0,
    response_broke_off   TEXT              -- why the body broke off: kind and message
) STRICT;
CREATE INDEX attempts_by_delivery ON attempts (delivery_id, number);

-- What is left of a unit that was larger than a transaction: the reactions of one project's
-- listeners, as they were at `rules_version`, to one event, from a listener and reaction on. The
-- row goes when all are done.
CREATE TABLE fanouts (
    event_id      TEXT    NOT NULL,
    project_id    TEXT    NOT NULL, -- whose listeners
    rules_version INTEGER NOT NULL,
    next_listener TEXT    NOT NULL, -- the first that is not done; empty for the very first
    next_reaction INTEGER NOT NULL, -- the first of its reactions that is not done
    PRIMARY KEY (event_id, project_id)
) STRICT, WITHOUT ROWID;

-- How many rows of skipped deliveries a listener has had in an hour; old hours go.
CREATE TABLE skip_rows (
    listener_id TEXT    NOT NULL,
    hour        INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    PRIMARY KEY (listener_id, hour)
) STRICT, WITHOUT ROWID;

-- Skipped deliveries beyond those that have rows of their own, counted per minute.
CREATE TABLE skip_counts (
    project_id  TEXT    NOT NULL,
    listener_id TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    minute      INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    first_event TEXT    NOT NULL,
    last_event  TEXT    NOT NULL,
    PRIMARY KEY (project_id, listener_id, reason, minute)
) STRICT, WITHOUT ROWID;

INSERT INTO projects (id, name, created_at) VALUES
    ('prj_00000000000000000000000001', 'default', 0),
    ('prj_00000000000000000000000002', 'platform', 0);
