//! The key for secrets at rest: a gateway with another one than the others does not start.

use riposte::{
    app::AppError,
    domain::{chance::Chance, seal::SealingKey},
    store::StoreError,
};

use crate::support::Setup;

#[tokio::test]
async fn a_gateway_with_another_key_does_not_start() {
    let first = SealingKey::generate(&Chance::seeded(1)).expose();
    let second = SealingKey::generate(&Chance::seeded(2)).expose();
    let setup = Setup::new().with("RIPOSTE_SECRETS_KEY", &first);
    let gateway = setup.start().await;
    let setup = gateway.stop().await;
    let error = setup
        .clone()
        .with("RIPOSTE_SECRETS_KEY", &second)
        .refused()
        .await;
    assert!(
        matches!(error, AppError::Store(StoreError::OtherKey { .. })),
        "{error}"
    );
    assert!(!error.to_string().contains(second.as_str()), "{error}");
    setup.start().await.stop().await;
}
