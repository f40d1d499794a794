//! Real HTTP receivers: each listens on a port of its own on this machine, once its door is open.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, routing::post};
use tokio::net::TcpSocket;
use tokio_util::task::AbortOnDropHandle;

use super::{
    cast::Actor,
    inbox::{Inbox, Webhook, take},
};
use crate::domain::signature::Secret;

/// How many connections may wait to be taken.
const BACKLOG: u32 = 1_024;

/// Where it takes webhooks.
const PATH: &str = "/hooks";

/// A receiver. It stops listening when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    inbox: Arc<Inbox>,
    door: Mutex<Door>,
}

/// Whether connections are taken. Behind a closed door the port is held, so that nobody else gets
/// it, but the system refuses whoever knocks.
enum Door {
    Closed(TcpSocket),
    Open { _server: AbortOnDropHandle<()> },
    Broken,
}

impl Receiver {
    /// A receiver whose door is still closed.
    ///
    /// # Errors
    /// If there is no port for it.
    pub fn new(inbox: Inbox) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            address: socket.local_addr()?,
            inbox: Arc::new(inbox),
            door: Mutex::new(Door::Closed(socket)),
        })
    }

    /// Takes connections from now on.
    ///
    /// # Errors
    /// If the system does not let it listen.
    pub fn open(&self) -> io::Result<()> {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        *door = match std::mem::replace(&mut *door, Door::Broken) {
            Door::Closed(socket) => self.serve(socket)?,
            open => open,
        };
        Ok(())
    }

    fn serve(&self, socket: TcpSocket) -> io::Result<Door> {
        let listener = socket.listen(BACKLOG)?;
        let app = Router::new().route(PATH, post(take));
        let app = app.with_state(Arc::clone(&self.inbox));
        let server = tokio::spawn(async move {
            // It serves until it is dropped; a connection that fails ends alone.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Door::Open {
            _server: AbortOnDropHandle::new(server),
        })
    }

    /// Who it is.
    pub fn actor(&self) -> Actor {
        self.inbox.actor
    }

    /// Where it takes webhooks.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// What it does with requests, and what it remembers of them.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// What is signed with `secret` is believed from now on.
    pub fn believe(&self, secret: Secret) {
        self.inbox.believe(secret);
    }

    /// The webhook of this type that it took about this site.
    pub fn took(&self, event_type: &str, site: &str) -> Option<Webhook> {
        let memory = self.inbox.memory();
        let mut taken = memory.taken.iter();
        taken
            .find(|webhook| webhook.event_type == event_type && webhook.data.site == site)
            .cloned()
    }
}
