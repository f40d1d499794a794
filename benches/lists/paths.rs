//! What is asked for.

use super::world::{Names, World};

impl Names {
    /// Every list, each filter alone, some with a time range, and some together.
    pub(crate) fn paths(&self, world: &World) -> Vec<String> {
        let (busy, quiet) = (world.endpoints[0], world.endpoints[7]);
        let listener = world.listeners[3];
        let Self {
            event,
            delivery,
            middle,
        } = self;
        let about_deliveries = [
            String::new(),
            "order=oldest".to_owned(),
            format!("until={middle}"),
            "state=pending".to_owned(),
            "state=delivered".to_owned(),
            "state=dead".to_owned(),
            format!("endpoint={busy}"),
            format!("endpoint={quiet}"),
            format!("listener={listener}"),
            format!("event={event}"),
            "type=site.deploy.succeeded".to_owned(),
            "type=site.deploy.failed".to_owned(),
            "type=site.*.*".to_owned(),
            "reason=attempts_exhausted".to_owned(),
            "error_kind=tls_expired".to_owned(),
            "status=404".to_owned(),
            "status=5xx".to_owned(),
            "status=2xx".to_owned(),
            format!("status=204&until={middle}"),
            format!("endpoint={busy}&state=dead&status=5xx&until={middle}"),
            format!("endpoint={busy}&type=site.deploy.failed&status=503"),
            format!("endpoint={quiet}&listener={listener}"),
            format!("endpoint={busy}&type=site.*.*&state=pending&order=oldest"),
            "status=200&type=site.deploy.succeeded&state=pending".to_owned(),
        ];
        let about_dead_letters = [
            String::new(),
            format!("endpoint={busy}"),
            format!("listener={listener}"),
            "type=site.deploy.failed".to_owned(),
            "error_kind=connect_refused".to_owned(),
            format!("status=5xx&until={middle}"),
        ];
        let about_attempts = [
            String::new(),
            format!("delivery={delivery}"),
            format!("endpoint={quiet}"),
            "outcome=failed".to_owned(),
            format!("outcome=succeeded&until={middle}"),
            "error_kind=tls_expired".to_owned(),
            "status=404".to_owned(),
            format!("endpoint={busy}&outcome=failed"),
        ];
        let about_events = [
            String::new(),
            "type=site.deploy.failed".to_owned(),
            format!("type=site.>&until={middle}"),
            "source=/services/3".to_owned(),
            "subject=site/17".to_owned(),
            "event_id=event-999".to_owned(),
            format!("correlation={event}"),
            "state=loop_suppressed".to_owned(),
            "source=/services/3&subject=site/17&type=site.deploy.*".to_owned(),
            "when=%7B%22data%22%3A%7B%22environment%22%3A%5B%22staging%22%5D%7D%7D".to_owned(),
            "when=%7B%22data%22%3A%7B%22site%22%3A%5B-1%5D%7D%7D".to_owned(),
        ];
        let about_listeners = [
            String::new(),
            "state=disabled".to_owned(),
            "name=listener%2039".to_owned(),
            "hears=site.deploy.failed".to_owned(),
            format!("endpoint={quiet}"),
        ];
        let about_endpoints = ["", "state=enabled", "name=endpoint%203", "url=hooks/17"];
        [
            list("/v1/deliveries", &about_deliveries),
            list("/v1/dead-letters", &about_dead_letters),
            list("/v1/attempts", &about_attempts),
            list("/v1/events", &about_events),
            list("/v1/listeners", &about_listeners),
            list("/v1/endpoints", &about_endpoints.map(str::to_owned)),
        ]
        .concat()
    }
}

pub(crate) fn list(path: &str, queries: &[String]) -> Vec<String> {
    let queries = queries.iter();
    queries.map(|query| format!("{path}?{query}")).collect()
}
