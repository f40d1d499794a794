//! What the configuration takes, what it refuses, and how it says so.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use super::*;

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
    assert_eq!(config.operator_key_file(), Path::new("data/operator.key"));
    assert_eq!(config.secrets_key_file(), Path::new("data/secrets.key"));
    assert_eq!(config.operator_key, None);
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
        .with_variable("RIPOSTE_PORT", "tcp://10.0.0.1:80")
        .with_variable("RIPOSTE_PORT_80_TCP_ADDR", "10.0.0.1")
        .with_variable("RIPOSTE_SERVICE_HOST", "10.0.0.1")
        .with_variable("PATH", "/bin");
    assert_eq!(case.accepted().listen.port(), 8080);
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
    for (file, refusal) in [
        (
            "\nlissten = 1",
            "riposte.toml:2: there is no key lissten; did you mean listen?",
        ),
        (
            "[delivery]\n# a comment\ntimout = \"1s\"",
            "riposte.toml:3: there is no key delivery.timout; did you mean delivery.timeout?",
        ),
        (
            "[delivry]\ntimeout = \"1s\"",
            "riposte.toml:2: there is no key delivry.timeout; did you mean delivery.timeout?",
        ),
        (
            "limits.event_byte = 1",
            "riposte.toml:1: there is no key limits.event_byte; did you mean limits.event_bytes?",
        ),
        (
            "timeout = \"1s\"",
            "riposte.toml:1: there is no key timeout; did you mean delivery.timeout?",
        ),
        (
            "[nonsense]",
            "riposte.toml:1: there is no key nonsense; `riposte check` lists the keys that there are",
        ),
    ] {
        assert_eq!(case(file).refused(), refusal, "{file}");
    }
}

#[test]
fn an_unknown_variable_or_flag_is_named() {
    let variable = case("").with_variable("RIPOSTE_DELIVERY__TIMOUT", "1s");
    assert_eq!(
        variable.refused(),
        "RIPOSTE_DELIVERY__TIMOUT: there is no key delivery.timout; \
         did you mean RIPOSTE_DELIVERY__TIMEOUT?"
    );
    let flag = case("").with_flag("--listen", "listen", "8080");
    assert_eq!(
        flag.refused(),
        "--listen: listen: \"8080\" is not an IP address and a port: \
         write it like \"127.0.0.1:8080\" or \"[::]:8080\""
    );
}

#[test]
fn a_bad_value_is_named_with_its_place_and_what_would_be_right() {
    for (file, refusal) in [
        (
            "listen = 8080",
            "1: listen: 8080 is not an IP address and a port",
        ),
        (
            "listen = \"localhost:80\"",
            "1: listen: \"localhost:80\" is not an IP address",
        ),
        (
            "limits.event_bytes = \"1 MX\"",
            "1: limits.event_bytes: \"1 MX\" is not a size",
        ),
        (
            "limits.event_bytes = -5",
            "1: limits.event_bytes: -5 is not a size",
        ),
        (
            "limits.event_bytes = 10",
            "10 B is out of range: it may be 1 KiB to 64 MiB",
        ),
        (
            "limits.batch_events = 0",
            "0 is out of range: it may be 1 to 100000",
        ),
        ("limits.batch_events = \"9\"", "\"9\" is not a whole number"),
        (
            "limits.batch_events = {a = 1}",
            "a table is not a whole number",
        ),
        ("delivery.timeout = 15", "15 is not a duration"),
        (
            "delivery.timeout = \"1ms\"",
            "1ms is out of range: it may be 100ms to 5m",
        ),
        (
            "delivery.allow_http = \"yes\"",
            "\"yes\" is not true or false",
        ),
        (
            "delivery.allow_networks = \"10.0.0.0/8\"",
            "\"10.0.0.0/8\" is not a list",
        ),
        (
            "delivery.allow_networks = [\"10.0.0.0/8\", \"10.0.0.1/8\"]",
            "item 2: 10.0.0.1/8 has bits set beyond its prefix: write 10.0.0.0/8",
        ),
        (
            "delivery.allow_networks = [\"10\"]",
            "item 1: \"10\" is not a network",
        ),
        (
            "delivery.allow_ports = [0]",
            "item 1: 0 is out of range: it may be 1 to 65535",
        ),
        (
            "delivery.allow_hosts = [\"10.0.0.1\"]",
            "item 1: \"10.0.0.1\" is not a host name alone",
        ),
        (
            "delivery.allow_hosts = [\"a.b:80\"]",
            "item 1: \"a.b:80\" is not a host name alone",
        ),
        ("retry.schedule = []", "0 items: it must have 1 to 100"),
        (
            "retry.schedule = [\"0s\", \"x\"]",
            "item 2: \"x\" is not a duration",
        ),
        (
            "retry.jitter = 1.5",
            "1.5 is out of range: it may be 0 to 1",
        ),
        ("retry.jitter = nan", "NaN is out of range"),
        ("log.level = \"inof\"", "\"inof\" is not a level"),
        ("log.level = \"info,riposte=loud\"", "is not a level"),
        (
            "log.format = \"xml\"",
            "\"xml\" is not \"auto\", \"text\" or \"json\"",
        ),
        (
            "database = \"postgres://u:p@h/d\"",
            "postgres://… is not a database that is supported",
        ),
        (
            "database = \"sqlite://\"",
            "sqlite://… is not a database that is supported",
        ),
        (
            "database = \"sqlite::memory:\"",
            "this is not a database that is supported",
        ),
        (
            "database = \"sqlite://a.db?mode=ro\"",
            "is not a database that is supported",
        ),
    ] {
        let refused = case(file).refused();
        assert!(refused.starts_with("riposte.toml:1: "), "{file}: {refused}");
        assert!(refused.contains(refusal), "{file}: {refused}");
    }
}

#[test]
fn values_that_do_not_go_together_are_refused() {
    let small = case("[limits]\nrequest_bytes = \"100 KiB\"");
    assert_eq!(
        small.refused(),
        "riposte.toml:2: limits.event_bytes is \"256 KiB\", which is more than \
         limits.request_bytes (\"100 KiB\", from riposte.toml:2): lower the one or raise the other"
    );
    let refused =
        case("limits.request_bytes = \"2 MiB\"\ningest.queue_bytes = \"1 MiB\"").refused();
    assert!(
        refused.starts_with("riposte.toml:1: limits.request_bytes"),
        "{refused}"
    );
    let refused = case("ingest.queue_events = 999").refused();
    assert!(
        refused.starts_with("riposte.toml:1: limits.batch_events"),
        "{refused}"
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let refused = case("listen = \"a\"\n\nlisten = \"b\"").refused();
    assert!(
        refused.starts_with("riposte.toml:3: this is not TOML: duplicate key"),
        "{refused}"
    );
    let refused = case("[limits]\nrequest_bytes 5").refused();
    assert!(
        refused.starts_with("riposte.toml:2: this is not TOML"),
        "{refused}"
    );
    assert_eq!(
        case("limits = 5").refused(),
        "riposte.toml:1: limits is a section: write its keys below a line [limits]"
    );
}

#[test]
fn a_named_file_must_be_there() {
    let mut case = case("");
    case.sources.file = Some(case.directory.path().join("absent.toml"));
    let refused = case.refused();
    assert!(
        refused.starts_with("absent.toml: the configuration file cannot be read"),
        "{refused}"
    );
}

#[test]
fn the_development_profile_listens_on_loopback_only() {
    assert!(case("").dev().accepted().dev);
    assert!(case("listen = \"[::1]:80\"").dev().accepted().dev);
    for address in ["0.0.0.0:8080", "[::]:8080", "192.168.1.1:8080"] {
        let refused = case("")
            .dev()
            .with_flag("--listen", "listen", address)
            .refused();
        assert!(
            refused.starts_with("--listen: listen: with --dev"),
            "{refused}"
        );
        assert!(refused.contains("use 127.0.0.1:8080 instead"), "{refused}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let hushed = case("operator_key = \"rp_hush\"").with_variable("RIPOSTE_SECRETS_KEY", "hush2");
    let shown = format!(
        "{:?} {:?}",
        Config::load(&hushed.sources),
        Settings::load(&hushed.sources)
    );
    assert!(!shown.contains("hush"), "{shown}");
    let refused = case("operator_key = 4711").refused();
    assert!(!refused.contains("4711"), "{refused}");
}

#[test]
fn the_configuration_file_that_is_shipped_lists_every_key_with_its_default() {
    let shipped = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/",
        "config/riposte.toml"
    ))
    .expect("config/riposte.toml");
    assert_eq!(case(&shipped).accepted(), case("").accepted());
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
