//! `riposte copy`: a gateway grows from one machine to many, and nobody notices.

use std::{fs, process::Output};

use riposte::domain::happening::Place;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use super::{printed, riposte_with};
use crate::support::{
    Api, Hook, Receiver, Setup,
    postgres::{Database, tamper},
    text,
};

/// What the file of a gateway holds that is stopped.
struct Before {
    setup: Setup,
    receiver: Receiver,
    hook: Hook,
    /// A customer of the project `acme`, with its own key.
    customer: Api,
    delivered: String,
    pending: String,
    dead: String,
    skipped: String,
    /// The place up to which somebody has read the stream.
    read: Place,
}

/// How far the journal of the file has come besides: a gateway that was busy for long.
const BUSY: i64 = 10_000_000_000;

/// A producer's name for an event that was refused, with all that PostgreSQL does not keep as it is.
const REFUSED: &str = "nul \0, its sign \u{fdd0}0, tab \t";

/// The producer's name for an event that was accepted before.
const REPEATED: &str = "order-7";

impl Before {
    async fn new() -> Self {
        let gateway = Setup::on_sqlite().retrying("0s,1d").start().await;
        let receiver = Receiver::start().await;
        let api = gateway.api();
        let hook = api.registers("a.delivered", &receiver.url()).await;
        let event = json!({"type": "a.delivered", "id": REPEATED, "source": "/shop", "data": "naïve\\\t\u{1f980}"});
        let delivered = api.sends(event).await;
        let delivered = api.delivery_of(&delivered).await;
        api.delivery_becomes(&delivered, "delivered").await;
        let once = json!({"url": receiver.url_of("/once"), "retry": {"schedule": ["0s"]},
            "headers": {"x-token": "hush"}});
        let [once, paused, disabled] = [
            once,
            json!({"url": receiver.url_of("/paused")}),
            json!({"url": receiver.url_of("/disabled")}),
        ];
        let mut deliveries = Vec::new();
        for (on, endpoint, state) in [
            ("a.dead", once, "enabled"),
            ("a.pending", paused, "paused"),
            ("a.skipped", disabled, "disabled"),
        ] {
            let endpoint = api.endpoint(endpoint).await;
            let reaction = json!({"webhook": {"endpoint": endpoint}});
            api.listens(&[on], Value::Null, reaction).await;
            if state != "enabled" {
                api.sets(&endpoint, state).await;
            }
            receiver.answers(500);
            let event = api.sends(json!({"type": on})).await;
            deliveries.push(api.delivery_of(&event).await);
        }
        let [dead, pending, skipped] = deliveries.try_into().expect("three");
        api.delivery_becomes(&dead, "dead").await;
        receiver.answers(200);
        let customer = api.new_project("acme").await;
        customer.registers("c.d", &receiver.url_of("/acme")).await;
        customer.sends(json!({"type": "c.d"})).await;
        customer.drained().await;
        let refused = json!({"type": "a.refused", "id": REFUSED});
        let refused = api.post("/v1/events", refused).await;
        refused.refused(400, "bad_event");
        let told = api.happened("", None).await;
        let read: Place = told.last().expect("some").id.parse().expect("a place");
        let setup = gateway.stop().await;
        let file = setup.directory().join("riposte.db");
        let later = format!("UPDATE journal SET position = position + {BUSY}");
        let mut connection = SqliteConnectOptions::new()
            .filename(file)
            .connect()
            .await
            .expect("open");
        let shifted = sqlx::query(AssertSqlSafe(later))
            .execute(&mut connection)
            .await;
        shifted.expect("shifted");
        connection.close().await.expect("closed");
        Self {
            setup,
            receiver,
            hook,
            customer,
            delivered,
            pending,
            dead,
            skipped,
            read: Place {
                position: read.position + BUSY,
                ..read
            },
        }
    }

    fn file(&self) -> String {
        let file = self.setup.directory().join("riposte.db");
        format!("sqlite://{}", file.display())
    }

    async fn copies(&self, to: &Database, more: &[&str]) -> Output {
        let file = self.file();
        let arguments = [&["copy", "--from", &file], more].concat();
        riposte_with(&arguments, &[("RIPOSTE_DATABASE", to.url())]).await
    }

    /// The setup of a node on `database`, with the keys of the file.
    fn node(&self, database: &Database) -> Setup {
        let key = self.setup.directory().join("secrets.key");
        let key = fs::read_to_string(key).expect("the key");
        self.setup
            .clone()
            .with("RIPOSTE_DATABASE", database.url())
            .with("RIPOSTE_SECRETS_KEY", key.trim())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_a_file_holds_goes_on_in_a_database_of_many_nodes() {
    let before = Before::new().await;
    let database = Database::empty();
    let rehearsal = before.copies(&database, &["--dry-run"]).await;
    assert!(
        printed(&rehearsal, 0).contains("can be copied to"),
        "{rehearsal:?}"
    );
    let copied = before.copies(&database, &["--json"]).await;
    let copied: Value = serde_json::from_str(&printed(&copied, 0)).expect("JSON");
    assert_eq!(copied["tables"]["events"], 5, "{copied}");
    let gateway = before.node(&database).start().await;
    let api = gateway.api();
    let stats = api.stats().await;
    for (state, count) in [
        ("delivered", 1),
        ("pending", 1),
        ("dead", 1),
        ("skipped", 1),
    ] {
        assert_eq!(stats["deliveries"][state], count, "{stats}");
    }
    let refusals = api.list("/v1/refusals").await;
    assert_eq!(refusals[0]["event_id"], REFUSED, "{refusals:?}");
    // Whoever has read the stream goes on from where they were.
    let read = before.read.to_string();
    assert_eq!(api.happened("", Some(&read)).await, []);
    // What was delivered is there with its attempts, and what it carried is as it was.
    let delivered = api.delivery(&before.delivered).await;
    assert_eq!(
        delivered["attempts"][0]["response"]["status"], 200,
        "{delivered}"
    );
    let event = format!("/v1/events/{}", text(&delivered["event"]["id"]));
    let event = api.get(&event).await.expect(200);
    assert_eq!(event["event"]["data"], "naïve\\\t\u{1f980}", "{event}");
    // What is pending goes on, what is dead can be redriven, and both are signed as before.
    assert_eq!(api.delivery(&before.skipped).await["state"], "skipped");
    let paused = api.delivery(&before.pending).await["endpoint"].clone();
    api.sets(&text(&paused), "enabled").await;
    api.delivery_becomes(&before.pending, "delivered").await;
    api.redrives(json!({"reason": "attempts_exhausted"})).await;
    api.delivery_becomes(&before.dead, "delivered").await;
    let last = before.receiver.received().pop().expect("a webhook");
    assert_eq!(last.id(), before.dead);
    assert_eq!(last.header("x-token"), Some("hush"));
    assert_eq!(
        api.secret_of(&before.hook.endpoint).await,
        before.hook.secret
    );
    // What comes again is recognised, and what is new is delivered.
    let again = json!({"type": "a.delivered", "id": REPEATED, "source": "/shop", "data": "naïve\\\t\u{1f980}"});
    let again = api.post("/v1/events", again).await.expect(202);
    assert_eq!(again["data"][0]["status"], "duplicate", "{again}");
    let new = api.sends(json!({"type": "a.delivered"})).await;
    let new = api.delivery_of(&new).await;
    api.delivery_becomes(&new, "delivered").await;
    let last = before.receiver.received().pop().expect("a webhook");
    assert!(last.is_signed_with(&before.hook.secret));
    let told = api.happened("", Some(&read)).await;
    assert!(
        !told.is_empty() && told.iter().all(|message| message.event != "gap"),
        "{told:?}"
    );
    // A customer's key opens what it opened.
    let customer = before.customer.where_is(api);
    assert_eq!(customer.stats().await["events"], 1);
    let audit = api.list("/v1/audit").await;
    assert!(!audit.is_empty(), "{audit:?}");
    // The file is as it was: a gateway could go on from it.
    let back = before.setup.clone().start().await;
    assert_eq!(back.api().stats().await["events"], 4);
}

#[tokio::test]
async fn a_file_in_use_and_a_database_in_use_are_not_copied() {
    let gateway = Setup::on_sqlite().start().await;
    let file = format!("sqlite://{}/riposte.db", gateway.directory().display());
    let database = Database::empty();
    let to = [("RIPOSTE_DATABASE", database.url())];
    let arguments = ["copy", "--from", file.as_str()];
    let in_use = riposte_with(&arguments, &to).await;
    refused(&in_use, "is in use by another process");
    let setup = gateway.stop().await;
    let no_postgres = riposte_with(&arguments, &[("RIPOSTE_DATABASE", file.as_str())]).await;
    refused(&no_postgres, "is no PostgreSQL database");
    let absent = format!("{file}.absent");
    let absent = riposte_with(&["copy", "--from", &absent], &to).await;
    refused(&absent, "there is no file");
    printed(&riposte_with(&arguments, &to).await, 0);
    let again = riposte_with(&arguments, &to).await;
    refused(&again, "the database to copy to is not empty");
    drop(setup);
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing_behind() {
    let before = Before::new().await;
    let database = Database::empty();
    let migrated = super::riposte(&["migrate", "up"], database.url()).await;
    printed(&migrated, 0);
    // The last table that is copied takes nothing.
    let refuse = "ALTER TABLE skip_rows ADD CHECK (false);
                  ALTER TABLE settings ADD CHECK (false)";
    tamper(database.url(), refuse).await;
    let failed = before.copies(&database, &[]).await;
    refused(&failed, "nothing is left behind there");
    let relent = "ALTER TABLE skip_rows DROP CONSTRAINT skip_rows_check;
                  ALTER TABLE settings DROP CONSTRAINT settings_check";
    tamper(database.url(), relent).await;
    printed(&before.copies(&database, &[]).await, 0);
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains(why), "{errors}");
}
