//! Connections whose peer takes nothing: they are closed, so that a reader that has stopped reading
//! holds no memory for longer than that.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::serve::Listener;
use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use crate::clock::Clock;

/// Listens, and closes connections that take nothing for too long.
pub struct Unstalled {
    listener: TcpListener,
    clock: Clock,
    limit: Duration,
}

impl Unstalled {
    /// Listens on `listener`; a connection may take nothing for `limit`.
    pub fn new(listener: TcpListener, clock: Clock, limit: Duration) -> Self {
        Self {
            listener,
            clock,
            limit,
        }
    }
}

impl Listener for Unstalled {
    type Io = Connection<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            clock: self.clock.clone(),
            limit: self.limit,
            stalled: None,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that fails once its peer has taken nothing for too long.
pub struct Connection<S> {
    stream: S,
    clock: Clock,
    limit: Duration,
    /// Ends when the limit is reached; none while the peer takes what it is given.
    stalled: Option<BoxFuture<'static, ()>>,
}

impl Connection<TcpStream> {
    /// Has what is written sent at once: a message of a stream does not wait for the next.
    pub fn send_at_once(&mut self) {
        if let Err(error) = self.stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection gathers what it sends");
        }
    }
}

impl<S> Connection<S> {
    /// What a write gives: an error if it has been waiting for too long.
    fn judge<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let (clock, limit) = (&self.clock, self.limit);
        let stalled = self.stalled.get_or_insert_with(|| {
            let clock = clock.clone();
            Box::pin(async move { clock.sleep(limit).await })
        });
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn connection<S>(stream: S, limit: Duration) -> Connection<S> {
        Connection {
            stream,
            clock: Clock::system(),
            limit,
            stalled: None,
        }
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_for_too_long_is_given_up() {
        let (near, _far) = duplex(8);
        let mut near = connection(near, Duration::from_millis(20));
        let error = near.write_all(&[0; 64]).await.expect_err("it is full");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_peer_that_takes_something_is_not() {
        let (near, mut far) = duplex(8);
        let mut near = connection(near, Duration::from_secs(60));
        let reading = async {
            let mut taken = [0; 64];
            far.read_exact(&mut taken).await
        };
        let (written, read) = tokio::join!(near.write_all(&[0; 64]), reading);
        written.and(read.map(drop)).expect("all of it");
        let flushed = poll_fn(|context| Pin::new(&mut near).poll_flush(context));
        flushed.await.expect("nothing is left");
        assert!(near.stalled.is_none());
    }
}
