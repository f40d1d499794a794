//! Facts about something: a name and a value a line, those that are not known left out.

use std::{
    fmt::Display,
    io::{self, Write},
};

use owo_colors::OwoColorize as _;

use super::terminal;

/// The width of the names, and of what stands before and after.
const WIDTH: usize = 16;

/// Facts in their order.
#[derive(Debug, Default)]
pub struct Facts(Vec<(&'static str, String)>);

impl Facts {
    /// With `value` under `name`, if there is one.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: Option<&(impl Display + ?Sized)>) -> Self {
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Writes them, wrapped at the terminal's width.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = terminal::width();
        self.0.iter().try_for_each(|(name, value)| {
            let name = format!("  {name:<14}");
            let value = terminal::hanging(value, WIDTH, width);
            writeln!(out, "{}{value}", name.dimmed())
        })
    }
}
