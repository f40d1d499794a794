//! The last moment before a webhook leaves: until then, whoever sends it may take it back.
//!
//! A process can be stopped anywhere, between any question and the write that should follow from its
//! answer. So the question is asked again by the body of the request, when the connection takes it
//! to write it: what has no body is no request.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::trace::Trace;

/// Whether a request may leave, asked more than once and at last when its bytes are written.
#[derive(Clone)]
pub struct MayLeave(Arc<dyn Fn() -> bool + Send + Sync>);

/// A request was taken back before it left: nothing that could be read as one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request was taken back before it left")]
pub struct Withheld;

impl MayLeave {
    /// It may as long as `allowed` says so.
    pub fn as_long_as(allowed: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allowed))
    }

    /// It may at any time.
    pub fn always() -> Self {
        Self::as_long_as(|| true)
    }

    /// Whether it may now.
    pub(super) fn check(&self) -> Result<(), Withheld> {
        match (self.0)() {
            true => Ok(()),
            false => Err(Withheld),
        }
    }
}

impl fmt::Debug for MayLeave {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MayLeave")
    }
}

/// The body of a request that may be taken back. One that is empty is not asked for, and leaves with the
/// head.
pub(super) struct Departing {
    body: Bytes,
    may_leave: MayLeave,
    trace: Arc<Trace>,
}

impl Departing {
    pub(super) fn new(body: Bytes, may_leave: MayLeave, trace: Arc<Trace>) -> Self {
        Self {
            body,
            may_leave,
            trace,
        }
    }
}

impl Body for Departing {
    type Data = Bytes;
    type Error = Withheld;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Withheld>>> {
        if self.body.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match self.may_leave.check() {
            Ok(()) => Ok(Frame::data(std::mem::take(&mut self.body))),
            Err(withheld) => {
                self.trace.withhold();
                Err(withheld)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.len() as u64)
    }
}
