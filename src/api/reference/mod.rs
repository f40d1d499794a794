//! `/docs/`: the OpenAPI document as a page on which it can be tried out.
//!
//! The page works without any other host: Swagger UI is part of the program. What it may do is
//! bounded by a Content-Security-Policy without exceptions for inline scripts or styles; the key
//! that a reader enters stays in the memory of the page.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_swagger_ui::{Config, serve};

use super::problem::Problem;

/// What a browser lets the page do: load what the gateway serves, ask the gateway, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// What goes with every file of the page.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    // A file is that of the program: after an update the page must not be made of two of them.
    (header::CACHE_CONTROL, "no-cache"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The files of Swagger UI that the page loads.
const SWAGGER_UI: [&str; 3] = [
    "swagger-ui-bundle.js",
    "swagger-ui.css",
    "favicon-32x32.png",
];

/// The page and its files.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let pages = Router::new()
        .route("/docs", get(async || Redirect::permanent("docs/")))
        .route("/docs/", get(async || own("page.html")))
        .route("/docs/{file}", get(file));
    HEADERS.into_iter().fold(pages, |pages, (name, value)| {
        let value = HeaderValue::from_static(value);
        pages.layer(SetResponseHeaderLayer::if_not_present(name, value))
    })
}

async fn file(Path(name): Path<String>) -> Response {
    match SWAGGER_UI.contains(&name.as_str()) {
        true => of_swagger_ui(&name),
        false => own(&name),
    }
}

fn own(name: &str) -> Response {
    let (kind, text) = match name {
        "page.html" => ("text/html; charset=utf-8", include_str!("page.html")),
        "page.css" => ("text/css; charset=utf-8", include_str!("page.css")),
        "page.js" => ("text/javascript; charset=utf-8", include_str!("page.js")),
        _ => return Problem::not_found("file of this page").into_response(),
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

fn of_swagger_ui(name: &str) -> Response {
    let config = Arc::new(Config::from("../openapi.json"));
    match serve(name, config) {
        Ok(Some(file)) => {
            let bytes = match file.bytes {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => Bytes::from(bytes),
            };
            ([(header::CONTENT_TYPE, file.content_type)], bytes).into_response()
        }
        _ => Problem::not_found("file of this page").into_response(),
    }
}
