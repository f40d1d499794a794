//! Conditions: what a rule can ask of one leaf.

use std::{cmp::Ordering, net::IpAddr};

use ipnet::IpNet;

use super::{leaf::Leaf, number::Number, text::TextTest};

/// One condition of a list, with the JSON that it was written as.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What it asks.
    pub test: Test,
    /// The JSON text of it, as its author wrote it.
    pub json: String,
}

/// What a condition asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The leaf is this one.
    Equals(Leaf),
    /// The leaf is a string that passes.
    Text(TextTest),
    /// The leaf is none of these.
    AnythingBut(Vec<Leaf>),
    /// The leaf is no string that passes one of these.
    AnythingButText(Vec<TextTest>),
    /// The leaf is a number for which all of these hold.
    Numeric(Vec<(Comparison, Number)>),
    /// The leaf is a string with an address in this block.
    Cidr(IpNet),
    /// There is a leaf (`true`), or none (`false`); the latter no leaf can fulfil.
    Exists(bool),
}

/// How a number stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Test {
    /// Whether `leaf` does what is asked.
    pub fn accepts(&self, leaf: &Leaf) -> bool {
        match self {
            Self::Equals(wanted) => wanted == leaf,
            Self::Text(test) => leaf.as_text().is_some_and(|text| test.holds(text)),
            Self::AnythingBut(unwanted) => !unwanted.contains(leaf),
            Self::AnythingButText(unwanted) => {
                let fails = |text: &str| unwanted.iter().any(|test| test.holds(text));
                !leaf.as_text().is_some_and(fails)
            }
            Self::Numeric(bounds) => leaf
                .as_number()
                .is_some_and(|number| bounds.iter().all(|(how, bound)| how.holds(number, bound))),
            Self::Cidr(block) => leaf.as_text().is_some_and(|text| is_inside(text, block)),
            Self::Exists(wanted) => *wanted,
        }
    }
}

impl Comparison {
    /// Every comparison as it is written.
    pub const ALL: &[(&str, Self)] = &[
        ("=", Self::Equal),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
    ];

    fn holds(self, number: &Number, bound: &Number) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number.order(bound) == Ordering::Less,
            Self::LessOrEqual => number.order(bound) != Ordering::Greater,
            Self::Greater => number.order(bound) == Ordering::Greater,
            Self::GreaterOrEqual => number.order(bound) != Ordering::Less,
        }
    }
}

/// An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is both itself and the IPv4 address that it
/// holds: it is inside a block that has either.
fn is_inside(text: &str, block: &IpNet) -> bool {
    text.parse::<IpAddr>()
        .is_ok_and(|address| block.contains(&address) || block.contains(&address.to_canonical()))
}
