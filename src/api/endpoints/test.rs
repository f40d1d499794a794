//! Testing endpoints: a delivery past all listeners, or one request to another URL.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::{NO_STORE, document::check_secret, shown, url};
use crate::{
    api::{
        answer::Answer,
        auth::InProject,
        deliveries::{self, AttemptView, DeliveryView, attempt_view, in_passing},
        events::given::Given,
        extract::{Id, Parameters, RawBody, read_or_default},
        page::parameter,
        problem::{ApiResult, Code, Problem},
        refusals::{EndpointTestRefused, NotFound},
        state::ApiState,
        write::{Write, WriteResult},
    },
    domain::{
        attempt::ErrorKind,
        delivery::DeliveryState,
        duration::HumanDuration,
        endpoint::{Endpoint, EndpointState},
        ids::{DeliveryId, EndpointId, ProjectId},
        signature::Secret,
    },
    engine::{TestEvent, TrialRequest},
    net::target::TargetUrl,
    store::{attempts::AttemptRecord, change::Change},
};

/// The longest that an answer waits for the outcome of a test.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// How often an answer that waits looks for the outcome.
const GLANCE: Duration = Duration::from_millis(50);

/// How an endpoint is tested. All may be left out, the body too.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointTest {
    /// What is sent: an event in plain JSON or as a CloudEvent, or the id of one that is there. By
    /// default an event of the type `riposte.endpoint.test`.
    #[schema(value_type = Option<serde_json::Value>, example = json!({"type": "site.deployed", "data": {"site": 7}}))]
    event: Option<Box<RawValue>>,
    /// Another URL to send it to, in the endpoint's format. It is signed with a secret that serves
    /// for this request alone, and has none of the endpoint's own headers.
    #[schema(example = "https://staging.example.com/hooks")]
    url: Option<String>,
    /// The secret that signs what goes to `url`; by default a new random one, which the answer holds.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
}

/// How long the answer waits.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TestParameters {
    /// How long to wait for the outcome of the test, to at most 30s; left out, the answer comes at once.
    /// A test of another URL is always waited for.
    #[param(example = "10s")]
    wait: Option<String>,
}

/// A test, and what came of it so far.
#[derive(Serialize, ToSchema)]
pub struct TestView {
    /// The delivery of the test event; null for a test of another URL, which makes none.
    #[schema(value_type = Option<String>, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    delivery: Option<DeliveryId>,
    /// How it stands, in a sentence.
    #[schema(example = "delivered at the 1st attempt, 200 after 12 ms")]
    summary: String,
    /// The delivery with its attempt, if that was waited for and has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<DeliveryView>,
    /// The request to another URL, and what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<AttemptView>,
    /// The secret that signed the request to another URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
}

impl TestView {
    /// The test whose event `delivery` carries, as long as nothing else is known.
    fn under_way(delivery: DeliveryId) -> Self {
        Self {
            delivery: Some(delivery),
            summary: "the test is on its way; its delivery says what came of it".to_owned(),
            result: None,
            attempt: None,
            secret: None,
        }
    }
}

/// Send a test.
///
/// Delivers an event to the endpoint, past all listeners: one that says that it is a test, one of your
/// own, or one that is there. It is tried once. While the endpoint is paused it waits; one that is
/// disabled takes none. With `url` one request goes there instead, whatever state the endpoint is in:
/// the address is judged like any other, nothing is stored, and neither the endpoint's secret nor its
/// headers leave with it.
///
/// A repeat under the same `Idempotency-Key` delivers nothing; it is answered at once, with the
/// delivery of the test.
#[utoipa::path(post, path = "/v1/endpoints/{id}/test", tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint: `end_…`",
            example = "end_01h455vb4pex5vsknk084sn02q"), TestParameters),
    request_body(content = Option<EndpointTest>, description = "How to test it; nothing is needed", examples(
        ("an event of one's own" = (value = json!({"event": {"type": "site.deployed", "data": {"site": 7}}}))),
        ("one that is there" = (value = json!({"event": "evt_01h455vb4pex5vsknk084sn02q"}))),
        ("another URL" = (value = json!({"url": "https://hooks.acme.example/staging"}))))),
    responses(
        (status = 200, description = "The test has ended.", body = TestView),
        (status = 202, description = "The test is on its way.", body = TestView),
        NotFound, EndpointTestRefused))]
pub async fn test(
    State(state): State<ApiState>,
    Id(id): Id<EndpointId>,
    Parameters(TestParameters { wait }): Parameters<TestParameters>,
    Write {
        by,
        change,
        body: RawBody(body),
    }: Write<RawBody>,
) -> WriteResult<(StatusCode, [(HeaderName, &'static str); 1], Json<TestView>)> {
    let endpoint = state.store.endpoint(by.project.id, id).await?;
    let wait = checked_wait(wait.as_deref())?;
    let document: EndpointTest = read_or_default(&body)?;
    let event = event(&state, &by, document.event.as_deref()).await?;
    let (status, view) = match document.url {
        Some(url) => {
            let secret = document.secret.map(check_secret).transpose()?;
            let secret = secret.unwrap_or_else(|| Secret::generate(&state.chance));
            try_url(&state, &by, endpoint, event, &url, secret).await?
        }
        None if document.secret.is_some() => {
            let detail = "a secret of your own signs what goes to a `url` of your own";
            return Err(Problem::invalid("/secret", detail).into());
        }
        None => {
            let delivery = send(&state, &by, &endpoint, event, &change).await?;
            follow(&state, &by, &endpoint, delivery, wait).await?
        }
    };
    Ok((status, [NO_STORE], Json(view)))
}

fn checked_wait(wait: Option<&str>) -> ApiResult<Duration> {
    match parameter::<HumanDuration>("wait", wait)? {
        None => Ok(Duration::ZERO),
        Some(HumanDuration(wait)) if wait <= MAX_WAIT => Ok(wait),
        Some(_) => {
            let most = HumanDuration(MAX_WAIT);
            let detail = format!("wait: an answer waits for at most {most}");
            Err(Problem::new(Code::BadParameter, detail))
        }
    }
}

async fn event(state: &ApiState, by: &InProject, given: Option<&RawValue>) -> ApiResult<TestEvent> {
    let Some(given) = given else {
        return Ok(TestEvent::Usual);
    };
    let read = Given::read(state, by, given).await;
    Ok(match read.map_err(|problem| problem.below("/event"))? {
        Given::Stored(event) => TestEvent::Stored(Arc::new(event)),
        Given::Inline(draft) => TestEvent::New(Box::new(draft)),
    })
}

/// Delivers the event, once however often it is asked for.
async fn send(
    state: &ApiState,
    by: &InProject,
    endpoint: &Endpoint,
    event: TestEvent,
    change: &Change,
) -> WriteResult<DeliveryId> {
    if endpoint.config.state == EndpointState::Disabled {
        let detail = format!(
            "the endpoint is disabled since {}; enable it first, or test another `url`",
            endpoint.state_since
        );
        return Err(Problem::new(Code::WrongState, detail).into());
    }
    let answer = |delivery| Answer::new(StatusCode::ACCEPTED, &TestView::under_way(delivery));
    let gateway = &state.gateway;
    gateway
        .test_endpoint(&by.project, endpoint.id, event, change, answer)
        .await
}

/// Waits for the outcome of a test, unless nothing can come of it for now.
async fn follow(
    state: &ApiState,
    by: &InProject,
    endpoint: &Endpoint,
    delivery: DeliveryId,
    wait: Duration,
) -> ApiResult<(StatusCode, TestView)> {
    let wait = match endpoint.config.state {
        EndpointState::Paused => Duration::ZERO,
        _ => wait,
    };
    let ended = outcome(state, by.project.id, delivery, wait).await?;
    let view = deliveries::view(state, by.project.id, delivery).await?;
    let status = match ended {
        true => StatusCode::OK,
        false => StatusCode::ACCEPTED,
    };
    let view = TestView {
        summary: view.summary().to_owned(),
        result: ended.then_some(view),
        ..TestView::under_way(delivery)
    };
    Ok((status, view))
}

/// Waits until a delivery has ended. Gives whether it has; where nobody waits, none has.
async fn outcome(
    state: &ApiState,
    project: ProjectId,
    delivery: DeliveryId,
    wait: Duration,
) -> ApiResult<bool> {
    let end = state.clock.elapsed() + wait;
    while !wait.is_zero() {
        let now = state.store.delivery(project, delivery).await?;
        if now.state != DeliveryState::Pending {
            return Ok(true);
        }
        if state.clock.elapsed() >= end || state.stopping.is_cancelled() {
            return Ok(false);
        }
        state.clock.sleep(GLANCE).await;
    }
    Ok(false)
}

async fn try_url(
    state: &ApiState,
    by: &InProject,
    endpoint: Endpoint,
    event: TestEvent,
    url: &str,
    secret: Secret,
) -> ApiResult<(StatusCode, TestView)> {
    let url: TargetUrl = url::parse(url)?;
    url::judge(state, by.project.id, &url).await?;
    let format = endpoint.config.format;
    let request = TrialRequest {
        endpoint,
        url: url.into_url(),
        secret: secret.clone(),
        event,
    };
    let (attempt, event) = state.gateway.try_url(&by.project, request).await?;
    let attempt = attempt_view(AttemptRecord { attempt, format }, Some(&event));
    let view = TestView {
        delivery: None,
        summary: sentence(&attempt),
        result: None,
        attempt: Some(attempt),
        secret: Some(shown(&secret)),
    };
    Ok((StatusCode::OK, view))
}

fn sentence(attempt: &AttemptView) -> String {
    let after = attempt.duration_ms;
    match (&attempt.error, &attempt.response) {
        (Some(error), _) => {
            let meaning = in_passing(ErrorKind::explanation(error.kind));
            format!(
                "failed after {after} ms: {}: {} – {meaning}",
                error.kind, error.message
            )
        }
        (None, Some(response)) => format!("taken with {} after {after} ms", response.status),
        (None, None) => format!("taken after {after} ms"),
    }
}
