-- Changes of what users set up: how often a thing has changed, what was changed by whom, and what
-- repeats of a request are answered with.

-- Counts the changes: the strong tag that `If-Match` is compared with. Listeners have revisions.
ALTER TABLE endpoints ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE projects ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE api_keys ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

-- The audit log: one row for each thing that was changed, written in the transaction that changed
-- it. `realm` is a project, or `gateway` for what only operators see. Rows are never changed.
CREATE TABLE audit (
    id          TEXT    NOT NULL PRIMARY KEY,
    realm       TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    actor       TEXT    NOT NULL, -- an API key, `operator`, or `gateway`
    actor_name  TEXT,             -- what the key was called then
    address     TEXT,             -- from where it was asked for
    why         TEXT,             -- why the gateway did it by itself
    action      TEXT    NOT NULL,
    object_kind TEXT    NOT NULL,
    object_id   TEXT    NOT NULL,
    fields_json TEXT    NOT NULL, -- the fields that differ
    before_json TEXT,             -- the document as it was, without secrets
    after_json  TEXT              -- the document as it is since
) STRICT;
CREATE INDEX audit_by_realm ON audit (realm, id);
CREATE INDEX audit_by_object ON audit (realm, object_id, id);
CREATE INDEX audit_by_kind ON audit (realm, object_kind, id);
CREATE INDEX audit_by_action ON audit (realm, action, id);
CREATE INDEX audit_by_actor ON audit (realm, actor, id);

-- Requests that changed something under an `Idempotency-Key`, with their answers, which may hold
-- secrets. They go after `idempotency.window`.
CREATE TABLE idempotency_keys (
    realm      TEXT    NOT NULL, -- as above
    caller     TEXT    NOT NULL, -- an API key, or `operator`
    key        TEXT    NOT NULL,
    request    BLOB    NOT NULL, -- the hash of what was asked for
    answer     BLOB    NOT NULL, -- sealed
    created_at INTEGER NOT NULL,
    PRIMARY KEY (realm, caller, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
