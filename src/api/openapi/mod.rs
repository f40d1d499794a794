//! The OpenAPI document: made of what stands at the handlers.
//!
//! A handler says what is its own. What its operation has in common with others is added here, by
//! rules that hold for all: who may ask, which project is meant, what anything that reads a body
//! refuses, and what the operation is called.

mod answers;
mod changes;
mod common;

use axum::{http::header, response::IntoResponse};
use bytes::Bytes;
use utoipa::{
    OpenApi as _,
    openapi::{
        OpenApi,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use self::answers::Answers;
pub use self::common::in_project;
use super::{
    problem::{Code, Problem},
    stream,
};

/// What the document says beside the resources.
#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(
        Problem,
        stream::MessageView,
        stream::OpenView,
        stream::GapView,
        stream::ClosingView
    )),
    info(
        title = "Riposte",
        description = "The outbound reaction gateway of event-driven platforms: services send events, \
                   users say what shall happen then, and Riposte delivers it as signed webhooks.\n\n\
                   Every request but those for health takes an API key: `Authorization: Bearer rp_…`. \
                   A project's key implies its project; an operator names it in `Riposte-Project`, \
                   by name or id, and means `default` where the header is left out. Errors are RFC 9457 \
                   `application/problem+json` with a stable `code`.",
    ),
    tags(
        (name = "events", description = "What happened: sent by services, and what came of it."),
        (name = "listeners", description = "What users wait for, and what follows then."),
        (name = "endpoints", description = "Where webhooks go, and how they are signed."),
        (name = "deliveries", description = "Webhooks on their way, with every attempt."),
        (name = "dead letters", description = "What was given up, until it is redriven or discarded."),
        (name = "jobs", description = "Long work, and how far it has come."),
        (name = "event types", description = "What happens in the project, and schemas that events keep to."),
        (name = "find", description = "What an id, a name or a URL is, and where."),
        (name = "administration", description = "Projects and API keys."),
        (name = "operation", description = "Whether the gateway is well, and how much it has of what."),
    ),
)]
struct Frame;

/// The name of the security scheme.
pub(super) const KEY: &str = "api_key";

/// The answer that holds `document`. It is written once: as a tree it takes many times the memory.
pub fn written(document: &OpenApi) -> impl IntoResponse + Clone + Send + Sync + 'static + use<> {
    let json = serde_json::to_vec(document).map(Bytes::from);
    let json = json.map_err(|error| Problem::new(Code::Internal, error.to_string()));
    json.map(|json| ([(header::CONTENT_TYPE, "application/json")], json))
}

/// `paths` with what holds for all of them.
pub fn complete(paths: OpenApi) -> OpenApi {
    let mut document = Frame::openapi();
    document.merge(paths);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An operator's key, or a project's: `rp_…`"))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme(KEY, SecurityScheme::Http(bearer));
    document.security = Some(vec![SecurityRequirement::new::<_, [String; 0], String>(
        KEY,
        [],
    )]);
    changes::complete(&mut document);
    let answers = Answers::read();
    for (path, operation) in operations(&mut document) {
        common::complete(path, operation);
        answers.show(operation);
    }
    document
}

/// Every operation, with its path.
fn operations(document: &mut OpenApi) -> impl Iterator<Item = (&str, &mut Operation)> {
    let paths = document.paths.paths.iter_mut();
    paths.flat_map(|(path, item)| {
        let operations = of_path(item).into_iter().flatten();
        operations.map(|operation| (path.as_str(), operation))
    })
}

/// Every operation at a path.
pub(super) fn of_path(item: &mut PathItem) -> [Option<&mut Operation>; 5] {
    [
        item.get.as_mut(),
        item.put.as_mut(),
        item.post.as_mut(),
        item.patch.as_mut(),
        item.delete.as_mut(),
    ]
}
