//! What a condition can ask of a string. Every test takes time linear in the text.

use icu_casemap::CaseMapper;

/// A test of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// It begins so.
    Prefix(String),
    /// It ends so.
    Suffix(String),
    /// This stands somewhere in it.
    Contains(String),
    /// It is this, whatever the case.
    EqualsIgnoreCase(Folded),
    /// It begins so, whatever the case.
    PrefixIgnoreCase(Folded),
    /// It ends so, whatever the case.
    SuffixIgnoreCase(Folded),
    /// It is these parts with any runs between them.
    Wildcard(Wildcard),
    /// The same, whatever the case.
    WildcardIgnoreCase(Wildcard),
}

impl TextTest {
    /// Whether `text` passes.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::Contains(part) => text.contains(part.as_str()),
            Self::EqualsIgnoreCase(folded) => text.chars().map(fold).eq(folded.0.chars()),
            Self::PrefixIgnoreCase(folded) => begins(text.chars().map(fold), folded.0.chars()),
            Self::SuffixIgnoreCase(folded) => {
                begins(text.chars().rev().map(fold), folded.0.chars().rev())
            }
            Self::Wildcard(wildcard) => wildcard.holds(text),
            Self::WildcardIgnoreCase(wildcard) => wildcard.holds(&Folded::of(text).0),
        }
    }
}

/// A string after Unicode *simple* case folding: one character for each, so `ſ` becomes `s` and
/// the Kelvin sign `k`, but `ß` stays what it is, and so do Turkish `İ` and `ı`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded(String);

impl Folded {
    /// Folds `text`.
    pub fn of(text: &str) -> Self {
        Self(text.chars().map(fold).collect())
    }
}

/// Parts between which anything may stand. One part is the whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wildcard(Vec<String>);

impl Wildcard {
    /// Parses a text in which `*` stands for any run of characters, `\*` for a star and `\\` for
    /// a backslash.
    ///
    /// # Errors
    /// A sentence about `**`, about another escape, or about a backslash at the end.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = vec![String::new()];
        let mut after_star = false;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '*' if after_star => {
                    return Err(
                        r"** says no more than *: write one, or \* for a star itself".into(),
                    );
                }
                '*' => parts.push(String::new()),
                '\\' => push(&mut parts, unescape(chars.next())?),
                plain => push(&mut parts, plain),
            }
            after_star = c == '*';
        }
        Ok(Self(parts))
    }

    /// The same, to be held against folded text.
    pub(super) fn folded(self) -> Self {
        let folded = self.0.iter().map(|part| Folded::of(part).0);
        Self(folded.collect())
    }

    /// Takes each part where it comes first: what is left is the most that can be left, so there
    /// is never a reason to go back.
    fn holds(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0.iter().all(|whole| whole == text);
        };
        let inner = text.strip_prefix(first.as_str());
        let Some(mut rest) = inner.and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        middle.iter().all(|part| {
            let found = rest.split_once(part.as_str());
            rest = found.map_or("", |(_, after)| after);
            found.is_some()
        })
    }
}

const CASES: icu_casemap::CaseMapperBorrowed<'static> = CaseMapper::new();

fn fold(c: char) -> char {
    CASES.simple_fold(c)
}

fn begins(mut text: impl Iterator<Item = char>, mut start: impl Iterator<Item = char>) -> bool {
    start.all(|wanted| text.next() == Some(wanted))
}

fn push(parts: &mut [String], c: char) {
    if let Some(part) = parts.last_mut() {
        part.push(c);
    }
}

fn unescape(escaped: Option<char>) -> Result<char, String> {
    match escaped {
        Some(c @ ('*' | '\\')) => Ok(c),
        Some(other) => Err(format!(
            r"\{other} is no escape: only \* and \\ are (in JSON, a backslash is itself written \\)"
        )),
        None => Err(r"a backslash at the end escapes nothing: write \\ for the character".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_runs() {
        for (pattern, text, holds) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "a", true),
            ("a*b", "ab", true),
            ("a*b", "a-b-b", true),
            ("a*b", "a", false),
            ("aba*aba", "aba", false),
            ("aba*aba", "abaaba", true),
            ("*.js", "app.js", true),
            ("*.js", "app.jsx", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "acb", false),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "aab", false),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"a\\*", r"a\b", true),
            (r"\**", "*x", true),
            ("é*ü", "éxü", true),
        ] {
            let wildcard = Wildcard::parse(pattern).expect(pattern);
            assert_eq!(wildcard.holds(text), holds, "{pattern} on {text}");
        }
    }

    #[test]
    fn wildcards_that_say_nothing_are_refused() {
        for bad in ["**", "a**b", r"\", r"a*\", r"\a", r"\?"] {
            assert!(Wildcard::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_against_hostile_text_does_not_explode() {
        let wildcard = Wildcard::parse(&("*a".repeat(2_000) + "*b")).expect("wildcard");
        assert!(!wildcard.holds(&"a".repeat(1_000_000)));
    }

    #[test]
    fn folding_is_simple_and_knows_no_language() {
        let equal = |left, right: &str| TextTest::EqualsIgnoreCase(Folded::of(left)).holds(right);
        for (left, right) in [
            ("abc", "ABC"),
            ("ſ", "S"),
            ("\u{212A}", "k"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ẞ", "ß"),
            ("Å", "\u{212B}"),
            ("", ""),
        ] {
            assert!(equal(left, right), "{left} {right}");
            assert!(equal(right, left), "{right} {left}");
        }
        for (left, right) in [
            ("ß", "ss"),
            ("İ", "i"),
            ("ı", "I"),
            ("ﬁ", "fi"),
            ("a", "ab"),
        ] {
            assert!(!equal(left, right), "{left} {right}");
            assert!(!equal(right, left), "{right} {left}");
        }
    }

    #[test]
    fn parts_can_be_found_whatever_their_case() {
        let prefix = TextTest::PrefixIgnoreCase(Folded::of("Straſ"));
        let suffix = TextTest::SuffixIgnoreCase(Folded::of(".JPG"));
        assert!(prefix.holds("STRASSE") && !prefix.holds("STRA"));
        assert!(suffix.holds("photo.jpg") && !suffix.holds("jpg"));
        let wildcard = Wildcard::parse("*Error*").expect("wildcard").folded();
        assert!(TextTest::WildcardIgnoreCase(wildcard).holds("an ERROR here"));
    }
}
