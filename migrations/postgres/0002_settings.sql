-- What all nodes must agree on. `secrets_key` names the key that secrets are sealed with: a node with
-- another one does not start. `understood_from` is the first migration that a program has to know to
-- work with the schema, 1 where the row is missing: see docs/migrations.md.
CREATE TABLE settings (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    value text NOT NULL
);
