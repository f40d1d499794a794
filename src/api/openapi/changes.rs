//! What operations that change something have in common: how a repeat is recognised, and which
//! version is meant.

use axum::http::{HeaderName, header};
use utoipa::openapi::{
    Object, OpenApi, RefOr, Type,
    header::HeaderBuilder,
    path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
};

use crate::api::{answer::REPLAYED, problem::Code, refusals};

/// Operations that change nothing though they are no GET.
const READS: [&str; 1] = ["/v1/listeners/test"];

/// The operation whose repeats are told apart event by event.
const EVENTS: &str = "/v1/events";

/// Operations that make a new version of what the path before this names.
const OF_A_VERSION: &str = "/rotate-secret";

/// Says of every operation that changes something how it is done once, and to which version.
pub fn complete(document: &mut OpenApi) {
    let things = document.paths.paths.iter();
    let things: Vec<_> = things.filter(|(_, item)| has_versions(item)).collect();
    let things: Vec<String> = things.into_iter().map(|(path, _)| path.clone()).collect();
    for (path, item) in &mut document.paths.paths {
        let is_thing = things.contains(path);
        let makes_things = things.iter().any(|thing| is_in(thing, path));
        if is_thing && let Some(get) = &mut item.get {
            tell_tag(get, "200");
        }
        for (method, operation) in changing(path, item) {
            tell_key(operation);
            if path != EVENTS {
                tell_replay(operation);
            }
            let of_a_version = path.ends_with(OF_A_VERSION);
            match method {
                HttpMethod::Post if makes_things => tell_tag(operation, "201"),
                HttpMethod::Post if !of_a_version => {}
                HttpMethod::Delete => tell_condition(operation),
                _ => {
                    tell_condition(operation);
                    tell_tag(operation, "200");
                }
            }
        }
    }
}

/// Whether what a path names is changed as a whole.
fn has_versions(item: &PathItem) -> bool {
    item.patch.is_some() || item.delete.is_some()
}

/// Whether `thing` is an entry of the list at `path`.
fn is_in(thing: &str, path: &str) -> bool {
    let below = thing
        .strip_prefix(path)
        .and_then(|rest| rest.strip_prefix("/{"));
    below.is_some_and(|parameter| !parameter.contains('/'))
}

/// The operations of a path that change something.
fn changing<'a>(
    path: &str,
    item: &'a mut PathItem,
) -> impl Iterator<Item = (HttpMethod, &'a mut Operation)> {
    let is_read = READS.contains(&path);
    let methods = [
        (HttpMethod::Post, item.post.as_mut()),
        (HttpMethod::Put, item.put.as_mut()),
        (HttpMethod::Patch, item.patch.as_mut()),
        (HttpMethod::Delete, item.delete.as_mut()),
    ];
    let there = methods.into_iter().filter(move |_| !is_read);
    there.filter_map(|(method, operation)| Some((method, operation?)))
}

fn tell_key(operation: &mut Operation) {
    take(
        operation,
        "Idempotency-Key",
        "Marks the request, so that it is carried out once however often it is sent: 1 to 255 \
         characters, a new one for each request, such as a UUID.",
    );
    let refused = [
        Code::BadParameter,
        Code::BadBody,
        Code::TooLarge,
        Code::IdempotencyKeyReused,
    ];
    refusals::add(&mut operation.responses, &refused);
}

fn tell_replay(operation: &mut Operation) {
    for status in ["200", "201", "202", "204"] {
        let description = "`true` where a repeat is answered as the request was";
        give(operation, status, &REPLAYED, description);
    }
}

fn tell_condition(operation: &mut Operation) {
    take(
        operation,
        "If-Match",
        "Which version is meant: the `ETag` with which it was read, a list of these, or `*`. Where \
         it is another by now, nothing is changed.",
    );
    let refused = [Code::BadParameter, Code::PreconditionFailed];
    refusals::add(&mut operation.responses, &refused);
}

fn tell_tag(operation: &mut Operation, status: &str) {
    let description = "Its version: what `If-Match` takes";
    give(operation, status, &header::ETAG, description);
}

/// Says that an operation takes a header.
fn take(operation: &mut Operation, name: &str, description: &str) {
    let parameter: Parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .description(Some(description))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    let parameters = operation.parameters.get_or_insert_default();
    parameters.push(RefOr::T(parameter));
}

/// Says that an operation's answers with `status` have a header.
fn give(operation: &mut Operation, status: &str, name: &HeaderName, description: &str) {
    let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) else {
        return;
    };
    let header = HeaderBuilder::new()
        .schema(Some(Object::with_type(Type::String)))
        .description(Some(description))
        .build();
    response.headers.insert(name.to_string(), header.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_in_the_list_right_above_it() {
        assert!(is_in("/v1/endpoints/{id}", "/v1/endpoints"));
        assert!(!is_in("/v1/endpoints/{id}/secret", "/v1/endpoints"));
        assert!(!is_in("/v1/endpoints/{id}", "/v1/endpoint"));
        assert!(!is_in("/v1/endpoints/{id}", "/v1"));
    }
}
