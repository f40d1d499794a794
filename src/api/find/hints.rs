//! What it may mean that nothing was found.

use super::query::Query;
use crate::{
    api::auth::{Caller, InProject},
    domain::any_id::AnyId,
};

/// Of all projects only ids are looked for.
pub(super) fn only_ids() -> String {
    "in all projects only ids are looked for; names and URLs are in the project that \
     Riposte-Project names"
        .to_owned()
}

/// What it may mean that `query`, which is `id` if it is one, leads nowhere.
pub(super) fn of(
    query: &Query,
    id: Option<AnyId>,
    by: &InProject,
    all_projects: bool,
) -> Vec<String> {
    let mut hints = Vec::new();
    let project = by.project.name.as_str();
    if matches!(query, Query::Secret) {
        hints.push(
            "this looks like a secret that signs webhooks: nothing is found by one; if others have \
             seen it, rotate it with POST /v1/endpoints/{id}/rotate-secret"
                .to_owned(),
        );
        return hints;
    }
    match id {
        Some(id) if all_projects => hints.push(format!(
            "an id of this form would be {}, made at {}; no project has it",
            id.kind(),
            id.made_at()
        )),
        Some(id) => hints.push(format!(
            "an id of this form would be {}, made at {}; the project {project} has none of this id. \
             What belongs to another project is answered alike",
            id.kind(),
            id.made_at()
        )),
        None => hints.push(format!(
            "nothing of the project {project} is called so; names and URLs are found by how they \
             begin, a producer's id only as a whole"
        )),
    }
    if matches!(
        id,
        None | Some(AnyId::Event(_) | AnyId::Delivery(_) | AnyId::Attempt(_))
    ) {
        hints.push(
            "events and deliveries are kept as long as the configuration says; of what \
             was refused the last 1,000 are in GET /v1/refusals"
                .to_owned(),
        );
    }
    if by.caller == Caller::Operator && id.is_some() && !all_projects {
        hints.push("as an operator, add all_projects=true to look in every project".to_owned());
    }
    hints
}
