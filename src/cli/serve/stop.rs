//! How the gateway is told to stop: SIGTERM, or SIGINT from Ctrl-C.

use std::{io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code after a second signal: 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

/// Listens for signals from now on. The future ends with the first one; from then on the next one
/// ends the process at once.
///
/// # Errors
/// If the system does not let signals be listened for.
pub fn requested() -> io::Result<impl Future<Output = ()>> {
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
    };
    Ok(async move {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping; another signal ends at once");
        tokio::spawn(async move {
            let name = signals.next().await;
            tracing::warn!(signal = name, "ending at once");
            process::exit(INTERRUPTED);
        });
    })
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// The name of the next signal that comes.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
