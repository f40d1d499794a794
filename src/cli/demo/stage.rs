//! What the story is played on: the gateway, everybody in town, a voice, and patience.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    DemoError,
    cast::{Actor, Customer, PLATFORM},
    host::Host,
    narrator::{Narrator, Sign},
    rest::{Delivery, Rest},
    town::Town,
};
use crate::{clock::Clock, config::SecretText, domain::delivery::DeliveryState};

/// How often somebody looks whether what they wait for has happened.
const GLANCE: Duration = Duration::from_millis(10);

/// How many deliveries are shown where the story has stuck.
const SHOWN: usize = 5;

/// The stage.
pub struct Stage {
    /// The time.
    pub clock: Clock,
    /// Tells what happens.
    pub narrator: Narrator,
    /// The gateway, opened with the operator's key.
    pub operator: Rest,
    /// Everybody who takes webhooks.
    pub town: Town,
    acme: Rest,
    globex: Rest,
    waits_for: Mutex<String>,
}

impl Stage {
    /// Builds the town, makes a project for each customer and opens this machine to webhooks.
    ///
    /// # Errors
    /// If something cannot be made.
    pub async fn build(host: &Host, clock: Clock, narrator: Narrator) -> Result<Self, DemoError> {
        let operator = host.open_with(host.key()?, &clock)?;
        operator.open_platform().await?;
        let acme = admit(&operator, Customer::Acme).await?;
        let globex = admit(&operator, Customer::Globex).await?;
        Ok(Self {
            town: Town::build(&clock, &narrator, &operator)?,
            acme: host.open_with(acme, &clock)?,
            globex: host.open_with(globex, &clock)?,
            clock,
            narrator,
            operator,
            waits_for: Mutex::default(),
        })
    }

    /// The gateway, opened with the key of a customer.
    pub fn customer(&self, customer: Customer) -> &Rest {
        match customer {
            Customer::Acme => &self.acme,
            Customer::Globex => &self.globex,
        }
    }

    /// Tells a step of the story.
    pub fn tell(&self, actor: Actor, sign: Sign, text: impl Into<String>) {
        self.narrator.tell(actor, sign, text);
    }

    /// Waits until `look` sees something, however long that takes; `what` says what is waited for.
    ///
    /// # Errors
    /// If it cannot look.
    pub async fn until<T>(
        &self,
        what: impl Into<String>,
        mut look: impl AsyncFnMut() -> Result<Option<T>, DemoError>,
    ) -> Result<T, DemoError> {
        *self.waits_for() = what.into();
        loop {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            self.clock.sleep(GLANCE).await;
        }
    }

    /// Plays `story`, but no longer than `limit`.
    ///
    /// # Errors
    /// Those of the story, and [`DemoError::Late`], which explains what has not happened.
    pub async fn play<T>(
        &self,
        limit: Duration,
        story: impl Future<Output = Result<T, DemoError>>,
    ) -> Result<T, DemoError> {
        match self.clock.timeout(limit, story).await {
            Some(played) => played,
            None => Err(self.late(limit).await),
        }
    }

    async fn late(&self, limit: Duration) -> DemoError {
        let known = self.clock.timeout(limit, self.unsettled()).await;
        DemoError::Late {
            what: self.waits_for().clone(),
            limit,
            known: known.unwrap_or_default(),
        }
    }

    fn waits_for(&self) -> MutexGuard<'_, String> {
        self.waits_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What the gateway says about deliveries that have not come home, a line for each.
    async fn unsettled(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for project in projects() {
            let rest = self.operator.about(project);
            for state in [DeliveryState::Pending, DeliveryState::Dead] {
                let deliveries = rest.deliveries(state).await.unwrap_or_default();
                let line = |delivery: &Delivery| {
                    format!("{project}: {} is {}", delivery.id, delivery.summary)
                };
                lines.extend(deliveries.iter().take(SHOWN).map(line));
            }
        }
        lines
    }
}

/// All projects of the story.
pub fn projects() -> impl Iterator<Item = &'static str> {
    let customers = Customer::ALL.into_iter().map(Customer::name);
    std::iter::once(PLATFORM).chain(customers)
}

/// Makes the project of a customer, and a key to it.
async fn admit(operator: &Rest, customer: Customer) -> Result<SecretText, DemoError> {
    operator.make_project(customer.name()).await?;
    operator.about(customer.name()).make_key("demo").await
}
