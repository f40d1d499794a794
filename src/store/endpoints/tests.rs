use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;
use crate::{
    domain::{
        audit::Actor,
        chance::Chance,
        endpoint::MAX_LIVE_SECRETS,
        ids::{Ids, default_project},
        seal::{Keyring, SealingKey},
    },
    store::{StoreSettings, change::unanswered, secrets::Rotation},
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A store with one endpoint.
struct World {
    store: Store,
    endpoint: EndpointId,
    chance: Chance,
    _dir: TempDir,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let chance = Chance::seeded(7);
        let url = format!("sqlite://{}", dir.path().join("test.db").display());
        let keyring = Keyring::new(SealingKey::generate(&chance), Vec::new());
        let store = Store::open(StoreSettings::at(url, keyring, chance.clone()));
        let new = NewEndpoint {
            id: Ids::new(chance.clone()).next(NOW),
            config: EndpointConfig::new("https://example.com/".parse().expect("a URL")),
            secret: Secret::generate(&chance),
        };
        let world = Self {
            store: store.await.expect("a store"),
            endpoint: new.id,
            chance,
            _dir: dir,
        };
        let change = Change::new(Actor::Operator, NOW);
        let made = world
            .store
            .insert_endpoint(default_project(), &new, &change, unanswered);
        made.await.expect("an endpoint");
        world
    }

    async fn change(
        &self,
        at: i64,
        change: impl FnOnce(&mut EndpointConfig) -> StoreResult<()>,
    ) -> StoreResult<Endpoint> {
        let when = Change::new(Actor::Operator, Timestamp::from_millis(at));
        let project = default_project();
        let changed = self
            .store
            .change_endpoint(project, self.endpoint, &when, change, unanswered);
        Ok(changed.await?.now)
    }

    async fn rotate(&self, grace: Duration) -> StoreResult<Vec<LiveSecret>> {
        let secret = Secret::generate(&self.chance);
        let project = default_project();
        let rotation = Rotation {
            secret: &secret,
            old_end_at: NOW.plus(grace),
        };
        let change = Change::new(Actor::Operator, NOW);
        let rotated =
            self.store
                .rotate_secret(project, self.endpoint, rotation, &change, unanswered);
        Ok(rotated.await?.now.secrets)
    }
}

#[tokio::test]
async fn changes_at_once_do_not_lose_each_other() {
    let world = World::new().await;
    let changes = (0..20).map(|_| {
        world.change(1, |config| {
            config.concurrency = Some(config.concurrency.unwrap_or(0) + 1);
            Ok(())
        })
    });
    assert!(join_all(changes).await.iter().all(Result::is_ok));
    let endpoint = world.store.endpoint(default_project(), world.endpoint);
    assert_eq!(endpoint.await.expect("it").config.concurrency, Some(20));
}

#[tokio::test]
async fn what_a_change_refuses_or_leaves_alone_is_not_written() {
    let world = World::new().await;
    let refused = world.change(NOW.as_millis() + 1, |config| {
        config.name = Some("lost".to_owned());
        Err(StoreError::Exists("name"))
    });
    assert!(matches!(refused.await, Err(StoreError::Exists("name"))));
    let unchanged = world.change(NOW.as_millis() + 2, |_| Ok(()));
    let endpoint = unchanged.await.expect("the endpoint");
    assert_eq!((endpoint.config.name, endpoint.updated_at), (None, NOW));
}

#[tokio::test]
async fn so_many_secrets_sign_at_a_time_and_no_more() {
    let world = World::new().await;
    let day = Duration::from_secs(86_400);
    for count in 2..=MAX_LIVE_SECRETS {
        assert_eq!(world.rotate(day).await.expect("room").len(), count);
    }
    let refused = world.rotate(day).await;
    assert!(matches!(refused, Err(StoreError::TooManySecrets)));
    let secrets = world.rotate(Duration::ZERO).await.expect("room");
    assert!(matches!(
        secrets.as_slice(),
        [LiveSecret {
            expires_at: None,
            ..
        }]
    ));
}
