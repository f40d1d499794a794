//! What handlers refuse, as the OpenAPI document tells it.
//!
//! A handler names its refusals among its responses; which codes they have, and what these mean,
//! stands in the catalogue of [`Code`] alone.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses,
    openapi::{Ref, RefOr, Response, ResponseBuilder, content::ContentBuilder},
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
    /// The name is taken.
    AlreadyExists = AlreadyExists;
    /// The state of things forbids it.
    WrongState = WrongState;
    /// An event cannot be taken, now or ever.
    EventRefused = BadEvent | EventConflict | TooLarge | UnsupportedMediaType | TooManyRequests
        | Overloaded | Unavailable;
    /// The gateway does not work now.
    Unavailable = Unavailable;
}

/// The responses with `codes`: one for each status.
fn told(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut sentences = BTreeMap::<String, Vec<String>>::new();
    for code in codes {
        let sentence = format!("`{}`: {}", code.as_str(), code.title());
        let status = code.status().as_str().to_owned();
        sentences.entry(status).or_default().push(sentence);
    }
    sentences
        .into_iter()
        .map(|(status, sentences)| (status, response(&sentences.join("\n\n")).into()))
        .collect()
}

fn response(description: &str) -> Response {
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", problem)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_one_status_share_a_response() {
        let responses = EventRefused::responses();
        let statuses: Vec<_> = responses.keys().map(String::as_str).collect();
        assert_eq!(statuses, ["400", "409", "413", "415", "429", "503"]);
        let told = serde_json::to_value(&responses["503"]).expect("JSON");
        let description = told["description"].as_str().expect("a text");
        for code in [Code::Overloaded, Code::Unavailable] {
            assert!(description.contains(code.as_str()), "{description}");
        }
        let schema = &told["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/Problem");
    }
}
