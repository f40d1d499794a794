//! `/v1/keys`: the API keys of a project. Keys of operators are not made here: the gateway's own is
//! configured, or kept in a file.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    access::{Scope, needs},
    answer::Answer,
    auth::InProject,
    endpoints::secret::grace_of,
    extract::{Body, Id, Parameters, RawBody, read_or_default},
    page::{ListParameters, Page},
    problem::{ApiResult, Problem},
    refusals::{BadParameter, Invalid, NotFound, WrongState},
    state::ApiState,
    write::{Write, WriteResult},
};
use crate::{
    domain::{
        api_key::ApiKey,
        audit::Realm,
        duration::HumanDuration,
        ids::{KeyId, ProjectId},
        scope::Scopes,
        time::Timestamp,
    },
    store::{
        api_keys::{KeyRecord, Rotation},
        audit::Audited,
    },
};

/// The most characters that the name of a key may have.
const MAX_NAME: usize = 100;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs([Scope::Admin], routes!(create, list)))
        .routes(needs([Scope::Admin], routes!(revoke)))
        .routes(needs([Scope::Admin], routes!(rotate)))
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is for: 1 to 100 characters.
    #[schema(example = "CI of the web team")]
    name: String,
    /// From when on it opens nothing any more. Where this is left out it ends with the key that
    /// makes it, if that one has an end; it cannot outlive it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-01-01T00:00:00Z")]
    expires_at: Option<Timestamp>,
    /// What it may do; where this is left out, all that the key may do that makes it. It cannot do
    /// more than that.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Scope>>, example = json!(["events:write"]))]
    scopes: Option<Vec<Scope>>,
}

/// A key, without what it opens with.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Its name in Riposte, the public part of the key.
    #[schema(value_type = String, example = "key_01h455vb4pex5vsknk084sn02q")]
    id: KeyId,
    /// What it is for.
    name: String,
    /// The project that it opens.
    #[schema(value_type = Option<String>, example = "prj_01h455vb4pex5vsknk084sn02q")]
    project: Option<ProjectId>,
    /// What it may do.
    #[schema(value_type = Vec<Scope>, example = json!(["events:write"]))]
    scopes: Scopes,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// From when on it opens nothing; null if it has no end.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was revoked; null if it was not.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// When it was last used, right to a minute; null if it never was.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// The key that it was rotated to; null if it was not.
    #[schema(value_type = Option<String>, example = "key_01h455vb4pex5vsknk084sn02q")]
    successor: Option<KeyId>,
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeKey {
    #[serde(flatten)]
    view: KeyView,
    /// The key itself. It is shown this once: only a hash of it is kept.
    #[schema(example = "rp_01h455vb4pex5vsknk084sn02q_…")]
    key: String,
}

/// Make an API key of the project.
///
/// An operator makes it for the project that `Riposte-Project` names, a project for itself. The
/// answer shows the key this once.
#[utoipa::path(post, path = "/v1/keys", tag = "administration",
    request_body(content = NewKey, example = json!({"name": "CI of the web team"})),
    responses(
        (status = 201, description = "The key.", body = MadeKey),
        Invalid))]
async fn create(
    State(state): State<ApiState>,
    Write {
        by: InProject { project, caller },
        change,
        body: Body(wanted),
    }: Write<Body<NewKey>>,
) -> WriteResult<Answer> {
    let now = change.now;
    check(&wanted, now)?;
    let expires_at = end(wanted.expires_at, caller.until())?;
    let scopes = granted(wanted.scopes.as_deref(), caller.scopes())?;
    let key = ApiKey::generate(state.ids.next(now), &state.chance);
    let record = KeyRecord {
        id: key.id(),
        project: Some(project.id),
        name: wanted.name,
        scopes,
        hash: key.hash(),
        version: 1,
        created_at: now,
        expires_at,
        revoked_at: None,
        last_used_at: None,
        successor: None,
    };
    let made = state
        .store
        .insert_key(record, &change, |record| shown(record, &key));
    Ok(made.await?.answer)
}

/// List the API keys of the project, the newest first, those that were revoked too.
#[utoipa::path(get, path = "/v1/keys", tag = "administration", params(ListParameters),
    responses(
        (status = 200, description = "A page of keys.", body = Page<KeyView>),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<KeyView>>> {
    let window = asked.window()?;
    let keys = state.store.keys(project.id, &window).await?;
    Ok(Json(Page::of(&window, keys, KeyView::of)))
}

/// How a key is rotated.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyRotation {
    /// How long the old key goes on beside the new one, at most 30d: by default as
    /// `secrets.rotation_grace` is configured. `0s` ends it at once.
    #[schema(value_type = Option<String>, example = "24h")]
    grace: Option<HumanDuration>,
}

/// Give an API key a successor.
///
/// The successor has the same name, scopes and end; it ends no later than the key that asks. The old
/// one goes on for a while, so that whoever has it can change over. At most two live at a time.
#[utoipa::path(post, path = "/v1/keys/{id}/rotate", tag = "administration",
    params(("id" = String, Path, description = "The key: `key_…`",
            example = "key_01h455vb4pex5vsknk084sn02q")),
    request_body(content = KeyRotation, example = json!({"grace": "1h"})),
    responses(
        (status = 201, description = "The successor.", body = MadeKey),
        NotFound, WrongState, Invalid))]
async fn rotate(
    State(state): State<ApiState>,
    Id(id): Id<KeyId>,
    Write {
        by: InProject { project, caller },
        change,
        body: RawBody(body),
    }: Write<RawBody>,
) -> WriteResult<Answer> {
    let wanted = read_or_default::<KeyRotation>(&body)?;
    let grace = grace_of(
        wanted.grace,
        state.settings.rotation_grace,
        "an old key goes on",
    )?;
    let key = ApiKey::generate(state.ids.next(change.now), &state.chance);
    let rotation = Rotation {
        successor: key.id(),
        hash: key.hash(),
        old_end_at: change.now.plus(grace),
        until: caller.until(),
        scopes: caller.scopes(),
    };
    let rotated = state
        .store
        .rotate_key(project.id, id, rotation, &change, |record| {
            shown(record, &key)
        });
    Ok(rotated.await?.answer)
}

/// The answer that shows a key this once.
fn shown(record: &KeyRecord, key: &ApiKey) -> WriteResult<Answer> {
    let made = MadeKey {
        view: KeyView::of(record.clone()),
        key: key.expose().to_string(),
    };
    let answer = Answer::new(StatusCode::CREATED, &made)?;
    Ok(answer.of_version(record.version).with_secrets())
}

/// Revoke an API key of the project: it opens nothing from now on.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "administration",
    params(("id" = String, Path, description = "The key: `key_…`",
            example = "key_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 204, description = "It is revoked."),
        NotFound))]
async fn revoke(
    State(state): State<ApiState>,
    Id(id): Id<KeyId>,
    Write {
        by: InProject { project, .. },
        change,
        ..
    }: Write<()>,
) -> WriteResult<Answer> {
    let revoked = state
        .store
        .revoke_key(project.id, id, &change, Answer::gone);
    Ok(revoked.await?.answer)
}

fn check(wanted: &NewKey, now: Timestamp) -> ApiResult<()> {
    let characters = wanted.name.chars().count();
    let is_one_line = !wanted.name.chars().any(char::is_control);
    if !(1..=MAX_NAME).contains(&characters) || wanted.name.trim() != wanted.name || !is_one_line {
        return Err(Problem::invalid(
            "/name",
            format!(
                "a name has 1 to {MAX_NAME} characters, none of them a control character, and no \
                 space around them"
            ),
        ));
    }
    match wanted.expires_at {
        Some(end) if end <= now => Err(Problem::invalid(
            "/expires_at",
            format!("{end} is past: give a time to come, or leave it out"),
        )),
        _ => Ok(()),
    }
}

/// When a key ends that is to end at `asked`, and is made with one that ends at `until`.
fn end(asked: Option<Timestamp>, until: Option<Timestamp>) -> ApiResult<Option<Timestamp>> {
    match (asked, until) {
        (Some(asked), Some(until)) if asked > until => Err(Problem::invalid(
            "/expires_at",
            format!("{asked} is after the end of the key that makes it, {until}"),
        )),
        (asked, until) => Ok(asked.or(until)),
    }
}

/// The scopes of a key that is to have `asked`, and is made with one that has `own`.
fn granted(asked: Option<&[Scope]>, own: Scopes) -> ApiResult<Scopes> {
    let Some(asked) = asked else {
        return Ok(own);
    };
    if asked.is_empty() {
        return Err(Problem::invalid(
            "/scopes",
            "a key without a scope opens nothing: name one, or leave this out",
        ));
    }
    let foreign = (0..).zip(asked).find(|(_, scope)| !own.contains(**scope));
    match foreign {
        Some((place, scope)) => Err(Problem::invalid(
            format!("/scopes/{place}"),
            format!("the key that makes it has not {scope} itself"),
        )),
        None => Ok(asked.iter().copied().collect()),
    }
}

impl Audited for KeyRecord {
    fn realm(&self) -> Realm {
        self.project.map_or(Realm::Gateway, Realm::Project)
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn document(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&KeyView::of(self.clone()))
    }
}

impl KeyView {
    fn of(record: KeyRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            project: record.project,
            scopes: record.scopes,
            created_at: record.created_at,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
            last_used_at: record.last_used_at,
            successor: record.successor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_name_and_an_end_to_come() {
        let now = Timestamp::from_millis(1_000);
        let long = "a".repeat(MAX_NAME + 1);
        for (name, expires_at, pointer) in [
            ("CI", None, None),
            ("CI", Some(1_001), None),
            ("CI", Some(1_000), Some("/expires_at")),
            ("", None, Some("/name")),
            (" CI", None, Some("/name")),
            ("C\0I", None, Some("/name")),
            (&long, None, Some("/name")),
        ] {
            let wanted = NewKey {
                name: name.to_owned(),
                expires_at: expires_at.map(Timestamp::from_millis),
                scopes: None,
            };
            let refused = check(&wanted, now).err();
            let place = refused.map(|problem| problem.errors[0].pointer.clone());
            assert_eq!(place.as_deref(), pointer, "{wanted:?}");
        }
    }
}
