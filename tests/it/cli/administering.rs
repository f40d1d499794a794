//! What operators do: keys that get successors, projects and how much each has.

use serde_json::json;

use super::Shell;
use crate::support::{Gateway, Setup, id_of};

#[tokio::test]
async fn a_key_gets_a_successor_and_goes_on_beside_it() {
    let gateway = Gateway::start().await;
    let shell = Shell::at(&gateway);
    let made = shell.runs(&["keys", "create", "CI", "--json"]).await.json();
    let (id, key) = (id_of(&made), made["key"].as_str().expect("a key"));
    let old = Shell::at(&gateway).with_key(key);
    let rotated = old.runs(&["keys", "rotate", &id, "--grace", "1h"]).await;
    let key = rotated.ended(0).trim();
    assert_eq!(rotated.out, format!("{key}\n"));
    for said in [
        &format!("succeeds {id}; it never expires"),
        "goes on for 1h",
    ] {
        assert!(rotated.errors.contains(said), "{rotated:#?}");
    }
    let new = Shell::at(&gateway).with_key(key);
    let listed = new.runs(&["keys"]).await;
    listed.shows(&["CI", "✓ live", &id, "CI", "• rotated, ends in"]);
    old.runs(&["keys"]).await.ended(0);

    let again = shell.runs(&["keys", "rotate", &id]).await;
    again.refused(2, "it has a successor already");
    let successor = id_of(&new.runs(&["keys", "--json"]).await.lines()[0]);
    let early = shell.runs(&["keys", "rotate", &successor]).await;
    early.refused(2, "the key before it still opens");
    shell.runs(&["keys", "revoke", &id]).await.ended(0);
    let at_once = ["keys", "rotate", &successor, "--grace", "0s", "--json"];
    let made = shell.runs(&at_once).await.json();
    assert_eq!(made["name"], "CI");
    new.runs(&["keys"])
        .await
        .refused(2, "does not accept the key");
    let nobody = shell.runs(&["keys", "rotate", "key_1"]).await;
    nobody.refused(1, "not_found");
}

#[tokio::test]
async fn operators_see_projects_and_how_much_each_has() {
    let gateway = Gateway::start().await;
    let (api, shell) = (gateway.api(), Shell::at(&gateway));
    let acme = api.new_project("acme").await;
    acme.hears_all(json!({"url": "https://ci.example.com/"}))
        .await;
    let limits = json!({"quotas": {"endpoints": 1, "stored_bytes": 2_097_152},
                        "openings": {"allow_hosts": ["*.internal"]}});
    api.patch("/v1/projects/acme", limits).await.expect(200);
    let beyond = json!({"url": "https://ops.example.com/"});
    acme.post("/v1/endpoints", beyond)
        .await
        .refused(403, "quota_exceeded");
    shell.runs(&["projects"]).await.shows(&[
        "ID",
        "NAME",
        "HAS\n",
        "prj_",
        "acme",
        "1 of 1 endpoints, 1 listeners, 0 pending, 0 B of 2.00 MiB\n",
        "default",
    ]);
    shell.runs(&["projects", "get", "acme"]).await.shows(&[
        "acme",
        "prj_",
        "endpoints",
        "1 of 1, its own limit, refused 1, last",
        "events/second",
        "no limit",
        "may reach",
        "*.internal\n",
    ]);
    let document = api.get("/v1/projects/acme").await.text();
    let whole = shell.runs(&["projects", "get", "acme", "--json"]).await;
    assert_eq!(whole.out.trim_end(), document);
    let nobody = shell.runs(&["projects", "get", "nobody"]).await;
    nobody.refused(1, "not_found");
    let made = shell.runs(&["keys", "create", "CI"]).await;
    let customer = Shell::at(&gateway).with_key(made.ended(0).trim());
    customer.runs(&["projects"]).await.refused(2, "(forbidden)");
}

#[tokio::test]
async fn operators_see_the_node_that_serves() {
    // What several nodes show stands in the tests of nodes.
    let gateway = Setup::on_sqlite().start().await;
    let shell = Shell::at(&gateway);
    shell.runs(&["nodes"]).await.shows(&[
        "ID",
        "HAS",
        "nod_",
        "127.0.0.1:",
        "✓ live, leads",
        "0 in flight, 0 waiting, 0 lanes",
    ]);
    let nodes = shell.runs(&["nodes", "--json"]).await.json();
    let node = &nodes["data"][0];
    assert_eq!(
        node["lease_until"],
        json!(null),
        "nobody else can have the file"
    );
    assert_eq!((&node["epoch"], &node["shard"]), (&json!(1), &json!(0)));

    let made = shell.runs(&["keys", "create", "CI", "--json"]).await.json();
    let customer = shell.with_key(made["key"].as_str().expect("a key"));
    customer.runs(&["nodes"]).await.refused(2, "forbidden");
}
