//! A store of its own for each case, and makers of what goes into it.

use std::{sync::Arc, time::Duration};

use riposte::{
    domain::{
        attempt::{Attempt, Exchange, Response},
        audit::Actor,
        chance::Chance,
        delivery::Cause,
        draft::EventDraft,
        endpoint::EndpointConfig,
        event::{Data, Event, EventType},
        ids::{DeliveryId, EndpointId, Ids, ProjectId, default_project},
        lease::Lease,
        retry::Verdict,
        seal::Keyring,
        signature::Secret,
        time::Timestamp,
        webhook::Format,
    },
    store::{
        Store, StoreResult, StoreSettings,
        accept::AcceptContext,
        act::{Cancellation, Revival},
        change::{Change, unanswered},
        endpoints::NewEndpoint,
        record::Outcome,
        unit::{Acceptance, EventKey, Fate, MetEvent, NewDelivery, Unit},
    },
};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;

use crate::support::{
    Proxy,
    postgres::{self, Database},
};

pub const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// `seconds` after [`NOW`].
pub fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// A change by an operator, without conditions.
pub fn change_at(now: Timestamp) -> Change {
    Change::new(Actor::Operator, now)
}

pub struct World {
    pub store: Store,
    pub lease: Lease,
    pub ids: Ids,
    pub chance: Chance,
    place: Place,
}

/// Where the store is, as long as it is needed.
enum Place {
    Directory(TempDir),
    Database(Database),
}

impl World {
    /// A store in a file.
    pub async fn sqlite() -> Self {
        let directory = TempDir::new().expect("a directory");
        let url = format!("sqlite://{}/riposte.db", directory.path().display());
        Self::at(url, Place::Directory(directory)).await
    }

    /// A store on PostgreSQL.
    pub async fn postgres() -> Self {
        let database = Database::new();
        Self::at(database.url().to_owned(), Place::Database(database)).await
    }

    /// The same database, through a proxy.
    pub async fn through_a_proxy(&self) -> (Proxy, Store) {
        let Place::Database(database) = &self.place else {
            panic!("there is no way to a file");
        };
        let proxy = Proxy::before(database.url()).await;
        let settings = settings(proxy.url(database.url()), &self.chance);
        (proxy, Store::open(settings).await.expect("a store"))
    }

    async fn at(url: String, place: Place) -> Self {
        let chance = Chance::seeded(1);
        let settings = settings(url, &chance);
        let ids = Ids::new(chance.clone());
        Self {
            store: Store::open(settings).await.expect("a store"),
            lease: Lease::first(ids.next(NOW)),
            ids,
            chance,
            place,
        }
    }

    /// Opens the same database once more, as another node does.
    pub async fn joined(&self) -> Store {
        let keyring = Keyring::new(postgres::sealing_key(), Vec::new());
        let settings = StoreSettings::at(self.url(), keyring, self.chance.clone());
        Store::open(settings).await.expect("a store")
    }

    /// The URL of the database.
    pub fn url(&self) -> &str {
        match &self.place {
            Place::Directory(_) => panic!("one process has a file"),
            Place::Database(database) => database.url(),
        }
    }

    /// Forgets the counters, and lets the migration that brought them count anew.
    pub async fn migrates_counters(&self) {
        let migration = include_str!("../../../migrations/sqlite/0003_counters.sql");
        let from = migration.find("INSERT INTO counters").expect("a beginning");
        let to = migration.find("-- How long").expect("an end");
        let counting = format!("DELETE FROM counters; {}", &migration[from..to]);
        self.tamper(&counting).await;
    }

    /// Writes units under this world's lease, at [`NOW`].
    pub async fn accept(&self, units: &[&Unit]) -> Vec<Acceptance> {
        let context = self.context();
        self.store.accept(units, context).await.expect("accepted")
    }

    pub fn context(&self) -> AcceptContext {
        AcceptContext {
            lease: self.lease,
            now: NOW,
            keys_since: NOW.minus(Duration::from_secs(3_600)),
        }
    }

    pub async fn endpoint(&self) -> EndpointId {
        self.endpoint_of(default_project()).await
    }

    pub async fn endpoint_of(&self, project: ProjectId) -> EndpointId {
        let new = NewEndpoint {
            id: self.ids.next(NOW),
            config: EndpointConfig::new("https://example.com/hook".parse().expect("a URL")),
            secret: Secret::generate(&self.chance),
        };
        let change = change_at(NOW);
        let made = self
            .store
            .insert_endpoint(project, &new, &change, unanswered);
        made.await.expect("an endpoint").now.id
    }

    /// Whether any file of the store has `text` in it.
    pub fn is_on_disk(&self, text: &str) -> bool {
        let Place::Directory(directory) = &self.place else {
            panic!("the files of a server are its own");
        };
        let files = std::fs::read_dir(directory.path()).expect("a directory");
        files.into_iter().any(|file| {
            let path = file.expect("a file").path();
            let bytes = std::fs::read(path).expect("its content");
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
    }

    /// Does to the database what the store itself never does.
    pub async fn tamper(&self, statements: &str) {
        let directory = match &self.place {
            Place::Directory(directory) => directory,
            Place::Database(database) => {
                return postgres::tamper(database.url(), statements).await;
            }
        };
        let path = directory.path().join("riposte.db");
        let options = SqliteConnectOptions::new().filename(path);
        let mut connection = options.connect().await.expect("the database");
        let done = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        done.execute(&mut connection).await.expect("done");
    }

    /// A session of its own with the database.
    pub async fn connect(&self) -> PgConnection {
        let Place::Database(database) = &self.place else {
            panic!("a file has one process");
        };
        let connected = PgConnection::connect(database.url()).await;
        connected.expect("a connection")
    }

    /// Makes a delivery due at `at`.
    pub async fn revive(&self, id: DeliveryId, at: Timestamp) -> StoreResult<Revival> {
        let change = change_at(at);
        let revived = self
            .store
            .revive(default_project(), id, &change, unanswered);
        Ok(revived.await?.now)
    }

    /// Calls a delivery off.
    pub async fn cancel(&self, id: DeliveryId, withdrawn: bool) -> StoreResult<Cancellation> {
        let (project, change) = (default_project(), change_at(NOW));
        let withdrawn = withdrawn.then_some(self.lease);
        let cancelled = self
            .store
            .cancel(project, id, withdrawn, &change, unanswered);
        Ok(cancelled.await?.now)
    }

    /// An event that carries `data`.
    pub fn event(&self, data: &str) -> Arc<Event> {
        let mut draft = EventDraft::new(EventType::parse("site.deployed").expect("a type"));
        draft.data = Data::Json(data.to_owned().into());
        Arc::new(draft.complete(self.ids.next(NOW), default_project(), "default", NOW))
    }

    /// A unit of one event.
    pub fn unit(&self, data: &str) -> Unit {
        Unit {
            events: vec![MetEvent {
                event: self.event(data),
                rules_version: 0,
                platform_version: 0,
            }],
            ..Unit::default()
        }
    }

    /// A unit of one event that its producer calls `id`.
    pub fn keyed(&self, id: &str, data: &str) -> Unit {
        Unit {
            key: Some(EventKey {
                project: default_project(),
                source: "/tests".to_owned(),
                producer_id: id.to_owned(),
                hash: std::array::from_fn(|place| data.as_bytes().get(place).copied().unwrap_or(0)),
            }),
            ..self.unit(data)
        }
    }

    /// A delivery of the unit's event, added to it.
    pub fn deliver(&self, unit: &mut Unit, endpoint: EndpointId, fate: Fate) -> DeliveryId {
        let id = self.ids.next(NOW);
        unit.deliveries.push(NewDelivery {
            id,
            project: default_project(),
            event: Arc::clone(&unit.events[0].event),
            cause: Some(Cause {
                listener: self.ids.next(NOW),
                revision: 1,
                reaction: 0,
            }),
            endpoint: Some(endpoint),
            fate,
        });
        id
    }

    /// Stores a pending delivery that is due at `due`.
    pub async fn pending(&self, endpoint: EndpointId, owned: bool, due: Timestamp) -> DeliveryId {
        let mut unit = self.unit("{}");
        let id = self.deliver(&mut unit, endpoint, Fate::Pending { owned, due });
        assert_eq!(self.accept(&[&unit]).await, [Acceptance::Stored]);
        id
    }

    /// Changes what the owner of `endpoint` decides about it.
    pub async fn changes(&self, endpoint: EndpointId, apply: impl FnOnce(&mut EndpointConfig)) {
        let apply = |config: &mut EndpointConfig| {
            apply(config);
            StoreResult::Ok(())
        };
        let change = change_at(NOW);
        let project = default_project();
        let changed = self
            .store
            .change_endpoint(project, endpoint, &change, apply, unanswered);
        changed.await.expect("changed");
    }

    /// Records attempt `number`, which the receiver answered with `status`.
    pub async fn attempted(
        &self,
        delivery: DeliveryId,
        endpoint: EndpointId,
        number: u32,
        status: u16,
        verdict: Verdict,
    ) {
        let outcome = self.outcome(delivery, endpoint, number, status, verdict);
        let recorded = self.store.record(self.lease, &[outcome], NOW).await;
        recorded.expect("recorded");
    }

    /// The outcome of attempt `number`, which the receiver answered with `status`.
    pub fn outcome(
        &self,
        delivery: DeliveryId,
        endpoint: EndpointId,
        number: u32,
        status: u16,
        verdict: Verdict,
    ) -> Outcome {
        Outcome {
            verdict,
            disable: None,
            format: Format::Standard,
            attempt: Attempt {
                id: self.ids.next(NOW),
                delivery,
                project: default_project(),
                endpoint,
                number,
                started_at: NOW,
                url: "https://example.com/hook".to_owned(),
                request_headers: vec![("webhook-id".to_owned(), delivery.to_string())],
                exchange: Exchange {
                    address: "192.0.2.1:443".parse().ok(),
                    duration: Duration::from_millis(12),
                    result: Ok(Response {
                        status,
                        headers: vec![("server".to_owned(), "test".to_owned())],
                        body: vec![0, 159, 146, 150].into(),
                        truncated: false,
                        broke_off: None,
                    }),
                },
            },
        }
    }
}

fn settings(url: String, chance: &Chance) -> StoreSettings {
    let keyring = Keyring::new(postgres::sealing_key(), Vec::new());
    StoreSettings::at(url, keyring, chance.clone())
}
