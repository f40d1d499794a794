//! The examples of the document: each request is sent, each answer has the form that is documented,
//! and what is shown as an answer is what a gateway once answered.

mod cast;
mod requests;
mod schema;
mod situation;

use std::{collections::BTreeMap, fs};

use futures_util::future::join_all;
use serde_json::{Map, Value};

use self::{
    requests::{Request, requests},
    schema::Schemas,
    situation::{Scene, Situation},
};
use super::{Operation, operations};
use crate::support::{Answer, Gateway, Setup};

/// Where the answers are kept that the document shows.
const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/openapi/answers.json");

/// The variable that has answers recorded for what has none that fits.
const UPDATE: &str = "UPDATE_EXAMPLES";

/// How to record answers.
const HOW: &str = "run `UPDATE_EXAMPLES=1 cargo test --test it openapi::examples`, then \
                   `UPDATE_OPENAPI=1 cargo test --test it openapi`, and look at what changed";

/// The answers to an operation by status, as they are shown.
type Answers = BTreeMap<String, Value>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_answered_as_the_document_says() {
    let gateway = Gateway::start().await;
    let document = gateway.api().get("/openapi.json").await.expect(200);
    let schemas = Schemas::of(&document);
    let mut all = operations(gateway.api()).await;
    all.retain(|operation| !operation.streams());
    let trials = all.iter().map(|operation| tried(operation, &schemas));
    let answers = join_all(trials).await;
    if std::env::var_os(UPDATE).is_some() {
        record(all.iter().zip(answers).collect(), &schemas);
    }
}

/// Sends the requests of `operation`, in one situation after the other, until each was done and
/// each success that the document has was seen.
async fn tried(operation: &Operation, schemas: &Schemas) -> Answers {
    let mut answers = Answers::new();
    let mut refused = requests(operation);
    for scene in Scene::ALL {
        let gateway = Setup::new().retrying("0s").start().await;
        let situation = scene.build(gateway.api()).await;
        let mut still = Vec::new();
        for request in requests(operation) {
            let answer = sent(&gateway, &situation, operation, &request).await;
            schemas.check(operation, &answer);
            if (200..300).contains(&answer.status) {
                let shown = situation.cast.told(shown(&answer));
                answers.entry(answer.status.to_string()).or_insert(shown);
            } else if refused.contains(&request) {
                still.push(request);
            }
        }
        refused = still;
        let seen = operation
            .successes()
            .all(|status| answers.contains_key(status));
        if refused.is_empty() && seen {
            return answers;
        }
    }
    let missing: Vec<_> = operation
        .successes()
        .filter(|status| !answers.contains_key(*status))
        .collect();
    panic!(
        "{}: {refused:?} are refused, {missing:?} not seen",
        operation.id()
    )
}

async fn sent(
    gateway: &Gateway,
    situation: &Situation,
    operation: &Operation,
    request: &Request,
) -> Answer {
    let query = situation.cast.played(&request.query);
    let path = format!("{}{query}", operation.path_with(&situation.ids));
    let body = request.body.as_ref().map(Value::to_string);
    let body = situation.cast.played(&body.unwrap_or_default());
    let kind = request.kind.as_deref().map(|kind| ("content-type", kind));
    let headers: Vec<_> = kind.into_iter().collect();
    let method = operation.method.clone();
    gateway.api().call(method, &path, &headers, body).await
}

/// The body of an answer, of whose lists two entries are enough.
fn shown(answer: &Answer) -> Value {
    if answer.body.is_empty() {
        return Value::Null;
    }
    let mut body = answer.json();
    if let Some(entries) = body.get_mut("data").and_then(Value::as_array_mut) {
        entries.truncate(2);
    }
    body
}

/// Keeps the answers that fit, and takes new ones for the others.
fn record(new: Vec<(&Operation, Answers)>, schemas: &Schemas) {
    let known = fs::read_to_string(ANSWERS).expect("it can be read");
    let known: Map<String, Value> = serde_json::from_str(&known).expect("JSON");
    let mut all = BTreeMap::new();
    for (operation, mut answers) in new {
        answers.retain(|_, answer| !answer.is_null());
        for (status, answer) in &mut answers {
            let known = known
                .get(&operation.id())
                .and_then(|known| known.get(status));
            if let Some(known) = known
                && schemas
                    .errors(operation.content_of(status), known)
                    .is_empty()
            {
                *answer = known.clone();
            }
        }
        if !answers.is_empty() {
            all.insert(operation.id(), answers);
        }
    }
    let mut text = serde_json::to_string_pretty(&all).expect("JSON");
    text.push('\n');
    fs::write(ANSWERS, text).expect("it can be written");
}

#[tokio::test]
async fn every_success_is_shown_by_an_answer_of_its_form() {
    let gateway = Gateway::start().await;
    let document = gateway.api().get("/openapi.json").await.expect(200);
    let schemas = Schemas::of(&document);
    let shown = fs::read_to_string(ANSWERS).expect("it can be read");
    let mut shown: BTreeMap<String, Answers> = serde_json::from_str(&shown).expect("JSON");
    for operation in operations(gateway.api()).await {
        let mut answers = shown.remove(&operation.id()).unwrap_or_default();
        for status in operation.successes() {
            let content = operation.content_of(status);
            let answer = answers.remove(status);
            if content.is_null() || operation.streams() {
                continue;
            }
            let place = format!("{} {status}", operation.id());
            assert!(answer.is_some(), "{place} has no example: {HOW}");
            assert_eq!(Some(&content["example"]), answer.as_ref(), "{place}");
            let errors = schemas.errors(content, &content["example"]);
            assert!(errors.is_empty(), "{place}: {errors:#?}: {HOW}");
        }
        assert!(answers.is_empty(), "{}: {answers:?}: {HOW}", operation.id());
    }
    assert!(shown.is_empty(), "no operation has these: {shown:?}: {HOW}");
}

#[tokio::test]
async fn every_example_of_a_request_has_the_form_that_it_is_to_show() {
    let gateway = Gateway::start().await;
    let document = gateway.api().get("/openapi.json").await.expect(200);
    let schemas = Schemas::of(&document);
    for operation in operations(gateway.api()).await {
        let contents = operation.details["requestBody"]["content"].as_object();
        for (kind, content) in contents.into_iter().flatten() {
            let examples = requests::bodies(content);
            assert!(
                !examples.is_empty(),
                "{} {kind} has no example",
                operation.id()
            );
            for example in examples {
                let errors = schemas.errors(content, &example);
                assert!(
                    errors.is_empty(),
                    "{}: {example}: {errors:#?}",
                    operation.id()
                );
            }
        }
        for parameter in operation.details["parameters"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if let Some(example) = parameter.get("example") {
                let errors = schemas.errors(parameter, example);
                assert!(
                    errors.is_empty(),
                    "{}: {parameter}: {errors:#?}",
                    operation.id()
                );
            }
        }
    }
    schemas.check_examples();
}

impl Operation {
    /// The statuses of success that it may be answered with.
    fn successes(&self) -> impl Iterator<Item = &str> {
        let responses = self.details["responses"].as_object().expect("responses");
        let statuses = responses.keys().map(String::as_str);
        statuses.filter(|status| status.starts_with('2'))
    }

    /// What it answers with `status`; null if that has no body.
    fn content_of(&self, status: &str) -> &Value {
        let contents = self.details["responses"][status]["content"].as_object();
        let first = contents.and_then(|contents| contents.values().next());
        first.unwrap_or(&Value::Null)
    }
}
