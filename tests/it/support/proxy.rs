//! A TCP proxy between a node and its database, which does to connections what networks do: cut
//! them, reset them, and hold what is on its way; also just when something is committed.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
};
use url::Url;

use super::within;

/// What PostgreSQL is sent when a transaction shall be committed: a simple query.
const COMMIT: &[u8] = b"COMMIT\0";

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the database.
    There,
    /// To the node.
    Back,
}

/// When a connection breaks around a commit. The node cannot tell one from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaks {
    /// The database never hears of the commit.
    BeforeCommit,
    /// The database has committed, and the node never hears of it.
    AfterCommit,
}

/// A proxy. It lets everything through until it is told otherwise.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: SocketAddr,
    weather: watch::Sender<Weather>,
    /// What the next commits meet, and how many.
    commits: Mutex<(Option<Breaks>, usize)>,
    broken: watch::Sender<usize>,
}

/// What connections meet.
#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    holds_there: bool,
    holds_back: bool,
    is_closed: bool,
    /// How often all connections were ended.
    ended: usize,
    /// Whether they were ended by a reset.
    by_reset: bool,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

impl Proxy {
    /// A proxy to the host and port of `url`, on a port of its own.
    pub async fn before(url: &str) -> Self {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(anywhere).await.expect("a free port");
        let shared = Arc::new(Shared {
            target: address_in(url),
            weather: watch::Sender::default(),
            commits: Mutex::default(),
            broken: watch::Sender::new(0),
        });
        let address = listener.local_addr().expect("its address");
        tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared }
    }

    /// The same database as `url` names, through the proxy.
    pub fn url(&self, url: &str) -> String {
        let mut url = Url::parse(url).expect("a URL");
        let port = Some(self.address.port());
        url.set_port(port).expect("a URL with a host");
        url.into()
    }

    /// Holds what goes one way, until [`Proxy::flows`].
    pub fn holds(&self, way: Way) {
        self.shared.weather.send_modify(|weather| match way {
            Way::There => weather.holds_there = true,
            Way::Back => weather.holds_back = true,
        });
    }

    /// Lets go what is held, and everything from now on.
    pub fn flows(&self) {
        self.shared.weather.send_modify(|weather| {
            weather.holds_there = false;
            weather.holds_back = false;
            weather.is_closed = false;
        });
    }

    /// Closes all connections; new ones are let through.
    pub fn cuts(&self) {
        self.ends(End::Closed);
    }

    /// Resets all connections; new ones are let through.
    pub fn resets(&self) {
        self.ends(End::Reset);
    }

    /// Resets all connections, and new ones at once, until [`Proxy::flows`].
    pub fn is_down(&self) {
        self.shared.weather.send_modify(|w| w.is_closed = true);
        self.resets();
    }

    /// Breaks the connections of the next `count` commits.
    pub fn breaks(&self, when: Breaks, count: usize) {
        *self.shared.commits() = (Some(when), count);
    }

    /// Waits until `count` commits have met a broken connection.
    #[track_caller]
    pub fn has_broken(&self, count: usize) -> impl Future<Output = ()> + '_ {
        let mut broken = self.shared.broken.subscribe();
        let wait = async move {
            let enough = broken.wait_for(|broken| *broken >= count).await;
            enough.expect("the proxy lives");
        };
        within(format!("{count} commits to break"), wait)
    }

    /// How many commits have met a broken connection.
    pub fn broken(&self) -> usize {
        *self.shared.broken.borrow()
    }

    fn ends(&self, end: End) {
        self.shared.weather.send_modify(|weather| {
            weather.ended += 1;
            weather.by_reset = end == End::Reset;
        });
    }
}

impl Shared {
    fn commits(&self) -> std::sync::MutexGuard<'_, (Option<Breaks>, usize)> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a commit that is on its way meets.
    fn meets(&self) -> Option<Breaks> {
        let mut commits = self.commits();
        let (Some(breaks), left @ 1..) = *commits else {
            return None;
        };
        commits.1 = left - 1;
        Some(breaks)
    }

    /// Waits as long as what goes `way` is held.
    async fn lets_through(&self, way: Way) {
        let mut weather = self.weather.subscribe();
        let flows = weather.wait_for(|weather| match way {
            Way::There => !weather.holds_there,
            Way::Back => !weather.holds_back,
        });
        // An error says that the proxy is gone, and so is whoever used it.
        let _ = flows.await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((node, _)) = listener.accept().await {
        tokio::spawn(carry(node, Arc::clone(&shared)));
    }
}

/// Carries what goes between a node and the database, until one of them ends the connection or the
/// proxy is told to.
async fn carry(mut node: TcpStream, shared: Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    let before = *weather.borrow_and_update();
    if before.is_closed {
        return reset(&node);
    }
    let Ok(mut database) = TcpStream::connect(shared.target).await else {
        return reset(&node);
    };
    let end = {
        let (from_node, to_node) = node.split();
        let (from_database, to_database) = database.split();
        let is_lost = AtomicBool::new(false);
        tokio::select! {
            end = there(from_node, to_database, &shared, &is_lost) => end,
            end = back(from_database, to_node, &shared, &is_lost) => end,
            ended = weather.wait_for(|weather| weather.ended > before.ended) => match ended {
                Ok(weather) if weather.by_reset => End::Reset,
                _ => End::Closed,
            }
        }
    };
    if end == End::Reset {
        reset(&node);
        reset(&database);
    }
}

/// Carries what the node sends. A commit that meets a break is not passed on, or its answer is lost.
async fn there(
    mut node: ReadHalf<'_>,
    mut database: WriteHalf<'_>,
    shared: &Shared,
    is_lost: &AtomicBool,
) -> End {
    let mut chunk = vec![0; 1 << 16];
    while let Ok(read @ 1..) = node.read(&mut chunk).await {
        let bytes = &chunk[..read];
        shared.lets_through(Way::There).await;
        let commits = bytes.windows(COMMIT.len()).any(|window| window == COMMIT);
        match commits.then(|| shared.meets()).flatten() {
            Some(Breaks::BeforeCommit) => {
                shared.broken.send_modify(|broken| *broken += 1);
                return End::Reset;
            }
            Some(Breaks::AfterCommit) => is_lost.store(true, Ordering::SeqCst),
            None => {}
        }
        if database.write_all(bytes).await.is_err() {
            break;
        }
    }
    End::Closed
}

/// Carries what the database answers.
async fn back(
    mut database: ReadHalf<'_>,
    mut node: WriteHalf<'_>,
    shared: &Shared,
    is_lost: &AtomicBool,
) -> End {
    let mut chunk = vec![0; 1 << 16];
    while let Ok(read @ 1..) = database.read(&mut chunk).await {
        if is_lost.load(Ordering::SeqCst) {
            shared.broken.send_modify(|broken| *broken += 1);
            return End::Reset;
        }
        shared.lets_through(Way::Back).await;
        if node.write_all(&chunk[..read]).await.is_err() {
            break;
        }
    }
    End::Closed
}

/// Lets the other side see a reset when the connection is dropped.
fn reset(connection: &TcpStream) {
    // A connection that is gone already needs none.
    let _ = connection.set_zero_linger();
}

fn address_in(url: &str) -> SocketAddr {
    let url = Url::parse(url).expect("a URL");
    let all = url.socket_addrs(|| Some(5_432)).expect("an address");
    all[0]
}
