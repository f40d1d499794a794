//! Jobs: long work on many things, done in small steps, that outlives requests and restarts.

use std::{collections::BTreeMap, num::NonZeroU32};

use serde::{Deserialize, Serialize};

use super::{
    dead_letter::Selection,
    event::Loss,
    ids::{JobId, ProjectId},
    names::named,
    time::Timestamp,
};

/// The most things to which nothing could be done that a job names; the others are counted.
pub const MAX_FAILURES: usize = 100;

/// The most things that the rate of a job lets it do in a second.
pub const MAX_RATE: u32 = 10_000;

named! {
    /// What a job does.
    pub enum JobKind {
        /// It sends dead letters on their way again.
        Redrive = "redrive",
        /// It discards dead letters.
        Discard = "discard",
        /// It removes a project and everything that it has.
        RemoveProject = "remove_project",
    }
}

named! {
    /// Where a job stands.
    pub enum JobState {
        /// It waits for its first step.
        Queued = "queued",
        /// Some of its steps are done.
        Running = "running",
        /// It has looked at all that was meant.
        Done = "done",
        /// A user called it off: what was done until then stays done.
        Cancelled = "cancelled",
        /// It cannot go on: what was done until then stays done.
        Failed = "failed",
    }
}

named! {
    /// What came of one of the things that a job looked at.
    pub enum Outcome {
        /// The dead letter is due now; an event that could not be emitted is emitted.
        Redriven = "redriven",
        /// The dead letter is discarded.
        Discarded = "discarded",
        /// The event or the delivery is gone, with the project that it belonged to.
        Removed = "removed",
        /// Its endpoint is disabled: it stays dead.
        EndpointDisabled = "endpoint_disabled",
        /// Its endpoint is deleted: it stays dead.
        EndpointDeleted = "endpoint_deleted",
        /// Its event is no longer kept: it stays dead.
        EventGone = "event_gone",
        /// The payload of its event was erased: it stays dead.
        EventErased = "event_erased",
        /// It is an event that still cannot be emitted: it stays dead.
        EmitFailed = "emit_failed",
        /// It is no dead letter.
        NotDead = "not_dead",
        /// The project has no such delivery.
        NotFound = "not_found",
        /// It was a dead letter when the job was made, but another has redriven or discarded it since.
        Changed = "changed",
    }
}

/// What a job is to do. It is stored with the job: a new kind is a new variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Task {
    /// Send dead letters on their way again.
    Redrive {
        /// Which.
        selection: Selection,
        /// The most in a second; none for as many as can be.
        rate: Option<NonZeroU32>,
    },
    /// Discard dead letters.
    Discard {
        /// Which.
        selection: Selection,
    },
    /// Remove a project and everything that it has.
    RemoveProject {
        /// Which.
        project: ProjectId,
    },
}

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Whose things it works on.
    pub project: ProjectId,
    /// Where it stands.
    pub state: JobState,
    /// What it is to do.
    pub task: Task,
    /// Who asked for it: the name of an API key, or `operator`.
    pub requested_by: String,
    /// The last thing that it has looked at; empty before the first.
    pub position: String,
    /// How many things are meant; none until they are counted.
    pub total: Option<u64>,
    /// What came of those that it has looked at.
    pub tally: Tally,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was asked for: it touches what was there then, and nothing that came later.
    pub created_at: Timestamp,
    /// When its first step began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What came of the things that a job has looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many came to what.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// The first to which nothing could be done, up to [`MAX_FAILURES`].
    pub failures: Vec<JobFailure>,
}

/// Something to which nothing could be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// Its name.
    pub id: String,
    /// What came of it.
    pub code: Outcome,
    /// Why, in a sentence.
    pub detail: String,
}

impl Task {
    /// Its kind.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Redrive { .. } => JobKind::Redrive,
            Self::Discard { .. } => JobKind::Discard,
            Self::RemoveProject { .. } => JobKind::RemoveProject,
        }
    }

    /// The most things in a second; none for as many as can be.
    pub fn rate(&self) -> Option<NonZeroU32> {
        match self {
            Self::Redrive { rate, .. } => *rate,
            Self::Discard { .. } | Self::RemoveProject { .. } => None,
        }
    }
}

impl JobState {
    /// Whether it stays as it is.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

impl Tally {
    /// How many things were looked at.
    pub fn done(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// Counts one more thing that came to `outcome`.
    pub fn count(&mut self, outcome: Outcome) {
        self.count_many(outcome, 1);
    }

    /// Counts `number` more things that came to `outcome`.
    pub fn count_many(&mut self, outcome: Outcome, number: u64) {
        if number > 0 {
            *self.outcomes.entry(outcome).or_default() += number;
        }
    }

    /// Counts one more thing to which nothing could be done, and names it if it is one of the first.
    pub fn fail(&mut self, id: impl ToString, code: Outcome, detail: impl Into<String>) {
        self.count(code);
        self.name(JobFailure {
            id: id.to_string(),
            code,
            detail: detail.into(),
        });
    }

    /// Counts one more dead letter of whose event nothing is left.
    pub fn lost(&mut self, id: impl ToString, loss: Loss) {
        let code = match loss {
            Loss::Gone => Outcome::EventGone,
            Loss::Erased => Outcome::EventErased,
        };
        self.fail(
            id,
            code,
            format!("{}: it can only be discarded", loss.sentence()),
        );
    }

    /// Adds what came of a further step.
    pub fn add(&mut self, step: Self) {
        for (outcome, number) in step.outcomes {
            self.count_many(outcome, number);
        }
        for failure in step.failures {
            self.name(failure);
        }
    }

    fn name(&mut self, failure: JobFailure) {
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_all_and_names_the_first() {
        let mut tally = Tally::default();
        tally.count_many(Outcome::Redriven, 2);
        tally.count_many(Outcome::Discarded, 0);
        for number in 0..MAX_FAILURES {
            tally.fail(number, Outcome::EmitFailed, "why");
        }
        let mut step = Tally::default();
        step.fail("one more", Outcome::NotFound, "it is not there");
        tally.add(step);
        assert_eq!(tally.done(), 2 + MAX_FAILURES as u64 + 1);
        assert_eq!(tally.outcomes[&Outcome::NotFound], 1);
        assert!(!tally.outcomes.contains_key(&Outcome::Discarded));
        assert_eq!(tally.failures.len(), MAX_FAILURES);
        assert_eq!(tally.failures[0].id, "0");
    }

    #[test]
    fn a_task_is_stored_with_its_kind() {
        let task = Task::Redrive {
            selection: Selection::Filter(crate::domain::dead_letter::Filter::default()),
            rate: NonZeroU32::new(50),
        };
        let json = r#"{"kind":"redrive","selection":{"filter":{}},"rate":50}"#;
        assert_eq!(serde_json::to_string(&task).expect("JSON"), json);
        assert_eq!(serde_json::from_str::<Task>(json).expect("a task"), task);
        assert_eq!(task.kind().as_str(), "redrive");
    }
}
