//! Says whether an event has what a pattern asks: plainly, by looking at everything.
//!
//! It is what an index of rules is tested against, and what answers "why did this not match?".

use super::{
    choose::{Steps, TooCostly, Wanted, agree},
    condition::Test,
    flatten::{Flat, Found},
    pattern::{Branch, Clause, Pattern},
};

/// A pattern held against an event.
#[derive(Debug)]
pub(super) struct Evaluation<'e> {
    /// For each clause of the pattern, what its conditions say.
    pub answers: Vec<Answer<'e>>,
    /// For each `$not`, the branch that holds in it: where there is one, the `$not` fails.
    pub nots: Vec<Option<usize>>,
    /// The branch of the pattern that holds.
    pub branch: Option<usize>,
}

/// What the conditions of one clause say to the leaves at its path.
#[derive(Debug, Clone)]
pub(super) struct Answer<'e> {
    /// All leaves at the path.
    pub leaves: &'e [Found],
    /// Which of them at least one condition accepts.
    pub accepted: Vec<usize>,
    /// Whether one of the conditions is `{"exists": false}`.
    pub may_be_absent: bool,
}

impl Pattern {
    /// Whether the pattern holds for an event. One that takes more than
    /// [`MAX_STEPS`](super::MAX_STEPS) does not.
    pub fn matches(&self, event: &Flat) -> bool {
        evaluate(self, event).is_ok_and(|evaluation| evaluation.branch.is_some())
    }
}

/// Holds `pattern` against `event`.
pub(super) fn evaluate<'e>(
    pattern: &'e Pattern,
    event: &'e Flat,
) -> Result<Evaluation<'e>, TooCostly> {
    let mut steps = Steps::all();
    let answers = pattern.clauses.iter();
    let answers = answers.map(|clause| Answer::of(clause, event, &mut steps));
    let mut evaluation = Evaluation {
        answers: answers.collect::<Result<_, _>>()?,
        nots: Vec::new(),
        branch: None,
    };
    for not in &pattern.nots {
        let branch = evaluation.first(&not.branches, pattern, &mut steps)?;
        evaluation.nots.push(branch);
    }
    evaluation.branch = evaluation.first(&pattern.branches, pattern, &mut steps)?;
    Ok(evaluation)
}

impl<'e> Evaluation<'e> {
    /// The first branch that holds.
    fn first(
        &self,
        branches: &[Branch],
        pattern: &Pattern,
        steps: &mut Steps,
    ) -> Result<Option<usize>, TooCostly> {
        for (index, branch) in branches.iter().enumerate() {
            if self.holds(branch, pattern, steps)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn holds(
        &self,
        branch: &Branch,
        pattern: &Pattern,
        steps: &mut Steps,
    ) -> Result<bool, TooCostly> {
        steps.look(1 + branch.clauses.len())?;
        let fails = |not: &usize| self.nots[*not].is_some();
        let is_hopeless = |clause: &usize| self.answers[*clause].is_hopeless();
        if branch.nots.iter().any(fails) || branch.clauses.iter().any(is_hopeless) {
            return Ok(false);
        }
        agree(self.fields(branch, pattern), steps)
    }

    /// The fields of a branch: one leaf must do for all clauses about the same path.
    fn fields(&self, branch: &Branch, pattern: &Pattern) -> Vec<Wanted<'e>> {
        let path = |clause: &usize| &pattern.clauses[*clause].path;
        let same = branch
            .clauses
            .chunk_by(|left, right| path(left) == path(right));
        let merged = same.map(|clauses| {
            let answers = clauses.iter().map(|clause| self.answers[*clause].clone());
            answers.reduce(Answer::and)
        });
        merged.flatten().map(|answer| answer.wanted()).collect()
    }
}

impl<'e> Answer<'e> {
    fn of(clause: &Clause, event: &'e Flat, steps: &mut Steps) -> Result<Self, TooCostly> {
        let leaves = event.at(&clause.path);
        steps.take(leaves.len() * clause.conditions.len())?;
        let mut tests = clause.conditions.iter().map(|condition| &condition.test);
        let accepted = |index: &usize| {
            let leaf = &leaves[*index].leaf;
            tests.clone().any(|test| test.accepts(leaf))
        };
        Ok(Self {
            leaves,
            accepted: (0..leaves.len()).filter(accepted).collect(),
            may_be_absent: tests.any(|test| *test == Test::Exists(false)),
        })
    }

    /// What both say of the same leaves.
    fn and(mut self, other: Self) -> Self {
        self.accepted
            .retain(|leaf| other.accepted.binary_search(leaf).is_ok());
        self.may_be_absent &= other.may_be_absent;
        self
    }

    fn is_hopeless(&self) -> bool {
        self.accepted.is_empty() && !self.may_be_absent
    }

    /// What it asks of a choice of array elements.
    pub fn wanted(&self) -> Wanted<'e> {
        let leaves = self.leaves;
        let mut accepted: Vec<_> = self
            .accepted
            .iter()
            .map(|at| &*leaves[*at].inside)
            .collect();
        accepted.dedup();
        let mut present: Vec<_> = leaves.iter().map(|found| &*found.inside).collect();
        present.dedup();
        Wanted {
            accepted,
            present: self.may_be_absent.then_some(present),
        }
    }
}
