//! Identifiers whose kind is not known beforehand: whoever pastes one need not say what it is.

use std::str::FromStr;

use super::{
    ids::{
        AttemptId, DeliveryId, EndpointId, EventId, JobId, KeyId, ListenerId, ProjectId, millis_of,
    },
    time::Timestamp,
};

/// An identifier of any kind that users meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyId {
    /// An event.
    Event(EventId),
    /// A listener.
    Listener(ListenerId),
    /// An endpoint.
    Endpoint(EndpointId),
    /// A delivery, which receivers see as `webhook-id`.
    Delivery(DeliveryId),
    /// An attempt.
    Attempt(AttemptId),
    /// A project.
    Project(ProjectId),
    /// An API key; its public part.
    Key(KeyId),
    /// A job.
    Job(JobId),
}

impl AnyId {
    /// The identifier that `text` is; none if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let (prefix, _) = text.split_once('_')?;
        match prefix {
            "evt" => read(text, Self::Event),
            "lis" => read(text, Self::Listener),
            "end" => read(text, Self::Endpoint),
            "dlv" => read(text, Self::Delivery),
            "att" => read(text, Self::Attempt),
            "prj" => read(text, Self::Project),
            "key" => read(text, Self::Key),
            "job" => read(text, Self::Job),
            _ => None,
        }
    }

    /// What it names, with its article.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Event(_) => "an event",
            Self::Listener(_) => "a listener",
            Self::Endpoint(_) => "an endpoint",
            Self::Delivery(_) => "a delivery",
            Self::Attempt(_) => "an attempt",
            Self::Project(_) => "a project",
            Self::Key(_) => "an API key",
            Self::Job(_) => "a job",
        }
    }

    /// When it was made, as it says itself.
    pub fn made_at(self) -> Timestamp {
        let uuid = match self {
            Self::Event(id) => id.uuid(),
            Self::Listener(id) => id.uuid(),
            Self::Endpoint(id) => id.uuid(),
            Self::Delivery(id) => id.uuid(),
            Self::Attempt(id) => id.uuid(),
            Self::Project(id) => id.uuid(),
            Self::Key(id) => id.uuid(),
            Self::Job(id) => id.uuid(),
        };
        Timestamp::from_millis(i64::try_from(millis_of(uuid)).unwrap_or(i64::MAX))
    }
}

fn read<T: FromStr>(text: &str, kind: impl FnOnce(T) -> AnyId) -> Option<AnyId> {
    text.parse().ok().map(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chance::Chance, ids::Ids};

    #[test]
    fn an_id_says_what_it_names_and_when_it_was_made() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let id: DeliveryId = Ids::new(Chance::seeded(1)).next(now);
        let read = AnyId::read(&id.to_string()).expect("an id");
        assert_eq!(read, AnyId::Delivery(id));
        assert_eq!((read.kind(), read.made_at()), ("a delivery", now));
    }

    #[test]
    fn what_only_looks_like_an_id_is_none() {
        for text in ["", "evt", "evt_", "evt_1", "xyz_01h455vb4pex5vsknk084sn02q"] {
            assert_eq!(AnyId::read(text), None, "{text}");
        }
    }
}
