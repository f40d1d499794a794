//! Changes: carried out once, to the version that is meant, and written down.

mod audit;
mod conditions;
mod events;
mod repeats;
mod walk;
