//! How long PostgreSQL is waited for. It ends by itself what takes too long, but where the network
//! stands still nobody hears of that.

use std::{io, time::Duration};

/// What `work` gives, or an error if that takes longer than `patience`: the connection that it was
/// waiting on is of no more use.
#[expect(
    clippy::disallowed_methods,
    reason = "a bound on the driver, which waits by the system's time itself"
)]
pub(in crate::store) async fn within<T>(
    patience: Duration,
    work: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done,
        Err(_) => Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())),
    }
}
