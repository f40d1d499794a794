//! Events as they are sent, for the OpenAPI document alone: they are read by
//! [`cloudevents`](crate::domain::cloudevents).

#![expect(
    dead_code,
    clippy::large_enum_variant,
    reason = "these say what is read elsewhere, and are never made"
)]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An event in plain JSON, or a list of them.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum PlainEvents {
    /// One.
    One(PlainEvent),
    /// Several: each has its own result.
    Several(Vec<PlainEvent>),
}

/// An event in plain JSON. What is left out is filled in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlainEvent {
    /// What happened: tokens of `A-Z a-z 0-9 _ -` with dots between.
    #[serde(rename = "type")]
    #[schema(
        example = "site.deploy.succeeded",
        pattern = "^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$",
        max_length = 128
    )]
    event_type: String,
    /// What it happened to.
    #[schema(example = "site/7", min_length = 1, max_length = 1024)]
    subject: Option<String>,
    /// The producer's own name for it: the same event sent again is taken once. A new one by default.
    #[schema(example = "deploy-4711", min_length = 1, max_length = 1024)]
    id: Option<String>,
    /// Where it happened, as a URI reference; `/projects/NAME` by default.
    #[schema(example = "/services/sites", min_length = 1, max_length = 1024)]
    source: Option<String>,
    /// When it happened; now by default.
    #[schema(format = DateTime)]
    time: Option<String>,
    /// The media type of the data; `application/json` by default.
    #[schema(example = "application/json")]
    datacontenttype: Option<String>,
    /// The schema of the data, as a URI.
    #[schema(min_length = 1, max_length = 1024)]
    dataschema: Option<String>,
    /// What else is to be said: any JSON, passed on byte by byte.
    #[schema(example = json!({"environment": "production", "version": 3}))]
    data: Option<Value>,
    /// The data in base64, where it is no text. It stands in the place of `data`.
    data_base64: Option<String>,
    /// Extension attributes.
    extensions: Option<BTreeMap<String, Value>>,
}

/// An event as CloudEvents 1.0 has it in JSON; extension attributes stand beside the others.
#[derive(Deserialize, ToSchema)]
pub struct CloudEvent {
    /// The version of CloudEvents: `1.0`.
    #[schema(example = "1.0", pattern = "^1[.]0$")]
    specversion: String,
    /// The producer's own name for it: the same event sent again is taken once.
    #[schema(example = "deploy-4712", min_length = 1, max_length = 1024)]
    id: String,
    /// Where it happened, as a URI reference.
    #[schema(example = "/services/sites", min_length = 1, max_length = 1024)]
    source: String,
    /// What happened: tokens of `A-Z a-z 0-9 _ -` with dots between.
    #[serde(rename = "type")]
    #[schema(
        example = "site.deploy.succeeded",
        pattern = "^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$",
        max_length = 128
    )]
    event_type: String,
    /// What it happened to.
    #[schema(example = "site/7", min_length = 1, max_length = 1024)]
    subject: Option<String>,
    /// When it happened.
    #[schema(format = DateTime)]
    time: Option<String>,
    /// The media type of the data.
    #[schema(example = "application/json")]
    datacontenttype: Option<String>,
    /// The schema of the data, as a URI.
    #[schema(min_length = 1, max_length = 1024)]
    dataschema: Option<String>,
    /// What else is to be said: any JSON, passed on byte by byte.
    #[schema(example = json!({"environment": "production", "version": 3}))]
    data: Option<Value>,
    /// The data in base64, where it is no text. It stands in the place of `data`.
    data_base64: Option<String>,
}
