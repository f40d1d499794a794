//! PostgreSQL for tests: databases of their own in the cluster that all tests share.

use std::{
    env,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use riposte::domain::{chance::Chance, seal::SealingKey};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, migrate::Migrator};
use tokio::runtime;
use url::Url;

/// The variable that says where the shared cluster is.
const CLUSTER: &str = "RIPOSTE_TEST_POSTGRES";

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// A database in the shared cluster, with the schema and nothing else in it. It goes when this is dropped.
pub struct Database {
    name: String,
    url: String,
}

impl Database {
    /// A database that nobody else has.
    ///
    /// # Panics
    /// If there is no cluster.
    pub fn new() -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        let template = TEMPLATE.get_or_init(template);
        let name = new_name();
        done(vec![format!("CREATE DATABASE {name} TEMPLATE {template}")]);
        let url = url_of(&cluster(), &name);
        Self { name, url }
    }

    /// A database that nobody else has, without the schema.
    pub fn empty() -> Self {
        let name = new_name();
        done(vec![format!("CREATE DATABASE {name}")]);
        let url = url_of(&cluster(), &name);
        Self { name, url }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Nobody waits for it: what is left goes with the cluster.
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        aside(async move || execute(&cluster(), vec![drop]).await);
    }
}

/// The key for secrets at rest in every such database: those who share one have the same.
pub fn sealing_key() -> SealingKey {
    SealingKey::generate(&Chance::seeded(1))
}

/// Does what the store itself never does.
pub async fn tamper(url: &str, statements: &str) {
    let done = execute(url, vec![statements.to_owned()]).await;
    done.expect("done");
}

/// A database with the schema, from which the others are copied: that takes less time than to make
/// the schema again.
fn template() -> String {
    let name = new_name();
    done(vec![format!("CREATE DATABASE {name}")]);
    let url = url_of(&cluster(), &name);
    let made = aside(async move || {
        let mut connection = PgConnection::connect(&url).await?;
        MIGRATIONS.run(&mut connection).await?;
        connection.close().await
    });
    made.join().expect("no panic").expect("the schema");
    name
}

fn cluster() -> String {
    env::var(CLUSTER).unwrap_or_else(|_| {
        panic!(
            "{CLUSTER} names no PostgreSQL for the tests: run `make test`, or \
             `scripts/with-postgres cargo test --locked --test it NAME`"
        )
    })
}

/// A name that no other database of the cluster has, whichever process made it.
fn new_name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test_{}_{number}", std::process::id())
}

/// The URL of another database of the same cluster.
pub(super) fn url_of(cluster: &str, database: &str) -> String {
    let mut url = Url::parse(cluster).expect("a URL");
    url.set_path(database);
    url.into()
}

/// Executes statements in the shared cluster, and blocks until they are done.
fn done(statements: Vec<String>) {
    let work = aside(async move || execute(&cluster(), statements).await);
    let done = work.join().expect("no panic");
    done.unwrap_or_else(|error| panic!("the cluster that {CLUSTER} names: {error}"));
}

/// Executes statements, each as a transaction of its own.
pub(super) async fn execute(url: &str, statements: Vec<String>) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for statement in statements {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        statement.execute(&mut connection).await?;
    }
    connection.close().await
}

/// Works on a thread of its own, so that what cannot wait, such as `drop`, can begin it.
fn aside<T: Send + 'static>(work: impl AsyncFnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(|| {
        let mut runtime = runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(work())
    })
}
