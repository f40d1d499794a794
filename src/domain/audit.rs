//! The audit log's words: who changed what, and in which log it stands.

use std::{fmt, str::FromStr};

use super::{
    ids::{KeyId, ProjectId},
    names::named,
};

named! {
    /// What kind of thing was changed.
    pub enum ObjectKind {
        /// An endpoint.
        Endpoint = "endpoint",
        /// A listener.
        Listener = "listener",
        /// A type of events.
        EventType = "event_type",
        /// A project.
        Project = "project",
        /// An API key.
        Key = "key",
        /// A job.
        Job = "job",
        /// A delivery.
        Delivery = "delivery",
        /// An event.
        Event = "event",
    }
}

named! {
    /// What was done.
    pub enum Action {
        /// An endpoint was made.
        EndpointCreated = "endpoint.created",
        /// An endpoint was changed.
        EndpointChanged = "endpoint.changed",
        /// An endpoint was deleted.
        EndpointDeleted = "endpoint.deleted",
        /// An endpoint got a new secret.
        EndpointSecretRotated = "endpoint.secret_rotated",
        /// A listener was made.
        ListenerCreated = "listener.created",
        /// A listener was changed: it has a new revision.
        ListenerChanged = "listener.changed",
        /// A listener was deleted.
        ListenerDeleted = "listener.deleted",
        /// A type of events was described for the first time.
        EventTypeDescribed = "event_type.described",
        /// What is said about a type of events was changed.
        EventTypeChanged = "event_type.changed",
        /// A type of events was taken out of the catalogue.
        EventTypeForgotten = "event_type.forgotten",
        /// A project was made.
        ProjectCreated = "project.created",
        /// What is opened for a project was changed.
        ProjectChanged = "project.changed",
        /// The removal of a project began.
        ProjectRemoved = "project.removed",
        /// An API key was made.
        KeyCreated = "key.created",
        /// An API key got a successor.
        KeyRotated = "key.rotated",
        /// An API key was revoked.
        KeyRevoked = "key.revoked",
        /// A job was started.
        JobStarted = "job.started",
        /// A job was called off.
        JobCancelled = "job.cancelled",
        /// A delivery was made due again.
        DeliveryRetried = "delivery.retried",
        /// A delivery was called off.
        DeliveryCancelled = "delivery.cancelled",
        /// What an event carried was erased.
        EventErased = "event.erased",
    }
}

impl Action {
    /// What kind of thing it is done to.
    pub const fn object(self) -> ObjectKind {
        match self {
            Self::EndpointCreated
            | Self::EndpointChanged
            | Self::EndpointDeleted
            | Self::EndpointSecretRotated => ObjectKind::Endpoint,
            Self::ListenerCreated | Self::ListenerChanged | Self::ListenerDeleted => {
                ObjectKind::Listener
            }
            Self::EventTypeDescribed | Self::EventTypeChanged | Self::EventTypeForgotten => {
                ObjectKind::EventType
            }
            Self::ProjectCreated | Self::ProjectChanged | Self::ProjectRemoved => {
                ObjectKind::Project
            }
            Self::KeyCreated | Self::KeyRotated | Self::KeyRevoked => ObjectKind::Key,
            Self::JobStarted | Self::JobCancelled => ObjectKind::Job,
            Self::DeliveryRetried | Self::DeliveryCancelled => ObjectKind::Delivery,
            Self::EventErased => ObjectKind::Event,
        }
    }
}

/// Whose log an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Realm {
    /// The gateway's: for operators alone.
    Gateway,
    /// A project's.
    Project(ProjectId),
}

/// Who changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// An operator.
    Operator,
    /// Whoever has this API key.
    Key(KeyId),
    /// The gateway by itself.
    Gateway,
}

/// A text that names no realm or actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct UnknownParty(&'static str);

impl From<ProjectId> for Realm {
    fn from(project: ProjectId) -> Self {
        Self::Project(project)
    }
}

impl From<Option<ProjectId>> for Realm {
    fn from(project: Option<ProjectId>) -> Self {
        project.map_or(Self::Gateway, Self::Project)
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => formatter.write_str("gateway"),
            Self::Project(id) => id.fmt(formatter),
        }
    }
}

impl FromStr for Realm {
    type Err = UnknownParty;

    fn from_str(text: &str) -> Result<Self, UnknownParty> {
        match text {
            "gateway" => Ok(Self::Gateway),
            id => match id.parse() {
                Ok(id) => Ok(Self::Project(id)),
                Err(_) => Err(UnknownParty("a project's id, or gateway")),
            },
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => formatter.write_str("operator"),
            Self::Gateway => formatter.write_str("gateway"),
            Self::Key(id) => id.fmt(formatter),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownParty;

    fn from_str(text: &str) -> Result<Self, UnknownParty> {
        match text {
            "operator" => Ok(Self::Operator),
            "gateway" => Ok(Self::Gateway),
            id => match id.parse() {
                Ok(id) => Ok(Self::Key(id)),
                Err(_) => Err(UnknownParty("a key's id, operator or gateway")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_begins_with_the_kind_of_its_object() {
        for action in Action::ALL {
            let (kind, _) = action.as_str().split_once('.').expect("kind.done");
            assert_eq!(kind, action.object().as_str());
        }
    }

    #[test]
    fn realms_and_actors_are_read_as_they_are_written() {
        for text in ["gateway", "prj_00000000000000000000000001"] {
            assert_eq!(text.parse::<Realm>().expect(text).to_string(), text);
        }
        for text in ["operator", "gateway", "key_01h455vb4pex5vsknk084sn02q"] {
            assert_eq!(text.parse::<Actor>().expect(text).to_string(), text);
        }
        for text in ["", "Gateway", "evt_01h455vb4pex5vsknk084sn02q"] {
            assert!(text.parse::<Realm>().is_err() && text.parse::<Actor>().is_err());
        }
    }
}
