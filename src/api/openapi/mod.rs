//! The OpenAPI document: made of what stands at the handlers.

use utoipa::{
    OpenApi as _,
    openapi::{
        OpenApi,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::problem::Problem;

/// What the document says beside the resources.
#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(Problem)),
    info(
        title = "Riposte",
        description = "The outbound reaction gateway of event-driven platforms: services send events, \
                   users say what shall happen then, and Riposte delivers it as signed webhooks.\n\n\
                   Every request but those for health takes an API key: `Authorization: Bearer rp_…`. \
                   A project's key implies its project; an operator names it in `Riposte-Project`, \
                   by name or id, and means `default` where the header is left out. Errors are RFC 9457 \
                   `application/problem+json` with a stable `code`.",
    )
)]
struct Frame;

/// The name of the security scheme.
const KEY: &str = "api_key";

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
    document
}
