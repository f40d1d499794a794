//! Riposte: the outbound reaction gateway of event-driven platforms.
//!
//! Services send events, users say what shall happen then, and Riposte delivers it as signed
//! webhooks, with retries, dead letters and a log that explains everything.

pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod keyfile;
pub mod keys;
pub mod net;
pub mod rules;
pub mod store;
pub mod telemetry;
