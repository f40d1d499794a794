//! Reads lines of a bounded length, whatever the source.

use std::io::{self, BufRead, BufReader, Read};

/// The longest line that is read: 16 MiB. What is longer is passed over.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// The lines of a source, without their ends; empty ones are passed over.
pub struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    number: usize,
}

/// The number of a line, and what stands on it or what is wrong with it.
type Line<'l> = (usize, Result<&'l [u8], String>);

impl<R: Read> Lines<R> {
    /// The lines of `reader`.
    pub fn new(reader: BufReader<R>) -> Self {
        Self {
            reader,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The next line with its number, from 1 on, or what is wrong with it; none at the end.
    ///
    /// # Errors
    /// If the source cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        while self.read()? {
            if self.line.len() > MAX_LINE {
                self.pass_over()?;
                let message = format!("longer than the {MAX_LINE} bytes that a line may have");
                return Ok(Some((self.number, Err(message))));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.number, Ok(&self.line))));
            }
        }
        Ok(None)
    }

    /// Whether the next line may be long in coming: nothing more has been read yet.
    pub fn must_wait(&self) -> bool {
        self.reader.buffer().is_empty()
    }

    /// Reads a line, or as much of it as shows that it is too long.
    fn read(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut most = self.reader.by_ref().take(MAX_LINE as u64 + 1);
        let read = most.read_until(b'\n', &mut self.line)?;
        self.line.pop_if(|last| *last == b'\n');
        self.number += usize::from(read > 0);
        Ok(read > 0)
    }

    fn pass_over(&mut self) -> io::Result<()> {
        self.line = Vec::new();
        self.reader.skip_until(b'\n').map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(text: &[u8]) -> Vec<(usize, Result<Vec<u8>, String>)> {
        let mut lines = Lines::new(BufReader::new(text));
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next().expect("a source that can be read") {
            all.push((number, line.map(<[u8]>::to_vec)));
        }
        all
    }

    #[test]
    fn lines_are_numbered_and_empty_ones_passed_over() {
        let lines = numbered(b"a\n\n  \r\nb\r\nc");
        let expected = [(1, "a"), (4, "b\r"), (5, "c")];
        let expected = expected.map(|(number, line)| (number, Ok(line.as_bytes().to_vec())));
        assert_eq!(lines, expected);
        assert_eq!(numbered(b""), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let longest = "x".repeat(MAX_LINE);
        let lines = numbered(format!("{longest}\n{longest}x\nb\n").as_bytes());
        assert!(lines[0].1.as_ref().is_ok_and(|line| line.len() == MAX_LINE));
        assert!(lines[1].1.is_err());
        assert_eq!(lines[2], (3, Ok(b"b".to_vec())));
    }
}
