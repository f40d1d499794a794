//! The listener that is tried: one that is there, or a document.

use serde_json::value::RawValue;

use crate::{
    api::{
        extract::read,
        listeners::{
            document::{ListenerDocument, ListenerWish},
            reaction::ReactionWish,
        },
        problem::{ApiResult, Problem},
        state::ApiState,
    },
    domain::{
        endpoint::EndpointState,
        ids::{EndpointId, ListenerId, ProjectId},
        listener::{ListenerConfig, ListenerState, Reaction},
        template::EmitTemplate,
    },
    rules::Rule,
    store::{StoreError, circumstances::Standing},
};

/// A listener that is tried.
pub struct Tested {
    /// Its name; one that names nothing if it is a document.
    pub id: ListenerId,
    /// Whether it would be asked.
    pub state: ListenerState,
    /// Which events it waits for.
    pub rule: Rule,
    /// What it would trigger.
    pub plans: Vec<Plan>,
}

/// What a reaction would do, as far as that does not depend on the event.
pub enum Plan {
    /// A webhook goes there.
    Webhook(Destination),
    /// An event is made of this template; the error says why it cannot be read.
    Emit(Result<Box<EmitTemplate>, String>),
}

/// Where a webhook would go.
pub struct Destination {
    /// The endpoint; none if one would be made.
    pub endpoint: Option<EndpointId>,
    /// The URL, if it is known.
    pub url: Option<String>,
    /// How the endpoint is, or would be; none if it is deleted.
    pub state: Option<EndpointState>,
}

impl Tested {
    /// Reads the listener of a test, which stands at `/listener`.
    ///
    /// # Errors
    /// If it would not be taken as a listener, or the project has none with that id.
    pub async fn read(state: &ApiState, project: ProjectId, given: &RawValue) -> ApiResult<Self> {
        let tested = match serde_json::from_str::<String>(given.get()) {
            Ok(id) => Self::stored(state, project, &id).await,
            Err(_) => Self::document(state, project, given).await,
        };
        tested.map_err(|problem| problem.below("/listener"))
    }

    async fn stored(state: &ApiState, project: ProjectId, id: &str) -> ApiResult<Self> {
        let unknown = || Problem::invalid("", "the project has no such listener");
        let id: ListenerId = id.parse().map_err(|_| unknown())?;
        let listener = match state.store.listener(project, id).await {
            Err(StoreError::NotFound(_)) => return Err(unknown()),
            found => found?,
        };
        let mut plans = Vec::with_capacity(listener.config.reactions.len());
        for reaction in &listener.config.reactions {
            plans.push(match reaction {
                Reaction::Webhook { endpoint } => {
                    let found = named(state, project, *endpoint).await?;
                    Plan::Webhook(found.unwrap_or_else(|| Destination::deleted(*endpoint)))
                }
                Reaction::Emit(template) => Plan::emit(template),
            });
        }
        Self::of(id, &listener.config, plans)
    }

    async fn document(state: &ApiState, project: ProjectId, given: &RawValue) -> ApiResult<Self> {
        if !given.get().starts_with('{') {
            let detail = r#"give a listener such as {"on": ["site.*"]}, or the id of one: "lis_…""#;
            return Err(Problem::invalid("", detail));
        }
        let wish = read::<ListenerDocument>(given.get().as_bytes())?.check()?;
        let plans = plans(state, project, &wish).await?;
        let id = state.ids.next(state.clock.now());
        Self::of(id, &wish.rule_config()?, plans)
    }

    fn of(id: ListenerId, config: &ListenerConfig, plans: Vec<Plan>) -> ApiResult<Self> {
        let when = config.when.as_deref().map(RawValue::get);
        let unreadable = |_| Problem::invalid("", "its rule cannot be read by this version");
        Ok(Self {
            id,
            state: config.state,
            rule: Rule::parse(&config.on, when).map_err(unreadable)?,
            plans,
        })
    }
}

async fn plans(state: &ApiState, project: ProjectId, wish: &ListenerWish) -> ApiResult<Vec<Plan>> {
    let wished = wish.reactions.as_deref().unwrap_or_default();
    let mut plans = Vec::with_capacity(wished.len());
    for (index, wished) in wished.iter().enumerate() {
        let below = |problem: Problem| problem.below(&format!("/reactions/{index}"));
        plans.push(plan(state, project, wished).await.map_err(below)?);
    }
    Ok(plans)
}

async fn plan(state: &ApiState, project: ProjectId, wished: &ReactionWish) -> ApiResult<Plan> {
    Ok(match wished {
        ReactionWish::Ready(Reaction::Webhook { endpoint }) => {
            let unknown =
                || Problem::invalid("/webhook/endpoint", "the project has no such endpoint");
            let found = named(state, project, *endpoint).await?;
            Plan::Webhook(found.ok_or_else(unknown)?)
        }
        ReactionWish::Ready(Reaction::Emit(template)) => Plan::emit(template),
        ReactionWish::ByUrl(wish) => {
            let below = |problem: Problem| problem.below("/webhook");
            wish.judge(state, project).await.map_err(below)?;
            let new = wish.as_ref().clone().into_new(state).map_err(below)?;
            let found = state.store.standing_at(project, &new.config.url).await?;
            Plan::Webhook(Destination::at(
                new.config.url.into(),
                found,
                new.config.state,
            ))
        }
    })
}

/// The endpoint of `project` called `id`; none if there is none.
async fn named(
    state: &ApiState,
    project: ProjectId,
    id: EndpointId,
) -> ApiResult<Option<Destination>> {
    match state.store.endpoint(project, id).await {
        Ok(endpoint) => Ok(Some(Destination {
            endpoint: Some(id),
            state: Some(endpoint.config.state),
            url: Some(endpoint.config.url.into()),
        })),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Plan {
    fn emit(template: &RawValue) -> Self {
        let parsed = EmitTemplate::parse(template.get().as_bytes());
        Self::Emit(parsed.map(Box::new).map_err(|error| error.to_string()))
    }
}

impl Destination {
    fn deleted(id: EndpointId) -> Self {
        Self {
            endpoint: Some(id),
            url: None,
            state: None,
        }
    }

    /// The endpoint that was `found` under `url`; if none was, one would be made, in state `new`.
    fn at(url: String, found: Option<(EndpointId, Standing)>, new: EndpointState) -> Self {
        Self {
            endpoint: found.map(|(id, _)| id),
            url: Some(url),
            state: Some(found.map_or(new, |(_, standing)| standing.state)),
        }
    }
}
