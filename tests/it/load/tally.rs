//! A receiver that counts: which webhook came how often, and for which event.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

use super::stream::Kind;

/// Takes everything.
pub const ALL: &str = "/all";

/// Takes everything at the second attempt.
pub const FLAKY: &str = "/flaky";

/// Takes nothing.
pub const DEAD: &str = "/dead";

/// The receiver.
pub struct Tally {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    seen: Mutex<HashMap<String, Seen>>,
    requests: watch::Sender<usize>,
}

/// A webhook, known by its `webhook-id`.
struct Seen {
    path: &'static str,
    event_type: String,
    /// What its producer called the event; for an emitted one the id of its parent.
    event: String,
    times: usize,
}

impl Tally {
    /// A receiver on a port of its own.
    pub async fn start() -> Self {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(anywhere).await.expect("a free port");
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            requests: watch::Sender::new(0),
        });
        let address = listener.local_addr().expect("its address");
        let app = Router::new().fallback(receive);
        let app = app.with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shared }
    }

    /// Where webhooks for `path` go.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many requests have ever come.
    pub fn requests(&self) -> usize {
        *self.shared.requests.borrow()
    }

    /// Told how many requests have ever come.
    pub fn subscribe(&self) -> watch::Receiver<usize> {
        self.shared.requests.subscribe()
    }

    /// How many requests have come though the same webhook had its due before.
    pub fn repeats(&self) -> usize {
        let seen = self.shared.seen();
        let beyond = seen
            .values()
            .map(|seen| seen.times.saturating_sub(due(seen.path)));
        beyond.sum()
    }

    /// Which webhooks have had their due, and how often each has come.
    pub fn settled(&self) -> HashMap<String, usize> {
        let seen = self.shared.seen();
        let settled = seen.iter().filter(|(_, seen)| seen.times >= due(seen.path));
        settled.map(|(id, seen)| (id.clone(), seen.times)).collect()
    }

    /// Those that were settled `before` and have come again since.
    pub fn came_again(&self, before: &HashMap<String, usize>) -> Vec<String> {
        let seen = self.shared.seen();
        let again = before
            .iter()
            .filter(|(id, times)| seen[*id].times > **times);
        again.map(|(id, _)| id.clone()).collect()
    }

    /// Checks that every event that was `sent`, by kind, has come to each path that it has to come
    /// to, as one webhook and no other.
    ///
    /// # Panics
    /// If one is missing, or there are two for one.
    pub fn has_all(&self, sent: &[usize; Kind::ALL.len()]) {
        let of = |kind: Kind| sent[kind as usize];
        for kind in Kind::ALL {
            self.has(ALL, kind.event_type(), of(kind));
        }
        self.has(ALL, "load.echo", of(Kind::Emit));
        self.has(FLAKY, Kind::Flaky.event_type(), of(Kind::Flaky));
        self.has(DEAD, Kind::Dead.event_type(), of(Kind::Dead));
        let webhooks: usize =
            sent.iter().sum::<usize>() + of(Kind::Emit) + of(Kind::Flaky) + of(Kind::Dead);
        let seen = self.shared.seen();
        assert_eq!(seen.len(), webhooks, "other webhooks have come");
    }

    fn has(&self, path: &str, event_type: &str, count: usize) {
        let seen = self.shared.seen();
        let came = || {
            let all = seen.values();
            all.filter(|seen| seen.path == path && seen.event_type == event_type)
        };
        let events: HashSet<_> = came().map(|seen| &seen.event).collect();
        assert_eq!(events.len(), count, "events of {event_type} at {path}");
        assert_eq!(came().count(), count, "webhooks of {event_type} at {path}");
    }
}

/// How often a webhook has to come to `path`.
fn due(path: &str) -> usize {
    if path == FLAKY { 2 } else { 1 }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> StatusCode {
    let path = [ALL, FLAKY, DEAD]
        .into_iter()
        .find(|path| *path == request.uri().path())
        .expect("a path of ours");
    let id = request.headers()["webhook-id"]
        .to_str()
        .expect("an id")
        .to_owned();
    let Ok(body) = to_bytes(request.into_body(), 1 << 20).await else {
        return StatusCode::BAD_REQUEST;
    };
    let event: Value = serde_json::from_slice(&body).expect("an event");
    let times = shared.count(id, path, &event);
    match path {
        DEAD => StatusCode::INTERNAL_SERVER_ERROR,
        FLAKY if times == 1 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a webhook; gives how often it has come now.
    fn count(&self, id: String, path: &'static str, event: &Value) -> usize {
        let name = match &event["data"]["of"] {
            Value::String(parent) => parent,
            _ => event["id"].as_str().expect("an id"),
        };
        let mut all = self.seen();
        let seen = all.entry(id).or_insert_with(|| Seen {
            path,
            event_type: event["type"].as_str().expect("a type").to_owned(),
            event: name.to_owned(),
            times: 0,
        });
        assert_eq!((seen.path, seen.event.as_str()), (path, name));
        seen.times += 1;
        let times = seen.times;
        drop(all);
        self.requests.send_modify(|requests| *requests += 1);
        times
    }
}
