//! The `on` part of a rule: which event types it waits for, as NATS-style subjects.
//!
//! It knows event types as text only, so that an event whose type is not well-formed simply
//! matches nothing that names more than `>`.

use std::str::FromStr;

use super::refusal::{Refusal, RefusalCode};
use crate::domain::event::{EventType, MAX_EVENT_TYPE};

/// The most entries that an `on` list may have.
pub const MAX_SUBJECTS: usize = 256;

/// A list of subjects, any of which may match: never empty, for `[">"]` says "every event".
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct On(Vec<Subject>);

/// An event type in which `*` stands for exactly one token and a last `>` for one or more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl On {
    /// Parses a list of subjects.
    ///
    /// # Errors
    /// An empty or too long list, or the first entry that is no subject, with `/0` and so on as
    /// its place.
    pub fn parse(subjects: &[String]) -> Result<Self, Refusal> {
        if subjects.is_empty() {
            let message = r#"name at least one event type; [">"] means every event"#;
            return Err(Refusal::new("", RefusalCode::EmptyOn, message));
        }
        if subjects.len() > MAX_SUBJECTS {
            let message = format!(
                "at most {MAX_SUBJECTS} event types fit into one rule; * and > stand for many"
            );
            return Err(Refusal::new("", RefusalCode::TooManySubjects, message));
        }
        let parsed = subjects.iter().enumerate().map(|(index, subject)| {
            Subject::parse(subject).map_err(|message| {
                Refusal::new(format!("/{index}"), RefusalCode::BadSubject, message)
            })
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// The list that every event type matches: `[">"]`.
    pub fn every_event() -> Self {
        Self(vec![Subject(">".to_owned())])
    }

    /// Whether an event of this type is waited for.
    pub fn matches(&self, event_type: &str) -> bool {
        self.0.iter().any(|subject| subject.matches(event_type))
    }

    /// The subjects, in the order in which they were given.
    pub fn subjects(&self) -> &[Subject] {
        &self.0
    }
}

impl Subject {
    /// The subject as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for itself alone: it has no wildcard.
    pub fn is_literal(&self) -> bool {
        !self.0.contains(['*', '>'])
    }

    /// What every type that it stands for begins with: all before the first wildcard.
    pub fn literal_beginning(&self) -> &str {
        self.0.split(['*', '>']).next().unwrap_or_default()
    }

    /// Whether an event of this type is waited for: in time linear in the type's length.
    pub fn matches(&self, event_type: &str) -> bool {
        let mut tokens = event_type.split('.');
        for wanted in self.0.split('.') {
            match (wanted, tokens.next()) {
                (_, None) => return false,
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (literal, Some(token)) if literal == token => {}
                (_, Some(_)) => return false,
            }
        }
        tokens.next().is_none()
    }

    /// Parses one subject.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_EVENT_TYPE {
            return Err(format!(
                "an event type has at most {MAX_EVENT_TYPE} characters"
            ));
        }
        let last = text.split('.').count() - 1;
        for (index, token) in text.split('.').enumerate() {
            check_token(token, index == last)?;
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl From<&EventType> for Subject {
    fn from(event_type: &EventType) -> Self {
        Self(event_type.as_str().to_owned())
    }
}

fn check_token(token: &str, is_last: bool) -> Result<(), String> {
    let foreign = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    match token {
        "" => Err("an event type has no empty token: write it like site.deploy.succeeded".into()),
        ">" if !is_last => Err("> may only be the last token, as in site.>".into()),
        "*" | ">" => Ok(()),
        _ if token.contains(['*', '>']) => Err(format!(
            "{token:?} mixes a wildcard with text: * and > stand for whole tokens, as in site.* or site.>"
        )),
        _ => token.chars().find(foreign).map_or(Ok(()), |c| {
            Err(format!(
                "{c:?} may not stand in an event type: its tokens are made of A-Z, a-z, 0-9, _ and -, with dots between"
            ))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(subjects: &[&str]) -> Result<On, Refusal> {
        On::parse(&subjects.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn subjects_match_whole_tokens() {
        for (subject, event_type, matches) in [
            ("site.deploy.succeeded", "site.deploy.succeeded", true),
            ("site.deploy.succeeded", "site.deploy", false),
            ("site.deploy", "site.deploy.succeeded", false),
            ("site.deploy", "Site.deploy", false),
            ("site.*", "site.deploy", true),
            ("site.*", "site", false),
            ("site.*", "site.deploy.failed", false),
            ("*.deploy.*", "site.deploy.failed", true),
            ("*", "site", true),
            ("*", "site.deploy", false),
            ("site.>", "site.deploy", true),
            ("site.>", "site.deploy.failed", true),
            ("site.>", "site", false),
            ("site.>", "sites.deploy", false),
            ("*.>", "site", false),
            ("*.>", "site.deploy", true),
            (">", "site", true),
            (">", "a.b.c", true),
        ] {
            let on = on(&[subject]).expect(subject);
            assert_eq!(on.matches(event_type), matches, "{subject} on {event_type}");
        }
    }

    #[test]
    fn what_every_type_begins_with_stands_before_the_first_wildcard() {
        for (subject, beginning) in [
            ("site.deploy", "site.deploy"),
            ("site.*.failed", "site."),
            ("site.>", "site."),
            ("*.deploy", ""),
            (">", ""),
        ] {
            let parsed = Subject::parse(subject).expect(subject);
            assert_eq!(parsed.literal_beginning(), beginning, "{subject}");
            assert_eq!(parsed.is_literal(), subject == beginning, "{subject}");
        }
    }

    #[test]
    fn the_list_is_an_or() {
        let on = on(&["site.deploy.*", "domain.>"]).expect("subjects");
        assert!(on.matches("site.deploy.failed"));
        assert!(on.matches("domain.records.updated"));
        assert!(!on.matches("site.created"));
        assert!(On::every_event().matches("anything"));
    }

    #[test]
    fn what_is_no_subject_is_refused_at_its_place() {
        let long = "a".repeat(129);
        for bad in [
            "", ".", "a..b", "a.", ".a", "site.de*", "*x", "a.>.b", ">.a", "a>", "a b", "é", "a/b",
            "**", &long,
        ] {
            let refusal = on(&["fine", bad]).expect_err(bad);
            assert_eq!(refusal.pointer, "/1", "{bad}");
            assert_eq!(refusal.code, RefusalCode::BadSubject, "{bad}");
        }
    }

    #[test]
    fn the_list_has_a_least_and_a_greatest_length() {
        assert_eq!(on(&[]).expect_err("empty").code, RefusalCode::EmptyOn);
        assert!(on(&["a"; MAX_SUBJECTS]).is_ok());
        let refusal = on(&["a"; MAX_SUBJECTS + 1]).expect_err("too long");
        assert_eq!(refusal.code, RefusalCode::TooManySubjects);
        assert_eq!(refusal.pointer, "");
    }
}
