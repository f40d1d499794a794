//! Sizes in bytes as people write them: `256 KiB`, `5 MB`, `512`.

/// Units and how many bytes each is, the largest first among those that are shown.
const UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("", 1),
];

/// The bytes that `text` says; none if it is not a whole number and a unit, or too large.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// `bytes` in the largest unit that divides them.
pub(super) fn format(bytes: &u64) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, factor)| *bytes > 0 && bytes.is_multiple_of(*factor));
    let (name, factor) = unit.unwrap_or(&("B", 1));
    format!("{} {name}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_whole_number_and_a_unit() {
        for (text, bytes) in [
            ("512", 512),
            ("0", 0),
            ("256 KiB", 256 << 10),
            ("1MiB", 1 << 20),
            (" 2 GiB ", 2 << 30),
            ("3 kB", 3_000),
            ("5 MB", 5_000_000),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for bad in [
            "",
            "MiB",
            "1.5 MiB",
            "-1",
            "1 mib",
            "1 TiB",
            "99999999999 GiB",
            "1 KiB x",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_divides_them() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_000, "1000 B"),
            (1 << 20, "1 MiB"),
            (3 << 10, "3 KiB"),
        ] {
            assert_eq!(format(&bytes), text);
        }
    }
}
