//! Everybody who takes webhooks, and what they do about them: the platform's services, each of
//! which knows its own part and none of the others, and the servers of the customers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    DemoError,
    cast::{Actor, Customer, REQUESTED, SUCCEEDED, UPDATED, UPLOADED},
    inbox::{Inbox, Reaction, Webhook},
    narrator::{Narrator, Sign},
    receiver::Receiver,
    rest::Rest,
};
use crate::clock::Clock;

/// All receivers of the story.
pub struct Town {
    /// The service that holds sites.
    pub sites: Receiver,
    /// The service that keeps DNS records.
    pub domains: Receiver,
    /// The service that writes bills.
    pub billing: Receiver,
    /// The server of the customer acme.
    pub acme: Receiver,
    /// The server of the customer globex.
    pub globex: Receiver,
}

impl Town {
    /// Builds them, with their doors still closed. What services have to say they send to `rest`.
    ///
    /// # Errors
    /// If there is no port for one of them.
    pub fn build(clock: &Clock, narrator: &Narrator, rest: &Rest) -> Result<Self, DemoError> {
        let mouth = |actor| Mouth {
            actor,
            narrator: narrator.clone(),
            rest: rest.clone(),
        };
        let receiver = |actor, reaction| {
            let inbox = Inbox::new(actor, clock.clone(), narrator.clone(), reaction);
            Receiver::new(inbox).map_err(DemoError::Receiver)
        };
        Ok(Self {
            sites: receiver(Actor::Sites, mouth(Actor::Sites).answering(as_sites))?,
            domains: receiver(Actor::Domains, mouth(Actor::Domains).answering(as_domains))?,
            billing: receiver(Actor::Billing, silence())?,
            acme: receiver(Actor::Server(Customer::Acme), silence())?,
            globex: receiver(Actor::Server(Customer::Globex), silence())?,
        })
    }

    /// The server of a customer's own.
    pub fn server(&self, customer: Customer) -> &Receiver {
        match customer {
            Customer::Acme => &self.acme,
            Customer::Globex => &self.globex,
        }
    }

    /// All of them.
    pub fn all(&self) -> [&Receiver; 5] {
        [
            &self.sites,
            &self.domains,
            &self.billing,
            &self.acme,
            &self.globex,
        ]
    }
}

/// The sites service uploads what is requested, and is done once the records are updated.
fn as_sites(webhook: &Webhook) -> Option<(&'static str, Value)> {
    let about = about(webhook);
    match webhook.event_type.as_str() {
        REQUESTED => Some((UPLOADED, about)),
        UPDATED => Some((SUCCEEDED, about)),
        _ => None,
    }
}

/// The domains service points the site's records at what was uploaded.
fn as_domains(webhook: &Webhook) -> Option<(&'static str, Value)> {
    let mut about = about(webhook);
    about["records"] = json!(2);
    (webhook.event_type == UPLOADED).then_some((UPDATED, about))
}

fn about(webhook: &Webhook) -> Value {
    let data = &webhook.data;
    json!({"customer": data.customer, "site": data.site, "version": data.version})
}

/// Says what somebody has to say to the gateway.
struct Mouth {
    actor: Actor,
    narrator: Narrator,
    rest: Rest,
}

impl Mouth {
    /// Sends, for a webhook, what `answer` makes of it: into the project whose event it was.
    fn answering(self, answer: fn(&Webhook) -> Option<(&'static str, Value)>) -> Reaction {
        let mouth = Arc::new(self);
        Box::new(move |webhook| {
            let mouth = Arc::clone(&mouth);
            Box::pin(async move {
                if let Some((event_type, data)) = answer(&webhook) {
                    mouth.send(&webhook, event_type, data).await;
                }
            })
        })
    }

    /// The event is named after the webhook: should that come again, it is a duplicate.
    async fn send(&self, webhook: &Webhook, event_type: &str, data: Value) {
        let customer = &webhook.data.customer;
        let (narrator, actor) = (&self.narrator, self.actor);
        narrator.tell_event(actor, Sign::Sends, event_type, &format!("for {customer}"));
        let event = json!({
            "type": event_type,
            "id": webhook.id,
            "source": format!("/services/{}", actor.name()),
            "subject": webhook.data.site,
            "data": data,
        });
        if let Err(error) = self.rest.about(customer).send(&event).await {
            narrator.tell(actor, Sign::Bad, error.to_string());
        }
    }
}

fn silence() -> Reaction {
    Box::new(|_| Box::pin(async {}))
}
