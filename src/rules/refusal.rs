//! Why a rule is refused: the place, a stable code, and a text that says what would be right.

use serde::{Serialize, Serializer};

/// Why a rule is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// RFC 6901 pointer to the place, from the root of what was parsed. A key with dots in it is
    /// one token, as it stands in the JSON.
    pub pointer: String,
    /// What kind of mistake it is; stable.
    pub code: RefusalCode,
    /// What is wrong there, and what would be right; without its full stop.
    pub message: String,
}

impl Refusal {
    /// A refusal of what stands at `pointer`.
    pub(super) fn new(
        pointer: impl Into<String>,
        code: RefusalCode,
        message: impl Into<String>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            message: message.into(),
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal;)*) => {
        /// The kinds of refusal: a closed list, whose names do not change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RefusalCode {
            $($(#[$doc])* $code,)*
        }

        impl RefusalCode {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The name under which it is published.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    /// The `on` list is empty.
    EmptyOn = "empty_on";
    /// The `on` list has more than [`MAX_SUBJECTS`](super::MAX_SUBJECTS) entries.
    TooManySubjects = "too_many_subjects";
    /// An entry of `on` is no event type and no pattern for some.
    BadSubject = "bad_subject";
    /// The pattern is not JSON.
    MalformedJson = "malformed_json";
    /// A key stands twice in its object.
    DuplicateKey = "duplicate_key";
    /// The pattern has more than [`MAX_BYTES`](super::MAX_BYTES).
    TooLarge = "too_large";
    /// The pattern nests deeper than [`MAX_LEVELS`](super::MAX_LEVELS).
    TooDeep = "too_deep";
    /// A branch asks for more than [`MAX_PATHS`](super::MAX_PATHS).
    TooManyPaths = "too_many_paths";
    /// The pattern has more than [`MAX_BRANCHES`](super::MAX_BRANCHES).
    TooManyBranches = "too_many_branches";
    /// The pattern is not an object.
    RootNotObject = "root_not_object";
    /// An object that asks for nothing.
    EmptyObject = "empty_object";
    /// A list of conditions without a condition.
    EmptyList = "empty_list";
    /// A field's value stands by itself and not in a list.
    BareScalar = "bare_scalar";
    /// A list inside a list of conditions.
    NestedList = "nested_list";
    /// A key begins with `$` and is neither `$or` nor `$not`.
    UnknownKeyword = "unknown_keyword";
    /// The value of `$or` is no list of at least two objects.
    MalformedOr = "malformed_or";
    /// The value of `$not` is no object.
    MalformedNot = "malformed_not";
    /// The same path, spelled with dots and by nesting, is asked for twice side by side.
    DuplicatePath = "duplicate_path";
    /// A match object's key is no operator.
    UnknownOperator = "unknown_operator";
    /// A match object has more than one operator.
    SeveralOperators = "several_operators";
    /// An operator's value has the wrong type.
    WrongOperand = "wrong_operand";
    /// A wildcard with `**`, an unknown escape, or a `\` at its end.
    BadWildcard = "bad_wildcard";
    /// The value of `numeric` is neither one comparison nor a range.
    BadNumeric = "bad_numeric";
    /// The value of `cidr` is no block, or a block of one address.
    BadCidr = "bad_cidr";
    /// The value of `anything-but` is none of those that it may have.
    BadAnythingBut = "bad_anything_but";
}

impl Serialize for RefusalCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The one of `known` that `given` was likely meant to be.
pub(super) fn closest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| {
        let letters = text.chars().filter(|c| c.is_alphanumeric() || *c == '$');
        letters.flat_map(char::to_lowercase).collect::<Vec<_>>()
    };
    let given = plain(given);
    known
        .iter()
        .map(|name| (edits(&given, &plain(name)), *name))
        .filter(|(edits, name)| *edits * 3 <= name.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// How many characters must be inserted, removed or replaced to get from one to the other.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, left) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_in_snake_case() {
        let mut names: Vec<_> = RefusalCode::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RefusalCode::ALL.len());
        for name in names {
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{name}"
            );
        }
    }

    #[test]
    fn a_slip_finds_what_was_meant() {
        let known = ["prefix", "equals-ignore-case", "cidr", "$or"];
        for (given, meant) in [
            ("Prefix", Some("prefix")),
            ("prefx", Some("prefix")),
            ("equalsIgnoreCase", Some("equals-ignore-case")),
            ("equals_ignore_case", Some("equals-ignore-case")),
            ("$OR", Some("$or")),
            ("between", None),
            ("", None),
        ] {
            assert_eq!(closest(given, &known), meant, "{given}");
        }
    }
}
