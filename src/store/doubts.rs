//! Doubts: deliveries that may be owned under a lease of this node and are in nobody's memory, since the
//! connection broke while that was made durable. Whether it was, nobody can say; so they are released
//! as soon as the database answers: what is there is claimed again, and what is not does no harm.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Store, StoreError, StoreResult};
use crate::domain::{ids::DeliveryId, lease::Lease, time::Timestamp};

/// For how long after the first answer doubts are looked after: the database may still have been busy
/// making durable what it was sent before the connection broke.
const LOOKED_AFTER: Duration = Duration::from_secs(60);

/// The deliveries in doubt, with the lease under which each may be owned and the time from when on
/// the database has answered.
#[derive(Debug, Default)]
pub(super) struct Doubts(Mutex<HashMap<DeliveryId, (Lease, Option<Timestamp>)>>);

impl Doubts {
    /// Takes note of `deliveries` that were to be owned under `lease`, if the step `ended` in doubt.
    pub(super) fn note<T>(
        &self,
        ended: &StoreResult<T>,
        lease: Lease,
        deliveries: impl IntoIterator<Item = DeliveryId>,
    ) {
        if let Err(StoreError::InDoubt(_)) = ended {
            let doubts = deliveries.into_iter();
            self.lock().extend(doubts.map(|id| (id, (lease, None))));
        }
    }

    /// There is no doubt about `deliveries` any more: this node has claimed them.
    pub(super) fn dispel<'a>(&self, deliveries: impl IntoIterator<Item = &'a DeliveryId>) {
        let mut doubts = self.lock();
        for id in deliveries {
            doubts.remove(id);
        }
    }

    /// All of them, by lease.
    fn by_lease(&self) -> BTreeMap<Lease, Vec<DeliveryId>> {
        let mut by_lease = BTreeMap::<_, Vec<_>>::new();
        for (id, (lease, _)) in &*self.lock() {
            by_lease.entry(*lease).or_default().push(*id);
        }
        by_lease
    }

    /// Takes note that the database has answered, and forgets what has been looked after for long
    /// enough.
    fn answered(&self, now: Timestamp) {
        self.lock().retain(|_, (_, since)| {
            let since = since.get_or_insert(now);
            now.since(*since) < LOOKED_AFTER
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeliveryId, (Lease, Option<Timestamp>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Releases what may be owned and is in nobody's memory. It and [`Store::claim_due`] are called by
    /// turns: what is claimed in between would be released.
    ///
    /// # Errors
    /// If the store cannot be written: the doubts remain.
    pub async fn settle_doubts(&self, now: Timestamp) -> StoreResult<()> {
        let doubts = self.doubts.by_lease();
        for (lease, deliveries) in &doubts {
            self.release(*lease, deliveries, now).await?;
        }
        if !doubts.is_empty() {
            self.doubts.answered(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chance::Chance, ids::Ids};

    #[test]
    fn a_doubt_is_looked_after_until_it_is_dispelled_or_old() {
        let (ids, now) = (Ids::new(Chance::seeded(1)), Timestamp::from_millis(5));
        let (lease, first, second) = (Lease::first(ids.next(now)), ids.next(now), ids.next(now));
        let (doubts, broken) = (Doubts::default(), sqlx::Error::PoolClosed);
        let refused: StoreResult<()> = Err(StoreError::Refused(sqlx::Error::RowNotFound));
        doubts.note(&refused, lease, [first]);
        assert!(
            doubts.by_lease().is_empty(),
            "what is refused is in no doubt"
        );
        let in_doubt: StoreResult<()> = Err(StoreError::InDoubt(broken));
        doubts.note(&in_doubt, lease, [first, second]);
        doubts.dispel([&first]);
        doubts.answered(now);
        doubts.answered(now.plus(LOOKED_AFTER / 2));
        assert_eq!(doubts.by_lease(), BTreeMap::from([(lease, vec![second])]));
        doubts.answered(now.plus(LOOKED_AFTER));
        assert!(doubts.by_lease().is_empty());
    }
}
