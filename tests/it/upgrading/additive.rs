//! A node of the release before runs on while the schema is migrated: what each migration after the
//! baseline may do to the schema that it finds. `docs/migrations.md` says it in words.

use std::{fs, path::PathBuf};

/// The migration that everything begins with. On SQLite one process has the file, and no other release
/// runs beside it: what is here is about PostgreSQL alone.
const BASELINE: &str = "0001_baseline.sql";

/// What says, in a migration, that no program older than it works with the schema any more.
const CONTRACTS: &str = "understood_from";

#[test]
fn no_migration_takes_anything_from_a_node_of_the_release_before() {
    for (name, sql) in migrations() {
        let refused: Vec<_> = statements(&sql)
            .into_iter()
            .filter_map(|statement| Some((refusal(&statement)?, statement)))
            .collect();
        let contracts = sql.contains(CONTRACTS);
        assert!(
            refused.is_empty() || contracts,
            "{name} takes something away from nodes that run: {refused:#?}; see docs/migrations.md"
        );
    }
}

#[test]
fn what_takes_something_away_is_recognised() {
    for bad in [
        "DROP TABLE queue",
        "ALTER TABLE queue DROP COLUMN owner",
        "ALTER TABLE queue RENAME COLUMN owner TO node",
        "ALTER TABLE queue RENAME TO work",
        "ALTER TABLE queue ALTER COLUMN due_at TYPE text",
        "alter table queue alter owner set not null",
        "ALTER TABLE queue ADD COLUMN attempts bigint NOT NULL",
        "ALTER TABLE queue ADD CHECK (due_at > 0)",
        "ALTER TABLE queue ADD CONSTRAINT one UNIQUE (owner)",
        "ALTER TABLE queue ADD PRIMARY KEY (owner)",
        "CREATE UNIQUE INDEX queue_by_owner ON queue (owner)",
        "CREATE INDEX queue_by_owner ON queue (owner)",
        "CREATE OR REPLACE FUNCTION json_each(items text) RETURNS text",
        "CREATE TRIGGER t BEFORE INSERT ON queue EXECUTE FUNCTION f()",
        "TRUNCATE queue",
        "DELETE FROM queue",
        "UPDATE queue SET owner = NULL",
        "REVOKE ALL ON queue FROM public",
    ] {
        assert!(refusal(bad).is_some(), "{bad}");
    }
}

#[test]
fn what_only_adds_is_let_through() {
    for good in [
        "CREATE TABLE more (id text NOT NULL PRIMARY KEY, CHECK (id <> ''))",
        "ALTER TABLE queue ADD COLUMN lane text",
        "ALTER TABLE queue ADD COLUMN attempts bigint NOT NULL DEFAULT 0",
        "CREATE INDEX CONCURRENTLY queue_by_owner ON queue (owner)",
        "CREATE FUNCTION more(items text) RETURNS text LANGUAGE sql AS 'SELECT 1'",
        "INSERT INTO settings (name, value) VALUES ('a', 'b')",
        "ALTER TABLE queue SET (fillfactor = 50)",
        "ALTER TABLE queue ALTER COLUMN owner DROP NOT NULL",
        "COMMENT ON TABLE queue IS 'work'",
    ] {
        assert_eq!(refusal(good), None, "{good}");
    }
}

#[test]
fn statements_are_told_apart_from_what_is_said_about_them() {
    let sql =
        "-- DROP TABLE a;\nCREATE TABLE b (c text DEFAULT '; DROP TABLE d'); -- no\nSELECT 1;";
    assert_eq!(
        statements(sql),
        ["CREATE TABLE b (c text DEFAULT '')", "SELECT 1"]
    );
}

/// Why a node of the release before might not go on after `statement`; none if it does.
fn refusal(statement: &str) -> Option<&'static str> {
    let words: Vec<_> = statement
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase)
        .collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["CREATE", "TABLE" | "FUNCTION", ..]
        | ["CREATE", "INDEX", "CONCURRENTLY", ..]
        | ["INSERT" | "COMMENT" | "SET" | "ANALYZE", ..] => None,
        ["ALTER", "TABLE", _, "ADD", "COLUMN", rest @ ..] => column(rest),
        ["ALTER", "TABLE", _, "SET", "FILLFACTOR", ..] => None,
        [
            "ALTER",
            "TABLE",
            _,
            "ALTER",
            "COLUMN",
            _,
            "DROP",
            "NOT",
            "NULL",
        ] => None,
        ["CREATE", "INDEX", ..] => Some("it stops writers while it is made: make it CONCURRENTLY"),
        _ => Some("it is none of the statements that only add"),
    }
}

fn column(words: &[&str]) -> Option<&'static str> {
    let has = |wanted: &str| words.contains(&wanted);
    let demands = words.windows(2).any(|pair| pair == ["NOT", "NULL"]);
    match demands && !has("DEFAULT") {
        true => Some("a node that does not know the column gives it no value"),
        false if has("UNIQUE") || has("CHECK") || has("REFERENCES") || has("ADD") => {
            Some("it demands something of nodes that do not know the column")
        }
        false => None,
    }
}

/// The statements of `sql`, without comments and texts.
fn statements(sql: &str) -> Vec<String> {
    let mut plain = String::new();
    for line in sql.lines() {
        plain.push_str(line.split("--").next().unwrap_or_default());
        plain.push('\n');
    }
    let outside: String = plain.split('\'').step_by(2).collect::<Vec<_>>().join("''");
    outside
        .split(';')
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// The migrations after the baseline, each with its name.
fn migrations() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let files = fs::read_dir(folder).expect("the migrations");
    let mut all: Vec<_> = files
        .map(|file| file.expect("a file").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (
                name.into_owned(),
                fs::read_to_string(&path).expect("a text"),
            )
        })
        .filter(|(name, _)| name != BASELINE)
        .collect();
    all.sort();
    assert!(!all.is_empty());
    all
}
