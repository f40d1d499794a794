//! "Why did my webhook not arrive?", asked in every way.

mod deliveries;
mod listeners;
mod ten_questions;
mod tests;
mod trace;
mod verdicts;
