//! Says why an event matches a rule or does not, clause by clause.

use super::{
    Rule,
    choose::{MAX_STEPS, Steps, agree},
    eval::{Answer, Evaluation, evaluate},
    flatten::Flat,
    on::On,
    pattern::{Branch, Clause, Pattern},
    verdict::{
        ClauseVerdict, Explanation, JsonText, MAX_FOUND, MAX_NOTES, NotVerdict, Note,
        SubjectVerdict, WhenVerdict,
    },
    view::EventView,
};

/// Explains why `event` matches `rule` or does not. Its `matched` is what [`Rule::matches`] says.
pub fn explain(rule: &Rule, event: &EventView<'_>) -> Explanation {
    Asked::of(event).explain(rule)
}

/// An event that many rules are asked about: it is flattened once.
#[derive(Debug)]
pub struct Asked {
    event_type: String,
    flat: Flat,
}

impl Asked {
    /// Prepares `event`.
    pub fn of(event: &EventView<'_>) -> Self {
        Self {
            event_type: event.event_type().into_owned(),
            flat: Flat::of(event),
        }
    }

    /// Whether the event's type is one of `on`.
    pub fn is_on(&self, on: &On) -> bool {
        on.matches(&self.event_type)
    }

    /// Whether the event matches `rule`: what [`Rule::matches`] says.
    pub fn matches(&self, rule: &Rule) -> bool {
        let content = |when: &Pattern| when.matches(&self.flat);
        self.is_on(&rule.on) && rule.when.as_ref().is_none_or(content)
    }

    /// Explains why the event matches `rule` or does not. Its `matched` is what
    /// [`Rule::matches`] says.
    pub fn explain(&self, rule: &Rule) -> Explanation {
        let when = rule.when.as_ref().map(|when| when.explain(&self.flat));
        Explanation {
            matched: self.is_on(&rule.on) && when.as_ref().is_none_or(|when| when.held),
            on: rule.on.explain(&self.event_type),
            event_type: self.event_type.clone(),
            when,
        }
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
            found: found.map(|found| JsonText::of_leaf(&found.leaf)).collect(),
            found_more: answer.leaves.len().saturating_sub(MAX_FOUND),
            held,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::MAX_FOUND_CHARS;

    fn verdict(pattern: &str, event: &str) -> WhenVerdict {
        let pattern = Pattern::parse(pattern.as_bytes()).expect(pattern);
        let view = EventView::from_json(event.as_bytes()).expect(event);
        pattern.explain(&Flat::of(&view))
    }

    fn held(verdict: &WhenVerdict) -> Vec<bool> {
        verdict.clauses.iter().map(|clause| clause.held).collect()
    }

    #[test]
    fn an_explanation_names_what_was_wanted_and_what_stood_there() {
        let rule = Rule {
            on: On::parse(&["site.*".to_owned(), "domain.>".to_owned()]).expect("subjects"),
            when: Some(
                Pattern::parse(
                    br#"{"subject": ["b", {"prefix": "c"}], "data.n": [{"numeric": [">", 1e0]}],
                        "$not": {"data": {"test": [true]}}}"#,
                )
                .expect("a pattern"),
            ),
        };
        let event =
            br#"{"type": "site.up", "subject": "a", "data": {"n": [0, 5.0], "test": false}}"#;
        let view = EventView::from_json(event).expect("an event");
        let explanation = serde_json::to_value(explain(&rule, &view)).expect("JSON");
        assert_eq!(
            explanation,
            json!({
                "matched": false,
                "event_type": "site.up",
                "on": [
                    {"subject": "site.*", "held": true},
                    {"subject": "domain.>", "held": false},
                ],
                "when": {
                    "held": false,
                    "clauses": [
                        {"pointer": "/subject", "path": "subject", "wanted": ["b", {"prefix": "c"}],
                         "found": ["a"], "found_more": 0, "held": false},
                        {"pointer": "/data.n", "path": "data.n", "wanted": [{"numeric": [">", 1e0]}],
                         "found": [0, 5.0], "found_more": 0, "held": true},
                        {"pointer": "/$not/data/test", "path": "data.test", "wanted": [true],
                         "found": [false], "found_more": 0, "held": false},
                    ],
                    "nots": [{"pointer": "/$not", "held": true}],
                    "notes": [],
                },
            })
        );
    }

    #[test]
    fn clauses_that_hold_in_different_elements_only_are_told_so() {
        let pattern = r#"{"items": {"id": [1], "state": ["sold"]}}"#;
        let apart = r#"{"items": [{"id": 1, "state": "free"}, {"id": 2, "state": "sold"}]}"#;
        let verdict = verdict(pattern, apart);
        assert!(!verdict.held);
        assert_eq!(held(&verdict), [true, true]);
        assert_eq!(verdict.notes[0].clauses, ["/items/id", "/items/state"]);
        assert!(verdict.notes[0].text.contains("no single array element"));
    }

    #[test]
    fn a_clause_that_fails_by_itself_needs_no_note() {
        let pattern = r#"{"a": [1], "b": [2], "$or": [{"c": [3]}, {"d": [4]}]}"#;
        let verdict = verdict(pattern, r#"{"a": 1, "b": 3, "d": 4}"#);
        assert_eq!(held(&verdict), [true, false, false, true]);
        assert_eq!(verdict.notes, []);
    }

    #[test]
    fn absence_that_holds_in_the_chosen_element_is_shown_as_held() {
        let pattern = r#"{"items": {"id": [2], "sold": [{"exists": false}]}}"#;
        let event = r#"{"items": [{"id": 1, "sold": true}, {"id": 2}]}"#;
        let verdict = verdict(pattern, event);
        assert!(verdict.held);
        assert_eq!(held(&verdict), [true, true]);
    }

    #[test]
    fn a_not_that_fails_shows_the_clauses_that_hold_in_it() {
        let verdict = verdict(r#"{"a": [1], "$not": {"b": [2]}}"#, r#"{"a": 1, "b": 2}"#);
        assert!(!verdict.held);
        assert_eq!(held(&verdict), [true, true]);
        assert!(!verdict.nots[0].held);
        assert_eq!(verdict.notes, []);
    }

    #[test]
    fn what_stood_there_is_shown_up_to_a_limit() {
        let long = "é".repeat(MAX_FOUND_CHARS + 1);
        let many = "1,".repeat(MAX_FOUND + 2);
        let event = format!(
            r#"{{"a": [{many} 2], "b": "{long}", "c": {}}}"#,
            "9".repeat(300)
        );
        let verdict = verdict(r#"{"a": [3], "b": [3], "c": [3], "d": [3]}"#, &event);
        let [a, b, c, d] = verdict.clauses.as_slice() else {
            panic!("four clauses");
        };
        assert_eq!((a.found.len(), a.found_more), (MAX_FOUND, 3));
        assert_eq!(
            b.found[0].as_str(),
            format!("\"{}…\"", "é".repeat(MAX_FOUND_CHARS))
        );
        assert_eq!(
            c.found[0].as_str(),
            format!("\"{}…\"", "9".repeat(MAX_FOUND_CHARS))
        );
        assert_eq!(d.found, []);
    }

    #[test]
    fn the_number_of_notes_is_limited() {
        let alternatives: Vec<_> = (0..20).map(|n| format!(r#"{{"b": [{n}]}}"#)).collect();
        let pattern = format!(
            r#"{{"d": {{"a": [1], "$or": [{}]}}}}"#,
            alternatives.join(",")
        );
        let elements: Vec<_> = (0..20).map(|n| format!(r#"{{"b": {n}}}"#)).collect();
        let event = format!(r#"{{"d": [{{"a": 1}}, {}]}}"#, elements.join(","));
        assert_eq!(verdict(&pattern, &event).notes.len(), MAX_NOTES);
    }
}
