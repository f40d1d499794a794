//! What the configuration refuses, and how it says so: the place first, then what would be right.

use super::case;

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
            "database = \"mysql://u:p@h/d\"",
            "mysql://… is not a database that is supported",
        ),
        (
            "database = \"postgres://u:p@h\"",
            "1: database: it names no database: write its name behind the host",
        ),
        (
            "postgres.migrate = \"never\"",
            "\"never\" is not \"auto\" or \"manual\"",
        ),
        (
            "postgres.partition = \"36h\"",
            "\"36h\" is not a number of whole days",
        ),
        (
            "postgres.partition = \"1h\"",
            "1h is out of range: it may be 1day to 1year",
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
fn a_bad_secret_is_refused_without_repeating_it() {
    for (file, refusal) in [
        (
            "operator_key = 4711",
            "operator_key: an API key begins with rp_",
        ),
        (
            "operator_key = \"hush\"",
            "operator_key: an API key begins with rp_",
        ),
        (
            "operator_key = \"rp_hush\"",
            "operator_key: this is not the whole of an API key",
        ),
        (
            "secrets_key = \"hush\"",
            "secrets_key: a sealing key is 32 bytes",
        ),
    ] {
        let refused = case(file).refused();
        assert!(
            refused.starts_with("riposte.toml:1: ") && refused.contains(refusal),
            "{refused}"
        );
        assert!(
            !refused.contains("hush") && !refused.contains("4711"),
            "{refused}"
        );
    }
}
