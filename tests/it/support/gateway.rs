//! A gateway of a test's own, in a directory of its own, on a port of its own.

use std::{env, net::SocketAddr, path::Path, sync::Arc};

use riposte::{
    app::{App, AppError},
    clock::Clock,
    config::{Config, Sources},
    domain::{api_key::ApiKey, chance::Chance, ids::Ids, time::Timestamp},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{
    Api, Process,
    postgres::{Database, sealing_key},
    within,
};

/// The variable that says on which database those tests run that run on either: `sqlite` or
/// `postgres`.
const DATABASE: &str = "RIPOSTE_TEST_DATABASE";

/// What a gateway starts with: its directory, its database and its configuration. Several gateways
/// of one setup are nodes that share a PostgreSQL database.
#[derive(Clone)]
pub struct Setup {
    directory: Arc<TempDir>,
    /// A database that is no file in the directory. It goes when the last who shares it is dropped.
    database: Option<Arc<Database>>,
    variables: Vec<(String, String)>,
    operator_key: String,
    dev: bool,
}

/// What every gateway in the tests has, unless a test says otherwise: this machine is open to
/// webhooks, and work that is due is taken up soon.
const COMMON: [(&str, &str); 5] = [
    ("RIPOSTE_LISTEN", "127.0.0.1:0"),
    ("RIPOSTE_DELIVERY__ALLOW_NETWORKS", "127.0.0.0/8"),
    ("RIPOSTE_DELIVERY__ALLOW_HTTP", "true"),
    ("RIPOSTE_DELIVERY__POLL_INTERVAL", "200ms"),
    ("RIPOSTE_RETRY__JITTER", "0"),
];

/// A gateway that runs in this process.
pub struct Gateway {
    setup: Setup,
    api: Api,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), AppError>>,
}

impl Setup {
    /// A directory, a database and a key of its own, and what is common to all. The database is of
    /// the kind that this run of the tests is about.
    pub fn new() -> Self {
        match env::var(DATABASE).as_deref() {
            Err(_) | Ok("sqlite") => Self::on_sqlite(),
            Ok("postgres") => Self::on_postgres(),
            Ok(other) => panic!("{DATABASE} is sqlite or postgres, not {other}"),
        }
    }

    /// The same, with a file of SQLite in its directory.
    pub fn on_sqlite() -> Self {
        let setup = Self::bare();
        let file = setup.directory().join("riposte.db");
        setup.with("RIPOSTE_DATABASE", &format!("sqlite://{}", file.display()))
    }

    /// The same, with a database of its own in the PostgreSQL that all tests share.
    pub fn on_postgres() -> Self {
        let database = Database::new();
        let setup = Self::at(database.url());
        Self {
            database: Some(Arc::new(database)),
            ..setup
        }
    }

    /// The same, with the PostgreSQL database at `url`.
    pub fn at(url: &str) -> Self {
        Self::bare()
            .with("RIPOSTE_DATABASE", url)
            .with("RIPOSTE_SECRETS_KEY", &sealing_key().expose())
    }

    fn bare() -> Self {
        let operator_key = operator_key();
        let own = [("RIPOSTE_OPERATOR_KEY", operator_key.as_str())];
        let all = COMMON.into_iter().chain(own);
        Self {
            variables: all
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            directory: Arc::new(TempDir::new().expect("a directory")),
            database: None,
            operator_key,
            dev: false,
        }
    }

    /// The same with a variable more.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.retain(|(name, _)| name != variable);
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// The same without a variable.
    #[must_use]
    pub fn without(mut self, variable: &str) -> Self {
        self.variables.retain(|(name, _)| name != variable);
        self
    }

    /// In the development profile.
    #[must_use]
    pub fn in_development(self) -> Self {
        Self { dev: true, ..self }
    }

    /// Retries after these waits, in the configuration's writing: `0s,50ms`.
    #[must_use]
    pub fn retrying(self, schedule: &str) -> Self {
        self.with("RIPOSTE_RETRY__SCHEDULE", schedule)
    }

    /// Where the gateway keeps everything.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The operator's key.
    pub fn operator_key(&self) -> &str {
        &self.operator_key
    }

    /// The environment that a gateway starts with.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Whether its database is on PostgreSQL, among those of other tests.
    pub fn is_on_postgres(&self) -> bool {
        self.database.is_some()
    }

    /// Starts a gateway in this process.
    pub async fn start(self) -> Gateway {
        self.start_by(Clock::system()).await
    }

    /// The same, with a clock of its own.
    pub async fn start_by(self, clock: Clock) -> Gateway {
        let config = self.config();
        let listener = TcpListener::bind(config.listen).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let app = App::start_by(clock, &config, address).await;
        let app = app.unwrap_or_else(|error| panic!("the gateway does not start: {error}"));
        let (stop, stopped) = oneshot::channel();
        // A gateway whose test has ended stops as well.
        let shutdown = async move { drop(stopped.await) };
        Gateway {
            api: Api::new(address, &self.operator_key),
            setup: self,
            stop,
            running: tokio::spawn(app.serve(listener, shutdown)),
        }
    }

    /// Why no gateway starts with this.
    pub async fn refused(&self) -> AppError {
        let config = self.config();
        let app = App::start(&config, config.listen).await;
        app.map(drop).expect_err("no gateway starts")
    }

    fn config(&self) -> Config {
        let environment = self.variables.iter();
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        let config = Config::load(&Sources {
            environment: environment.collect(),
            dev: self.dev,
            ..Sources::default()
        });
        config.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the program itself.
    pub async fn run(self) -> Process {
        Process::start(self).await
    }

    /// Who calls a gateway of this setup at `address` as its operator.
    pub fn api(&self, address: SocketAddr) -> Api {
        Api::new(address, &self.operator_key)
    }
}

impl Gateway {
    /// A gateway as most tests want it.
    pub async fn start() -> Self {
        Setup::new().start().await
    }

    /// A gateway with a variable of its own.
    pub fn with(variable: &str, value: &str) -> Setup {
        Setup::new().with(variable, value)
    }

    /// The API as its operator calls it, about the project `default`.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The operator's key.
    pub fn operator_key(&self) -> String {
        self.setup.operator_key().to_owned()
    }

    /// Where it keeps everything.
    pub fn directory(&self) -> &Path {
        self.setup.directory()
    }

    /// The URL of its database.
    pub fn database(&self) -> String {
        let mut variables = self.setup.variables.iter();
        let database = variables.find(|(name, _)| name == "RIPOSTE_DATABASE");
        database.expect("a database").1.clone()
    }

    /// Stops it as production does, and gives what it takes to start it again.
    pub async fn stop(self) -> Setup {
        let _ = self.stop.send(());
        let ended = within("the gateway to stop", self.running).await;
        ended.expect("no panic").expect("a clean end");
        self.setup
    }

    /// Stops it and starts it again, on what it has stored.
    pub async fn restart(self) -> Self {
        self.stop().await.start().await
    }
}

fn operator_key() -> String {
    let chance = Chance::from_system();
    let id = Ids::new(chance.clone()).next(Timestamp::from_millis(0));
    ApiKey::generate(id, &chance).expose().to_string()
}
