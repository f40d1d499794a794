//! What Riposte is about: events, listeners, endpoints, deliveries and the rules between them.
//!
//! Pure: nothing here waits, stores, sends, reads a clock or draws a random number of its own.

pub mod advice;
pub mod any_id;
pub mod api_key;
pub mod attempt;
pub mod attributes;
pub mod audit;
pub mod chance;
pub mod cloudevents;
pub mod dead_letter;
pub mod delivery;
pub mod draft;
pub mod duration;
pub mod endpoint;
pub mod event;
pub mod event_type;
pub mod final_statuses;
pub mod happening;
pub mod idempotency;
pub mod ids;
pub mod job;
pub mod json;
mod json_object;
pub mod lease;
pub mod lineage;
pub mod list;
pub mod listener;
pub mod media_type;
pub mod names;
pub mod node;
pub mod project;
pub mod quota;
pub mod refusal;
pub mod retention;
pub mod retry;
pub mod schema;
pub mod scope;
pub mod seal;
pub mod signature;
pub mod status;
pub mod template;
pub mod time;
pub mod webhook;
