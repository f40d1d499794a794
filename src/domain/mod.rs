//! What Riposte is about: events, listeners, endpoints, deliveries and the rules between them.
//!
//! Pure: nothing here waits, stores, sends, reads a clock or draws a random number of its own.

pub mod api_key;
pub mod attempt;
pub mod attributes;
pub mod chance;
pub mod cloudevents;
pub mod draft;
pub mod event;
pub mod ids;
pub mod json;
mod json_object;
pub mod lineage;
pub mod media_type;
pub mod seal;
pub mod signature;
pub mod template;
pub mod time;
pub mod webhook;
