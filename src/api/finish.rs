//! Work that goes on when its client goes away.

use super::problem::{Code, Problem};

/// Carries `work` to its end, even if the connection breaks and nobody waits for the answer: what
/// was written is also made known to the engine.
///
/// # Errors
/// What `work` gives.
pub async fn finish<T: Send + 'static, E: From<Problem> + Send + 'static>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request failed");
        let problem = Problem::new(Code::Internal, "the gateway failed; its log says why");
        Err(problem.into())
    })
}
