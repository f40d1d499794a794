-- Up to where the journal of a project is gone: the last row that went after `retention.journal`, with
-- the number of its entries. Whoever has read less has missed something; whoever has read as much has
-- not, whatever positions there are in between.

CREATE TABLE journal_gone (
    project_id TEXT    NOT NULL PRIMARY KEY,
    position   INTEGER NOT NULL,
    entries    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many entries the last row had that is gone by now was not written down: more than anybody has read.
INSERT INTO journal_gone (project_id, position, entries)
    SELECT project_id, min(position) - 1, 4294967295 FROM journal
    GROUP BY project_id HAVING min(position) > 1;
