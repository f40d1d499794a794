//! What operations have in common.

use utoipa::openapi::{
    Object, OpenApi, RefOr, Type,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    security::SecurityRequirement,
};

use super::operations;
use crate::api::{problem::Code, refusals};

/// The header by which an operator names a project, as people write it.
const PROJECT_HEADER: &str = "Riposte-Project";

/// Says of every operation of `document` that it is about one project.
pub fn in_project(document: &mut OpenApi) {
    for (_, operation) in operations(document) {
        let parameters = operation.parameters.get_or_insert_default();
        parameters.push(RefOr::T(project_parameter()));
        let refused = [Code::BadParameter, Code::NotFound];
        refusals::add(&mut operation.responses, &refused);
    }
}

fn project_parameter() -> Parameter {
    ParameterBuilder::new()
        .name(PROJECT_HEADER)
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "For operators: which project is meant, by name or id; `default` where it is left out. \
             A project's key implies its own.",
        ))
        .schema(Some(Object::with_type(Type::String)))
        .build()
}

/// Adds to the operation at `path` what it has in common with others.
pub fn complete(path: &str, operation: &mut Operation) {
    let refused = refused(operation);
    refusals::add(&mut operation.responses, &refused);
    operation.operation_id = operation
        .operation_id
        .as_deref()
        .map(|handler| name(path, handler));
}

/// What an operation refuses, whatever it does.
fn refused(operation: &Operation) -> Vec<Code> {
    let mut codes = vec![Code::Unavailable, Code::Internal];
    if !is_open(operation) {
        codes.extend([Code::Unauthorized, Code::Forbidden]);
    }
    if operation.request_body.is_some() {
        codes.extend([Code::BadBody, Code::TooLarge]);
    }
    let parameters = operation.parameters.iter().flatten();
    let places: Vec<_> = parameters.filter_map(place).collect();
    if places.contains(&&ParameterIn::Query) {
        codes.push(Code::BadParameter);
    }
    if places.contains(&&ParameterIn::Path) {
        codes.push(Code::NotFound);
    }
    codes
}

/// Whether nobody need say who they are.
fn is_open(operation: &Operation) -> bool {
    let anybody = SecurityRequirement::default();
    let required = operation.security.iter().flatten();
    required.into_iter().any(|required| *required == anybody)
}

fn place(parameter: &RefOr<Parameter>) -> Option<&ParameterIn> {
    match parameter {
        RefOr::T(parameter) => Some(&parameter.parameter_in),
        RefOr::Ref(_) => None,
    }
}

/// What an operation is called: the names in its path, and its handler where that says more.
fn name(path: &str, handler: &str) -> String {
    let is_name = |part: &&str| !part.is_empty() && *part != "v1" && !part.starts_with('{');
    let names = path.split('/').filter(is_name);
    let mut name = names.collect::<Vec<_>>().join("_").replace('-', "_");
    let says_it = name.rsplit('_').any(|word| word == handler);
    if !says_it {
        name = format!("{name}_{handler}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_called_by_its_path_and_what_it_does() {
        for (path, handler, expected) in [
            ("/v1/events", "list", "events_list"),
            (
                "/v1/dead-letters/redrive",
                "redrive",
                "dead_letters_redrive",
            ),
            (
                "/v1/endpoints/{id}/rotate-secret",
                "rotate",
                "endpoints_rotate_secret",
            ),
            ("/v1/endpoints/{id}/secret", "get", "endpoints_secret_get"),
            ("/healthz", "alive", "healthz_alive"),
        ] {
            assert_eq!(name(path, handler), expected);
        }
    }
}
