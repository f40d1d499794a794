//! URLs of endpoints, judged when they are registered.

use crate::{
    api::{
        problem::{ApiResult, Code, Problem},
        state::ApiState,
    },
    domain::ids::ProjectId,
    net::{
        lookup::{Registration, judge_registration},
        policy::PolicySource as _,
        refusal::Refusal,
        target::TargetUrl,
    },
};

/// Reads a URL that stands at `/url`.
///
/// # Errors
/// If webhooks can go to no such URL.
pub fn parse(text: &str) -> ApiResult<TargetUrl> {
    TargetUrl::parse(text).map_err(refused)
}

/// Judges a URL that stands at `/url` as an attempt would at this moment. Gives a warning if its
/// name does not resolve: it may do so later.
///
/// # Errors
/// If the webhooks of `project` may not go there.
pub async fn judge(
    state: &ApiState,
    project: ProjectId,
    url: &TargetUrl,
) -> ApiResult<Option<String>> {
    let policy = state.policies.policy(project);
    let judged = judge_registration(url, &policy, &*state.resolver, &state.clock).await;
    match judged.map_err(refused)? {
        Registration::Open => Ok(None),
        Registration::Unresolved(why) => Ok(Some(format!(
            "the host of {url} could not be looked up ({why}); it is looked up and judged again at each attempt",
        ))),
    }
}

fn refused(refusal: Refusal) -> Problem {
    let reason = refusal.reason.as_str();
    let detail = format!("{} ({reason})", refusal.message);
    Problem::at(Code::UrlRefused, "/url", detail).because(reason)
}
