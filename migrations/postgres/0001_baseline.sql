-- All that the gateway keeps, where many nodes share one PostgreSQL. The columns are those of
-- migrations/sqlite, whatever wrote them there in the course of time; what is different is said here.
--
-- Conventions: identifiers are TypeIDs as text and sort by time; points in time are milliseconds
-- since the Unix epoch; payloads are bytes, kept as they came; *_json columns hold JSON that only
-- this program writes, as text, so that it comes back as it was written; what is yes or no is 1 or 0.
-- Each table says what its rows are, and when they go. What stands in an index is bounded by the
-- program: an entry may have some 2,700 bytes.
--
-- Whatever is compared or sorted is collated "C", by its bytes: as SQLite does it, whatever the
-- collation of the database, and no index depends on the version of a library of the system.
--
-- Portable where it costs nothing: no sequences, and a project in the key of each table that grows,
-- after the identifier by which rows are found. Nothing refers to anything by a foreign
-- key: each would lock a row of `projects` for each row that is written. What a row names is removed
-- after it; SQLite, where the same steps of the store run, has the keys that watch over that.

-- Sets of values as parameters: what SQLite's `json_each` gives, so that one statement does for both.
-- Each is one SELECT that is neither strict nor volatile, so that the planner puts it into the statement.
CREATE FUNCTION json_each(items text[]) RETURNS TABLE (value text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100
    AS 'SELECT item FROM unnest(items) AS each (item)';
CREATE FUNCTION json_each(items bigint[]) RETURNS TABLE (value bigint)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100
    AS 'SELECT item FROM unnest(items) AS each (item)';
-- A JSON array of arrays or objects.
CREATE FUNCTION json_each(items text) RETURNS TABLE (value jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100
    AS 'SELECT item FROM jsonb_array_elements(items::jsonb) AS each (item)';

-- Tenants. `rules_version` counts the changes of a project's listeners and schemas: an event
-- remembers which versions it met. `version` counts the changes of the project itself. A quota that
-- does not stand in `quotas_json` is the configured one. A project is active or removing: the row of
-- one that is removed goes last, with its name.
CREATE TABLE projects (
    id             text   COLLATE "C" NOT NULL PRIMARY KEY,
    name           text   COLLATE "C" NOT NULL UNIQUE,
    openings_json  text   NOT NULL DEFAULT '{}',
    rules_version  bigint NOT NULL DEFAULT 0,
    created_at     bigint NOT NULL,
    version        bigint NOT NULL DEFAULT 1,
    quotas_json    text   NOT NULL DEFAULT '{}',
    state          text   COLLATE "C" NOT NULL DEFAULT 'active',
    removal_job_id text   COLLATE "C"
) WITH (fillfactor = 50);

-- API keys: the SHA-256 of the secret part, never the key. `project_id` is null for an operator,
-- `scopes_json` where a key has all scopes, those to come included. `last_used_at` is right to a
-- minute. A key that was rotated names its successor, and ends soon.
CREATE TABLE api_keys (
    id           text   COLLATE "C" NOT NULL PRIMARY KEY,
    project_id   text   COLLATE "C",
    name         text   COLLATE "C" NOT NULL,
    hash         bytea  NOT NULL,
    created_at   bigint NOT NULL,
    expires_at   bigint,
    revoked_at   bigint,
    version      bigint NOT NULL DEFAULT 1,
    scopes_json  text,
    last_used_at bigint,
    successor_id text   COLLATE "C"
);
CREATE INDEX api_keys_by_project ON api_keys (project_id, id);
CREATE INDEX api_keys_by_name ON api_keys (project_id, lower(name), id);

-- Where webhooks go. A deleted endpoint stays, without its secrets, for the deliveries that name it.
-- `version` counts its changes.
CREATE TABLE endpoints (
    id           text   COLLATE "C" NOT NULL,
    project_id   text   COLLATE "C" NOT NULL,
    name         text   COLLATE "C",
    url          text   COLLATE "C" NOT NULL,
    state        text   COLLATE "C" NOT NULL,
    state_reason text   COLLATE "C" NOT NULL,
    state_since  bigint NOT NULL,
    format       text   COLLATE "C" NOT NULL,
    retry_json   text,
    timeout_ms   bigint,
    concurrency  bigint,
    headers      bytea  NOT NULL, -- sealed: headers carry credentials
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    deleted_at   bigint,
    version      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (id, project_id)
);
CREATE INDEX endpoints_by_project ON endpoints (project_id, id) WHERE deleted_at IS NULL;
-- A listener that names a URL finds the endpoint that is already there.
CREATE INDEX endpoints_by_url ON endpoints (project_id, url, id) WHERE deleted_at IS NULL;
CREATE INDEX endpoints_by_state ON endpoints (project_id, state, id) WHERE deleted_at IS NULL;
CREATE INDEX endpoints_by_name ON endpoints (project_id, lower(name), id)
    WHERE deleted_at IS NULL AND name IS NOT NULL;
CREATE INDEX endpoints_deleted ON endpoints (id) WHERE deleted_at IS NOT NULL;

-- Secrets of endpoints, sealed. The newest has no end; those before it sign until theirs.
CREATE TABLE endpoint_secrets (
    endpoint_id text   COLLATE "C" NOT NULL,
    number      bigint NOT NULL,
    sealed      bytea  NOT NULL,
    created_at  bigint NOT NULL,
    expires_at  bigint,
    PRIMARY KEY (endpoint_id, number)
);

-- Every revision of every listener. A revision holds from the rules version `from_version` on, and
-- up to but without `until_version`; null says that it holds still. `state` `deleted` ends a listener.
-- `ended_at` says when a revision ended: no event that came later has met it. Of the one that says
-- that its listener is deleted, when that was.
CREATE TABLE listener_revisions (
    project_id    text   COLLATE "C" NOT NULL,
    listener_id   text   COLLATE "C" NOT NULL,
    revision      bigint NOT NULL,
    from_version  bigint NOT NULL,
    until_version bigint,
    state         text   COLLATE "C" NOT NULL,
    config_json   text   NOT NULL,
    created_at    bigint NOT NULL, -- of the listener
    updated_at    bigint NOT NULL, -- of this revision
    ended_at      bigint,
    PRIMARY KEY (project_id, listener_id, revision)
);
CREATE INDEX listener_revisions_by_version ON listener_revisions (project_id, from_version);
CREATE INDEX listener_revisions_current ON listener_revisions (project_id, listener_id)
    WHERE until_version IS NULL;
CREATE INDEX listener_revisions_by_id ON listener_revisions (listener_id, revision);
CREATE INDEX listener_revisions_ended ON listener_revisions (project_id, ended_at)
    WHERE ended_at IS NOT NULL;
CREATE INDEX listeners_by_state ON listener_revisions (project_id, state, listener_id)
    WHERE until_version IS NULL;
-- What users wrote may hold U+0000, which PostgreSQL reads from no JSON; a name does not.
CREATE INDEX listeners_by_name
    ON listener_revisions (
        project_id,
        lower((replace(config_json, '\u0000', '\ufffd')::json ->> 'name') COLLATE "C"),
        listener_id)
    WHERE until_version IS NULL AND state <> 'deleted';

-- The logs are partitions by time: identifiers begin with it, so a week is a range of them. The store
-- makes the partitions ahead and drops those that are past, with whatever is in them: what is still
-- needed is moved into the default partition before. That one also takes what no other does: what was
-- made when partitions were not made in time, or has a time that nobody expected.

-- The log of events. `erased_at` says when the payload of one was wiped. The row stays: that it
-- happened, when, and what came of it.
CREATE TABLE events (
    id               text   COLLATE "C" NOT NULL,
    project_id       text   COLLATE "C" NOT NULL,
    producer_id      text   COLLATE "C" NOT NULL, -- the CloudEvents `id`
    source           text   COLLATE "C" NOT NULL,
    type             text   COLLATE "C" NOT NULL,
    subject          text   COLLATE "C",
    time             text   COLLATE "C" NOT NULL, -- as the producer wrote it
    attributes_json  text   NOT NULL,             -- datacontenttype, dataschema, extensions
    data_kind        text   COLLATE "C" NOT NULL, -- absent, json, text or binary
    data             bytea  NOT NULL,
    received_at      bigint NOT NULL,
    correlation_id   text   COLLATE "C" NOT NULL,
    causation_id     text   COLLATE "C",
    path_json        text   NOT NULL,             -- the listeners that led here
    state            text   COLLATE "C" NOT NULL,
    rules_version    bigint NOT NULL,             -- the rules of its project that it met
    platform_version bigint NOT NULL,             -- the rules of the platform that it met
    erased_at        bigint,
    PRIMARY KEY (id, project_id)
) PARTITION BY RANGE (id);
CREATE TABLE events_default PARTITION OF events DEFAULT;
CREATE INDEX events_by_project ON events (project_id, id);
CREATE INDEX events_by_type ON events (project_id, type, id);
CREATE INDEX events_by_producer_id ON events (project_id, producer_id, id);
CREATE INDEX events_by_correlation ON events (correlation_id, id);
CREATE INDEX events_by_source ON events (project_id, source, id);
CREATE INDEX events_by_subject ON events (project_id, subject, id) WHERE subject IS NOT NULL;
CREATE INDEX events_by_state ON events (project_id, state, id) WHERE state <> 'accepted';

-- The log of deliveries. `listener_id` is null for a test of an endpoint, `endpoint_id` for an
-- event that could not be emitted. The type of its event and how its last attempt went stand here,
-- since lists are filtered by them.
CREATE TABLE deliveries (
    id                text   COLLATE "C" NOT NULL,
    project_id        text   COLLATE "C" NOT NULL,
    event_id          text   COLLATE "C" NOT NULL,
    listener_id       text   COLLATE "C",
    listener_revision bigint,
    reaction          bigint,
    endpoint_id       text   COLLATE "C",
    state             text   COLLATE "C" NOT NULL,
    reason            text   COLLATE "C",
    detail            text,
    attempts          bigint NOT NULL DEFAULT 0,
    attempts_before   bigint NOT NULL DEFAULT 0, -- those made before the last redrive
    cancel_requested  bigint NOT NULL DEFAULT 0,
    created_at        bigint NOT NULL,
    since             bigint NOT NULL,           -- made, or last redriven
    updated_at        bigint NOT NULL,
    event_type        text   COLLATE "C" NOT NULL DEFAULT '',
    error_kind        text   COLLATE "C",        -- null where the receiver took it
    status            bigint,                    -- null where no answer came
    PRIMARY KEY (id, project_id)
) PARTITION BY RANGE (id);
CREATE TABLE deliveries_default PARTITION OF deliveries DEFAULT;
CREATE INDEX deliveries_by_project ON deliveries (project_id, id);
CREATE INDEX deliveries_by_event ON deliveries (event_id, id);
CREATE INDEX deliveries_by_state ON deliveries (project_id, state, id);
CREATE INDEX deliveries_by_endpoint ON deliveries (project_id, endpoint_id, id);
CREATE INDEX deliveries_by_listener ON deliveries (project_id, listener_id, id);
CREATE INDEX deliveries_by_type ON deliveries (project_id, event_type, id);
CREATE INDEX deliveries_by_reason ON deliveries (project_id, reason, id) WHERE reason IS NOT NULL;
CREATE INDEX deliveries_by_error_kind ON deliveries (project_id, error_kind, id)
    WHERE error_kind IS NOT NULL;
CREATE INDEX deliveries_by_status ON deliveries (project_id, status, id) WHERE status IS NOT NULL;
-- Those that have ended, by when they did: what is past its time comes first.
CREATE INDEX deliveries_ended ON deliveries (state, updated_at) WHERE state <> 'pending';
-- The same for dead letters alone: few rows have a part in these.
CREATE INDEX dead_letters_by_endpoint ON deliveries (project_id, endpoint_id, id) WHERE state = 'dead';
CREATE INDEX dead_letters_by_listener ON deliveries (project_id, listener_id, id) WHERE state = 'dead';
CREATE INDEX dead_letters_by_type ON deliveries (project_id, event_type, id) WHERE state = 'dead';
CREATE INDEX dead_letters_by_reason ON deliveries (project_id, reason, id) WHERE state = 'dead';
CREATE INDEX dead_letters_by_error_kind ON deliveries (project_id, error_kind, id)
    WHERE state = 'dead';
CREATE INDEX dead_letters_by_status ON deliveries (project_id, status, id) WHERE state = 'dead';
-- By their causes, which a read hops over; what is missing comes first, as on SQLite.
CREATE INDEX dead_letters_by_cause
    ON deliveries (project_id, endpoint_id NULLS FIRST, reason, error_kind NULLS FIRST, id)
    WHERE state = 'dead';

-- The log of attempts: each request with what came of it.
CREATE TABLE attempts (
    id                    text   COLLATE "C" NOT NULL,
    delivery_id           text   COLLATE "C" NOT NULL,
    project_id            text   COLLATE "C" NOT NULL,
    endpoint_id           text   COLLATE "C" NOT NULL,
    number                bigint NOT NULL,
    started_at            bigint NOT NULL,
    duration_ms           bigint NOT NULL,
    url                   text   NOT NULL,
    format                text   COLLATE "C" NOT NULL, -- with the event it gives the body as it was sent
    request_headers_json  text   NOT NULL,
    address               text   COLLATE "C",
    error_kind            text   COLLATE "C",          -- null where the receiver took it
    error_message         text,
    status                bigint,
    response_headers_json text,
    response_body         bytea,
    response_truncated    bigint NOT NULL DEFAULT 0,
    response_broke_off    text,                        -- why the body broke off: kind and message
    PRIMARY KEY (id, project_id)
) PARTITION BY RANGE (id);
CREATE TABLE attempts_default PARTITION OF attempts DEFAULT;
CREATE INDEX attempts_by_delivery ON attempts (delivery_id, id);
CREATE INDEX attempts_by_project ON attempts (project_id, id);
CREATE INDEX attempts_by_endpoint ON attempts (project_id, endpoint_id, id);
CREATE INDEX attempts_by_error_kind ON attempts (project_id, error_kind, id)
    WHERE error_kind IS NOT NULL;
CREATE INDEX attempts_by_status ON attempts (project_id, status, id) WHERE status IS NOT NULL;

-- The journal: what happened in each project, in the order in which it became durable. A step of the
-- store that accepts events, records attempts or changes the state of deliveries writes what it did
-- as entries of one or a few rows, in its transaction; the details stay where they are, in the logs.
-- A position is that of the transaction: its xid times 4096, plus a number within it. Readers read up
-- to the oldest transaction that is still open, so nothing comes in behind them.
CREATE TABLE journal (
    project_id   text   COLLATE "C" NOT NULL,
    position     bigint NOT NULL,
    written_at   bigint NOT NULL,
    entries      bigint NOT NULL, -- how many there are in the row
    entries_json text   NOT NULL,
    PRIMARY KEY (project_id, position, written_at)
) PARTITION BY RANGE (written_at);
CREATE TABLE journal_default PARTITION OF journal DEFAULT;

-- Up to where the journal of a project is gone: the last row that went after `retention.journal`, with
-- the number of its entries. Whoever has read less has missed something; whoever has read as much has
-- not, whatever positions there are in between.
CREATE TABLE journal_gone (
    project_id text   COLLATE "C" NOT NULL PRIMARY KEY,
    position   bigint NOT NULL,
    entries    bigint NOT NULL
) WITH (fillfactor = 50);

-- Partitions that are about to be dropped, and whether anybody has written into them since: what is
-- dropped is counted before, without a lock, and only what has not changed since is dropped. `attempt`
-- counts how often that was begun. A partition that is watched has a trigger that calls this function.
CREATE TABLE watched_partitions (
    name    text   COLLATE "C" NOT NULL PRIMARY KEY,
    attempt bigint NOT NULL DEFAULT 1,
    touched bigint NOT NULL DEFAULT 0
);
CREATE FUNCTION touch_partition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE watched_partitions SET touched = 1 WHERE name = TG_TABLE_NAME AND touched = 0;
    RETURN NULL;
END $$;

-- Work: one row for each pending delivery, gone with its last attempt. A row without an owner may
-- be claimed once it is due; an owned one is in the memory of that node: `owner` names its lease, by
-- node and epoch. Small and busy, so it is vacuumed early and at full speed.
CREATE TABLE queue (
    delivery_id text   COLLATE "C" NOT NULL,
    project_id  text   COLLATE "C" NOT NULL,
    endpoint_id text   COLLATE "C" NOT NULL,
    due_at      bigint NOT NULL,
    owner       text   COLLATE "C",
    PRIMARY KEY (delivery_id, project_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_due ON queue (endpoint_id, due_at, delivery_id) WHERE owner IS NULL;
-- What nodes have in memory is bounded: what one of them has is found by a look at all of it.
CREATE INDEX queue_owned ON queue (endpoint_id, due_at, owner) WHERE owner IS NOT NULL;

-- What is left of a unit that was larger than a transaction: the reactions of one project's
-- listeners, as they were at `rules_version`, to one event, from a listener and reaction on. The
-- row goes when all are done.
CREATE TABLE fanouts (
    event_id      text   COLLATE "C" NOT NULL,
    project_id    text   COLLATE "C" NOT NULL, -- whose listeners
    rules_version bigint NOT NULL,
    next_listener text   COLLATE "C" NOT NULL, -- the first that is not done; empty for the very first
    next_reaction bigint NOT NULL,             -- the first of its reactions that is not done
    PRIMARY KEY (event_id, project_id)
);

-- The same event twice: one row for each event that a producer named, whatever becomes of the log.
-- Rows go after `dedupe.window`.
CREATE TABLE event_keys (
    project_id  text   COLLATE "C" NOT NULL,
    source      text   COLLATE "C" NOT NULL,
    producer_id text   COLLATE "C" NOT NULL,
    hash        bytea  NOT NULL, -- of what the producer sent
    event_id    text   COLLATE "C" NOT NULL,
    received_at bigint NOT NULL,
    PRIMARY KEY (project_id, source, producer_id)
);
CREATE INDEX event_keys_by_time ON event_keys (received_at);

-- Events past their time that something still needs: a delivery that is pending or dead, or reactions
-- that are not carried out yet. They are looked at again at `look_at`; the row goes with the event.
CREATE TABLE kept_events (
    event_id   text   COLLATE "C" NOT NULL,
    project_id text   COLLATE "C" NOT NULL,
    look_at    bigint NOT NULL,
    PRIMARY KEY (event_id, project_id)
);
CREATE INDEX kept_events_by_look ON kept_events (look_at);

-- Counters: how much each project has of what. Whatever changes rows changes these by the same in the
-- same transaction, so that a figure costs a row and not a count over a log. A project's figures are
-- the sums over its shards: each node has shards of its own, so that they do not wait for one row. A
-- single shard may be negative. A row is updated in place, in the room that its page has left.
CREATE TABLE counters (
    project_id           text   COLLATE "C" NOT NULL,
    shard                bigint NOT NULL,
    events               bigint NOT NULL DEFAULT 0,
    stored_bytes         bigint NOT NULL DEFAULT 0, -- data of events, captured bodies of responses
    pending              bigint NOT NULL DEFAULT 0, -- deliveries, by their state
    delivered            bigint NOT NULL DEFAULT 0,
    dead                 bigint NOT NULL DEFAULT 0,
    cancelled            bigint NOT NULL DEFAULT 0,
    skipped              bigint NOT NULL DEFAULT 0,
    skipped_without_rows bigint NOT NULL DEFAULT 0,
    fanouts              bigint NOT NULL DEFAULT 0,
    endpoints            bigint NOT NULL DEFAULT 0, -- that are not deleted
    listeners            bigint NOT NULL DEFAULT 0, -- that are not deleted
    PRIMARY KEY (project_id, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);

-- How many rows of skipped deliveries a listener has had in an hour, counted by each shard; old
-- hours go.
CREATE TABLE skip_rows (
    project_id  text   COLLATE "C" NOT NULL,
    listener_id text   COLLATE "C" NOT NULL,
    hour        bigint NOT NULL,
    shard       bigint NOT NULL,
    rows        bigint NOT NULL,
    PRIMARY KEY (project_id, listener_id, hour, shard)
) WITH (fillfactor = 50);
CREATE INDEX skip_rows_by_hour ON skip_rows (hour);

-- Skipped deliveries beyond those that have rows of their own, counted per minute by each shard.
CREATE TABLE skip_counts (
    project_id  text   COLLATE "C" NOT NULL,
    listener_id text   COLLATE "C" NOT NULL,
    reason      text   COLLATE "C" NOT NULL,
    minute      bigint NOT NULL,
    shard       bigint NOT NULL,
    count       bigint NOT NULL,
    first_event text   COLLATE "C" NOT NULL,
    last_event  text   COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, listener_id, reason, minute, shard)
) WITH (fillfactor = 70);
CREATE INDEX skip_counts_by_minute ON skip_counts (minute);

-- The catalogue: which types of events a project has had, one row for each that it has seen, up to
-- a limit, in each shard that counts.
CREATE TABLE seen_types (
    project_id     text   COLLATE "C" NOT NULL,
    type           text   COLLATE "C" NOT NULL,
    shard          bigint NOT NULL,
    count          bigint NOT NULL,
    first_at       bigint NOT NULL,
    last_at        bigint NOT NULL,
    last_event     text   COLLATE "C" NOT NULL,
    violations     bigint NOT NULL DEFAULT 0, -- events that broke the schema and were taken
    violation_json text,                      -- the last of them: event, pointer, detail
    PRIMARY KEY (project_id, type, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- How many types a project has in `seen_types`, and how many events were of types beyond them.
CREATE TABLE seen_totals (
    project_id   text   COLLATE "C" NOT NULL PRIMARY KEY,
    types        bigint NOT NULL,
    uncatalogued bigint NOT NULL
) WITH (fillfactor = 50);

-- What users say about types of events. `version` is the version of the project's rules with which
-- the schema or its validation last changed.
CREATE TABLE event_types (
    project_id   text   COLLATE "C" NOT NULL,
    type         text   COLLATE "C" NOT NULL,
    description  text,
    schema_json  text,                        -- as users wrote it
    example_json text,                        -- as users wrote it
    validation   text   COLLATE "C" NOT NULL, -- off, warn or enforce
    version      bigint NOT NULL,
    revision     bigint NOT NULL, -- of all that is said; never the same again, also after a DELETE
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL,
    PRIMARY KEY (project_id, type)
);
CREATE INDEX event_types_judged ON event_types (project_id, type) WHERE validation <> 'off';

-- What was sent and did not become an event: the last of each project, written down in groups.
CREATE TABLE refusals (
    id          text   COLLATE "C" NOT NULL,
    project_id  text   COLLATE "C" NOT NULL,
    at          bigint NOT NULL,
    outcome     text   COLLATE "C" NOT NULL, -- refused, duplicate or conflict
    code        text   COLLATE "C",          -- with which it was answered
    pointer     text,
    detail      text   NOT NULL,
    event_id    text   COLLATE "C",          -- the event that is there instead
    producer_id text   COLLATE "C",          -- what could be read of it
    source      text   COLLATE "C",
    type        text   COLLATE "C",
    PRIMARY KEY (id, project_id)
);
CREATE INDEX refusals_by_project ON refusals (project_id, id);
CREATE INDEX refusals_by_producer_id ON refusals (project_id, producer_id, id)
    WHERE producer_id IS NOT NULL;

-- How many there were, kept or not.
CREATE TABLE refusal_totals (
    project_id text   COLLATE "C" NOT NULL,
    outcome    text   COLLATE "C" NOT NULL,
    code       text   COLLATE "C" NOT NULL, -- empty for a duplicate
    count      bigint NOT NULL,
    last_at    bigint NOT NULL,
    PRIMARY KEY (project_id, outcome, code)
) WITH (fillfactor = 50);

-- What quotas have refused; the rows go with the project.
CREATE TABLE quota_refusals (
    project_id text   COLLATE "C" NOT NULL,
    quota      text   COLLATE "C" NOT NULL,
    count      bigint NOT NULL,
    last_at    bigint NOT NULL,
    PRIMARY KEY (project_id, quota)
) WITH (fillfactor = 50);

-- Jobs: long work on many rows, done in small steps. A row says how far a job has come; it moves in
-- the transaction of each step, so that a restart goes on where the job was. Ended jobs go after
-- `retention.jobs`.
CREATE TABLE jobs (
    id           text   COLLATE "C" NOT NULL,
    project_id   text   COLLATE "C" NOT NULL,
    state        text   COLLATE "C" NOT NULL,            -- queued, running, done, cancelled or failed
    task_json    text   NOT NULL,                        -- what is to be done, with its kind
    requested_by text   COLLATE "C" NOT NULL,            -- an API key, or `operator`
    position     text   COLLATE "C" NOT NULL DEFAULT '', -- the last thing that was looked at
    total        bigint,                                 -- how many things are meant; null until counted
    tally_json   text   NOT NULL,                        -- what came of those that were looked at
    error        text,                                   -- why it failed
    created_at   bigint NOT NULL,
    started_at   bigint,
    finished_at  bigint,
    PRIMARY KEY (id, project_id)
);
CREATE INDEX jobs_by_project ON jobs (project_id, id);
CREATE INDEX jobs_open ON jobs (id) WHERE finished_at IS NULL;
CREATE INDEX jobs_ended ON jobs (finished_at) WHERE finished_at IS NOT NULL;

-- The audit log: one row for each thing that was changed, written in the transaction that changed
-- it. `realm` is a project, or `gateway` for what only operators see. Rows are never changed; they go
-- after `retention.audit`.
CREATE TABLE audit (
    id          text   COLLATE "C" NOT NULL,
    realm       text   COLLATE "C" NOT NULL,
    at          bigint NOT NULL,
    actor       text   COLLATE "C" NOT NULL, -- an API key, `operator`, or `gateway`
    actor_name  text,                        -- what the key was called then
    address     text   COLLATE "C",          -- from where it was asked for
    why         text,                        -- why the gateway did it by itself
    action      text   COLLATE "C" NOT NULL,
    object_kind text   COLLATE "C" NOT NULL,
    object_id   text   COLLATE "C" NOT NULL,
    fields_json text   NOT NULL,             -- the fields that differ
    before_json text,                        -- the document as it was, without secrets
    after_json  text,                        -- the document as it is since
    PRIMARY KEY (id, realm)
);
CREATE INDEX audit_by_realm ON audit (realm, id);
CREATE INDEX audit_by_object ON audit (realm, object_id, id);
CREATE INDEX audit_by_kind ON audit (realm, object_kind, id);
CREATE INDEX audit_by_action ON audit (realm, action, id);
CREATE INDEX audit_by_actor ON audit (realm, actor, id);

-- Requests that changed something under an `Idempotency-Key`, with their answers, which may hold
-- secrets. They go after `idempotency.window`.
CREATE TABLE idempotency_keys (
    realm      text   COLLATE "C" NOT NULL, -- as above
    caller     text   COLLATE "C" NOT NULL, -- an API key, or `operator`
    key        text   COLLATE "C" NOT NULL,
    request    bytea  NOT NULL,             -- the hash of what was asked for
    answer     bytea  NOT NULL,             -- sealed
    created_at bigint NOT NULL,
    PRIMARY KEY (realm, caller, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- The nodes that serve, and those that did a while ago. All times are by the database's clock. What a
-- node has is its own under its lease, which it renews with each heartbeat; where the lease has run
-- out, the next epoch begins and what the node had is freed. `shard` is the smallest number that no
-- living node has: it tells counters apart.
CREATE TABLE nodes (
    id           text   COLLATE "C" NOT NULL PRIMARY KEY,
    shard        bigint NOT NULL,
    epoch        bigint NOT NULL,
    version      text   NOT NULL, -- of the program
    address      text,            -- where its API listens
    started_at   bigint NOT NULL,
    heartbeat_at bigint NOT NULL,
    lease_until  bigint NOT NULL,
    status_json  text   NOT NULL, -- what it says about itself: its lanes, its clock
    state        text   COLLATE "C" NOT NULL
) WITH (fillfactor = 50);

-- What a node tells the others: that something has changed which they may hold in memory. Written in
-- the transaction that makes the change, whose xid it carries; rows go after ten minutes.
CREATE TABLE notices (
    xid        bigint NOT NULL,
    n          bigint NOT NULL,
    kind       text   COLLATE "C" NOT NULL,
    object_id  text   COLLATE "C" NOT NULL,
    at         bigint NOT NULL, -- by the database's clock
    PRIMARY KEY (xid, n)
);

INSERT INTO projects (id, name, created_at) VALUES
    ('prj_00000000000000000000000001', 'default', 0),
    ('prj_00000000000000000000000002', 'platform', 0);
INSERT INTO counters (project_id, shard) SELECT id, 0 FROM projects;
