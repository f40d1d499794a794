//! "Why did my webhook not arrive?", asked in every way.

mod deliveries;
mod listeners;
mod tests;
mod trace;
mod verdicts;
