//! Rows as `COPY … FROM STDIN` takes them, in its text format
//! (<https://www.postgresql.org/docs/current/sql-copy.html>).

use crate::store::sql::kept;

/// Rows that are to be sent, one a line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    is_within_row: bool,
}

impl Lines {
    /// The next column of the row: null.
    pub(super) fn null(&mut self) {
        self.begin_column();
        self.bytes.extend_from_slice(b"\\N");
    }

    /// The next column of the row: a number.
    pub(super) fn number(&mut self, number: i64) {
        self.begin_column();
        self.bytes.extend_from_slice(number.to_string().as_bytes());
    }

    /// The next column of the row: a text.
    pub(super) fn text(&mut self, text: String) {
        self.begin_column();
        for byte in kept(text).bytes() {
            match byte {
                b'\\' => self.bytes.extend_from_slice(b"\\\\"),
                b'\t' => self.bytes.extend_from_slice(b"\\t"),
                b'\n' => self.bytes.extend_from_slice(b"\\n"),
                b'\r' => self.bytes.extend_from_slice(b"\\r"),
                plain => self.bytes.push(plain),
            }
        }
    }

    /// The next column of the row: bytes.
    pub(super) fn blob(&mut self, blob: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.begin_column();
        self.bytes.extend_from_slice(b"\\\\x");
        for byte in blob {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            self.bytes.extend([DIGITS[high], DIGITS[low]]);
        }
    }

    /// Ends the row.
    pub(super) fn end_row(&mut self) {
        self.bytes.push(b'\n');
        self.is_within_row = false;
    }

    /// How many bytes are to be sent.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What is to be sent; none of it is any more then.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn begin_column(&mut self) {
        if self.is_within_row {
            self.bytes.push(b'\t');
        }
        self.is_within_row = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_lines_of_columns_and_what_would_part_them_is_escaped() {
        let mut lines = Lines::default();
        lines.number(-7);
        lines.null();
        lines.text("a\tb\\c\r\nd\\N".to_owned());
        lines.blob(&[0, 159, 10]);
        lines.end_row();
        lines.text(String::new());
        lines.end_row();
        let expected = "-7\t\\N\ta\\tb\\\\c\\r\\nd\\\\N\t\\\\x009f0a\n\n";
        assert_eq!(String::from_utf8(lines.take()).expect("UTF-8"), expected);
        assert_eq!(lines.len(), 0);
    }

    #[test]
    fn a_text_with_a_nul_is_as_the_store_would_have_written_it() {
        let mut lines = Lines::default();
        lines.text("a\0b".to_owned());
        let sent = String::from_utf8(lines.take()).expect("UTF-8");
        assert_eq!(sent, kept("a\0b".to_owned()));
        assert!(!sent.contains('\0'));
    }
}
