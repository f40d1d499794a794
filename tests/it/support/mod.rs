//! What the tests act with: a gateway of their own, receivers that do as they are told, and a
//! client that speaks to the gateway as any user does.
//!
//! Nothing here looks into the gateway: what a test learns it learns over HTTP, from what arrives
//! at a receiver, or from what the program prints.

mod api;
mod cluster;
mod following;
mod gateway;
mod patience;
pub mod postgres;
mod process;
mod proxy;
mod receiver;
mod story;
mod time;

pub use api::{Answer, Api};
pub use cluster::Cluster;
pub use following::Message;
pub use gateway::{Gateway, Setup};
pub use patience::{until, until_for, within};
pub use process::Process;
pub use proxy::{Breaks, Proxy, Way};
pub use receiver::{Receiver, Webhook};
pub use story::{Hook, a_webhook, attempts, id_of, text};
pub use time::Time;
