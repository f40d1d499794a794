//! What Riposte is about: events, listeners, endpoints, deliveries and the rules between them.
//!
//! Pure: nothing here waits, stores, sends, reads a clock or draws a random number of its own.

pub mod attempt;
pub mod chance;
pub mod delivery;
pub mod duration;
pub mod endpoint;
pub mod event;
pub mod ids;
pub mod json;
pub mod lineage;
pub mod listener;
pub mod names;
pub mod project;
pub mod retry;
pub mod time;
