//! `riposte copy`: from one machine to many, all that a SQLite file holds into a PostgreSQL database.

use std::{
    io::{IsTerminal as _, Write, stderr},
    path::{Path, PathBuf},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{CliError, Exit, client::block_on};
use crate::{
    clock::Clock,
    config::{Config, Database, Flag, KeyFiles, Sources},
    domain::{
        chance::Chance,
        seal::{Keyring, SealingKeyId},
    },
    keys::{Keys, KeysError},
    store::{
        StoreSettings,
        copying::{self, Copied, CopyError, Figures, Progress},
    },
};

const AFTER_HELP: &str = "\
Examples:
  riposte copy --from sqlite://data/riposte.db --to postgres://riposte@db.example.com/riposte --dry-run
  RIPOSTE_DATABASE=postgres://riposte:hush@db.example.com/riposte riposte copy --from sqlite://data/riposte.db

Stop the gateway before: the file must not be in use. The database must be empty, and no node may run on it
yet. All comes in one transaction: if it fails, nothing is left behind, and the file is as it was.

Then start the nodes with the keys of the file, on each of them the same:
  RIPOSTE_SECRETS_KEY=\"$(cat data/secrets.key)\" RIPOSTE_OPERATOR_KEY=\"$(cat data/operator.key)\" riposte serve

Exit codes: 0 it is copied (or could be, with --dry-run), 2 it is not; the error says why.";

/// Copy all that a SQLite file holds into an empty PostgreSQL database.
///
/// Events, deliveries with their attempts, what is pending and dead, endpoints with their secrets,
/// listeners, keys, the audit log: each row as it is, under the same identifiers. What was counted on both
/// sides is compared before it counts.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CopyArgs {
    /// The file, for example sqlite://data/riposte.db
    #[arg(long, value_name = "URL")]
    from: String,
    /// The database; the configured one if absent. Others on this machine see what is given here, so a URL
    /// with a password belongs into RIPOSTE_DATABASE
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Find out whether it can be done, and write nothing but the schema
    #[arg(long)]
    dry_run: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// The configuration file; without this, config/riposte.toml if it is there
    #[arg(long, env = "RIPOSTE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyCommandError {
    /// What is to be copied is in no file.
    #[error("--from: {0} is no SQLite file: write it like sqlite://data/riposte.db")]
    NoFile(String),
    /// What is to be copied to is no PostgreSQL database.
    #[error("{0} is no PostgreSQL database: name one with --to, or in RIPOSTE_DATABASE")]
    NoPostgres(String),
    /// The file is not there.
    #[error("--from: there is no file {}", .0.display())]
    Absent(PathBuf),
    /// See [`KeysError`].
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// See [`CopyError`].
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// Both sides, and the key that they have in common.
struct Sides {
    file: PathBuf,
    from: StoreSettings,
    to: StoreSettings,
    key: SealingKeyId,
    shown: String,
}

impl CopyArgs {
    /// Copies, and says what was copied.
    ///
    /// # Errors
    /// If it could not be done: then nothing is left behind.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let clock = Clock::system();
        let sides = self.sides(&clock)?;
        let Sides {
            file, key, shown, ..
        } = sides;
        let bar = bar();
        let mut progress = |progress: Progress<'_>| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message(progress.table.to_owned());
        };
        let copied = block_on(async {
            let copying = copying::copy(
                sides.from,
                sides.to,
                self.dry_run,
                clock.now(),
                &mut progress,
            );
            Ok(copying.await.map_err(CopyCommandError::from)?)
        });
        bar.finish_and_clear();
        let copied = copied?;
        match self.json {
            true => writeln!(out, "{:#}", to_json(&copied, self.dry_run, key))?,
            false => self.tell(&copied, &file, &shown, out)?,
        }
        Ok(Exit::Success)
    }

    fn sides(&self, clock: &Clock) -> Result<Sides, CliError> {
        let from = self.config("--from", Some(&self.from))?;
        let to = self.config("--to", self.to.as_ref())?;
        let Database::Sqlite(file) = &from.database else {
            return Err(CopyCommandError::NoFile(from.database.to_string()).into());
        };
        if let Database::Sqlite(_) = &to.database {
            return Err(CopyCommandError::NoPostgres(to.database.to_string()).into());
        }
        if !file.exists() {
            return Err(CopyCommandError::Absent(file.clone()).into());
        }
        let chance = Chance::from_system();
        let keys = Keys::open(&from, &chance, clock).map_err(CopyCommandError::from)?;
        let settings = |config: &Config| {
            let keyring = Keyring::new(keys.sealing.clone(), Vec::new());
            StoreSettings {
                partition: config.postgres.partition,
                ..StoreSettings::at(config.database.url().expose(), keyring, chance.clone())
            }
        };
        Ok(Sides {
            file: file.clone(),
            from: settings(&from),
            to: settings(&to),
            key: keys.sealing.id(),
            shown: to.database.to_string(),
        })
    }

    /// The configuration, with the database that the flag `name` says.
    fn config(&self, name: &'static str, database: Option<&String>) -> Result<Config, CliError> {
        let flag = database.map(|url| Flag {
            name,
            key: "database",
            value: url.clone(),
        });
        Ok(Config::load(&Sources {
            file: self.config.clone(),
            environment: std::env::vars_os().collect(),
            flags: flag.into_iter().collect(),
            dev: false,
        })?)
    }

    fn tell(
        &self,
        copied: &Copied,
        file: &Path,
        to: &str,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let rows: u64 = copied.tables.iter().map(|(_, rows)| rows).sum();
        let tables = copied.tables.len();
        match self.dry_run {
            true => writeln!(out, "{rows} rows of {tables} tables can be copied to {to}")?,
            false => writeln!(out, "{rows} rows of {tables} tables are copied to {to}")?,
        }
        for Figures { project, counts } in &copied.projects {
            let counts = counts.iter().map(|(what, count)| format!("{count} {what}"));
            writeln!(
                out,
                "  {project}: {}",
                counts.collect::<Vec<_>>().join(", ")
            )?;
        }
        let mut errors = anstream::stderr();
        let files = KeyFiles::beside(file);
        writeln!(
            errors,
            "{} secrets and headers of endpoints open with the key at hand. Give each node the same \
             RIPOSTE_SECRETS_KEY and RIPOSTE_OPERATOR_KEY: what is configured here, or else what is in \
             {} and {}.",
            copied.secrets,
            files.secrets.display(),
            files.operator.display()
        )?;
        if !self.dry_run {
            writeln!(
                errors,
                "Start no gateway on {} any more: it would deliver what is pending there once more.",
                file.display()
            )?;
        }
        Ok(())
    }
}

fn to_json(copied: &Copied, is_rehearsal: bool, key: SealingKeyId) -> Value {
    let tables = copied
        .tables
        .iter()
        .map(|(table, rows)| (table.clone(), json!(rows)));
    let projects = copied.projects.iter().map(|figures| {
        let counts = json!(figures.counts);
        (figures.project.clone(), counts)
    });
    json!({
        "dry_run": is_rehearsal,
        "tables": tables.collect::<serde_json::Map<_, _>>(),
        "projects": projects.collect::<serde_json::Map<_, _>>(),
        "secrets": copied.secrets,
        "secrets_key": key.to_string(),
    })
}

fn bar() -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{msg:18} {wide_bar:.green} {human_pos} of {human_len} rows, {eta} left";
    let style = ProgressStyle::with_template(template);
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
