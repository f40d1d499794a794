//! The sections of the configuration: what each key is called, what it is by default and what it
//! may be. Here a key is added; `config/riposte.toml` lists it too, which a test compares.

use std::time::Duration;

use ipnet::IpNet;

use super::{
    LogFilter, LogFormat, Migrate,
    error::ConfigError,
    settings::{Key, Settings},
    values::{
        bytes, duration, flag, fraction, host_name, list, log_filter, log_format, migrate, network,
        port, schedule, unless_none, whole, whole_days,
    },
};

/// The keys that stand in no section.
const ROOT_KEYS: &[Key] = &[
    Key {
        path: "listen",
        default: Some(r#""127.0.0.1:8080""#),
    },
    Key {
        path: "database",
        default: Some(r#""sqlite://data/riposte.db""#),
    },
    Key {
        path: "operator_key",
        default: None,
    },
    Key {
        path: "secrets_key",
        default: None,
    },
];

/// Every key there is, in the order in which they are shown.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    [
        ROOT_KEYS,
        Limits::KEYS,
        Ingest::KEYS,
        DefaultQuotas::KEYS,
        Delivery::KEYS,
        Retry::KEYS,
        Secrets::KEYS,
        Dedupe::KEYS,
        Idempotency::KEYS,
        Retention::KEYS,
        Stream::KEYS,
        Shutdown::KEYS,
        Log::KEYS,
        Sqlite::KEYS,
        Postgres::KEYS,
    ]
    .into_iter()
    .flatten()
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MOST_STORED: u64 = 1 << 50;
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Declares a section: its struct, its keys with their defaults (as TOML), and how it is read.
macro_rules! section {
    ($(#[$about:meta])* $name:ident = $section:literal {
        $($(#[$doc:meta])* $field:ident: $type:ty = $default:tt, $read:expr;)*
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $name {
            pub(super) const KEYS: &[Key] = &[$(Key {
                path: concat!($section, stringify!($field)),
                default: Some(stringify!($default)),
            },)*];

            pub(super) fn read(settings: &Settings) -> Result<Self, ConfigError> {
                Ok(Self {
                    $($field: settings.get(concat!($section, stringify!($field)), $read)?,)*
                })
            }
        }
    };
}

section! {
    /// How large a request may be.
    Limits = "limits." {
        /// The most bytes of a request's body.
        request_bytes: u64 = "1 MiB", bytes(KIB..=64 * MIB);
        /// The most bytes of one event.
        event_bytes: u64 = "256 KiB", bytes(KIB..=64 * MIB);
        /// The most events in one batch.
        batch_events: usize = 1000, whole(1..=100_000);
    }
}

section! {
    /// How events are gathered before they are written.
    Ingest = "ingest." {
        /// The most events that wait to be written; beyond, producers are asked to come later.
        queue_events: usize = 10000, whole(1..=10_000_000);
        /// The most bytes of events that wait to be written.
        queue_bytes: u64 = "64 MiB", bytes(MIB..=64 * GIB);
        /// The most events in one transaction.
        group_events: usize = 1000, whole(1..=100_000);
        /// The part of the queue that one project may fill.
        project_share: f64 = 0.5, fraction(0.01..=1.0);
    }
}

section! {
    /// What a project may have that has no quotas of its own.
    DefaultQuotas = "quotas." {
        /// The most events in a second; beyond, producers are asked to come later.
        events_per_second: Option<u64> = "none", unless_none(whole(1..=1_000_000));
        /// The most events at once; where there is none, as many as in a second.
        events_burst: Option<u64> = "none", unless_none(whole(1..=1_000_000));
        /// The most listeners.
        listeners: Option<u64> = "none", unless_none(whole(0..=1_000_000_000));
        /// The most endpoints.
        endpoints: Option<u64> = "none", unless_none(whole(0..=1_000_000_000));
        /// The most pending deliveries; beyond, producers are asked to come later.
        pending_deliveries: Option<u64> = "none", unless_none(whole(0..=1_000_000_000));
        /// The most bytes of the data of events and of captured responses.
        stored_bytes: Option<u64> = "none", unless_none(bytes(0..=MOST_STORED));
    }
}

section! {
    /// How webhooks leave, and where they may go.
    Delivery = "delivery." {
        /// The most requests under way at one time, over all endpoints.
        max_in_flight: usize = 1024, whole(1..=65_536);
        /// The most deliveries that an endpoint's lane holds in memory; the rest stays in the store.
        lane_buffer: usize = 128, whole(1..=100_000);
        /// The most bytes of events that all lanes hold in memory; the rest stays in the store.
        buffer_bytes: u64 = "64 MiB", bytes(MIB..=64 * GIB);
        /// How long an attempt may take, from the look-up of the name to the last byte.
        timeout: Duration = "15s", duration(Duration::from_millis(100)..=5 * MINUTE);
        /// How long the connection may take.
        connect_timeout: Duration = "5s", duration(Duration::from_millis(50)..=MINUTE);
        /// How many requests an endpoint gets at one time, if it does not say so itself.
        concurrency: u32 = 16, whole(1..=1_024);
        /// How often the store is asked for what is due, besides the wake-ups.
        poll_interval: Duration = "5s", duration(10 * MILLISECOND..=MINUTE);
        /// The longest wait that a receiver's `Retry-After` can ask for.
        max_retry_after: Duration = "24h", duration(Duration::ZERO..=30 * DAY);
        /// How long every attempt to an endpoint may fail until it is disabled.
        disable_after: Duration = "5d", duration(Duration::from_secs(1)..=365 * DAY);
        /// Networks that are open for every project, besides the public ones.
        allow_networks: Vec<IpNet> = [], list(network);
        /// Host names that are open for every project, whatever the rules on names say.
        allow_hosts: Vec<String> = [], list(host_name);
        /// Ports below 1024, besides 80 and 443, that are open for every project.
        allow_ports: Vec<u16> = [], list(port);
        /// Whether plain http is open for every project.
        allow_http: bool = false, flag;
        /// Networks that are closed, whatever else is open.
        deny_networks: Vec<IpNet> = [], list(network);
    }
}

section! {
    /// When a failed delivery is tried again, if its endpoint does not say so itself.
    Retry = "retry." {
        /// The wait before each attempt, the first one included.
        schedule: Vec<Duration> =
            ["0s", "5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"],
            schedule(100, Duration::ZERO..=30 * DAY);
        /// The part of a wait by which chance makes it longer or shorter.
        jitter: f64 = 0.2, fraction(0.0..=1.0);
    }
}

section! {
    /// The secrets of endpoints.
    Secrets = "secrets." {
        /// How long an old secret signs along after a rotation.
        rotation_grace: Duration = "24h", duration(Duration::ZERO..=30 * DAY);
    }
}

section! {
    /// How repeated events are recognised.
    Dedupe = "dedupe." {
        /// How long an event's id is remembered.
        window: Duration = "30d", duration(MINUTE..=3650 * DAY);
    }
}

section! {
    /// How repeated requests are recognised.
    Idempotency = "idempotency." {
        /// How long the answer to a request is kept for its repeats.
        window: Duration = "24h", duration(MINUTE..=30 * DAY);
    }
}

section! {
    /// For how long what is past is kept.
    Retention = "retention." {
        /// Events, from when they were taken in.
        events: Duration = "30d", duration(SECOND..=3650 * DAY);
        /// Deliveries with their attempts, from when they were delivered, cancelled or skipped.
        deliveries: Duration = "30d", duration(SECOND..=3650 * DAY);
        /// Dead letters, from when they died.
        dead_letters: Duration = "90d", duration(SECOND..=3650 * DAY);
        /// Jobs, from when they ended.
        jobs: Duration = "30d", duration(SECOND..=3650 * DAY);
        /// The audit log, from when something was changed.
        audit: Duration = "365d", duration(SECOND..=3650 * DAY);
        /// What happened when, for those who follow it.
        journal: Duration = "24h", duration(SECOND..=3650 * DAY);
    }
}

section! {
    /// Those who follow what happens.
    Stream = "stream." {
        /// The most streams at one time.
        max: usize = 256, whole(1..=65_536);
        /// The most streams of one project at one time.
        max_per_project: usize = 32, whole(1..=65_536);
        /// How long a stream is silent before it says that it is alive.
        heartbeat: Duration = "15s", duration(100 * MILLISECOND..=MINUTE);
        /// How long a reader may take nothing of what waits for it.
        patience: Duration = "10s", duration(100 * MILLISECOND..=MINUTE);
    }
}

section! {
    /// What happens at the end.
    Shutdown = "shutdown." {
        /// How long requests and deliveries under way are waited for.
        drain: Duration = "20s", duration(Duration::ZERO..=HOUR);
    }
}

section! {
    /// What is logged, and how it looks.
    Log = "log." {
        /// A level, or a filter per module.
        level: LogFilter = "info", log_filter;
        /// How log lines look.
        format: LogFormat = "auto", log_format;
    }
}

section! {
    /// The embedded store.
    Sqlite = "sqlite." {
        /// How many connections read beside the one that writes.
        readers: u32 = 4, whole(1..=64);
    }
}

section! {
    /// The store that many nodes share.
    Postgres = "postgres." {
        /// How many connections of this node write.
        writers: u32 = 8, whole(1..=256);
        /// How many connections of this node read.
        readers: u32 = 8, whole(1..=256);
        /// When the schema is brought up to date.
        migrate: Migrate = "auto", migrate;
        /// How much time one partition of the logs covers.
        partition: Duration = "7d", whole_days(1..=366);
        /// How long a step waits for a connection.
        acquire_timeout: Duration = "5s", duration(100 * MILLISECOND..=MINUTE);
        /// How long one statement may take.
        statement_timeout: Duration = "30s", duration(SECOND..=HOUR);
    }
}
