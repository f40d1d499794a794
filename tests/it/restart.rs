//! What was stored goes on, whatever way the gateway ended.

use serde_json::json;

use crate::support::{Gateway, Receiver, Setup, attempts};

#[tokio::test]
async fn what_waits_for_its_next_attempt_is_attempted_after_a_restart() {
    let gateway = Setup::new().retrying("0s,2s").start().await;
    let receiver = Receiver::start().await;
    receiver.answers(500).then_answers(200);
    let hook = gateway.api().registers("a.b", &receiver.url()).await;
    let event = gateway.api().sends(json!({"type": "a.b"})).await;
    let id = gateway.api().delivery_of(&event).await;
    gateway.api().attempted(&id, 1).await;
    let gateway = gateway.restart().await;
    let webhooks = receiver.expect_requests(2).await;
    assert_eq!(webhooks[0].id(), webhooks[1].id());
    assert!(webhooks[1].is_signed_with(&hook.secret));
    let delivered = gateway.api().delivery_becomes(&id, "delivered").await;
    assert_eq!(attempts(&delivered).len(), 2);
}

#[tokio::test]
async fn what_waited_in_memory_goes_on_after_a_restart_and_none_of_it_twice() {
    let gateway = Setup::new().with("RIPOSTE_DELIVERY__CONCURRENCY", "2");
    let gateway = gateway
        .with("RIPOSTE_DELIVERY__LANE_BUFFER", "20")
        .start()
        .await;
    let receiver = Receiver::start().await;
    receiver.hangs();
    gateway.api().registers("a.b", &receiver.url()).await;
    let batch: Vec<_> = (0..100)
        .map(|n| json!({"type": "a.b", "data": n}))
        .collect();
    gateway
        .api()
        .post("/v1/events", json!(batch))
        .await
        .expect(202);
    receiver.expect_requests(2).await;
    let stopping = gateway.stop();
    let (setup, ()) = tokio::join!(stopping, async { receiver.lets_go() });
    let gateway = setup.start().await;
    let stats = gateway.api().drained().await;
    assert_eq!(stats["deliveries"]["delivered"], 100, "{stats}");
    receiver.expect_requests(100).await;
}

#[tokio::test]
async fn attempts_that_outlast_the_drain_are_repeated_after_the_next_start() {
    let gateway = Gateway::with("RIPOSTE_SHUTDOWN__DRAIN", "100ms")
        .start()
        .await;
    let receiver = Receiver::start().await;
    receiver.hangs();
    gateway.api().registers("a.b", &receiver.url()).await;
    let event = gateway.api().sends(json!({"type": "a.b"})).await;
    let id = gateway.api().delivery_of(&event).await;
    receiver.expect_requests(1).await;
    let setup = gateway.stop().await;
    receiver.lets_go();
    let gateway = setup.start().await;
    let webhooks = receiver.expect_requests(2).await;
    assert_eq!(webhooks[0].id(), webhooks[1].id());
    gateway.api().delivery_becomes(&id, "delivered").await;
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged() {
    let receiver = Receiver::start().await;
    let program = Setup::new().run().await;
    program.api().registers("a.b", &receiver.url()).await;
    let batch: Vec<_> = (0..200)
        .map(|n| json!({"type": "a.b", "data": n}))
        .collect();
    program
        .api()
        .post("/v1/events", json!(batch))
        .await
        .expect(202);
    let program = program.kill().run().await;
    let stats = program.api().drained().await;
    assert_eq!(stats["deliveries"]["delivered"], 200, "{stats}");
    let mut data: Vec<_> = receiver.received();
    data.sort_by_key(|webhook| webhook.json()["data"].as_u64());
    data.dedup_by_key(|webhook| webhook.json()["data"].as_u64());
    assert_eq!(data.len(), 200);
}

#[tokio::test]
async fn a_gateway_that_is_told_to_stop_finishes_what_is_under_way() {
    let receiver = Receiver::start().await;
    receiver.hangs();
    let program = Setup::new().run().await;
    program.api().registers("a.b", &receiver.url()).await;
    program.api().sends(json!({"type": "a.b"})).await;
    receiver.expect_requests(1).await;
    let ending = program.terminate();
    let ((code, output), ()) = tokio::join!(ending, async { receiver.lets_go() });
    assert_eq!(code, Some(0), "{output}");
    assert!(!output.contains("still under way"), "{output}");
    receiver.expect_requests(1).await;
}

#[tokio::test]
async fn what_was_sent_before_a_restart_is_a_duplicate_after_it() {
    let gateway = Gateway::start().await;
    let event = json!({"type": "a.b", "id": "7", "source": "/ci"});
    let first = gateway.api().sends(event.clone()).await;
    let gateway = gateway.restart().await;
    let again = gateway.api().post("/v1/events", event).await.expect(202);
    assert_eq!(
        again["data"][0],
        json!({"status": "duplicate", "id": first})
    );
}

#[tokio::test]
async fn listeners_and_secrets_outlive_a_restart() {
    let (gateway, receiver) = (Gateway::start().await, Receiver::start().await);
    let hook = gateway.api().registers("a.b", &receiver.url()).await;
    let gateway = gateway.restart().await;
    assert_eq!(gateway.api().secret_of(&hook.endpoint).await, hook.secret);
    gateway.api().sends(json!({"type": "a.b"})).await;
    assert!(receiver.expect_one().await.is_signed_with(&hook.secret));
}
