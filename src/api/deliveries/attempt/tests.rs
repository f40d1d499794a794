//! Attempts as readers see them.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::domain::{
    attempt::Exchange,
    chance::Chance,
    draft::EventDraft,
    event::{Data, EventType},
    ids::{Ids, default_project},
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn event(data: Data) -> Event {
    let mut draft = EventDraft::new(EventType::parse("a.b").expect("a type"));
    draft.data = data;
    let id = Ids::new(Chance::seeded(1)).next(NOW);
    draft.complete(id, default_project(), "default", NOW)
}

fn answer(body: &'static [u8]) -> Response {
    Response {
        status: 503,
        headers: vec![("x-request-id".to_owned(), "7".to_owned())],
        body: Bytes::from_static(body),
        truncated: false,
        broke_off: None,
    }
}

fn record(
    number: u32,
    headers: &[(&str, &str)],
    result: Result<Response, Failure>,
) -> AttemptRecord {
    let ids = Ids::new(Chance::seeded(2));
    let headers = headers.iter();
    AttemptRecord {
        attempt: Attempt {
            id: ids.next(NOW),
            delivery: ids.next(NOW),
            project: default_project(),
            endpoint: ids.next(NOW),
            number,
            started_at: NOW,
            url: "https://hooks.example.com/".to_owned(),
            request_headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            exchange: Exchange {
                address: None,
                duration: Duration::from_millis(12),
                result,
            },
        },
        format: Format::CloudeventsBinary,
    }
}

#[test]
fn secrets_of_the_endpoint_are_hidden_and_the_signature_is_shown() {
    let sent = [
        ("webhook-signature", "v1,abc"),
        ("ce-partitionkey", "7"),
        ("authorization", "Bearer t"),
        ("x-api-key", "k"),
        ("x-team", "web"),
    ];
    let views = views(vec![record(1, &sent, Ok(answer(b"")))], None);
    let shown: Vec<_> = views[0]
        .request
        .headers
        .iter()
        .map(|header| header.value.as_str())
        .collect();
    assert_eq!(shown, ["v1,abc", "7", HIDDEN, HIDDEN, "web"]);
}

#[test]
fn a_body_is_text_where_it_can_be_and_base64_where_not() {
    let bodies = [
        (
            Data::Text(Bytes::from_static("né".as_bytes())),
            BodyEncoding::Text,
            "né",
        ),
        (
            Data::Binary(Bytes::from_static(b"\0\xff")),
            BodyEncoding::Base64,
            "AP8=",
        ),
        (Data::Absent, BodyEncoding::Text, ""),
    ];
    for (data, encoding, content) in bodies {
        let event = event(data);
        let views = views(vec![record(1, &[], Ok(answer(b"\xfe")))], Some(&event));
        let body = views[0].request.body.as_ref().expect("a body");
        assert_eq!((body.encoding, body.content.as_str()), (encoding, content));
        let response = views[0].response.as_ref().expect("a response");
        assert_eq!(response.body.encoding, BodyEncoding::Base64);
    }
}

#[test]
fn an_error_has_a_kind_a_message_and_an_explanation() {
    let failure = Failure::new(ErrorKind::DnsNotFound, "there is no hooks.example.com");
    let views = views(
        vec![
            record(1, &[], Err(failure)),
            record(2, &[], Ok(answer(b""))),
        ],
        None,
    );
    let kinds: Vec<_> = views
        .iter()
        .filter_map(|view| view.error.as_ref())
        .map(|error| (error.kind, error.explanation.is_empty()))
        .collect();
    assert_eq!(
        kinds,
        [
            (ErrorKind::DnsNotFound, false),
            (ErrorKind::Status5xx, false)
        ]
    );
    assert!(views[0].response.is_none() && views[1].response.is_some());
    assert!(views[0].request.body.is_none(), "the event is gone");
}

#[test]
fn of_many_large_bodies_the_last_are_shown() {
    let large = event(Data::Binary(vec![b'a'; MAX_REQUEST_BODIES / 2].into()));
    let attempts = (1..=4).map(|number| record(number, &[], Ok(answer(b""))));
    let views = views(attempts.collect(), Some(&large));
    let shown: Vec<_> = views
        .iter()
        .map(|view| (view.number, view.request.body.is_some()))
        .collect();
    assert_eq!(shown, [(1, false), (2, false), (3, true), (4, true)]);
    let huge = event(Data::Binary(vec![b'a'; MAX_REQUEST_BODIES + 1].into()));
    let attempts = (1..=2).map(|number| record(number, &[], Ok(answer(b""))));
    let views = super::views(attempts.collect(), Some(&huge));
    assert!(views[0].request.body.is_none() && views[1].request.body.is_some());
}
