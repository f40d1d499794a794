//! The way to one reader: a few chunks that wait to be taken, and a last word. Whoever fills it
//! waits, but not for ever, for a reader that takes nothing.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{api::state::ApiState, clock::Clock};

/// The most bytes of a chunk, if a message alone has not more.
pub const CHUNK: usize = 32 * 1024;

/// The most chunks that wait to be taken. What the connection itself holds comes on top.
const WAITING_CHUNKS: usize = 4;

/// The end of the way at which it is filled.
#[derive(Debug)]
pub struct Pipe {
    chunks: mpsc::Sender<Bytes>,
    last: oneshot::Sender<Bytes>,
    clock: Clock,
    patience: Duration,
    stopping: CancellationToken,
}

/// Why a chunk was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// The reader has gone.
    Gone,
    /// The reader takes nothing.
    TooSlow,
    /// The gateway is stopping.
    Stopping,
}

/// A way to a reader, and its other end as the body of an answer.
pub fn pipe(state: &ApiState) -> (Pipe, Body) {
    let (chunks, waiting) = mpsc::channel(WAITING_CHUNKS);
    let (last, last_word) = oneshot::channel();
    let pipe = Pipe {
        chunks,
        last,
        clock: state.clock.clone(),
        patience: state.streams.settings.patience,
        stopping: state.stopping.clone(),
    };
    let body = stream::unfold(
        (waiting, Some(last_word)),
        async |(mut waiting, last_word)| {
            if let Some(chunk) = waiting.recv().await {
                return Some((chunk, (waiting, last_word)));
            }
            let last = last_word?.await.ok()?;
            Some((last, (waiting, None)))
        },
    );
    (pipe, Body::from_stream(body.map(Ok::<_, Infallible>)))
}

impl Pipe {
    /// Hands a chunk over, as soon as there is room for it.
    ///
    /// # Errors
    /// If there is none for too long, or it is not worth waiting for.
    pub async fn hand(&self, chunk: Bytes) -> Result<(), NotTaken> {
        tokio::select! {
            biased;
            sent = self.chunks.send(chunk) => sent.map_err(|_| NotTaken::Gone),
            () = self.stopping.cancelled() => Err(NotTaken::Stopping),
            () = self.clock.sleep(self.patience) => Err(NotTaken::TooSlow),
        }
    }

    /// Ends when the reader has gone.
    pub async fn gone(&self) {
        self.chunks.closed().await;
    }

    /// Ends the way: `last` comes after all that waits.
    pub fn close(self, last: Bytes) {
        // The reader may have gone.
        let _ = self.last.send(last);
    }
}
