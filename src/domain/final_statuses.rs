//! Statuses that end a delivery at once: what an endpoint knows that trying again will not mend.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{attempt::Exchange, status::Statuses};

/// The most statuses and classes that an endpoint may name.
pub const MAX_FINAL_STATUSES: usize = 50;

/// The statuses after which a delivery is not tried again, though its retry policy would have it so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "Vec<FinalStatusDocument>",
    into = "Vec<FinalStatusDocument>"
)]
pub struct FinalStatuses(Vec<Statuses>);

/// A status as users write it: a number, or a class of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum FinalStatusDocument {
    /// A status, from 300 to 599.
    Status(u16),
    /// A class of them: `3xx`, `4xx` or `5xx`.
    Class(String),
}

/// Statuses that no endpoint can take as final.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FinalStatusError {
    /// Which of them; none if it is their number.
    pub index: Option<usize>,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl FinalStatuses {
    /// Whether what came of a request ends its delivery. No answer is no status.
    pub fn has(&self, exchange: &Exchange) -> bool {
        let Ok(response) = &exchange.result else {
            return false;
        };
        let mut named = self.0.iter();
        named.any(|statuses| statuses.range().contains(&response.status))
    }
}

impl TryFrom<Vec<FinalStatusDocument>> for FinalStatuses {
    type Error = FinalStatusError;

    fn try_from(given: Vec<FinalStatusDocument>) -> Result<Self, FinalStatusError> {
        if given.len() > MAX_FINAL_STATUSES {
            return Err(FinalStatusError {
                index: None,
                problem: "an endpoint names up to 50 statuses and classes",
            });
        }
        let mut statuses = Vec::with_capacity(given.len());
        for (index, one) in given.iter().enumerate() {
            let at = |problem| FinalStatusError {
                index: Some(index),
                problem,
            };
            let one = one.parse().map_err(at)?;
            if statuses.contains(&one) {
                return Err(at("it is there twice"));
            }
            statuses.push(one);
        }
        Ok(Self(statuses))
    }
}

impl FinalStatusDocument {
    fn parse(&self) -> Result<Statuses, &'static str> {
        let statuses = match self {
            Self::Status(status) => Statuses::Exactly(*status),
            Self::Class(text) => text
                .parse()
                .map_err(|_| "write a status like 404, or a class like \"4xx\"")?,
        };
        match statuses.range().start {
            200..=299 => Err("2xx says that the receiver has it, which is no failure"),
            300..=599 => Ok(statuses),
            _ => Err("a final status is from 300 to 599"),
        }
    }
}

impl From<FinalStatuses> for Vec<FinalStatusDocument> {
    fn from(statuses: FinalStatuses) -> Self {
        let shown = |statuses: Statuses| match statuses {
            Statuses::Exactly(status) => FinalStatusDocument::Status(status),
            Statuses::Class(_) => FinalStatusDocument::Class(statuses.to_string()),
        };
        statuses.0.into_iter().map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::domain::attempt::{ErrorKind, Failure, Response};

    fn parse(given: Value) -> Result<FinalStatuses, FinalStatusError> {
        let documents: Vec<FinalStatusDocument> = serde_json::from_value(given).expect("a list");
        documents.try_into()
    }

    fn exchange(result: Result<u16, ErrorKind>) -> Exchange {
        let response = |status| Response {
            status,
            headers: Vec::new(),
            body: "".into(),
            truncated: false,
            broke_off: None,
        };
        Exchange {
            address: None,
            duration: Duration::ZERO,
            result: result
                .map(response)
                .map_err(|kind| Failure::new(kind, "it failed")),
        }
    }

    #[test]
    fn what_is_named_is_final_and_nothing_else() {
        let statuses = parse(json!([404, "5xx"])).expect("statuses");
        for (status, is_final) in [
            (404, true),
            (500, true),
            (599, true),
            (400, false),
            (200, false),
        ] {
            assert_eq!(statuses.has(&exchange(Ok(status))), is_final, "{status}");
        }
        assert!(!statuses.has(&exchange(Err(ErrorKind::ConnectRefused))));
        assert!(!FinalStatuses::default().has(&exchange(Ok(404))));
    }

    #[test]
    fn what_is_stored_is_read_as_it_was() {
        let given = json!([404, "4xx", 503]);
        let statuses = parse(given.clone()).expect("statuses");
        let stored = serde_json::to_value(&statuses).expect("JSON");
        assert_eq!(stored, given);
        assert_eq!(
            serde_json::from_value::<FinalStatuses>(stored).expect("it"),
            statuses
        );
    }

    #[test]
    fn what_cannot_be_final_is_refused_at_its_place() {
        for (given, index) in [
            (json!([200]), Some(0)),
            (json!([404, "2xx"]), Some(1)),
            (json!([0]), Some(0)),
            (json!(["1xx"]), Some(0)),
            (json!([600]), Some(0)),
            (json!(["6xx"]), Some(0)),
            (json!(["never"]), Some(0)),
            (json!([404, 404]), Some(1)),
            (
                json!((400..=MAX_FINAL_STATUSES + 400).collect::<Vec<_>>()),
                None,
            ),
        ] {
            let error = parse(given.clone()).expect_err(&given.to_string());
            assert_eq!(error.index, index, "{given}");
        }
    }
}
