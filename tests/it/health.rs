//! Whether a gateway says that it is well, and who may ask what.

use http::{Method, header};
use serde_json::json;

use crate::support::{Gateway, Setup, text};

#[tokio::test]
async fn a_gateway_that_is_well_says_so_to_everybody() {
    let gateway = Gateway::start().await;
    let anybody = gateway.api().without_key();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(anybody.get(path).await.expect(200), json!({"status": "ok"}));
    }
}

#[tokio::test]
async fn whoever_has_no_key_that_opens_anything_is_turned_away() {
    let gateway = Gateway::start().await;
    let anybody = gateway.api().without_key();
    let stranger = Setup::new().operator_key().to_owned();
    for caller in [
        anybody.clone(),
        anybody.with_key(&stranger),
        anybody.with_key("rp_nonsense"),
        anybody.with_header("authorization", "Basic abc"),
    ] {
        let answer = caller.get("/v1/events").await;
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        answer.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let gateway = Gateway::start().await;
    let nothing = gateway.api().get("/v1/nothing").await;
    nothing.refused(404, "not_found");
    let method = gateway.api().delete("/v1/events").await;
    method.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn an_answer_is_never_taken_for_another_type() {
    let gateway = Gateway::start().await;
    for path in ["/healthz", "/v1/events", "/openapi.json", "/nothing"] {
        let answer = gateway.api().get(path).await;
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}

#[tokio::test]
async fn the_program_serves_with_the_key_that_it_keeps_and_ends_when_it_is_told_to() {
    // Beside a file of SQLite: where many nodes share a database, the key is configured.
    let setup = Setup::on_sqlite().without("RIPOSTE_OPERATOR_KEY");
    let file = setup.directory().join("operator.key");
    let program = setup.run().await;
    let key = std::fs::read_to_string(&file).expect("the key is kept");
    let operator = program.api().with_key(key.trim());
    operator.get("/v1/events").await.expect(200);
    let sent = json!({"type": "site.deployed"});
    let answer = operator.post("/v1/events", sent).await.expect(202);
    assert!(text(&answer["data"][0]["id"]).starts_with("evt_"));
    let (code, output) = program.terminate().await;
    assert_eq!(code, Some(0), "{output}");
    assert!(!output.contains(key.trim()), "{output}");
}

#[tokio::test]
async fn a_directory_is_used_by_one_gateway_at_a_time() {
    // A file has one process; a database has many.
    let setup = Setup::on_sqlite();
    let first = setup.clone().run().await;
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_riposte"))
        .arg("serve")
        .env_clear()
        .envs(setup.variables().iter().cloned())
        .output()
        .expect("the program runs");
    assert_eq!(second.status.code(), Some(2));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("riposte.db"), "{said}");
    let answer = first.api().call(Method::GET, "/readyz", &[], "").await;
    answer.expect(200);
}
