//! Numbers as rules compare them: as binary64 where that loses nothing, else by what was written.

use std::cmp::Ordering;

/// A JSON number, with the text that it came as.
///
/// A number *survives* binary64 if the shortest decimal that reads back as its binary64 value
/// denotes the same value as its text. `0.1`, `0.10`, `1e-1`, `1e23` and `9007199254740992` do;
/// `9007199254740993` (it would become …992), `0.1000000000000000055511151231257827` (it would
/// become 0.1), `1e400` and `1e-400` do not.
///
/// Two numbers are equal if both survive and are the same binary64 (so 300 = 300.0 = 3e2 and
/// 0 = -0), or if neither survives and both are written the same. They are ordered as binary64
/// if both survive, else by the exact decimal values that their texts denote, where exponents
/// beyond ±10^18 count as that.
#[derive(Debug, Clone)]
pub struct Number {
    text: Box<str>,
    value: f64,
    survives: bool,
}

impl Number {
    /// Reads `text`, which must be a JSON number (RFC 8259, section 6).
    pub(super) fn of_json(text: &str) -> Self {
        let value = text.parse().unwrap_or(f64::NAN);
        Self {
            text: text.into(),
            value,
            survives: survives(text, value),
        }
    }

    /// The number as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it compares to another; never "not at all".
    pub fn order(&self, other: &Self) -> Ordering {
        if self.survives && other.survives {
            self.value.partial_cmp(&other.value)
        } else {
            None
        }
        .unwrap_or_else(|| Decimal::of(&self.text).order(&Decimal::of(&other.text)))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self.survives, other.survives) {
            (true, true) => self.value == other.value,
            (false, false) => self.text == other.text,
            _ => false,
        }
    }
}

/// Any whole number of so few characters is a binary64.
const ALWAYS_EXACT: usize = 15;

fn survives(text: &str, value: f64) -> bool {
    let whole = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if text.len() <= ALWAYS_EXACT && whole(text) {
        return true;
    }
    value.is_finite() && Decimal::of(text) == Decimal::of(&format!("{value:e}"))
}

/// A decimal value in one form only: ±0.`digits` × 10^`exponent`, where `digits` neither begins
/// nor ends with a zero. Zero has no digits, no sign and no exponent.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    exponent: i64,
    digits: Vec<u8>,
}

/// Where exponents end.
const MAX_EXPONENT: i64 = 1_000_000_000_000_000_000;

impl Decimal {
    fn of(text: &str) -> Self {
        let negative = text.starts_with('-');
        let text = text.trim_start_matches('-');
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole.as_bytes(), fraction.as_bytes()].concat();
        let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
            return Self::zero();
        };
        let last = digits.iter().rposition(|digit| *digit != b'0');
        let shift = whole.len().cast_signed() - first.cast_signed();
        let exponent = read_exponent(exponent).saturating_add(shift as i64);
        Self {
            negative,
            exponent: exponent.clamp(-MAX_EXPONENT, MAX_EXPONENT),
            digits: digits[first..=last.unwrap_or(first)].to_vec(),
        }
    }

    fn zero() -> Self {
        Self {
            negative: false,
            exponent: 0,
            digits: Vec::new(),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        let sign = self.sign().cmp(&other.sign());
        let size = (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits));
        sign.then(if self.negative { size.reverse() } else { size })
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => -1,
        }
    }
}

fn read_exponent(text: &str) -> i64 {
    let beyond = if text.starts_with('-') {
        -MAX_EXPONENT
    } else {
        MAX_EXPONENT
    };
    text.parse().unwrap_or(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal(left: &str, right: &str) -> bool {
        Number::of_json(left) == Number::of_json(right)
    }

    #[test]
    fn numbers_survive_binary64_when_nothing_is_lost() {
        for (text, survives) in [
            ("0", true),
            ("-0", true),
            ("0e999999999999999999999", true),
            ("0.1", true),
            ("0.10", true),
            ("1e-1", true),
            ("1e23", true),
            ("5e-324", true),
            ("1.7976931348623157e308", true),
            ("9007199254740992", true),
            ("9007199254740992.0", true),
            ("9007199254740994", true),
            ("9007199254740993", false),
            ("-9007199254740993", false),
            ("0.1000000000000000055511151231257827", false),
            ("1e309", false),
            ("1e400", false),
            ("1e-400", false),
            ("3e-324", false),
            ("1.0000000000000000001", false),
        ] {
            assert_eq!(Number::of_json(text).survives, survives, "{text}");
        }
    }

    #[test]
    fn equality_is_of_binary64_or_else_of_text() {
        for (left, right) in [
            ("300", "3e2"),
            ("300", "300.0"),
            ("0", "-0"),
            ("0.5", "5e-1"),
            ("9007199254740993", "9007199254740993"),
            ("1e400", "1e400"),
        ] {
            assert!(equal(left, right), "{left} = {right}");
            assert!(equal(right, left), "{right} = {left}");
        }
        for (left, right) in [
            ("300", "301"),
            ("9007199254740993", "9007199254740992"),
            ("9007199254740993", "9007199254740993.0"),
            ("1e400", "1E400"),
            ("1e400", "1e401"),
            ("1e-400", "0"),
        ] {
            assert!(!equal(left, right), "{left} ≠ {right}");
            assert!(!equal(right, left), "{right} ≠ {left}");
        }
    }

    #[test]
    fn order_is_of_the_values_even_where_binary64_cannot_tell_them_apart() {
        let ascending = [
            "-1e401",
            "-1e400",
            "-9007199254740993",
            "-9007199254740992",
            "-0.5",
            "-1e-400",
            "0",
            "1e-401",
            "1e-400",
            "0.05",
            "0.1",
            "0.1000000000000000055511151231257827",
            "2",
            "10",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994",
            "1e400",
            "1e99999999999999999999",
        ];
        for (i, left) in ascending.iter().enumerate() {
            for (j, right) in ascending.iter().enumerate() {
                let order = Number::of_json(left).order(&Number::of_json(right));
                assert_eq!(order, i.cmp(&j), "{left} and {right}");
            }
        }
    }
}
