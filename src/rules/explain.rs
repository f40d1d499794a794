//! Says why an event matches a rule or does not, clause by clause.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Rule,
    choose::{MAX_STEPS, Steps, agree},
    eval::{Answer, Evaluation, evaluate},
    flatten::{Flat, Found},
    leaf::Leaf,
    on::On,
    pattern::{Branch, Clause, Pattern},
    view::EventView,
};

/// The most values of an event that are shown for one clause.
pub const MAX_FOUND: usize = 8;

/// The most characters that are shown of a value.
pub const MAX_FOUND_CHARS: usize = 200;

/// The most notes on branches that an explanation has.
pub const MAX_NOTES: usize = 8;

/// Why an event matches a rule, or does not. It stands in the order in which the rule was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the event matches.
    pub matched: bool,
    /// The event's type, empty if it has none.
    pub event_type: String,
    /// For each entry of `on`, whether it holds; one is enough.
    pub on: Vec<SubjectVerdict>,
    /// What `when` says, if the rule has it.
    pub when: Option<WhenVerdict>,
}

/// Whether an entry of `on` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectVerdict {
    /// The entry.
    pub subject: String,
    /// Whether the event's type is one of those.
    pub held: bool,
}

/// What a pattern says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhenVerdict {
    /// Whether it holds.
    pub held: bool,
    /// Its clauses, also those under `$or` and `$not`.
    pub clauses: Vec<ClauseVerdict>,
    /// Its `$not`s, inner ones before those around them.
    pub nots: Vec<NotVerdict>,
    /// What the clauses alone do not tell; at most [`MAX_NOTES`].
    pub notes: Vec<Note>,
}

/// What one clause says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClauseVerdict {
    /// Where it stands in the pattern: an RFC 6901 pointer.
    pub pointer: String,
    /// The path that it speaks of.
    pub path: String,
    /// Its conditions, as they were written; any of them will do.
    pub wanted: Vec<JsonText>,
    /// What stands at that path in the event: at most [`MAX_FOUND`] values, strings and numbers
    /// of more than [`MAX_FOUND_CHARS`] cut, with `…` at the cut.
    pub found: Vec<JsonText>,
    /// How many more values stand there.
    pub found_more: usize,
    /// Whether it holds: together with others where a branch does, else by itself.
    pub held: bool,
}

/// Whether a `$not` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotVerdict {
    /// Where it stands in the pattern: an RFC 6901 pointer.
    pub pointer: String,
    /// Whether it holds, which is to say that the object in it does not.
    pub held: bool,
}

/// Why a pattern does not hold although its clauses do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The pointers of the clauses that it speaks of.
    pub clauses: Vec<String>,
    /// A sentence.
    pub text: String,
}

/// The text of a JSON value; it stands in JSON as that value.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct JsonText(Box<RawValue>);

/// Explains why `event` matches `rule` or does not. Its `matched` is what [`Rule::matches`] says.
pub fn explain(rule: &Rule, event: &EventView<'_>) -> Explanation {
    let event_type = event.event_type().into_owned();
    let when = rule.when.as_ref();
    let when = when.map(|when| when.explain(&Flat::of(event)));
    Explanation {
        matched: rule.on.matches(&event_type) && when.as_ref().is_none_or(|when| when.held),
        on: rule.on.explain(&event_type),
        event_type,
        when,
    }
}

impl On {
    /// For each subject, whether an event of this type is waited for.
    pub fn explain(&self, event_type: &str) -> Vec<SubjectVerdict> {
        let verdicts = self.subjects().iter().map(|subject| SubjectVerdict {
            subject: subject.as_str().to_owned(),
            held: subject.matches(event_type),
        });
        verdicts.collect()
    }
}

impl Pattern {
    /// Why the pattern holds for an event, or does not. Its `held` is what [`Pattern::matches`]
    /// says.
    pub fn explain(&self, event: &Flat) -> WhenVerdict {
        let Ok(evaluation) = evaluate(self, event) else {
            return WhenVerdict::too_costly();
        };
        let together = self.holding(&evaluation);
        let mut steps = Steps::all();
        let mut holds_alone =
            |answer: &Answer<'_>| agree(vec![answer.wanted()], &mut steps) == Ok(true);
        let clauses = self.clauses().iter().zip(&evaluation.answers).enumerate();
        let clauses: Vec<_> = clauses
            .map(|(index, (clause, answer))| {
                let held = together.contains(&index) || holds_alone(answer);
                ClauseVerdict::of(clause, answer, held)
            })
            .collect();
        WhenVerdict {
            held: evaluation.branch.is_some(),
            notes: self.notes(&evaluation, &clauses),
            nots: self.not_verdicts(&evaluation),
            clauses,
        }
    }

    /// The clauses of all branches that hold.
    fn holding(&self, evaluation: &Evaluation<'_>) -> Vec<usize> {
        let nots = self.nots.iter().zip(&evaluation.nots);
        let in_nots = nots.filter_map(|(not, branch)| branch.map(|at| &not.branches[at]));
        let branch = evaluation.branch.map(|at| &self.branches[at]);
        let branches = in_nots.chain(branch);
        branches.flat_map(|branch| branch.clauses.clone()).collect()
    }

    fn not_verdicts(&self, evaluation: &Evaluation<'_>) -> Vec<NotVerdict> {
        let nots = self.nots.iter().zip(&evaluation.nots);
        let verdicts = nots.map(|(not, branch)| NotVerdict {
            pointer: not.pointer.clone(),
            held: branch.is_none(),
        });
        verdicts.collect()
    }

    /// Notes on the branches that fail although all in them holds by itself.
    fn notes(&self, evaluation: &Evaluation<'_>, clauses: &[ClauseVerdict]) -> Vec<Note> {
        if evaluation.branch.is_some() {
            return Vec::new();
        }
        let holds = |branch: &&Branch| {
            branch
                .nots
                .iter()
                .all(|not| evaluation.nots[*not].is_none())
                && branch.clauses.iter().all(|clause| clauses[*clause].held)
        };
        let apart = self.branches.iter().filter(holds).take(MAX_NOTES);
        let notes = apart.map(|branch| Note {
            clauses: branch.clauses.iter().map(|at| clauses[*at].pointer.clone()).collect(),
            text: "Each of these clauses holds by itself, but no single array element (or no single value) satisfies all of them.".to_owned(),
        });
        notes.collect()
    }
}

impl WhenVerdict {
    fn too_costly() -> Self {
        let text = format!(
            "This event takes the pattern more than {MAX_STEPS} steps, and so does not match it."
        );
        Self {
            held: false,
            clauses: Vec::new(),
            nots: Vec::new(),
            notes: vec![Note {
                clauses: Vec::new(),
                text,
            }],
        }
    }
}

impl ClauseVerdict {
    fn of(clause: &Clause, answer: &Answer<'_>, held: bool) -> Self {
        let wanted = clause.conditions.iter();
        let found = answer.leaves.iter().take(MAX_FOUND);
        Self {
            pointer: clause.pointer.clone(),
            path: clause.path.clone(),
            wanted: wanted
                .map(|condition| JsonText::of(&condition.json))
                .collect(),
            found: found.map(JsonText::of_found).collect(),
            found_more: answer.leaves.len().saturating_sub(MAX_FOUND),
            held,
        }
    }
}

impl JsonText {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    fn of_found(found: &Found) -> Self {
        match &found.leaf {
            Leaf::Text(text) => Self::of(&Leaf::Text(cut(text).into()).to_string()),
            Leaf::Number(number) if number.as_str().len() > MAX_FOUND_CHARS => {
                Self::of(&Leaf::Text(cut(number.as_str()).into()).to_string())
            }
            other => Self::of(&other.to_string()),
        }
    }

    /// `json` is the text of a JSON value; what should not be is `null`.
    fn of(json: &str) -> Self {
        let raw = RawValue::from_string(json.to_owned());
        Self(raw.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl fmt::Display for JsonText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_FOUND_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
