//! `riposte migrate`: the schema of the database, and bringing it up to date before nodes of a new
//! release start.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use comfy_table::{Table, presets::NOTHING};
use serde_json::{Value, json};

use super::{
    CliError, Exit,
    client::block_on,
    look::{Sign, colour_signs},
    moment::from_now,
    options::ConfigOptions,
};
use crate::{
    clock::Clock,
    config::Config,
    domain::time::Timestamp,
    store::{
        StoreError,
        migrations::{self, Migration, MigrationState, Schema},
    },
};

const AFTER_HELP: &str = "\
Examples:
  riposte migrate status
  riposte migrate up --config /etc/riposte.toml

`riposte serve` migrates at its start, unless postgres.migrate is \"manual\": then `riposte migrate up` of
the new release goes first, while the nodes of the old one run on, and they are replaced one by one.
Several may run it at once: one does it and the others wait. A SQLite file must not be in use.

Exit codes:
  0  the schema is up to date
  1  migrations wait, or this program cannot work with the schema
  2  the database cannot be read or migrated; the error says why";

/// Show the versions of the database's schema, or bring it up to date.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct MigrateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show which migrations are carried out, which wait, and whether this program is older than the
    /// schema.
    ///
    /// Nothing is changed, and gateways may run.
    Status(Options),
    /// Carry out the migrations that wait.
    Up(Options),
}

#[derive(Debug, Args)]
struct Options {
    #[command(flatten)]
    config: ConfigOptions,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Why the schema cannot be shown or brought up to date.
#[derive(Debug, thiserror::Error)]
#[error("{database}: {reason}")]
pub struct MigrateError {
    database: String,
    reason: StoreError,
}

impl MigrateArgs {
    /// Shows the schema, or brings it up to date and shows it.
    ///
    /// # Errors
    /// If the database cannot be read or migrated.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let (options, is_up) = match &self.what {
            What::Status(options) => (options, false),
            What::Up(options) => (options, true),
        };
        let database = Config::load(&options.config.sources())?.database;
        let url = database.url();
        let schema = block_on(async {
            let schema = match is_up {
                true => migrations::migrate(url.expose()).await,
                false => migrations::status(url.expose()).await,
            };
            Ok(schema.map_err(|reason| MigrateError {
                database: database.to_string(),
                reason,
            })?)
        })?;
        match options.json {
            true => writeln!(out, "{:#}", to_json(&schema, &database.to_string()))?,
            false => show(&schema, Clock::system().now(), out)?,
        }
        Ok(match schema.unfit {
            None => Exit::Success,
            Some(_) => Exit::No,
        })
    }
}

fn show(schema: &Schema, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["MIGRATION", "NAME", "STATE"]);
    table.add_rows(schema.migrations.iter().map(|migration| {
        [
            format!("{:04}", migration.version),
            migration.name.clone(),
            state(migration, now),
        ]
    }));
    for line in table.trim_fmt().lines() {
        let line = line.strip_prefix(' ').unwrap_or(line);
        writeln!(out, "{}", colour_signs(line))?;
    }
    writeln!(out, "\n{}", sentence(schema))
}

fn state(migration: &Migration, now: Timestamp) -> String {
    let (sign, text) = match migration.state {
        MigrationState::Applied(at) => (Sign::Good, format!("carried out {}", from_now(at, now))),
        MigrationState::Later(at) => (
            Sign::Aside,
            format!("carried out {} by a later release", from_now(at, now)),
        ),
        MigrationState::Waiting => (Sign::Waiting, "waits".to_owned()),
        MigrationState::Failed => (Sign::Bad, "began and came to no end".to_owned()),
        MigrationState::Changed => (Sign::Bad, "was carried out in another form".to_owned()),
    };
    format!("{} {text}", sign.plain())
}

/// What it comes down to.
fn sentence(schema: &Schema) -> String {
    match &schema.unfit {
        Some(unfit) => format!("This program does not work with it: {unfit}."),
        None if schema.is_later() => {
            "The schema is later than this program, which works with it all the same.".to_owned()
        }
        None => "The schema is up to date.".to_owned(),
    }
}

fn to_json(schema: &Schema, database: &str) -> Value {
    let migrations = schema.migrations.iter().map(|migration| {
        let (state, at) = match migration.state {
            MigrationState::Applied(at) => ("applied", Some(at)),
            MigrationState::Later(at) => ("later", Some(at)),
            MigrationState::Waiting => ("waiting", None),
            MigrationState::Failed => ("failed", None),
            MigrationState::Changed => ("changed", None),
        };
        json!({
            "version": migration.version,
            "name": migration.name,
            "state": state,
            "applied_at": at.map(|at| at.to_string()),
        })
    });
    json!({
        "database": database,
        "up_to_date": schema.is_up_to_date(),
        "later": schema.is_later(),
        "unfit": schema.unfit.as_ref().map(ToString::to_string),
        "migrations": migrations.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrations::Unfit;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn schema(states: &[MigrationState], unfit: Option<Unfit>) -> Schema {
        let migrations = states.iter().zip(1..).map(|(state, version)| Migration {
            version,
            name: "baseline".to_owned(),
            state: *state,
        });
        Schema {
            migrations: migrations.collect(),
            unfit,
        }
    }

    fn shown(schema: &Schema) -> String {
        let mut out = Vec::new();
        show(schema, NOW, &mut out).expect("shown");
        let text = String::from_utf8(out).expect("UTF-8");
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn each_migration_is_a_line_and_a_sentence_says_what_it_comes_down_to() {
        let applied = MigrationState::Applied(NOW);
        assert_eq!(
            shown(&schema(&[applied], None)),
            "MIGRATION  NAME      STATE\n\
             0001       baseline  ✓ carried out now\n\n\
             The schema is up to date.\n"
        );
        let later = schema(&[applied, MigrationState::Later(NOW)], None);
        assert!(shown(&later).contains("○ carried out now by a later release"));
        assert!(shown(&later).contains("works with it all the same"));
        let unfit = Unfit::TooNew {
            needed: 3,
            known: 2,
        };
        let text = shown(&schema(&[applied], Some(unfit)));
        assert!(
            text.contains("does not work with it: it is of a later release"),
            "{text}"
        );
    }

    #[test]
    fn the_json_has_the_same_in_words() {
        let json = to_json(&schema(&[MigrationState::Waiting], None), "sqlite://a.db");
        assert_eq!(json["up_to_date"], false);
        assert_eq!(json["migrations"][0]["state"], "waiting");
        assert_eq!(json["migrations"][0]["applied_at"], Value::Null);
    }
}
