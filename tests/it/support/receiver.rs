//! A receiver of webhooks that does as it is told and remembers what came.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use riposte::{clock::Clock, domain::time::Timestamp};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
};

use super::within;

/// The most bytes of a webhook that are read.
const MAX_BODY: usize = 16 << 20;

/// A receiver on a port of its own. It takes whatever comes, with 200, until it is told otherwise.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The port, as long as nothing listens there.
    asleep: Option<TcpSocket>,
}

/// A webhook as it came.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The method.
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// When it came.
    pub at: Timestamp,
}

/// What is done with a request.
#[derive(Clone)]
enum Reaction {
    Answer(u16, Vec<(String, String)>, String),
    Hang,
}

struct Shared {
    clock: Clock,
    /// What is done next; the last one from then on.
    script: Mutex<VecDeque<Reaction>>,
    received: watch::Sender<Vec<Webhook>>,
    released: watch::Sender<bool>,
}

impl Receiver {
    /// A receiver that listens.
    pub async fn start() -> Self {
        let mut receiver = Self::down().await;
        receiver.comes_up();
        receiver
    }

    /// A receiver whose port refuses connections, until [`Receiver::comes_up`].
    pub async fn down() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(anywhere).expect("a free port");
        Self {
            address: socket.local_addr().expect("its address"),
            shared: Arc::new(Shared {
                clock: Clock::system(),
                script: Mutex::new(VecDeque::from([taken(200)])),
                received: watch::Sender::new(Vec::new()),
                released: watch::Sender::new(false),
            }),
            asleep: Some(socket),
        }
    }

    /// Begins to listen.
    pub fn comes_up(&mut self) {
        let socket = self.asleep.take().expect("it is down");
        let listener: TcpListener = socket.listen(1_024).expect("it listens");
        let app = Router::new().fallback(receive);
        let app = app.with_state(Arc::clone(&self.shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
    }

    /// Where webhooks for it go.
    pub fn url(&self) -> String {
        self.url_of("/hook")
    }

    /// Where webhooks for it go, with a path of one's own.
    pub fn url_of(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers everything with `status` from now on.
    pub fn answers(&self, status: u16) -> &Self {
        self.begins_with(taken(status))
    }

    /// Answers everything like this from now on.
    pub fn answers_with(&self, status: u16, headers: &[(&str, &str)], body: &str) -> &Self {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.begins_with(Reaction::Answer(status, headers.collect(), body.to_owned()))
    }

    /// Never answers from now on, until [`Receiver::lets_go`].
    pub fn hangs(&self) -> &Self {
        self.shared.released.send_replace(false);
        self.begins_with(Reaction::Hang)
    }

    /// Does what it was last told once, and answers with `status` from then on.
    pub fn then_answers(&self, status: u16) -> &Self {
        self.shared.script().push_back(taken(status));
        self
    }

    /// Lets those that hang go, with 200, and all that come.
    pub fn lets_go(&self) {
        self.answers(200);
        self.shared.released.send_replace(true);
    }

    /// All that has come.
    pub fn received(&self) -> Vec<Webhook> {
        self.shared.received.borrow().clone()
    }

    /// Waits until `count` requests have come, and gives them.
    ///
    /// # Panics
    /// If more have come.
    #[track_caller]
    pub fn expect_requests(&self, count: usize) -> impl Future<Output = Vec<Webhook>> + '_ {
        let place = std::panic::Location::caller();
        let waited = self.at_least(count);
        async move {
            let all = waited.await;
            assert_eq!(all.len(), count, "{place}: {all:#?}");
            all
        }
    }

    /// Waits until `count` requests have come, and gives all that have.
    #[track_caller]
    pub fn at_least(&self, count: usize) -> impl Future<Output = Vec<Webhook>> + '_ {
        let wait = async move {
            let mut received = self.shared.received.subscribe();
            let enough = received.wait_for(|all| all.len() >= count);
            enough.await.expect("the receiver lives").clone()
        };
        within(format!("{count} requests at {}", self.address), wait)
    }

    /// Waits for the one webhook that comes.
    pub async fn expect_one(&self) -> Webhook {
        self.expect_requests(1).await.remove(0)
    }

    fn begins_with(&self, reaction: Reaction) -> &Self {
        *self.shared.script() = VecDeque::from([reaction]);
        self
    }
}

impl Webhook {
    /// Its `webhook-id`: the delivery.
    pub fn id(&self) -> &str {
        self.header("webhook-id").expect("a webhook-id")
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// Whether the public library takes its signature as made with `secret`.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let library = standardwebhooks::Webhook::new(secret).expect("a secret");
        library.verify(&self.body, &self.headers).is_ok()
    }

    /// How many signatures it carries.
    pub fn signatures(&self) -> usize {
        let all = self.header("webhook-signature").expect("a signature");
        all.split(' ').count()
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, VecDeque<Reaction>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Reaction {
        let mut script = self.script();
        match script.len() {
            0 | 1 => script.front().cloned().unwrap_or_else(|| taken(200)),
            _ => script.pop_front().expect("it has two"),
        }
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let webhook = Webhook {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body,
        at: shared.clock.now(),
    };
    let reaction = shared.next();
    shared.received.send_modify(|all| all.push(webhook));
    match reaction {
        Reaction::Answer(status, headers, body) => answer(status, &headers, body),
        Reaction::Hang => {
            let mut released = shared.released.subscribe();
            // An error says that the receiver is gone, and so is whoever waits.
            let _ = released.wait_for(|released| *released).await;
            StatusCode::OK.into_response()
        }
    }
}

fn answer(status: u16, headers: &[(String, String)], body: String) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    let mut response = (status, body).into_response();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        let value = HeaderValue::from_str(value).expect("a value");
        response.headers_mut().insert(name, value);
    }
    response
}

fn taken(status: u16) -> Reaction {
    Reaction::Answer(status, Vec::new(), String::new())
}
