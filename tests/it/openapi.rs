//! The OpenAPI document: what it says is looked at before it changes, and what it names is walked
//! through by strangers.

mod examples;

use std::{fs, path::Path};

use http::Method;
use riposte::domain::scope::Scope;
use serde_json::{Map, Value, json};

use crate::support::{Api, Gateway, Receiver, id_of, text};

/// The document as it was last looked at.
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi.json");

/// The variable that takes a new document over.
const UPDATE: &str = "UPDATE_OPENAPI";

/// One operation of the document.
#[derive(Debug)]
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub details: Value,
}

impl Operation {
    /// Whether nobody need say who they are.
    fn is_open(&self) -> bool {
        self.details["security"] == json!([{}])
    }

    /// The path with `ids` in the place of its parameters.
    pub fn path_with(&self, ids: &Ids) -> String {
        let Some((resource, _)) = self.path.split_once("/{") else {
            return self.path.clone();
        };
        let (before, rest) = self.path.split_once('{').expect("a parameter");
        let (_, after) = rest.split_once('}').expect("its end");
        // Of what stands below a thing the first is there.
        let after = after.replace("{number}", "1");
        format!("{before}{}{after}", ids.of_resource(resource))
    }

    /// What programs call it.
    fn id(&self) -> String {
        text(&self.details["operationId"])
    }

    /// The scopes that a key must have; `operator` where no project's key will do.
    fn scopes(&self) -> Vec<String> {
        let names = self.details["security"][0]["api_key"].as_array();
        let names = names.unwrap_or_else(|| panic!("{} {} needs nothing", self.method, self.path));
        names.iter().map(text).collect()
    }

    /// Whether its answer has no end.
    fn streams(&self) -> bool {
        let contents = &self.details["responses"]["200"]["content"];
        ["text/event-stream", "application/vnd.sqlite3"]
            .iter()
            .any(|kind| contents.get(kind).is_some())
    }

    /// Whether an operator can say which project is meant.
    fn is_about_a_project(&self) -> bool {
        let mut parameters = self.details["parameters"].as_array().into_iter().flatten();
        parameters.any(|parameter| parameter["name"] == "Riposte-Project")
    }

    /// Whether it is about one thing that is there. PUT makes what is not, in whoever asks' project.
    fn takes_id(&self) -> bool {
        self.path.contains('{') && self.method != Method::PUT
    }

    /// What has to be asked for so that the answer ends.
    fn bound(&self) -> &'static str {
        let content = &self.details["responses"]["200"]["content"];
        match content["text/event-stream"].is_null() {
            true => "",
            false => "&follow=false",
        }
    }

    /// The query parameters that name something.
    fn references(&self) -> Vec<String> {
        let parameters = self.details["parameters"].as_array();
        let names = parameters.into_iter().flatten();
        names
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| text(&parameter["name"]))
            .filter(|name| Ids::RESOURCES.iter().any(|(_, known, _)| known == name))
            .collect()
    }
}

/// One thing of each kind, that is or is not there.
pub struct Ids(Map<String, Value>);

impl Ids {
    /// Every kind: the resource, what refers to it, and what its ids begin with.
    const RESOURCES: [(&str, &str, &str); 8] = [
        ("/v1/events", "event", "evt"),
        ("/v1/listeners", "listener", "lis"),
        ("/v1/endpoints", "endpoint", "end"),
        ("/v1/deliveries", "delivery", "dlv"),
        ("/v1/projects", "project", "prj"),
        ("/v1/keys", "key", "key"),
        ("/v1/jobs", "job", "job"),
        ("/v1/event-types", "event_type", "type"),
    ];

    /// What nobody has.
    fn absent() -> Self {
        let kinds = Self::RESOURCES.iter();
        let absent = kinds.map(|(_, name, prefix)| {
            let id = format!("{prefix}_01h455vb4pex5vsknk084sn02q");
            ((*name).to_owned(), Value::from(id))
        });
        Self(absent.collect())
    }

    /// What the project of `api` has: the delivery of an event to an endpoint.
    pub async fn of(api: &Api) -> Self {
        let receiver = Receiver::start().await;
        let hook = api.registers("a.b", &receiver.url()).await;
        let event = api.sends(json!({"type": "a.b"})).await;
        let delivery = api.delivery_of(&event).await;
        api.delivery_becomes(&delivery, "delivered").await;
        let key = api.post("/v1/keys", json!({"name": "another"})).await;
        let none = json!({"endpoint": hook.endpoint});
        let job = api.post("/v1/dead-letters/discard", none).await;
        let project = api.post("/v1/projects", json!({"name": "globex"})).await;
        let ids = json!({
            "event": event, "listener": hook.listener, "endpoint": hook.endpoint,
            "delivery": delivery, "project": id_of(&project.expect(201)),
            "key": id_of(&key.expect(201)), "job": id_of(&job.expect(202)),
            "event_type": "a.b",
        });
        Self(ids.as_object().expect("an object").clone())
    }

    fn of_resource(&self, resource: &str) -> String {
        let kind = Self::RESOURCES.iter().find(|(path, ..)| *path == resource);
        let (_, name, _) = kind.unwrap_or_else(|| panic!("{resource} is new: add its kind"));
        self.named(name)
    }

    pub fn named(&self, name: &str) -> String {
        text(&self.0[name])
    }

    /// `text` with each of these ids replaced by its kind.
    fn hidden_in(&self, text: &str) -> String {
        let hide = |text: String, (name, id): (&String, &Value)| {
            text.replace(id.as_str().unwrap_or_default(), &format!("<{name}>"))
        };
        self.0.iter().fold(text.to_owned(), hide)
    }
}

/// The bodies that operations take, where an empty object is not enough for the id to matter.
pub fn body_of(operation: &Operation, ids: &Ids) -> Value {
    let hook = json!([{"webhook": {"endpoint": ids.named("endpoint")}}]);
    match (operation.method.as_str(), operation.path.as_str()) {
        ("POST" | "PUT", "/v1/listeners" | "/v1/listeners/{id}") => {
            json!({"on": ["a.b"], "reactions": hook})
        }
        ("PATCH", "/v1/listeners/{id}") => json!({"reactions": hook}),
        ("PATCH", "/v1/endpoints/{id}") => json!({"state": "paused"}),
        ("POST" | "PUT", "/v1/endpoints" | "/v1/endpoints/{id}") => {
            json!({"url": "https://1.1.1.1/"})
        }
        ("POST", "/v1/dead-letters/redrive" | "/v1/dead-letters/discard") => {
            json!({"endpoint": ids.named("endpoint"), "dry_run": true})
        }
        ("PATCH", "/v1/projects/{project}") => json!({"openings": {"allow_http": true}}),
        ("POST", "/v1/projects" | "/v1/keys") => json!({"name": "another"}),
        ("POST", "/v1/listeners/test") => {
            json!({"listener": ids.named("listener"), "events": [ids.named("event")]})
        }
        ("POST", "/v1/events") => json!({"type": "a.c"}),
        _ => json!({}),
    }
}

pub async fn operations(api: &Api) -> Vec<Operation> {
    let document = api.get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().expect("paths");
    let mut all = Vec::new();
    for (path, methods) in paths {
        for (method, details) in methods.as_object().expect("methods") {
            all.push(Operation {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                details: details.clone(),
            });
        }
    }
    assert!(all.len() > 3, "{all:?}");
    all
}

async fn call(api: &Api, operation: &Operation, path: &str, ids: &Ids) -> (u16, String) {
    let method = operation.method.clone();
    let answer = match operation.details["requestBody"].is_null() {
        true => api.call(method, path, &[], "").await,
        false => api.json(method, path, body_of(operation, ids)).await,
    };
    (answer.status, ids.hidden_in(&answer.text()))
}

#[tokio::test]
async fn the_document_is_the_one_that_was_looked_at() {
    let gateway = Gateway::start().await;
    let served = gateway.api().get("/openapi.json").await.expect(200);
    let mut current = serde_json::to_string_pretty(&served).expect("JSON");
    current.push('\n');
    if std::env::var_os(UPDATE).is_some() {
        fs::write(SNAPSHOT, &current).expect("it can be written");
    }
    let known = fs::read_to_string(Path::new(SNAPSHOT)).unwrap_or_default();
    assert!(
        known == current,
        "the API's description has changed: if that is meant, run `{UPDATE}=1 cargo test --test it \
         openapi` and commit tests/openapi.json"
    );
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own() {
    let gateway = Gateway::start().await;
    let operations = operations(gateway.api()).await;
    let mut names: Vec<_> = operations.iter().map(Operation::id).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test]
async fn every_operation_stands_under_a_heading_that_is_explained() {
    let gateway = Gateway::start().await;
    let document = gateway.api().get("/openapi.json").await.expect(200);
    let headings = document["tags"].as_array().expect("headings");
    let names: Vec<_> = headings.iter().map(|heading| &heading["name"]).collect();
    for operation in operations(gateway.api()).await {
        let heading = &operation.details["tags"][0];
        assert!(
            names.contains(&heading),
            "{heading} is not in src/api/openapi/mod.rs"
        );
    }
}

#[tokio::test]
async fn what_is_about_a_project_says_so_and_takes_its_name() {
    let gateway = Gateway::start().await;
    let (nobodys, absent) = (gateway.api().in_project("nobody"), Ids::absent());
    for operation in operations(gateway.api()).await {
        let path = operation.path_with(&absent);
        let (status, body) = call(&nobodys, &operation, &path, &absent).await;
        let misses_the_project = status == 404 && body.contains("no such project");
        let is_of_projects = operation.path.starts_with("/v1/projects/");
        assert_eq!(
            misses_the_project && !is_of_projects,
            operation.is_about_a_project(),
            "{operation:?}: {status} {body}"
        );
    }
}

#[tokio::test]
async fn whoever_has_no_key_is_turned_away_from_every_route() {
    let gateway = Gateway::start().await;
    let anybody = gateway.api().without_key();
    let absent = Ids::absent();
    for operation in operations(gateway.api()).await {
        let path = operation.path_with(&absent);
        let (status, body) = call(&anybody, &operation, &path, &absent).await;
        match operation.is_open() {
            true => assert_eq!(status, 200, "{operation:?}"),
            false => assert_eq!(status, 401, "{operation:?}: {body}"),
        }
    }
}

#[tokio::test]
async fn every_route_takes_keys_with_its_scopes_and_no_others() {
    let gateway = Gateway::start().await;
    let customer = gateway.api().new_project("customer").await;
    let absent = Ids::absent();
    let with = async |scopes: Vec<String>| {
        let key = json!({"name": "scoped", "scopes": scopes});
        let made = customer.post("/v1/keys", key).await.expect(201);
        customer.with_key(&text(&made["key"]))
    };
    for operation in operations(gateway.api()).await {
        if operation.is_open() {
            continue;
        }
        let needed = operation.scopes();
        let path = operation.path_with(&absent);
        if needed == ["operator"] {
            let (status, body) = call(&customer, &operation, &path, &absent).await;
            assert_eq!(status, 403, "{operation:?}: {body}");
            continue;
        }
        for scope in &needed {
            let others = Scope::ALL.iter().map(ToString::to_string);
            let others = with(others.filter(|other| other != scope).collect()).await;
            let (status, body) = call(&others, &operation, &path, &absent).await;
            let named = body.contains(&format!("the scope {scope}"));
            assert!(status == 403 && named, "{operation:?}: {status} {body}");
        }
        if !operation.streams() {
            let fitting = with(needed).await;
            let (status, body) = call(&fitting, &operation, &path, &absent).await;
            assert_ne!(status, 403, "{operation:?}: {body}");
        }
    }
}

#[tokio::test]
async fn what_belongs_to_another_project_is_as_what_is_not_there() {
    let gateway = Gateway::start().await;
    let foreign = Ids::of(gateway.api()).await;
    let absent = Ids::absent();
    let stranger = gateway.api().new_project("stranger").await;
    let mut walked = 0;
    for operation in operations(gateway.api()).await {
        if operation.takes_id() {
            let (theirs, none) = (operation.path_with(&foreign), operation.path_with(&absent));
            let of_theirs = call(&stranger, &operation, &theirs, &foreign).await;
            let of_none = call(&stranger, &operation, &none, &absent).await;
            assert_eq!(of_theirs, of_none, "{operation:?}");
            assert!(
                matches!(of_theirs.0, 403 | 404),
                "{operation:?}: {of_theirs:?}"
            );
            walked += 1;
        }
        for parameter in operation.references() {
            let bound = operation.bound();
            let query = |ids: &Ids| {
                let named = ids.named(&parameter);
                format!("{}?{parameter}={named}{bound}", operation.path)
            };
            let of_theirs = call(&stranger, &operation, &query(&foreign), &foreign).await;
            let of_none = call(&stranger, &operation, &query(&absent), &absent).await;
            assert_eq!(of_theirs, of_none, "{operation:?} by {parameter}");
            walked += 1;
        }
    }
    assert!(walked >= 15, "only {walked} routes name something");
    everything_is_still_there(gateway.api(), &foreign).await;
}

#[tokio::test]
async fn a_body_that_names_what_belongs_to_another_project_is_refused_as_if_it_were_not_there() {
    let gateway = Gateway::start().await;
    let foreign = Ids::of(gateway.api()).await;
    let absent = Ids::absent();
    let stranger = gateway.api().new_project("stranger").await;
    for operation in operations(gateway.api()).await {
        let named = body_of(&operation, &foreign) != body_of(&operation, &absent);
        if operation.takes_id() || !named || operation.details["requestBody"].is_null() {
            continue;
        }
        let of_theirs = call(&stranger, &operation, &operation.path, &foreign).await;
        let of_none = call(&stranger, &operation, &operation.path, &absent).await;
        assert_eq!(of_theirs, of_none, "{operation:?}");
    }
}

#[tokio::test]
async fn a_project_cannot_speak_for_another() {
    let gateway = Gateway::start().await;
    let stranger = gateway.api().new_project("stranger").await;
    gateway.api().new_project("customer").await;
    for project in [
        "default",
        "platform",
        "customer",
        "prj_00000000000000000000000001",
    ] {
        let posing = stranger.in_project(project).get("/v1/events").await;
        let posing = posing.refused(404, "not_found");
        let absent = stranger.in_project("nobody").get("/v1/events").await;
        assert_eq!(posing.0, absent.refused(404, "not_found").0);
    }
    stranger
        .in_project("stranger")
        .get("/v1/events")
        .await
        .expect(200);
}

/// Whatever strangers tried, the project has all that it had, as it was.
async fn everything_is_still_there(api: &Api, ids: &Ids) {
    for (resource, name, _) in Ids::RESOURCES {
        if matches!(name, "project" | "key") {
            continue;
        }
        let id = ids.named(name);
        api.get(&format!("{resource}/{id}")).await.expect(200);
    }
    let endpoint = format!("/v1/endpoints/{}", ids.named("endpoint"));
    assert_eq!(api.get(&endpoint).await.expect(200)["state"], "enabled");
    let keys = api.list("/v1/keys").await;
    assert!(keys.iter().any(|key| key["id"] == ids.named("key")));
}
