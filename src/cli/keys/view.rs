//! Keys as the API gives them, as far as they are shown.

use serde::Deserialize;

use crate::{
    cli::{list::Row, look::Sign, moment::from_now},
    domain::time::Timestamp,
};

/// An API key, without what opens.
#[derive(Debug, Deserialize)]
pub struct Key {
    /// Its name.
    pub id: String,
    /// What it is called.
    pub name: String,
    scopes: Vec<String>,
    created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    successor: Option<String>,
}

impl Row for Key {
    const MANY: &'static str = "keys";
    const HEADER: &'static [&'static str] = &["ID", "NAME", "MADE", "USED", "STATE", "SCOPES"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.id.clone(),
            self.name.clone(),
            from_now(self.created_at, now),
            match self.last_used_at {
                Some(at) => from_now(at, now),
                None => "never".to_owned(),
            },
            self.state(now),
            self.scopes.join(", "),
        ]
    }
}

impl Key {
    fn state(&self, now: Timestamp) -> String {
        let (sign, state) = match (self.revoked_at, self.expires_at) {
            (Some(at), _) => (Sign::Aside, format!("revoked {}", from_now(at, now))),
            (None, Some(at)) if at <= now => {
                (Sign::Aside, format!("expired {}", from_now(at, now)))
            }
            (None, Some(at)) if self.successor.is_some() => (
                Sign::Waiting,
                format!("rotated, ends {}", from_now(at, now)),
            ),
            (None, Some(at)) => (Sign::Good, format!("expires {}", from_now(at, now))),
            (None, None) => (Sign::Good, "live".to_owned()),
        };
        format!("{} {state}", sign.plain())
    }
}
