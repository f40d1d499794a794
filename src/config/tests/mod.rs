//! What the configuration takes, and in which order its layers count.

mod refusals;

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::domain::{chance::Chance, ids::Ids, time::Timestamp};

/// A configuration file with `text` in it, environment variables and flags.
struct Case {
    directory: TempDir,
    sources: Sources,
}

fn case(text: &str) -> Case {
    let directory = TempDir::new().expect("a temporary directory");
    let file = directory.path().join("riposte.toml");
    fs::write(&file, text).expect("the file is written");
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    Case { directory, sources }
}

impl Case {
    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn with_flag(mut self, name: &'static str, key: &'static str, value: &str) -> Self {
        let value = value.to_owned();
        self.sources.flags.push(Flag { name, key, value });
        self
    }

    fn dev(mut self) -> Self {
        self.sources.dev = true;
        self
    }

    fn accepted(&self) -> Config {
        Config::load(&self.sources).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The refusal, the file called by its name alone.
    fn refused(&self) -> String {
        let error = Config::load(&self.sources)
            .map(drop)
            .expect_err("a refusal")
            .to_string();
        error.replace(&format!("{}/", self.directory.path().display()), "")
    }
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = case("").accepted();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database, Database::Sqlite("data/riposte.db".into()));
    assert_eq!(config.database.to_string(), "sqlite://data/riposte.db");
    let files = config.key_files().expect("files");
    assert_eq!(files.operator, Path::new("data/operator.key"));
    assert_eq!(files.secrets, Path::new("data/secrets.key"));
    assert!(config.operator_key.is_none() && config.secrets_key.is_none());
    assert_eq!(config.limits.request_bytes, 1 << 20);
    assert_eq!(config.limits.event_bytes, 256 << 10);
    assert_eq!(config.ingest.project_share, 0.5);
    assert_eq!(config.delivery.timeout, Duration::from_secs(15));
    assert_eq!(config.delivery.allow_networks, []);
    assert_eq!(config.retry.schedule.len(), 10);
    assert_eq!(config.retry.schedule[2], Duration::from_secs(300));
    assert_eq!(config.dedupe.window, Duration::from_secs(30 * 24 * 60 * 60));
    assert_eq!(config.log.format, LogFormat::Auto);
    assert_eq!(config.sqlite.readers, 4);
    assert_eq!(config.postgres.migrate, Migrate::Auto);
    assert!(!config.dev);
}

#[test]
fn a_later_layer_wins() {
    let file = r#"listen = "127.0.0.1:1111""#;
    let config = case(file).accepted();
    assert_eq!(config.listen.port(), 1111);
    let case = case(file).with_variable("RIPOSTE_LISTEN", "127.0.0.1:2222");
    assert_eq!(case.accepted().listen.port(), 2222);
    let case = case.with_flag("--listen", "listen", "[::1]:3333");
    assert_eq!(case.accepted().listen.to_string(), "[::1]:3333");
}

#[test]
fn each_setting_knows_where_it_comes_from() {
    let case = case("\n[delivery]\ntimeout = \"9s\"\n")
        .with_variable("RIPOSTE_LOG__LEVEL", "debug")
        .with_flag("--listen", "listen", "127.0.0.1:0");
    let settings = Settings::load(&case.sources).expect("settings");
    let origin = |path| settings.origin(path).to_string();
    assert!(origin("delivery.timeout").ends_with("riposte.toml:3"));
    assert_eq!(origin("log.level"), "RIPOSTE_LOG__LEVEL");
    assert_eq!(origin("listen"), "--listen");
    assert_eq!(origin("database"), "default");
}

#[test]
fn variables_take_the_type_of_their_key() {
    let config = case("")
        .with_variable("RIPOSTE_DELIVERY__ALLOW_NETWORKS", "10.0.0.0/8, fd00::/8")
        .with_variable(
            "RIPOSTE_DELIVERY__ALLOW_HOSTS",
            r#"["CI.Internal.", "hooks.lan"]"#,
        )
        .with_variable("RIPOSTE_DELIVERY__ALLOW_PORTS", "25,8443")
        .with_variable("RIPOSTE_DELIVERY__DENY_NETWORKS", "")
        .with_variable("RIPOSTE_DELIVERY__ALLOW_HTTP", "true")
        .with_variable("RIPOSTE_DELIVERY__CONCURRENCY", "3")
        .with_variable("RIPOSTE_INGEST__PROJECT_SHARE", "1")
        .with_variable("RIPOSTE_LIMITS__EVENT_BYTES", "2048")
        .with_variable("RIPOSTE_RETRY__SCHEDULE", "1s,2s")
        .accepted();
    let networks = config
        .delivery
        .allow_networks
        .iter()
        .map(ToString::to_string);
    assert_eq!(networks.collect::<Vec<_>>(), ["10.0.0.0/8", "fd00::/8"]);
    assert_eq!(config.delivery.allow_hosts, ["ci.internal", "hooks.lan"]);
    assert_eq!(config.delivery.allow_ports, [25, 8443]);
    assert_eq!(config.delivery.deny_networks, []);
    assert!(config.delivery.allow_http);
    assert_eq!(config.delivery.concurrency, 3);
    assert_eq!(config.ingest.project_share, 1.0);
    assert_eq!(config.limits.event_bytes, 2048);
    assert_eq!(config.retry.schedule, [1, 2].map(Duration::from_secs));
}

#[test]
fn variables_of_commands_and_of_kubernetes_are_not_ours() {
    let case = case("")
        .with_variable("RIPOSTE_KEY", "rp_x")
        .with_variable("RIPOSTE_PROJECT", "acme")
        .with_variable("RIPOSTE_PORT", "tcp://10.0.0.1:80")
        .with_variable("RIPOSTE_PORT_80_TCP_ADDR", "10.0.0.1")
        .with_variable("RIPOSTE_SERVICE_HOST", "10.0.0.1")
        .with_variable("PATH", "/bin");
    assert_eq!(case.accepted().listen.port(), 8080);
}

#[test]
fn secrets_are_never_shown() {
    let chance = Chance::seeded(1);
    let id = Ids::new(chance.clone()).next(Timestamp::default());
    let operator = ApiKey::generate(id, &chance).expose();
    let sealing = SealingKey::generate(&chance).expose();
    let file = format!("operator_key = {:?}", *operator);
    let hushed = case(&file).with_variable("RIPOSTE_SECRETS_KEY", &sealing);
    let config = hushed.accepted();
    assert!(config.operator_key.is_some() && config.secrets_key.is_some());
    let shown = format!("{config:?} {:?}", Settings::load(&hushed.sources));
    let secret_part = operator.rsplit('_').next().expect("a secret part");
    assert!(
        !shown.contains(secret_part) && !shown.contains(&*sealing),
        "{shown}"
    );
}

#[test]
fn a_database_of_many_nodes_is_named_by_its_url_and_shown_without_its_password() {
    let url = "postgres://riposte:hush@db.example.com/riposte";
    let case = case("[postgres]\nmigrate = \"manual\"\npartition = \"30d\"")
        .with_variable("RIPOSTE_DATABASE", url);
    let config = case.accepted();
    assert_eq!(config.database.url().expose(), url);
    let shown = "postgres://riposte:***@db.example.com/riposte";
    assert_eq!(config.database.to_string(), shown);
    assert!(!format!("{config:?}").contains("hush"));
    assert_eq!(config.key_files(), None);
    assert_eq!(config.postgres.migrate, Migrate::Manual);
    assert_eq!(
        config.postgres.partition,
        Duration::from_secs(30 * 24 * 60 * 60)
    );
}

#[test]
fn the_configuration_file_that_is_shipped_lists_every_key_with_its_default() {
    let shipped = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/",
        "config/riposte.toml"
    ))
    .expect("config/riposte.toml");
    let shown = |text: &str| format!("{:?}", case(text).accepted());
    assert_eq!(shown(&shipped), shown(""));
    let uncommented: Vec<&str> = shipped.lines().map(uncomment).collect();
    let document: toml::Table = toml::from_str(&uncommented.join("\n")).expect("TOML");
    let mut listed = 0;
    for key in keys() {
        let value = key
            .path
            .split('.')
            .fold(None, |table: Option<&toml::Value>, name| {
                table.map_or_else(|| document.get(name), |table| table.get(name))
            });
        let value = value.unwrap_or_else(|| panic!("{} is not listed", key.path));
        if let Some(default) = key.default_value() {
            assert_eq!(*value, default, "{}", key.path);
        }
        listed += 1;
    }
    let sections = document.values().filter_map(toml::Value::as_table);
    let (tables, inner) = sections.fold((0, 0), |(tables, inner), table| {
        (tables + 1, inner + table.len())
    });
    assert_eq!(
        listed,
        document.len() - tables + inner,
        "a key is listed that does not exist"
    );
}

/// The line, or the setting that it comments out.
fn uncomment(line: &str) -> &str {
    let setting = line.strip_prefix("# ").filter(|rest| {
        rest.split_once(" = ")
            .is_some_and(|(key, _)| !key.contains(|c: char| c != '_' && !c.is_ascii_lowercase()))
    });
    setting.unwrap_or(line)
}
