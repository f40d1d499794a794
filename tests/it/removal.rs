//! Removing projects: everything goes, nothing of others does.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, sqlite::SqliteConnectOptions};

use crate::support::{Api, Gateway, Receiver, Setup, text, until};

impl Api {
    /// Asks for the removal of a project; gives the project.
    async fn removes(&self, project: &str) -> Value {
        let path = format!("/v1/projects/{project}?confirm={project}");
        self.delete(&path).await.expect(202)
    }

    /// Waits until a project is gone.
    async fn is_rid_of(&self, project: &str) {
        let path = format!("/v1/projects/{project}");
        let look = async || match self.get(&path).await {
            answer if answer.status == 404 => Ok(()),
            answer => Err(answer.text()),
        };
        until(format!("{project} to be gone"), look).await;
    }
}

#[tokio::test]
async fn a_removed_project_is_gone_with_all_that_it_had() {
    // With a file of SQLite, whose every table is looked into at the end.
    let gateway = Setup::on_sqlite().retrying("0s").start().await;
    let operator = gateway.api();
    let (customer, other) = (
        operator.new_project("customer").await,
        operator.new_project("other").await,
    );
    let receiver = Receiver::start().await;
    for api in [&customer, &other] {
        api.registers("a.b", &receiver.url()).await;
        let event = api.sends(json!({"type": "a.b", "id": "7"})).await;
        let delivery = api.delivery_of(&event).await;
        api.delivery_becomes(&delivery, "delivered").await;
    }
    receiver.answers(500);
    let dead = customer.sends(json!({"type": "a.b"})).await;
    let delivery = customer.delivery_of(&dead).await;
    customer.delivery_becomes(&delivery, "dead").await;
    let none = json!({"all": true, "dry_run": true});
    customer.post("/v1/dead-letters/discard", none).await;
    let kept = other.stats().await;

    let before = operator.get("/v1/projects/customer").await.expect(200);
    assert_eq!(before["removal"], Value::Null);
    let removed = operator.removes("customer").await;
    assert!(removed["removal"]["job"].is_string(), "{removed}");
    customer
        .get("/v1/events")
        .await
        .refused(401, "unauthorized");
    let event = json!({"type": "a.b"});
    operator
        .in_project("customer")
        .post("/v1/events", event)
        .await
        .refused(404, "not_found");
    operator.is_rid_of("customer").await;

    let job = text(&removed["removal"]["job"]);
    let job = operator.in_project("platform").ended(&job).await;
    assert_eq!((&job["state"], &job["done"]), (&json!("done"), &json!(4)));
    assert_eq!(job["outcomes"], json!({"removed": 4}));
    assert_eq!(other.stats().await, kept);
    let path = format!("/v1/events/{dead}");
    // The name is free, and whoever has it now has nothing of the one before.
    let again = operator.new_project("customer").await;
    again.get(&path).await.refused(404, "not_found");
    assert_eq!(again.stats().await["events"], 0);
    assert_eq!(again.list("/v1/keys").await.len(), 1);
    let event = json!({"type": "a.b", "id": "7"});
    assert_eq!(again.stats().await["listeners"], 0);
    again.sends(event).await;
    no_row_names(&text(&removed["id"]), gateway).await;
}

/// Stops the gateway and looks into each of its tables for what belongs to a project.
async fn no_row_names(project: &str, gateway: Gateway) {
    let setup = gateway.stop().await;
    let options = SqliteConnectOptions::new().filename(setup.directory().join("riposte.db"));
    let mut database = options.connect().await.expect("a connection");
    let owned: Vec<(String, String)> = sqlx::query_as(
        "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
         WHERE t.type = 'table' AND c.name IN ('project_id', 'realm')",
    )
    .fetch_all(&mut database)
    .await
    .expect("tables");
    assert!(owned.len() > 10, "{owned:?}");
    for (table, column) in owned {
        let count = format!("SELECT count(*) FROM {table} WHERE {column} = $1");
        let count = sqlx::query_scalar(AssertSqlSafe(count)).bind(project);
        let rows: i64 = count.fetch_one(&mut database).await.expect("a count");
        assert_eq!(rows, 0, "{table} belongs into the stages of a removal");
    }
}

#[tokio::test]
async fn attempts_that_are_under_way_end_before_a_project_goes() {
    let gateway = Gateway::with("RIPOSTE_DELIVERY__TIMEOUT", "4s")
        .start()
        .await;
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    let receiver = Receiver::start().await;
    receiver.hangs();
    customer.registers("a.b", &receiver.url()).await;
    customer.sends(json!({"type": "a.b"})).await;
    receiver.at_least(1).await;
    operator.removes("customer").await;
    // Asked for again it goes on as it is.
    operator.removes("customer").await;
    let removing = operator.get("/v1/projects/customer").await.expect(200);
    assert!(removing["removal"].is_object(), "{removing}");
    operator
        .patch("/v1/projects/customer", json!({"name": "another"}))
        .await
        .refused(409, "wrong_state");
    operator
        .post("/v1/projects", json!({"name": "customer"}))
        .await
        .refused(409, "already_exists");
    receiver.answers(204);
    // A restart goes on where the removal was.
    let gateway = gateway.restart().await;
    gateway.api().is_rid_of("customer").await;
}

#[tokio::test]
async fn the_platform_still_hears_the_last_events_of_a_project() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    let platform = operator.in_project("platform");
    let receiver = Receiver::start().await;
    let hook = platform.registers(">", &receiver.url()).await;
    platform.sets(&hook.endpoint, "paused").await;
    let last = customer.sends(json!({"type": "a.last"})).await;
    let delivery = platform.delivery_of(&last).await;
    operator.removes("customer").await;
    platform.sets(&hook.endpoint, "enabled").await;
    let webhook = receiver.expect_one().await;
    assert_eq!(webhook.json()["type"], "a.last");
    operator.is_rid_of("customer").await;
    // What the platform did with it can still be seen, without the event.
    let delivered = platform.delivery_becomes(&delivery, "delivered").await;
    assert_eq!(delivered["event"]["id"], last.as_str());
    platform.deliveries(&format!("event={last}")).await;
}

#[tokio::test]
async fn a_removal_is_confirmed_by_the_name_and_asked_for_by_an_operator() {
    let gateway = Gateway::start().await;
    let operator = gateway.api();
    let customer = operator.new_project("customer").await;
    for (path, status, code) in [
        ("customer", 400, "bad_parameter"),
        ("customer?confirm=another", 400, "bad_parameter"),
        ("default?confirm=default", 409, "wrong_state"),
        ("platform?confirm=platform", 409, "wrong_state"),
        ("nobody?confirm=nobody", 404, "not_found"),
    ] {
        let path = format!("/v1/projects/{path}");
        operator.delete(&path).await.refused(status, code);
    }
    customer
        .delete("/v1/projects/customer?confirm=customer")
        .await
        .refused(403, "forbidden");
    customer.get("/v1/events").await.expect(200);
    operator.removes("customer").await;
    operator.is_rid_of("customer").await;
}
