//! `/v1/endpoints/{id}/secret` and its rotation.

use std::time::Duration;

use axum::{Json, extract::State, http::HeaderName};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{NO_STORE, document::check_secret, view::SecretsView};
use crate::{
    api::{
        access::{Scope, needs},
        answer::Answer,
        auth::InProject,
        extract::{Id, RawBody, read_or_default},
        finish::finish,
        problem::{ApiResult, Problem},
        refusals::{Invalid, NotFound, WrongState},
        state::ApiState,
        write::{Write, WriteResult},
    },
    domain::{duration::HumanDuration, ids::EndpointId, signature::Secret},
    store::secrets::{self, Rotated},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs([Scope::SecretsRead], routes!(get)))
        .routes(needs([Scope::ConfigWrite], routes!(rotate)))
}

/// The longest that an old secret may go on signing.
pub const MAX_GRACE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What is answered where secrets are shown.
type Secrets = ([(HeaderName, &'static str); 1], Json<SecretsView>);

/// Get the secret of an endpoint, and those that sign beside it while it is being replaced.
#[utoipa::path(get, path = "/v1/endpoints/{id}/secret", tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint: `end_…`")),
    responses(
        (status = 200, description = "The secrets that sign.", body = SecretsView),
        NotFound))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Id(id): Id<EndpointId>,
) -> ApiResult<Secrets> {
    let now = state.clock.now();
    let secrets = state.store.secrets(project.id, id, now).await?;
    Ok(([NO_STORE], Json(secrets.into())))
}

/// How a secret is replaced.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// The new secret; a random one where it is left out.
    secret: Option<String>,
    /// How long the old ones go on signing beside it, at most 30d: by default as the gateway is
    /// configured. `0s` ends them at once.
    #[schema(value_type = Option<String>, example = "24h")]
    grace: Option<HumanDuration>,
}

/// Replace the secret of an endpoint.
///
/// While the old secrets go on signing, each webhook has a signature of each, so receivers can
/// change over when they like. At most 10 secrets sign at a time.
#[utoipa::path(post, path = "/v1/endpoints/{id}/rotate-secret", tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint: `end_…`")),
    request_body(content = Option<Rotation>, description = "How long the old one signs along; nothing is needed",
        example = json!({"grace": "1h"})),
    responses(
        (status = 200, description = "The new secret, and when the old ones end.", body = SecretsView),
        NotFound, WrongState, Invalid))]
async fn rotate(
    State(state): State<ApiState>,
    Id(id): Id<EndpointId>,
    Write {
        by: InProject { project, .. },
        change,
        body: RawBody(body),
    }: Write<RawBody>,
) -> WriteResult<Answer> {
    let wanted = read_or_default::<Rotation>(&body)?;
    let grace = grace_of(
        wanted.grace,
        state.settings.rotation_grace,
        "an old secret signs",
    )?;
    let secret = match wanted.secret {
        Some(text) => check_secret(text)?,
        None => Secret::generate(&state.chance),
    };
    finish(async move {
        let rotation = secrets::Rotation {
            secret: &secret,
            old_end_at: change.now.plus(grace),
        };
        let answer = |rotated: &Rotated| {
            let answer = Answer::ok(&SecretsView::from(rotated.secrets.clone()));
            answer.map(|answer| answer.of_version(rotated.version).with_secrets())
        };
        let rotated = state
            .store
            .rotate_secret(project.id, id, rotation, &change, answer);
        let answer = rotated.await?.answer;
        state.gateway.endpoint_changed(id).await;
        Ok(answer)
    })
    .await
}

/// For how long what was rotated goes on: as asked, or `default`. `limit` says what it is that has one.
///
/// # Errors
/// If that is too long.
pub fn grace_of(
    asked: Option<HumanDuration>,
    default: Duration,
    limit: &str,
) -> ApiResult<Duration> {
    match asked {
        None => Ok(default),
        Some(HumanDuration(grace)) if grace <= MAX_GRACE => Ok(grace),
        Some(_) => {
            let most = HumanDuration(MAX_GRACE);
            Err(Problem::invalid(
                "/grace",
                format!("{limit} for at most {most}"),
            ))
        }
    }
}
