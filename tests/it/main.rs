//! Riposte as its users meet it, over real HTTP, with real receivers, on a real store; and the
//! suite that every store passes. One binary for all of it, so that it is linked once.

mod changing;
mod cli;
mod clients;
mod crash;
mod deliveries;
mod delivering;
mod emit;
mod endpoints;
mod erasure;
mod event_types;
mod fan_out;
mod find;
mod groups;
mod guard;
mod health;
mod jobs;
mod listeners;
mod lists;
mod malformed;
mod openapi;
mod overload;
mod projects;
mod quotas;
mod reference;
mod refusals;
mod restart;
mod retention;
mod retrying;
mod schemathesis;
mod secrets;
mod sending;
mod store;
mod stream;
mod support;
mod why;
