//! The network as webhooks meet it: which addresses they may go to, how names become addresses,
//! and the HTTP client that sends them.
//!
//! The guard judges every URL, every name and every address, at registration and again whenever a
//! connection is made. It knows projects only by the [`policy::Policy`] that holds for them, and
//! nothing of endpoints, deliveries or retries.

mod address;
mod classify;
mod client;
pub mod departure;
mod dns;
pub mod guard;
pub mod host;
mod incoming;
pub mod lookup;
mod outgoing;
pub mod policies;
pub mod policy;
pub mod refusal;
pub mod resolver;
pub mod sender;
pub mod stall;
pub mod target;
pub mod testing;
mod tls;
mod trace;

#[cfg(test)]
mod receiver;
