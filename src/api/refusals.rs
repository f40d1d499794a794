//! What handlers refuse, as the OpenAPI document tells it.
//!
//! A handler names its refusals among its responses; what all operations of a kind refuse is added
//! to them by [`openapi`](super::openapi). Which codes they have, and what these mean, stands in
//! the catalogue of [`Code`] alone.

use std::collections::BTreeMap;

use axum::http::{HeaderName, StatusCode, header};
use utoipa::{
    IntoResponses,
    openapi::{
        Header, Object, Ref, RefOr, Response, ResponseBuilder, Responses, Type,
        content::ContentBuilder, header::HeaderBuilder,
    },
};

use super::problem::Code;

macro_rules! refusals {
    ($($(#[doc = $doc:literal])* $name:ident = $($code:ident)|+;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                told(&[$(Code::$code),+])
            }
        }
    )*};
}

refusals! {
    /// The key is no operator's.
    Forbidden = Forbidden;
    /// What the path names is not there.
    NotFound = NotFound;
    /// A parameter cannot be used.
    BadParameter = BadParameter;
    /// A value in the body cannot be used.
    Invalid = Invalid;
    /// The same, where one of the values is a URL for webhooks.
    InvalidOrUrlRefused = Invalid | UrlRefused;
    /// A listener, or an event that it is tried with, cannot be used.
    TestRefused = BadEvent | TooLarge | Invalid | UrlRefused;
    /// An endpoint cannot be tested so, or not now.
    EndpointTestRefused = BadParameter | BadEvent | TooLarge | Invalid | UrlRefused | WrongState
        | TooManyRequests;
    /// The project has as much as it may have.
    QuotaExceeded = QuotaExceeded;
    /// The name is taken.
    AlreadyExists = AlreadyExists;
    /// The state of things forbids it.
    WrongState = WrongState;
    /// An event cannot be taken, now or ever.
    EventRefused = BadEvent | EventConflict | TooLarge | UnsupportedMediaType | SchemaViolation
        | TooManyRequests | RateLimited | BacklogFull | StorageFull | QuotaExceeded | Overloaded | Unavailable;
    /// A stream cannot be asked for so, or there is no room for one now.
    StreamRefused = BadParameter | TooManyRequests | Overloaded | Unavailable;
    /// The gateway does not work now.
    Unavailable = Unavailable;
}

/// Says among `responses` that these codes are answered too.
pub fn add(responses: &mut Responses, codes: &[Code]) {
    for code in codes {
        let status = code.status();
        let known = responses.responses.entry(status.as_str().to_owned());
        let known = known.or_insert_with(|| response(status).into());
        if let RefOr::T(known) = known {
            tell(known, *code);
        }
    }
}

/// The responses with `codes`: one for each status.
fn told(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut responses = Responses::new();
    add(&mut responses, codes);
    responses.responses
}

/// Adds a code to what a response is described by, unless it is there.
fn tell(response: &mut Response, code: Code) {
    let sentence = format!("`{}`: {}", code.as_str(), code.title());
    let description = &mut response.description;
    if description.contains(&sentence) {
        return;
    }
    if !description.is_empty() {
        description.push_str("\n\n");
    }
    description.push_str(&sentence);
}

/// A response with a problem that has `status`, and the headers that come with it.
fn response(status: StatusCode) -> Response {
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let mut response = ResponseBuilder::new()
        .content("application/problem+json", problem)
        .build();
    if let Some((name, header)) = header_of(status) {
        response.headers.insert(name.to_string(), header.into());
    }
    response
}

fn header_of(status: StatusCode) -> Option<(HeaderName, Header)> {
    let (name, kind, description) = match status {
        StatusCode::UNAUTHORIZED => {
            let description = "How to say who asks: `Bearer`.";
            (header::WWW_AUTHENTICATE, Type::String, description)
        }
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::INSUFFICIENT_STORAGE => {
            let description = "How many seconds to wait before asking again.";
            (header::RETRY_AFTER, Type::Integer, description)
        }
        _ => return None,
    };
    let header = HeaderBuilder::new()
        .schema(Some(Object::with_type(kind)))
        .description(Some(description));
    Some((name, header.build()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_one_status_share_a_response() {
        let responses = EventRefused::responses();
        let statuses: Vec<_> = responses.keys().map(String::as_str).collect();
        assert_eq!(
            statuses,
            [
                "400", "403", "409", "413", "415", "422", "429", "503", "507"
            ]
        );
        let told = serde_json::to_value(&responses["503"]).expect("JSON");
        let description = told["description"].as_str().expect("a text");
        for code in [Code::Overloaded, Code::Unavailable] {
            assert!(description.contains(code.as_str()), "{description}");
        }
        let schema = &told["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/Problem");
    }

    #[test]
    fn what_is_told_already_is_not_told_again() {
        let mut responses = Responses::new();
        add(&mut responses, &[Code::BadEvent, Code::BadBody]);
        add(&mut responses, &[Code::BadBody, Code::BadParameter]);
        let told = serde_json::to_value(&responses).expect("JSON");
        let description = told["400"]["description"].as_str().expect("a text");
        let codes = description.split("\n\n").map(|line| line.split('`').nth(1));
        let codes: Vec<_> = codes.flatten().collect();
        assert_eq!(codes, ["bad_event", "bad_body", "bad_parameter"]);
    }

    #[test]
    fn whoever_is_to_come_back_or_to_say_who_it_is_is_told_how() {
        let told = told(&[Code::Unauthorized, Code::Overloaded, Code::NotFound]);
        let told = serde_json::to_value(told).expect("JSON");
        assert_eq!(
            told["503"]["headers"]["retry-after"]["schema"]["type"],
            "integer"
        );
        assert_eq!(
            told["401"]["headers"]["www-authenticate"]["schema"]["type"],
            "string"
        );
        assert!(told["404"]["headers"].is_null(), "{told}");
    }
}
