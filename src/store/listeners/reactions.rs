//! The reactions of listeners, and the endpoints that are made for them.

use crate::{
    domain::{
        audit::Action,
        endpoint::Endpoint,
        ids::{EndpointId, ProjectId},
        listener::Reaction,
        signature::Secret,
        time::Timestamp,
    },
    store::{
        Connection, Store, StoreError, StoreResult,
        audit::Entry,
        change::Writing,
        endpoints::{self, NewEndpoint},
    },
};

/// A reaction as it is asked for.
#[derive(Debug)]
pub enum WantedReaction {
    /// It says all.
    Ready(Reaction),
    /// A webhook to the endpoint of the project that has this URL; it is made if there is none.
    ByUrl(Box<NewEndpoint>),
}

/// An endpoint that a reaction asked for by its URL.
#[derive(Debug)]
pub struct ByUrl {
    /// Which of the reactions asked.
    pub reaction: usize,
    /// The endpoint as it is now.
    pub endpoint: Endpoint,
    /// The secret of an endpoint that was made for this reaction; none if it was there before.
    pub secret: Option<Secret>,
}

impl Store {
    /// The reactions that are `wanted`, with the endpoints that these ask for by their URL.
    ///
    /// # Errors
    /// [`StoreError::UnknownEndpoint`] if one names an endpoint that the project does not have.
    pub(super) async fn resolve(
        &self,
        connection: &mut Connection,
        project: ProjectId,
        wanted: Vec<WantedReaction>,
        now: Timestamp,
    ) -> StoreResult<(Vec<Reaction>, Vec<ByUrl>)> {
        let mut reactions = Vec::with_capacity(wanted.len());
        let mut by_url = Vec::new();
        for (index, reaction) in wanted.into_iter().enumerate() {
            reactions.push(match reaction {
                WantedReaction::Ready(Reaction::Webhook { endpoint }) => {
                    check_endpoint(connection, project, endpoint, index).await?;
                    Reaction::Webhook { endpoint }
                }
                WantedReaction::Ready(reaction) => reaction,
                WantedReaction::ByUrl(new) => {
                    let (endpoint, made) = self
                        .find_or_insert_endpoint(connection, project, &new, now)
                        .await?;
                    let reaction = Reaction::Webhook {
                        endpoint: endpoint.id,
                    };
                    by_url.push(ByUrl {
                        reaction: index,
                        endpoint,
                        secret: made.then_some(new.secret),
                    });
                    reaction
                }
            });
        }
        Ok((reactions, by_url))
    }
}

/// Writes down which endpoints were made for reactions.
pub(super) async fn note_made(writing: &mut Writing<'_>, by_url: &[ByUrl]) -> StoreResult<()> {
    for made in by_url.iter().filter(|found| found.secret.is_some()) {
        let entry = Entry::made(Action::EndpointCreated, &made.endpoint)?;
        writing.note(entry).await?;
    }
    Ok(())
}

async fn check_endpoint(
    connection: &mut Connection,
    project: ProjectId,
    endpoint: EndpointId,
    index: usize,
) -> StoreResult<()> {
    match endpoints::exists(connection, project, endpoint).await? {
        true => Ok(()),
        false => Err(StoreError::UnknownEndpoint(index)),
    }
}
