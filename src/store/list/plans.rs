//! How the database carries lists out: every filter of every list along its index, in the order that
//! is asked for, without sorting. What is asked is built by the code that builds what is read.

use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use type_safe_id::TypeSafeId;

use super::{
    Index, Query,
    lead::{Lead, hops},
    query::{Value, Wanted},
    range::Range,
};
use crate::{
    domain::{
        attempt::{AttemptOutcome, ErrorKind},
        audit::{Action, Actor, ObjectKind, Realm},
        chance::Chance,
        delivery::DeliveryState,
        endpoint::EndpointState,
        event::EventState,
        ids::{DeliveryKind, Ids, default_project},
        list::{Order, Window},
        listener::ListenerState,
        seal::{Keyring, SealingKey},
        time::Timestamp,
    },
    rules::Subject,
    store::{
        Store, StoreSettings, api_keys,
        attempts::AttemptFilter,
        audit::AuditFilter,
        deliveries::DeliveryFilter,
        endpoints::EndpointFilter,
        events::EventFilter,
        jobs,
        listeners::ListenerFilter,
        projects,
        sql::{Builder, Dialect, query},
    },
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A filter, with the index that serves it.
type Case = (&'static str, Query);

fn id<K: type_safe_id::StaticType>() -> TypeSafeId<K> {
    Ids::new(Chance::seeded(1)).next(NOW)
}

fn subject(text: &str) -> Option<Subject> {
    Some(Subject::parse(text).expect(text))
}

fn deliveries(state: Option<DeliveryState>) -> Vec<(&'static str, DeliveryFilter)> {
    let any = || DeliveryFilter {
        state,
        ..DeliveryFilter::default()
    };
    vec![
        (
            "by_event",
            DeliveryFilter {
                event: Some(id()),
                ..any()
            },
        ),
        (
            "by_listener",
            DeliveryFilter {
                listener: Some(id()),
                ..any()
            },
        ),
        (
            "by_endpoint",
            DeliveryFilter {
                endpoint: Some(id()),
                ..any()
            },
        ),
        (
            "by_status",
            DeliveryFilter {
                status: "503".parse().ok(),
                ..any()
            },
        ),
        (
            "by_status",
            DeliveryFilter {
                status: "5xx".parse().ok(),
                ..any()
            },
        ),
        (
            "by_error_kind",
            DeliveryFilter {
                error_kind: Some(ErrorKind::Protocol),
                ..any()
            },
        ),
        (
            "by_reason",
            DeliveryFilter {
                reason: Some("gone".to_owned()),
                ..any()
            },
        ),
        (
            "by_type",
            DeliveryFilter {
                event_type: subject("a.b"),
                ..any()
            },
        ),
        (
            "by_type",
            DeliveryFilter {
                event_type: subject("a.*"),
                ..any()
            },
        ),
    ]
}

fn of_deliveries() -> Vec<(String, Query)> {
    let project = default_project();
    let mut cases = vec![(
        "deliveries_by_project".to_owned(),
        DeliveryFilter::default().query(project),
    )];
    for state in DeliveryState::ALL {
        let filter = DeliveryFilter {
            state: Some(*state),
            ..DeliveryFilter::default()
        };
        cases.push(("deliveries_by_state".to_owned(), filter.query(project)));
    }
    for (index, filter) in deliveries(None) {
        cases.push((format!("deliveries_{index}"), filter.query(project)));
    }
    for (index, filter) in deliveries(Some(DeliveryState::Dead)) {
        let list = if index == "by_event" {
            "deliveries"
        } else {
            "dead_letters"
        };
        cases.push((format!("{list}_{index}"), filter.query(project)));
    }
    cases
}

fn of_events() -> Vec<Case> {
    let any = EventFilter::default;
    let filters = [
        ("events_by_project", any()),
        (
            "events_by_correlation",
            EventFilter {
                correlation: Some(id()),
                ..any()
            },
        ),
        (
            "events_by_producer_id",
            EventFilter {
                producer_id: Some("7".to_owned()),
                ..any()
            },
        ),
        (
            "events_by_subject",
            EventFilter {
                subject: Some("site/7".to_owned()),
                ..any()
            },
        ),
        (
            "events_by_source",
            EventFilter {
                source: Some("/ci".to_owned()),
                ..any()
            },
        ),
        (
            "events_by_type",
            EventFilter {
                event_type: subject("a.b"),
                ..any()
            },
        ),
        (
            "events_by_type",
            EventFilter {
                event_type: subject("a.>"),
                ..any()
            },
        ),
        (
            "events_by_state",
            EventFilter {
                state: Some(EventState::LoopSuppressed),
                ..any()
            },
        ),
        // Nearly all events are accepted: the whole log is read for them.
        (
            "events_by_project",
            EventFilter {
                state: Some(EventState::Accepted),
                ..any()
            },
        ),
    ];
    filters
        .into_iter()
        .map(|(index, filter)| (index, filter.query(default_project())))
        .collect()
}

fn of_attempts() -> Vec<Case> {
    let any = AttemptFilter::default;
    let ended = |outcome| AttemptFilter {
        outcome: Some(outcome),
        ..any()
    };
    let filters = [
        ("attempts_by_project", any()),
        (
            "attempts_by_delivery",
            AttemptFilter {
                delivery: Some(id()),
                ..any()
            },
        ),
        (
            "attempts_by_endpoint",
            AttemptFilter {
                endpoint: Some(id()),
                ..any()
            },
        ),
        (
            "attempts_by_error_kind",
            AttemptFilter {
                error_kind: Some(ErrorKind::Protocol),
                ..any()
            },
        ),
        (
            "attempts_by_status",
            AttemptFilter {
                status: "404".parse().ok(),
                ..any()
            },
        ),
        (
            "attempts_by_status",
            AttemptFilter {
                status: "4xx".parse().ok(),
                ..any()
            },
        ),
        ("attempts_by_status", ended(AttemptOutcome::Succeeded)),
        ("attempts_by_error_kind", ended(AttemptOutcome::Failed)),
    ];
    filters
        .into_iter()
        .map(|(index, filter)| (index, filter.query(default_project())))
        .collect()
}

fn of_what_is_configured() -> Vec<Case> {
    let project = default_project();
    let state = |state| ListenerFilter {
        state,
        ..ListenerFilter::default()
    };
    let by_name = ListenerFilter {
        name: Some("ops".to_owned()),
        ..ListenerFilter::default()
    };
    let by_endpoint = ListenerFilter {
        endpoint: Some(id()),
        ..ListenerFilter::default()
    };
    let by_type = ListenerFilter {
        hears: "a.b".parse().ok(),
        ..ListenerFilter::default()
    };
    let at = |state| EndpointFilter {
        state,
        ..EndpointFilter::default()
    };
    let by_url = EndpointFilter {
        url: Some("example".to_owned()),
        ..EndpointFilter::default()
    };
    vec![
        ("listeners_by_state", state(None).query(project)),
        (
            "listeners_by_state",
            state(Some(ListenerState::Disabled)).query(project),
        ),
        ("listeners_by_state", by_name.query(project)),
        ("listeners_by_state", by_endpoint.query(project)),
        ("listeners_by_state", by_type.query(project)),
        ("endpoints_by_project", at(None).query(project)),
        (
            "endpoints_by_state",
            at(Some(EndpointState::Paused)).query(project),
        ),
        ("endpoints_by_project", by_url.query(project)),
        ("api_keys_by_project", api_keys::listed(project)),
        ("jobs_by_project", jobs::listed(project, None)),
        ("sqlite_autoindex_projects_1", projects::listed()),
    ]
}

fn of_the_audit_log() -> Vec<Case> {
    let any = AuditFilter::default;
    let filters = [
        ("audit_by_realm", any()),
        (
            "audit_by_object",
            AuditFilter {
                object: Some("end_1".to_owned()),
                ..any()
            },
        ),
        (
            "audit_by_actor",
            AuditFilter {
                actor: Some(Actor::Operator),
                ..any()
            },
        ),
        (
            "audit_by_action",
            AuditFilter {
                action: Action::ALL.first().copied(),
                ..any()
            },
        ),
        (
            "audit_by_kind",
            AuditFilter {
                kind: ObjectKind::ALL.first().copied(),
                ..any()
            },
        ),
    ];
    filters
        .into_iter()
        .map(|(index, filter)| (index, filter.query(Realm::Project(default_project()))))
        .collect()
}

/// Everything between two times, from behind an entry on.
fn ranges() -> impl Iterator<Item = Range> {
    Order::ALL.iter().map(|order| {
        Range::of(&Window::<TypeSafeId<DeliveryKind>> {
            since: Some(Timestamp::from_millis(0)),
            until: Some(NOW),
            after: Some(id()),
            ..Window::first(*order, 50)
        })
    })
}

/// A store that is new.
pub async fn store() -> (Store, TempDir) {
    let directory = TempDir::new().expect("a directory");
    let chance = Chance::seeded(1);
    let url = format!("sqlite://{}/riposte.db", directory.path().display());
    let keyring = Keyring::new(SealingKey::generate(&chance), Vec::new());
    let settings = StoreSettings::at(url, keyring, chance);
    (Store::open(settings).await.expect("a store"), directory)
}

/// The steps in which the database carries out what was built.
pub async fn plan(store: &Store, built: Builder) -> Vec<String> {
    let sql = format!("EXPLAIN QUERY PLAN {}", built.sql());
    let mut connection = store.read().await.expect("a connection");
    let rows = query(AssertSqlSafe(sql.clone()));
    let rows = rows.fetch_all(&mut connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}: {sql}"));
    let steps = rows.iter().map(|row| row.text("detail"));
    steps.collect::<Result<_, _>>().expect("steps")
}

/// Asserts that rows are found along `index` up to a place in it, and need not be sorted.
fn assert_along(index: &str, plan: &[String]) {
    let along = |step: &&String| step.contains(&format!("INDEX {index} ("));
    assert!(plan.iter().filter(along).count() > 0, "{index}: {plan:#?}");
    for step in plan {
        assert!(!step.contains("TEMP B-TREE"), "{index}: {plan:#?}");
        // A listener's own reactions are gone through.
        let may_scan = step == "SCAN hop" || step.contains("VIRTUAL TABLE");
        let scans = step.starts_with("SCAN") && !may_scan;
        assert!(!scans, "{index}: {plan:#?}");
        let finds = step.starts_with("SEARCH") && !step.contains("LEFT-JOIN");
        let place = step.contains("id<?") || step.contains("id>?");
        assert!(
            !finds || place || step.contains("value"),
            "{index}: {plan:#?}"
        );
    }
}

/// The rows of several values of the column of `index`.
fn merged(query: &Query, index: &'static Index) -> Lead {
    Lead {
        dialect: Dialect::Sqlite,
        index,
        values: Some(vec![Value::from("a"), Value::from("b"), Value::from("c")]),
        serves: (!query.terms.is_empty()).then_some(0),
    }
}

#[tokio::test]
async fn every_filter_of_every_list_is_served_by_its_index_in_both_orders() {
    let (store, _directory) = store().await;
    let fixed = [
        of_events(),
        of_attempts(),
        of_what_is_configured(),
        of_the_audit_log(),
    ];
    let named = fixed.into_iter().flatten();
    let named = named.map(|(index, query)| (index.to_owned(), query));
    let mut looked_at = 0;
    for (index, query) in of_deliveries().into_iter().chain(named) {
        let mut snapshot = store.snapshot().await.expect("a snapshot");
        for range in ranges() {
            let (lead, bound) = Lead::choose(&query, &mut snapshot, &range)
                .await
                .expect("a lead");
            let rows = query.rows(&lead, &range.up_to(&bound), 51);
            assert_along(&index, &plan(&store, rows).await);
            if let Some(term) = query.terms.first()
                && let Some(own) = term.index
                && !matches!(term.wanted, Wanted::One(_))
            {
                let rows = query.rows(&merged(&query, own), &range, 51);
                let steps = plan(&store, rows).await;
                assert_along(&index, &steps);
                assert!(steps.iter().any(|step| step.contains("MERGE")), "{steps:?}");
                let steps = plan(&store, hops(&query, Dialect::Sqlite, own, term)).await;
                let covering = format!("COVERING INDEX {index} (");
                assert!(
                    steps.iter().any(|step| step.contains(&covering)),
                    "{steps:?}"
                );
                assert!(
                    steps.iter().all(|step| !step.contains("B-TREE")),
                    "{steps:?}"
                );
            }
            looked_at += 1;
        }
    }
    assert!(looked_at >= 100, "{looked_at}");
}

#[tokio::test]
async fn what_says_how_far_to_look_is_read_from_the_index_alone() {
    let (store, _directory) = store().await;
    let logs = [of_events(), of_attempts()].into_iter().flatten();
    let logs = logs.map(|(index, query)| (index.to_owned(), query));
    for (index, query) in of_deliveries().into_iter().chain(logs) {
        for range in ranges() {
            let mut snapshot = store.snapshot().await.expect("a snapshot");
            let (lead, _) = Lead::choose(&query, &mut snapshot, &range)
                .await
                .expect("a lead");
            if lead.index.scope == super::Scope::Few {
                continue;
            }
            let steps = plan(&store, lead.probe(&query, &range)).await;
            assert_along(&index, &steps);
            let covering = format!("COVERING INDEX {index} (");
            assert!(
                steps.iter().any(|step| step.contains(&covering)),
                "{steps:?}"
            );
        }
    }
}
