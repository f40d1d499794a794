//! Entries of a list as rows of a table.

use std::{
    io::{self, Write},
    marker::PhantomData,
};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets::NOTHING};
use owo_colors::OwoColorize as _;
use serde::de::DeserializeOwned;

use crate::{
    cli::{look::colour_signs, terminal},
    domain::time::Timestamp,
};

/// The columns between two cells.
const GAP: u16 = 2;

/// How far what stands below a row is indented.
const INDENT: usize = 2;

/// An entry of a list as a row of a table.
pub trait Row: DeserializeOwned {
    /// What many of them are called.
    const MANY: &'static str;
    /// The heads of the columns.
    const HEADER: &'static [&'static str];
    /// What stands in the columns, as it is seen at `now`: its name first, whole, so that it can be
    /// copied; what may be long last. Where that does not fit, it stands below.
    fn cells(&self, now: Timestamp) -> Vec<String>;
}

/// A table that comes page by page: the first page has the header, and columns never shrink.
pub struct Tables<R> {
    terminal: Option<usize>,
    begun: Option<Begun>,
    row: PhantomData<R>,
}

/// What the first page has settled.
struct Begun {
    widths: Vec<u16>,
    /// Whether what is long stands below its row.
    is_folded: bool,
}

impl<R: Row> Tables<R> {
    /// Tables for a terminal that has so many columns; lines of any length if there is none.
    pub fn new(terminal: Option<usize>) -> Self {
        Self {
            terminal,
            begun: None,
            row: PhantomData,
        }
    }

    /// Writes the next rows.
    pub fn write(&mut self, rows: &[R], now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut cells: Vec<_> = rows.iter().map(|row| row.cells(now)).collect();
        let is_folded = match &self.begun {
            Some(begun) => begun.is_folded,
            None => !self.fits(&table(R::HEADER, &cells)),
        };
        let mut header = R::HEADER;
        let mut below = Vec::new();
        if is_folded {
            header = &header[..header.len() - 1];
            below.extend(cells.iter_mut().filter_map(Vec::pop));
        }
        let mut table = table(header, &cells);
        let widths = self.widths(&table);
        self.arrange(&mut table, &widths);
        self.write_lines(&table.trim_fmt(), &below, out)?;
        self.begun = Some(Begun { widths, is_folded });
        Ok(())
    }

    fn fits(&self, table: &Table) -> bool {
        let widths = table.column_max_content_widths();
        let gaps = (widths.len() - 1) * usize::from(GAP);
        let columns = widths.into_iter().map(usize::from).sum::<usize>() + gaps;
        self.terminal.is_none_or(|terminal| columns <= terminal)
    }

    /// How wide the columns want to be: never less than before.
    fn widths(&self, table: &Table) -> Vec<u16> {
        let mut widths = table.column_max_content_widths();
        if let Some(begun) = &self.begun {
            let before = begun.widths.iter();
            widths
                .iter_mut()
                .zip(before)
                .for_each(|(width, before)| *width = (*width).max(*before));
        }
        widths
    }

    /// Names do not break; the other columns give way where the terminal is narrow.
    fn arrange(&self, table: &mut Table, widths: &[u16]) {
        if let Some(terminal) = self.terminal {
            // The spaces around the outermost cells are taken away again.
            let width = u16::try_from(terminal).unwrap_or(u16::MAX);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width.saturating_add(GAP));
        }
        let is_free = self.terminal.is_none();
        for (index, width) in widths.iter().enumerate() {
            if let Some(column) = table.column_mut(index)
                && (index == 0 || is_free)
            {
                let width = Width::Fixed(width.saturating_add(GAP));
                column.set_constraint(ColumnConstraint::LowerBoundary(width));
            }
        }
    }

    /// Writes the lines of a table; what is `below` a row comes after its last line.
    fn write_lines(&self, table: &str, below: &[String], out: &mut dyn Write) -> io::Result<()> {
        let mut lines = table
            .lines()
            .map(|line| line.strip_prefix(' ').unwrap_or(line));
        let header = lines.next().unwrap_or_default();
        if self.begun.is_none() {
            writeln!(out, "{}", header.bold())?;
        }
        let mut below = below.iter();
        let mut is_first = true;
        for line in lines {
            let begins_row = !line.starts_with(' ');
            if begins_row && !is_first {
                self.write_below(below.next(), out)?;
            }
            is_first = false;
            writeln!(out, "{}", colour_signs(line))?;
        }
        self.write_below(below.next(), out)
    }

    fn write_below(&self, text: Option<&String>, out: &mut dyn Write) -> io::Result<()> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        for line in terminal::lines(text, INDENT, self.terminal) {
            writeln!(out, "{:INDENT$}{}", "", colour_signs(&line))?;
        }
        Ok(())
    }
}

fn table(header: &[&str], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.to_vec());
    table.add_rows(rows);
    table
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Thing(String, String);

    impl Thing {
        fn new(id: &str, says: &str) -> Self {
            Self(id.to_owned(), says.to_owned())
        }
    }

    impl Row for Thing {
        const MANY: &'static str = "things";
        const HEADER: &'static [&'static str] = &["ID", "STATE", "SAYS"];

        fn cells(&self, _: Timestamp) -> Vec<String> {
            let Self(id, says) = self;
            vec![id.clone(), "✓ good".to_owned(), says.clone()]
        }
    }

    fn written(terminal: Option<usize>, pages: &[&[Thing]]) -> String {
        let (mut tables, mut out) = (Tables::new(terminal), Vec::new());
        for page in pages {
            let written = tables.write(page, Timestamp::default(), &mut out);
            written.expect("written");
        }
        let text = String::from_utf8(out).expect("UTF-8");
        anstream::adapter::strip_str(&text).to_string()
    }

    const LONG: &str = "one two three four five six seven eight nine ten";

    #[test]
    fn what_fits_is_a_row_a_line_and_columns_go_on_below_each_other() {
        let pages: [&[Thing]; 2] = [&[Thing::new("a_1", LONG)], &[Thing::new("a_22", "short")]];
        let expected = format!("ID   STATE   SAYS\na_1  ✓ good  {LONG}\na_22  ✓ good  short\n");
        assert_eq!(written(None, &pages), expected);
        assert_eq!(written(Some(80), &pages), expected);
        let pages: [&[Thing]; 2] = [&[Thing::new("a_22", LONG)], &[Thing::new("a_1", "short")]];
        let expected = format!("ID    STATE   SAYS\na_22  ✓ good  {LONG}\na_1   ✓ good  short\n");
        assert_eq!(written(None, &pages), expected);
    }

    #[test]
    fn what_is_too_long_stands_below_its_row() {
        let pages: [&[Thing]; 1] = [&[Thing::new("a_1", LONG), Thing::new("a_2", "short")]];
        assert_eq!(
            written(Some(40), &pages),
            "ID   STATE\n\
             a_1  ✓ good\n  one two three four five six seven\n  eight nine ten\n\
             a_2  ✓ good\n  short\n"
        );
    }
}
