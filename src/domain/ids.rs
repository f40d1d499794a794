//! Identifiers: a prefix that names the kind and a UUIDv7 in base32 (TypeID 0.3), for example
//! `evt_01h455vb4pex5vsknk084sn02q`. They sort by the time at which they were made.

use std::sync::Mutex;

use sha2::{Digest, Sha256};
use type_safe_id::{StaticType, TypeSafeId};
use uuid::{Builder, Uuid};

use super::{chance::Chance, time::Timestamp};

macro_rules! kinds {
    ($($(#[$doc:meta])* $id:ident, $kind:ident, $prefix:literal;)*) => {$(
        #[doc = concat!("Marks an identifier that begins with `", $prefix, "_`.")]
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $kind;

        impl StaticType for $kind {
            const TYPE: &'static str = $prefix;
        }

        $(#[$doc])*
        pub type $id = TypeSafeId<$kind>;
    )*};
}

kinds! {
    /// Names one stored event.
    EventId, EventKind, "evt";
    /// Names a listener; the same through all its revisions.
    ListenerId, ListenerKind, "lis";
    /// Names an endpoint.
    EndpointId, EndpointKind, "end";
    /// Names a delivery; receivers see it as `webhook-id`.
    DeliveryId, DeliveryKind, "dlv";
    /// Names one attempt of a delivery.
    AttemptId, AttemptKind, "att";
    /// Names a project.
    ProjectId, ProjectKind, "prj";
    /// Names an API key; its public part.
    KeyId, KeyKind, "key";
    /// Names an entry of the audit log.
    AuditId, AuditKind, "aud";
    /// Names a job.
    JobId, JobKind, "job";
    /// Names something that was sent and did not become an event.
    RefusalId, RefusalKind, "ref";
    /// Names one run of the gateway: what it claimed is released when it is gone.
    NodeId, NodeKind, "nod";
}

/// Makes identifiers: each is greater than every one that the same source made before it,
/// whatever the clock does.
#[derive(Debug)]
pub struct Ids {
    chance: Chance,
    last: Mutex<(u64, u16)>,
}

/// The 12 bits of a UUIDv7 that follow its milliseconds (RFC 9562, section 5.7: `rand_a`).
const COUNTER_LIMIT: u16 = 1 << 12;

impl Ids {
    /// A source that draws its random bits from `chance`.
    pub fn new(chance: Chance) -> Self {
        Self {
            chance,
            last: Mutex::new((0, 0)),
        }
    }

    /// The next identifier, stamped `now`, or the last stamp given out if that is later.
    pub fn next<K: StaticType>(&self, now: Timestamp) -> TypeSafeId<K> {
        let (millis, counter) = self.step(now);
        let mut random: [u8; 10] = self.chance.bytes();
        [random[0], random[1]] = counter.to_be_bytes();
        TypeSafeId::from_uuid(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Advances the pair (milliseconds, counter), method 1 of RFC 9562, section 6.2.
    fn step(&self, now: Timestamp) -> (u64, u16) {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        *last = if millis > last.0 {
            (millis, 0)
        } else if last.1 + 1 < COUNTER_LIMIT {
            (last.0, last.1 + 1)
        } else {
            (last.0 + 1, 0)
        };
        *last
    }
}

/// The identifier that an event emitted by reaction `reaction` of `listener` on `parent` has,
/// always: whoever computes it again finds the event that is already there.
pub fn emitted_event_id(parent: EventId, listener: ListenerId, reaction: usize) -> EventId {
    let mut hash = Sha256::new();
    hash.update(parent.uuid().as_bytes());
    hash.update(listener.uuid().as_bytes());
    hash.update((reaction as u64).to_be_bytes());
    let digest = hash.finalize();
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    TypeSafeId::from_uuid(
        Builder::from_unix_timestamp_millis(millis_of(parent.uuid()), &random).into_uuid(),
    )
}

/// When an identifier was stamped.
pub fn stamp<K: StaticType>(id: TypeSafeId<K>) -> Timestamp {
    Timestamp::from_millis(i64::try_from(millis_of(id.uuid())).unwrap_or(i64::MAX))
}

/// The least identifier with the stamp `time`: those that were made before are less.
pub fn first_at<K: StaticType>(time: Timestamp) -> TypeSafeId<K> {
    let millis = u128::try_from(time.as_millis()).unwrap_or(0);
    TypeSafeId::from_uuid(Uuid::from_u128(millis.min((1 << 48) - 1) << 80))
}

/// The time that a UUIDv7 carries in its first 48 bits.
pub(super) fn millis_of(uuid: Uuid) -> u64 {
    (uuid.as_u128() >> 80) as u64
}

/// The project that exists from the start.
pub fn default_project() -> ProjectId {
    TypeSafeId::from_uuid(Uuid::from_u128(1))
}

/// The platform's own project: its listeners hear the events of every project.
pub fn platform_project() -> ProjectId {
    TypeSafeId::from_uuid(Uuid::from_u128(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_even_when_the_clock_stands_or_steps_back() {
        let ids = Ids::new(Chance::seeded(1));
        let mut previous: EventId = ids.next(Timestamp::from_millis(1_000));
        for step in 0..20_000_i64 {
            let next: EventId = ids.next(Timestamp::from_millis(1_000 - step % 7));
            assert!(next > previous);
            assert!(next.to_string() > previous.to_string());
            previous = next;
        }
    }

    #[test]
    fn identifiers_lie_between_the_first_ones_of_their_stamp_and_of_the_next() {
        let ids = Ids::new(Chance::seeded(3));
        let now = Timestamp::from_millis(1_700_000_000_000);
        let id: EventId = ids.next(now);
        assert_eq!(stamp(id), now);
        assert!(first_at::<EventKind>(now) <= id);
        assert!(id < first_at(Timestamp::from_millis(now.as_millis() + 1)));
        assert_eq!(
            stamp(first_at::<EventKind>(Timestamp::from_millis(-1))),
            Timestamp::from_millis(0)
        );
    }

    #[test]
    fn an_emitted_event_has_one_id_that_differs_by_parent_listener_and_reaction() {
        let ids = Ids::new(Chance::seeded(2));
        let now = Timestamp::from_millis(1_700_000_000_000);
        let (parent, other): (EventId, EventId) = (ids.next(now), ids.next(now));
        let listener: ListenerId = ids.next(now);
        let id = emitted_event_id(parent, listener, 0);
        assert_eq!(id, emitted_event_id(parent, listener, 0));
        assert_ne!(id, emitted_event_id(parent, listener, 1));
        assert_ne!(id, emitted_event_id(other, listener, 0));
        assert_eq!(millis_of(id.uuid()), 1_700_000_000_000);
    }

    #[test]
    fn a_time_lies_between_the_ids_before_and_after_it() {
        let ids = Ids::new(Chance::seeded(4));
        let time = Timestamp::from_millis(1_700_000_000_000);
        let before: EventId = ids.next(Timestamp::from_millis(1_699_999_999_999));
        let at: EventId = ids.next(time);
        let first = first_at(time);
        assert!(before < first && first < at);
        assert_eq!(stamp(at), time);
        assert_eq!(stamp(first), time);
        let earliest: EventId = first_at(Timestamp::from_millis(-5));
        assert_eq!(stamp(earliest).as_millis(), 0);
    }

    #[test]
    fn an_id_of_another_kind_does_not_parse() {
        let id: EventId = Ids::new(Chance::seeded(3)).next(Timestamp::from_millis(5));
        assert!(id.to_string().parse::<EventId>().is_ok());
        assert!(id.to_string().parse::<DeliveryId>().is_err());
    }
}
