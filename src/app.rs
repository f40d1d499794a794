//! Wires the parts together: configuration, store, engine, API. The one place that knows them all.

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    api::{
        self, ApiSettings, ApiState,
        stream::{StreamSettings, Streams},
    },
    clock::Clock,
    config::{Config, Database, DefaultQuotas, Migrate},
    domain::{
        api_key::ApiKey,
        chance::Chance,
        cloudevents,
        duration::HumanDuration,
        ids::{Ids, ProjectId, default_project},
        json,
        quota::{Quota, Quotas},
        retention::Retention,
        retry::{RetryDocument, RetryError, RetryPolicy},
        seal::{Keyring, SealingKey},
    },
    engine::{Engine, EngineSettings, Surroundings},
    keys::{Keys, KeysError},
    net::{
        host::BadHostPattern,
        policies::Policies,
        policy::{LOOPBACK_NETWORKS, Policy, PolicySource},
        resolver::{BadResolverConfig, Resolve, SystemResolver},
        sender::{HttpSender, Sender, SenderError, Timeouts},
        stall::{Connection, Unstalled},
    },
    store::{Store, StoreError, StoreResult, StoreSettings},
};

/// Why the gateway cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// See [`KeysError`].
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// See [`SenderError`].
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// See [`BadResolverConfig`].
    #[error(transparent)]
    Resolver(#[from] BadResolverConfig),
    /// A host that is to be opened is no pattern of hosts.
    #[error("allow_hosts: {0}")]
    Host(#[from] BadHostPattern),
    /// The configured retry policy cannot be used.
    #[error("retry.{0}")]
    Retry(#[from] RetryError),
    /// The address that is listened on cannot be told.
    #[error("the listener cannot be used: {0}")]
    Listener(#[from] io::Error),
    /// The server ended by itself.
    #[error("the server has ended by itself; what is stored goes on after the next start")]
    Server,
    /// A part of the engine ended by itself.
    #[error(
        "a part of the engine has failed, its log says why; what is stored goes on after the next start"
    )]
    Engine,
}

/// Starts the gateway and serves on `listener` until `shutdown` ends; see [`App::serve`].
///
/// # Errors
/// [`AppError`] if the gateway cannot start, or cannot go on.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), AppError> {
    let app = App::start(&config, listener.local_addr()?).await?;
    app.serve(listener, shutdown).await
}

/// A gateway whose engine runs: what is stored goes on its way.
pub struct App {
    engine: Engine,
    api: ApiState,
    drain: Duration,
}

impl App {
    /// Opens the store and starts the engine of a gateway that will listen on `own`.
    ///
    /// # Errors
    /// [`AppError`] if the gateway cannot start.
    pub async fn start(config: &Config, own: SocketAddr) -> Result<Self, AppError> {
        Self::start_by(Clock::system(), config, own).await
    }

    /// The same, with a clock that is not the system's.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_by(
        clock: Clock,
        config: &Config,
        own: SocketAddr,
    ) -> Result<Self, AppError> {
        raise_file_limit();
        let chance = Chance::from_system();
        let ids = Arc::new(Ids::new(chance.clone()));
        let keys = Keys::open(config, &chance, &clock)?;
        let store = open_store(config, keys.sealing, &chance).await?;
        let heard = store.begin_to_hear().await?;
        let network = Network::open(config, own, &store, &clock).await?;
        let surroundings = Surroundings {
            store: store.clone(),
            clock: clock.clone(),
            chance: chance.clone(),
            ids: Arc::clone(&ids),
            sender: network.sender,
            address: own,
            policies: Arc::clone(&network.policies),
            heard,
        };
        let engine = Engine::start(surroundings, engine_settings(config)?).await?;
        let api = ApiState {
            settings: Arc::new(api_settings(config, keys.operator)),
            gateway: engine.gateway(),
            store,
            policies: network.policies,
            resolver: network.resolver,
            clock,
            ids,
            chance,
            streams: Arc::new(Streams::new(stream_settings(config))),
            stopping: CancellationToken::new(),
        };
        Ok(Self {
            engine,
            api,
            drain: config.shutdown.drain,
        })
    }

    /// Serves on `listener` until `shutdown` ends, then finishes what is under way within the
    /// configured time. What is not finished by then stays in the store.
    ///
    /// # Errors
    /// [`AppError::Server`] or [`AppError::Engine`] if a part of the gateway ends by itself.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), AppError> {
        let Self { engine, api, drain } = self;
        let (store, clock, stopping) = (api.store.clone(), api.clock.clone(), api.stopping.clone());
        let listener = Unstalled::new(listener, clock.clone(), 2 * api.streams.settings.patience)
            .tap_io(Connection::send_at_once);
        let router = api::router(api).into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(listener, router)
            .with_graceful_shutdown(stopping.clone().cancelled_owned());
        let mut server = tokio::spawn(server.into_future());
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            () = engine.failed() => Err(AppError::Engine),
            _ = &mut server => Err(AppError::Server),
        };
        stopping.cancel();
        if ended.is_ok() {
            let finishing = async { tokio::join!(engine.drain(), &mut server) };
            if clock.timeout(drain, finishing).await.is_none() {
                tracing::warn!("requests or attempts are still under way; they are cut off");
            }
        }
        server.abort();
        engine.stop().await;
        if let Err(error) = store.write_notes(clock.now()).await {
            tracing::warn!(%error, "what was noted last is lost");
        }
        store.close().await;
        ended
    }
}

/// The way to receivers, and what guards it.
struct Network {
    policies: Arc<Policies>,
    resolver: Arc<dyn Resolve>,
    sender: Arc<dyn Sender>,
}

impl Network {
    async fn open(
        config: &Config,
        own: SocketAddr,
        store: &Store,
        clock: &Clock,
    ) -> Result<Self, AppError> {
        let policies = Arc::new(Policies::new(base_policy(config, own)?, extras(config)));
        for project in store.opened_projects().await? {
            policies.set(project.id, &project.openings)?;
        }
        let resolver: Arc<dyn Resolve> = Arc::new(SystemResolver::new()?);
        let timeouts = Timeouts {
            connect: config.delivery.connect_timeout,
        };
        let source = Arc::clone(&policies) as Arc<dyn PolicySource>;
        let sender = HttpSender::new(Arc::clone(&resolver), source, clock.clone(), timeouts)?;
        Ok(Self {
            policies,
            resolver,
            sender: Arc::new(sender),
        })
    }
}

/// What is open for all projects; the gateway never calls itself.
fn base_policy(config: &Config, own: SocketAddr) -> Result<Policy, AppError> {
    let delivery = &config.delivery;
    let hosts = delivery.allow_hosts.iter().map(|host| host.parse());
    Ok(Policy {
        allow_networks: delivery.allow_networks.clone(),
        allow_hosts: hosts.collect::<Result<_, _>>()?,
        allow_http: delivery.allow_http,
        allow_ports: delivery.allow_ports.clone(),
        deny_networks: delivery.deny_networks.clone(),
        own_sockets: vec![own],
    })
}

/// The development profile opens this machine for the project `default`.
fn extras(config: &Config) -> HashMap<ProjectId, Policy> {
    let this_machine = Policy {
        allow_networks: LOOPBACK_NETWORKS.to_vec(),
        allow_http: true,
        ..Policy::default()
    };
    let extra = config.dev.then(|| (default_project(), this_machine));
    extra.into_iter().collect()
}

async fn open_store(config: &Config, key: SealingKey, chance: &Chance) -> StoreResult<Store> {
    let store = Store::open(store_settings(config, key, chance)).await?;
    Ok(store.with_quotas(default_quotas(&config.quotas)))
}

fn store_settings(config: &Config, key: SealingKey, chance: &Chance) -> StoreSettings {
    let (sqlite, postgres) = (&config.sqlite, &config.postgres);
    StoreSettings {
        readers: match config.database {
            Database::Sqlite(_) => sqlite.readers,
            Database::Postgres(_) => postgres.readers,
        },
        writers: postgres.writers,
        migrate: postgres.migrate == Migrate::Auto,
        partition: postgres.partition,
        acquire_timeout: postgres.acquire_timeout,
        statement_timeout: postgres.statement_timeout,
        ..StoreSettings::at(
            config.database.url().expose(),
            Keyring::new(key, Vec::new()),
            chance.clone(),
        )
    }
}

fn default_quotas(configured: &DefaultQuotas) -> Quotas {
    let limits = [
        (Quota::EventsPerSecond, configured.events_per_second),
        (Quota::EventsBurst, configured.events_burst),
        (Quota::Listeners, configured.listeners),
        (Quota::Endpoints, configured.endpoints),
        (Quota::PendingDeliveries, configured.pending_deliveries),
        (Quota::StoredBytes, configured.stored_bytes),
    ];
    let mut quotas = Quotas::default();
    for (quota, limit) in limits {
        quotas.set(quota, limit);
    }
    quotas
}

fn api_settings(config: &Config, operator_key: ApiKey) -> ApiSettings {
    ApiSettings {
        operator_key,
        request_bytes: size(config.limits.request_bytes),
        events: cloudevents::Limits {
            event_bytes: size(config.limits.event_bytes),
            batch_events: config.limits.batch_events,
            depth: json::MAX_DEPTH,
        },
        rotation_grace: config.secrets.rotation_grace,
        secrets_key_file: match config.secrets_key {
            Some(_) => None,
            None => config.key_files().map(|files| files.secrets),
        },
        idempotency_window: config.idempotency.window,
    }
}

fn stream_settings(config: &Config) -> StreamSettings {
    let stream = &config.stream;
    StreamSettings {
        max: stream.max,
        max_per_project: stream.max_per_project,
        heartbeat: stream.heartbeat,
        patience: stream.patience,
    }
}

fn engine_settings(config: &Config) -> Result<EngineSettings, RetryError> {
    let delivery = &config.delivery;
    let schedule = config.retry.schedule.iter().copied().map(HumanDuration);
    let retry = RetryDocument {
        schedule: Some(schedule.collect()),
        jitter: Some(config.retry.jitter),
        ..RetryDocument::default()
    };
    Ok(EngineSettings {
        queue_events: config.ingest.queue_events,
        queue_bytes: size(config.ingest.queue_bytes),
        project_share: config.ingest.project_share,
        group_events: config.ingest.group_events,
        max_in_flight: delivery.max_in_flight,
        lane_buffer: delivery.lane_buffer,
        buffer_bytes: size(delivery.buffer_bytes),
        timeout: delivery.timeout,
        concurrency: delivery.concurrency,
        poll_interval: delivery.poll_interval,
        max_retry_after: delivery.max_retry_after,
        disable_after: delivery.disable_after,
        retry: RetryPolicy::try_from(retry)?,
        dedupe_window: config.dedupe.window,
        retention: Retention {
            events: config.retention.events,
            deliveries: config.retention.deliveries,
            dead_letters: config.retention.dead_letters,
            jobs: config.retention.jobs,
            audit: config.retention.audit,
            journal: config.retention.journal,
            event_keys: config.dedupe.window,
            idempotency_keys: config.idempotency.window,
        },
    })
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Lets as many connections be open as the system allows to this user.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}
