//! `riposte check`: shows the configuration that counts, and where each value comes from.

mod connect;

use std::io::Write;

use clap::Args;
use comfy_table::{Table, presets::NOTHING};
use serde_json::{Value, json};

use self::connect::Answer;
use super::{CliError, Exit, client::block_on, options::ConfigOptions};
use crate::{
    config::{Config, Origin, Setting, Settings, Sources},
    store::StoreError,
};

const AFTER_HELP: &str = "\
Examples:
  riposte check                                  what `riposte serve` would run with here
  riposte check --config /etc/riposte.toml       a file before it is put to use
  RIPOSTE_LISTEN=0.0.0.0:80 riposte check --json
  riposte check --connect                        ask the database as well

Exit codes:
  0  the configuration is good
  1  with --connect: the schema does not fit, or the database may lose what it acknowledges
  2  the configuration is not good, and the error names file, line and key; or the database does not answer";

/// Check the configuration and show where each value comes from.
///
/// Reads the built-in defaults, the configuration file, the environment (RIPOSTE_*) and the flags
/// as `riposte serve` would, and shows each key with the value that counts. Secrets are not shown.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CheckArgs {
    #[command(flatten)]
    options: ConfigOptions,
    /// Ask the database whether its schema fits and whether it keeps what it acknowledges; nothing is
    /// changed there
    #[arg(long)]
    connect: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Why the database could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{database}: {reason}")]
pub struct ConnectError {
    database: String,
    reason: StoreError,
}

impl CheckArgs {
    /// Checks and shows.
    ///
    /// # Errors
    /// The first thing that is wrong with the configuration; a database that does not answer.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let sources = self.options.sources();
        let answer = match self.connect {
            true => Some(ask(&Config::load(&sources)?)?),
            false => None,
        };
        show(&sources, answer.as_ref(), self.json, out)
    }
}

fn ask(config: &Config) -> Result<Answer, CliError> {
    let answer = block_on(async { Ok(Answer::of(&config.database).await) })?;
    Ok(answer.map_err(|reason| ConnectError {
        database: config.database.to_string(),
        reason,
    })?)
}

fn show(
    sources: &Sources,
    answer: Option<&Answer>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let settings = Settings::load(sources)?;
    let config = Config::from_settings(&settings)?;
    if as_json {
        let all: Vec<Value> = settings
            .iter()
            .map(|setting| to_json(setting, &config))
            .collect();
        let mut shown = json!({"dev": config.dev, "settings": all});
        if let Some(answer) = answer {
            shown["database"] = answer.to_json();
        }
        writeln!(out, "{shown:#}")?;
    } else {
        writeln!(out, "{}", table(&settings, &config).trim_fmt())?;
        answer.map_or(Ok(()), |answer| answer.show(out))?;
    }
    Ok(answer.map_or(Exit::Success, Answer::exit))
}

fn table(settings: &Settings, config: &Config) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["KEY", "VALUE", "FROM"]);
    for setting in settings.iter() {
        table.add_row([
            setting.key.path.to_owned(),
            shown(setting, config),
            setting.origin.to_string(),
        ]);
    }
    table
}

/// The value for a reader: as it would stand in the file, but for secrets.
fn shown(setting: &Setting, config: &Config) -> String {
    match (&setting.value, setting.key.is_secret()) {
        (Some(_), true) => "(hidden)".to_owned(),
        (Some(value), false) => without_password(setting, value, config).to_string(),
        (None, _) => match key_file(setting, config) {
            Some(file) => format!("(in {file}, made at the first start)"),
            None => "(not set, but must be)".to_owned(),
        },
    }
}

fn to_json(setting: &Setting, config: &Config) -> Value {
    let mut object = json!({
        "key": setting.key.path,
        "variable": setting.key.variable(),
        "from": origin(&setting.origin),
    });
    match (&setting.value, setting.key.is_secret()) {
        (Some(_), true) => object["hidden"] = json!(true),
        (Some(value), false) => {
            object["value"] = json!(without_password(setting, value, config));
        }
        (None, _) => object["key_file"] = json!(key_file(setting, config)),
    }
    object
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::Default => json!({"layer": "default"}),
        Origin::File { path, line } => json!({"layer": "file", "file": path, "line": line}),
        Origin::Environment(name) => json!({"layer": "environment", "variable": name}),
        Origin::Flag(name) => json!({"layer": "flag", "flag": name}),
    }
}

/// A value as it may be shown: a URL may hold a password.
fn without_password(setting: &Setting, value: &toml::Value, config: &Config) -> toml::Value {
    match setting.key.path {
        "database" => toml::Value::String(config.database.to_string()),
        _ => value.clone(),
    }
}

/// The file that keeps a key which is not configured; none if it must be.
fn key_file(setting: &Setting, config: &Config) -> Option<String> {
    let files = config.key_files()?;
    let file = match setting.key.path {
        "operator_key" => files.operator,
        _ => files.secrets,
    };
    Some(file.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::config::{Flag, keys};

    fn sources(directory: &TempDir, text: &str) -> Sources {
        let file = directory.path().join("riposte.toml");
        fs::write(&file, text).expect("the file is written");
        Sources {
            file: Some(file),
            environment: vec![("RIPOSTE_LOG__LEVEL".into(), "debug".into())],
            flags: vec![Flag {
                name: "--listen",
                key: "listen",
                value: "127.0.0.1:0".to_owned(),
            }],
            dev: false,
        }
    }

    fn output(text: &str, as_json: bool) -> String {
        let directory = TempDir::new().expect("a temporary directory");
        let mut out = Vec::new();
        let exit = show(&sources(&directory, text), None, as_json, &mut out)
            .expect("a good configuration");
        assert_eq!(exit, Exit::Success);
        let shown = String::from_utf8(out).expect("UTF-8");
        shown.replace(&directory.path().display().to_string(), "DIR")
    }

    const FILE: &str = "secrets_key = \"hushhushhushhushhushhushhushhushhushhushhus=\"\n[delivery]\nallow_networks = [\"10.0.0.0/8\"]\n";

    #[test]
    fn the_table_shows_every_key_with_its_value_and_origin_and_no_secret() {
        let shown = output(FILE, false);
        for key in keys() {
            assert!(
                shown.lines().any(|line| line.trim().starts_with(key.path)),
                "{}",
                key.path
            );
        }
        let row = |key: &str| {
            let row = shown
                .lines()
                .find(|line| line.trim().starts_with(key))
                .expect(key);
            row.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(row("listen"), "listen \"127.0.0.1:0\" --listen");
        assert_eq!(row("log.level"), "log.level \"debug\" RIPOSTE_LOG__LEVEL");
        assert_eq!(
            row("secrets_key"),
            "secrets_key (hidden) DIR/riposte.toml:1"
        );
        assert_eq!(
            row("operator_key"),
            "operator_key (in data/operator.key, made at the first start) default"
        );
        assert_eq!(
            row("delivery.allow_networks"),
            "delivery.allow_networks [\"10.0.0.0/8\"] DIR/riposte.toml:3"
        );
        assert!(!shown.contains("hush"));
    }

    #[test]
    fn a_password_in_the_url_of_the_database_is_not_shown() {
        const FILE: &str = "database = \"postgres://riposte:hush@db/riposte\"";
        for as_json in [false, true] {
            let shown = output(FILE, as_json);
            assert!(
                shown.contains("postgres://riposte:***@db/riposte") && !shown.contains("hush"),
                "{shown}"
            );
        }
        assert!(output(FILE, false).contains("(not set, but must be)"));
    }

    #[test]
    fn the_json_has_the_same_in_types() {
        let shown = output(FILE, true);
        assert!(!shown.contains("hush"));
        let document: Value = serde_json::from_str(&shown).expect("JSON");
        let find = |key: &str| {
            let all = document["settings"].as_array().expect("a list");
            all.iter()
                .find(|setting| setting["key"] == key)
                .expect(key)
                .clone()
        };
        assert_eq!(find("sqlite.readers")["value"], 4);
        assert_eq!(find("sqlite.readers")["from"], json!({"layer": "default"}));
        assert_eq!(find("secrets_key")["hidden"], true);
        assert_eq!(find("operator_key")["key_file"], "data/operator.key");
        assert_eq!(
            find("delivery.allow_networks")["from"],
            json!({"layer": "file", "file": "DIR/riposte.toml", "line": 3})
        );
        assert_eq!(find("listen")["variable"], "RIPOSTE_LISTEN");
    }

    #[test]
    fn a_bad_configuration_is_an_error_with_its_place() {
        let directory = TempDir::new().expect("a temporary directory");
        let bad = sources(&directory, "\nlimits.batch_events = 0\n");
        let error = show(&bad, None, false, &mut Vec::new())
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("riposte.toml:2: limits.batch_events: 0 is out of range"),
            "{error}"
        );
    }
}
