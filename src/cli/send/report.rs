//! What became of the events that were sent, for a reader or as one JSON object a line.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::{
    Exit,
    client::{Answer, Refusal},
};

/// Shows answers as they come and counts what is in them.
pub struct Report<'o> {
    out: &'o mut dyn Write,
    as_json: bool,
    accepted: usize,
    duplicates: usize,
    refused: usize,
}

impl<'o> Report<'o> {
    /// A report that goes to `out`.
    pub fn new(out: &'o mut dyn Write, as_json: bool) -> Self {
        Self {
            out,
            as_json,
            accepted: 0,
            duplicates: 0,
            refused: 0,
        }
    }

    /// Shows what `answer` says, event by event.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, answer: &Answer) -> io::Result<()> {
        if let Some(refusal) = answer.refusal() {
            return self.refusal(answer, &refusal);
        }
        match answer.body.get("data").and_then(Value::as_array) {
            Some(results) => results.iter().try_for_each(|result| self.result(result)),
            None => self.result(&answer.body),
        }
    }

    /// Shows the counts, where a reader would not count for themselves.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn sum_up(&mut self) -> io::Result<()> {
        if self.as_json {
            return Ok(());
        }
        let Self {
            accepted,
            duplicates,
            refused,
            ..
        } = self;
        writeln!(
            self.out,
            "{accepted} accepted, {duplicates} duplicates, {refused} refused"
        )
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        if self.refused == 0 {
            Exit::Success
        } else {
            Exit::No
        }
    }

    /// One event of those that the gateway answers one by one.
    fn result(&mut self, result: &Value) -> io::Result<()> {
        let status = result
            .get("status")
            .and_then(Value::as_str)
            .unwrap_or("unknown");
        match status {
            "accepted" => self.accepted += 1,
            "duplicate" => self.duplicates += 1,
            _ => self.refused += 1,
        }
        if self.as_json {
            return writeln!(self.out, "{result}");
        }
        let id = result.get("id").and_then(Value::as_str).unwrap_or("-");
        let why = result.get("error").map(reason).unwrap_or_default();
        writeln!(self.out, "{status:<10} {id}{why}")
    }

    /// A request of which the gateway took nothing.
    fn refusal(&mut self, answer: &Answer, refusal: &Refusal) -> io::Result<()> {
        self.refused += 1;
        if self.as_json {
            return writeln!(
                self.out,
                "{}",
                json!({"status": "refused", "error": answer.body})
            );
        }
        writeln!(self.out, "refused    {refusal}")
    }
}

/// What a problem of one event says: `: /data/x: why`.
fn reason(problem: &Value) -> String {
    let text = |key: &str| problem.get(key).and_then(Value::as_str);
    let said = text("detail")
        .or_else(|| text("title"))
        .or_else(|| problem.as_str());
    [text("pointer"), said]
        .into_iter()
        .flatten()
        .map(|part| format!(": {part}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn reported(status: u16, body: Value, as_json: bool) -> (String, Exit) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, as_json);
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Answer::parse(status, body.to_string()).expect("JSON");
        report.add(&answer).expect("written");
        report.sum_up().expect("written");
        let exit = report.exit();
        (String::from_utf8(out).expect("UTF-8"), exit)
    }

    #[test]
    fn each_event_is_shown_and_counted() {
        let body = json!({"data": [
            {"id": "evt_1", "status": "accepted"},
            {"id": "evt_1", "status": "duplicate"},
        ]});
        let (shown, exit) = reported(202, body, false);
        assert_eq!(
            shown,
            "accepted   evt_1\nduplicate  evt_1\n1 accepted, 1 duplicates, 0 refused\n"
        );
        assert_eq!(exit, Exit::Success);
    }

    #[test]
    fn one_refused_event_of_a_batch_is_a_no() {
        let body = json!({"data": [
            {"id": "evt_1", "status": "accepted"},
            {"status": "conflict", "error": {"detail": "sent before with another body", "pointer": "/1"}},
        ]});
        let (shown, exit) = reported(202, body.clone(), false);
        assert!(
            shown.contains("conflict   -: /1: sent before with another body\n"),
            "{shown}"
        );
        assert_eq!(exit, Exit::No);
        let (lines, _) = reported(202, body, true);
        assert_eq!(lines.lines().count(), 2);
        assert!(
            lines
                .lines()
                .all(|line| serde_json::from_str::<Value>(line).is_ok())
        );
    }

    #[test]
    fn a_refused_request_is_explained_with_its_places() {
        let body = json!({"title": "Bad event", "detail": "an attribute is wrong", "code": "bad_event",
            "errors": [{"pointer": "/time", "detail": "not RFC 3339"}]});
        let (shown, exit) = reported(400, body, false);
        assert!(
            shown.starts_with(
                "refused    an attribute is wrong (bad_event)\n  /time: not RFC 3339\n"
            ),
            "{shown}"
        );
        assert_eq!(exit, Exit::No);
    }
}
