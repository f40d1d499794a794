//! Verdicts as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    moment::{Audience, Moment},
    outcome::ReactionOutcome,
    totals::TotalsView,
};
use crate::{
    api::events::EventSummary,
    domain::{ids::ListenerId, listener::ListenerState, time::Timestamp},
    rules::Explanation,
};

/// What listeners said to an event, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerdictsView {
    /// The event.
    pub event: EventSummary,
    /// Which versions of the rules it met.
    pub rules: RulesView,
    /// Why no listener was asked; null if they were.
    pub note: Option<&'static str>,
    /// The totals over all pages; null where they cannot be given.
    pub totals: Option<TotalsView>,
    /// Why there are no totals; null if there are.
    #[schema(example = "they stand on the first page")]
    pub totals_missing: Option<&'static str>,
    /// The listeners of that moment: those that waited for the event's type first.
    pub data: Vec<VerdictView>,
    /// Where the next page begins: the `cursor` to ask for it with; null on the last page.
    pub next: Option<String>,
    /// A few listeners that would match now, and did not hear the event because they came or
    /// changed later.
    pub later: Vec<LaterView>,
}

/// Which versions of rules an event met: each change of a listener makes another.
#[derive(Debug, Serialize, ToSchema)]
pub struct RulesView {
    /// Of its project; null for a test of an endpoint, which meets none.
    project_version: Option<i64>,
    /// Of the platform; null where they play no part, or are none of the caller's business.
    platform_version: Option<i64>,
}

impl RulesView {
    /// Those of `moment`.
    pub fn of(moment: &Moment<'_>) -> Self {
        let version = |audience| {
            let mut rules = moment.rules.iter();
            let rules = rules.find(|rules| rules.audience == audience)?;
            Some(rules.version)
        };
        Self {
            project_version: version(Audience::Project),
            platform_version: version(Audience::Platform),
        }
    }
}

/// What one listener said to an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerdictView {
    /// The listener.
    #[schema(value_type = String, example = "lis_01h455vb4pex5vsknk084sn02q")]
    pub listener: ListenerId,
    /// The revision of it that the event met.
    pub revision: u32,
    /// What it was called then.
    pub name: Option<String>,
    /// Whose it is.
    pub audience: Audience,
    /// Whether it was enabled then.
    pub state: ListenerState,
    /// When this revision was made.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Whether it was changed or deleted since.
    pub superseded: bool,
    /// Whether it was asked. If not, the verdict is what it would have said.
    pub asked: bool,
    /// The verdict in a sentence.
    #[schema(example = r#"did not match: data.environment is "staging", wanted "production""#)]
    pub summary: String,
    /// The verdict, clause by clause; null if this version of the gateway cannot read the rule,
    /// or it asks for what was erased.
    pub verdict: Option<Explanation>,
    /// What became of its reactions; empty if it did not match or was not asked.
    pub reactions: Vec<ReactionOutcome>,
}

/// A listener that came too late.
#[derive(Debug, Serialize, ToSchema)]
pub struct LaterView {
    /// The listener.
    #[schema(value_type = String, example = "lis_01h455vb4pex5vsknk084sn02q")]
    pub listener: ListenerId,
    /// Its current revision.
    pub revision: u32,
    /// What it is called.
    pub name: Option<String>,
    /// Whose it is.
    pub audience: Audience,
    /// When the listener was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When its current revision was made.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Why it did not hear the event.
    #[schema(example = "created later, at 2026-11-24T02:03:04.005Z")]
    pub hint: String,
}
