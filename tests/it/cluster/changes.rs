//! What is changed on one node holds on all: rules for every event that is accepted after the answer,
//! everything else within two seconds.

use std::{cell::RefCell, collections::HashSet, time::Duration};

use futures_util::future::join_all;
use riposte::clock::Clock;
use serde_json::{Value, json};

use super::nodes::Nodes;
use crate::support::{Api, Receiver, Setup, Webhook, id_of, text, until};

/// How soon a change that no transaction looks at holds on other nodes.
const HOLDS: Duration = Duration::from_secs(2);

/// How long is looked after that.
const LOOK: Duration = Duration::from_millis(1_500);

/// How often a listener comes and goes.
const LISTENERS: usize = 6;

/// How many events are accepted between two changes of listeners.
const BETWEEN: usize = 20;

/// An event that a node has accepted.
struct Accepted {
    id: String,
    began: Duration,
    ended: Duration,
}

/// A listener that came and went: before it was asked for, after the answer, and the same of its end.
struct Heard {
    path: String,
    asked: Duration,
    made: Duration,
    ending: Duration,
    gone: Duration,
}

/// Events that stream into some nodes, one by one into each.
struct Streaming<'a> {
    apis: [&'a Api; 2],
    clock: Clock,
    accepted: RefCell<Vec<Accepted>>,
}

impl<'a> Streaming<'a> {
    fn into(apis: [&'a Api; 2]) -> Self {
        Self {
            apis,
            clock: Clock::system(),
            accepted: RefCell::default(),
        }
    }

    /// Streams for as long as something is done.
    async fn while_doing<T>(&self, doing: impl Future<Output = T>) -> T {
        let streams = join_all(self.apis.map(|api| self.stream(api)));
        tokio::select! {
            done = doing => done,
            _ = streams => unreachable!("streams do not end"),
        }
    }

    async fn stream(&self, api: &Api) {
        loop {
            let began = self.clock.elapsed();
            let id = api.sends(json!({"type": "a.b"})).await;
            let ended = self.clock.elapsed();
            self.accepted
                .borrow_mut()
                .push(Accepted { id, began, ended });
        }
    }

    /// Waits until so many more are accepted.
    async fn more(&self, count: usize) {
        let before = self.accepted.borrow().len();
        let look = async || match self.accepted.borrow().len() - before {
            more if more >= count => Ok(()),
            more => Err(format!("{more}")),
        };
        until(format!("{count} events more"), look).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_what_any_node_accepts_between_its_201_and_its_end() {
    let nodes = Nodes::start(&Setup::on_postgres()).await;
    let receiver = Receiver::start().await;
    let [a, b, c] = [0, 1, 2].map(|number| nodes.api(number));
    let streaming = Streaming::into([&b, &c]);
    let come_and_go = async {
        let mut all = Vec::new();
        for number in 0..LISTENERS {
            all.push(comes_and_goes(&a, &receiver, &streaming, number).await);
        }
        all
    };
    let all = streaming.while_doing(come_and_go).await;
    a.drained().await;
    let webhooks = receiver.received();
    for heard in all {
        heard.agrees_with(&webhooks, &streaming.accepted.borrow());
    }
}

/// Makes a listener, lets events come in, deletes it, and lets events come in.
async fn comes_and_goes(
    api: &Api,
    receiver: &Receiver,
    streaming: &Streaming<'_>,
    number: usize,
) -> Heard {
    let (path, clock) = (format!("/{number}"), &streaming.clock);
    let asked = clock.elapsed();
    let webhook = json!({"webhook": {"url": receiver.url_of(&path)}});
    let listener = api.listens(&["a.b"], Value::Null, webhook).await;
    let made = clock.elapsed();
    streaming.more(BETWEEN).await;
    let ending = clock.elapsed();
    let listener = format!("/v1/listeners/{}", id_of(&listener));
    api.delete(&listener).await.expect(204);
    let gone = clock.elapsed();
    streaming.more(BETWEEN).await;
    Heard {
        path,
        asked,
        made,
        ending,
        gone,
    }
}

impl Heard {
    fn agrees_with(&self, webhooks: &[Webhook], accepted: &[Accepted]) {
        let here = webhooks.iter().filter(|webhook| webhook.path == self.path);
        let events: HashSet<_> = here.map(|webhook| text(&webhook.json()["id"])).collect();
        let mut sure = 0;
        for Accepted { id, began, ended } in accepted {
            if *began >= self.made && *ended <= self.ending {
                assert!(events.contains(id), "{} has missed {id}", self.path);
                sure += 1;
            }
            if *ended <= self.asked || *began >= self.gone {
                assert!(!events.contains(id), "{} was not there for {id}", self.path);
            }
        }
        assert!(sure > BETWEEN / 2, "{sure} events cannot tell");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_closed_on_one_node_gets_nothing_from_others_two_seconds_later() {
    let nodes = Nodes::start(&Setup::on_postgres()).await;
    let receiver = Receiver::start().await;
    let [a, b, c] = [0, 1, 2].map(|number| nodes.api(number));
    let closings = ["paused", "disabled", "deleted"];
    let mut endpoints = Vec::new();
    for path in closings {
        let endpoint = json!({"url": receiver.url_of(&format!("/{path}"))});
        endpoints.push(a.hears_all(endpoint).await);
    }
    let streaming = Streaming::into([&b, &c]);
    let clock = Clock::system();
    let closed = streaming.while_doing(async {
        streaming.more(BETWEEN).await;
        a.sets(&endpoints[0], "paused").await;
        a.sets(&endpoints[1], "disabled").await;
        let deleted = format!("/v1/endpoints/{}", endpoints[2]);
        a.delete(&deleted).await.expect(204);
        let closed = clock.now();
        clock.sleep(HOLDS + LOOK).await;
        closed
    });
    let closed = closed.await;
    let webhooks = receiver.received();
    for path in closings {
        let here = webhooks
            .iter()
            .filter(|hook| hook.path == format!("/{path}"));
        let times: Vec<_> = here.map(|webhook| webhook.at).collect();
        assert!(times.iter().any(|at| *at < closed), "{path}: none came");
        let late = times.iter().filter(|at| **at > closed.plus(HOLDS));
        assert_eq!(late.count(), 0, "{path}: some came late");
    }
    a.sets(&endpoints[0], "enabled").await;
    b.drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_revoked_on_one_node_opens_none_two_seconds_later() {
    let nodes = Nodes::start(&Setup::on_postgres()).await;
    let [a, b, c] = [0, 1, 2].map(|number| nodes.api(number));
    let made = a.post("/v1/keys", json!({"name": "ci"})).await.expect(201);
    let (key, clock) = (text(&made["key"]), Clock::system());
    let others = [&b, &c].map(|api| api.without_key().with_key(&key));
    for other in &others {
        other.get("/v1/events").await.expect(200);
    }
    let path = format!("/v1/keys/{}", id_of(&made));
    a.delete(&path).await.expect(204);
    let revoked = clock.elapsed();
    a.without_key()
        .with_key(&key)
        .get("/v1/events")
        .await
        .refused(401, "unauthorized");
    while clock.elapsed() < revoked + HOLDS {
        for other in &others {
            let answer = other.get("/v1/events").await;
            assert!(matches!(answer.status, 200 | 401), "{}", answer.text());
        }
    }
    for other in &others {
        other.get("/v1/events").await.refused(401, "unauthorized");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_calls_off_another_does_not_send() {
    let nodes = Nodes::start(&Setup::on_postgres()).await;
    let receiver = Receiver::start().await;
    receiver.hangs();
    let (a, b) = (nodes.api(0), nodes.api(1));
    let one_by_one = json!({"url": receiver.url(), "concurrency": 1, "timeout": "60s"});
    a.hears_all(one_by_one).await;
    let mut deliveries = Vec::new();
    for _ in 0..4 {
        let event = b.sends(json!({"type": "a.b"})).await;
        deliveries.push(b.delivery_of(&event).await);
    }
    receiver.expect_requests(1).await;
    let cancel = format!("/v1/deliveries/{}/cancel", deliveries[2]);
    let answer = a.post_nothing(&cancel).await;
    assert!(matches!(answer.status, 200 | 202), "{}", answer.text());
    a.delivery_becomes(&deliveries[2], "cancelled").await;
    receiver.lets_go();
    let stats = a.drained().await;
    assert_eq!(stats["deliveries"]["delivered"], 3, "{stats}");
    let webhooks = receiver.expect_requests(3).await;
    assert!(webhooks.iter().all(|webhook| webhook.id() != deliveries[2]));
}
