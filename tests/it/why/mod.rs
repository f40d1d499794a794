//! "Why did my webhook not arrive?", asked in every way.

mod deliveries;
mod trace;
mod verdicts;
