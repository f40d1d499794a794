//! Listeners as users write them, and their checking.

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::reaction::{ReactionDocument, ReactionWish};
use crate::{
    api::{
        field::{Field, check_name},
        object::Object,
        problem::{ApiResult, Problem},
    },
    domain::listener::{ListenerConfig, ListenerState, MAX_REACTIONS},
    rules::{On, Pattern, Refusal},
};

/// What users decide about a listener. `on` and `reactions` must be there; null stands for the
/// default of the others. What a PATCH leaves out stays as it is, and what it gives replaces the
/// old value as a whole.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerDocument {
    /// What you call it: up to 200 characters.
    #[schema(value_type = Option<String>, example = "Tell ops when production fails")]
    #[serde(default)]
    name: Field<String>,
    /// Whether it is asked: `enabled` by default.
    #[schema(value_type = Option<ListenerState>)]
    #[serde(default)]
    state: Field<ListenerState>,
    /// The event types that it waits for: `*` stands for one token, a last `>` for one or more.
    #[schema(value_type = Option<Vec<String>>, example = json!(["site.deploy.failed", "site.domain.*"]))]
    #[serde(default)]
    on: Field<Vec<String>>,
    /// The event pattern that the content must match; null where every content does.
    #[schema(value_type = Object, nullable, example = json!({"data": {"environment": ["production"]}}))]
    #[serde(default)]
    when: Field<Box<RawValue>>,
    /// What it triggers: 1 to 32.
    #[schema(value_type = Option<Vec<ReactionDocument>>)]
    #[serde(default)]
    reactions: Field<Vec<Object<ReactionDocument>>>,
}

/// What a document asks for, checked but for its URLs and the endpoints that it names.
pub struct ListenerWish {
    name: Field<String>,
    state: Field<ListenerState>,
    on: Option<Vec<String>>,
    when: Field<Box<RawValue>>,
    /// The reactions, if they are given.
    pub reactions: Option<Vec<ReactionWish>>,
}

impl ListenerDocument {
    /// Checks all that can be checked without asking anybody.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn check(self) -> ApiResult<ListenerWish> {
        Ok(ListenerWish {
            name: self.name.check(check_name)?,
            state: self.state,
            on: self.on.check(check_on)?.required(no_on)?,
            when: self.when.check(check_when)?,
            reactions: self
                .reactions
                .check(check_reactions)?
                .required(no_reactions)?,
        })
    }
}

impl ListenerWish {
    /// What a new listener is like, but for its reactions.
    ///
    /// # Errors
    /// If `on` or the reactions are missing.
    pub fn new_config(&self) -> ApiResult<ListenerConfig> {
        match self.reactions {
            Some(_) => self.rule_config(),
            None => Err(no_reactions()),
        }
    }

    /// What a listener is like of which only the rule matters, but for its reactions.
    ///
    /// # Errors
    /// If `on` is missing.
    pub fn rule_config(&self) -> ApiResult<ListenerConfig> {
        let mut config = ListenerConfig {
            name: None,
            state: ListenerState::Enabled,
            on: self.on.clone().ok_or_else(no_on)?,
            when: None,
            reactions: Vec::new(),
        };
        self.apply(&mut config);
        Ok(config)
    }

    /// Changes `config` as asked, but for its reactions.
    pub fn apply(&self, config: &mut ListenerConfig) {
        self.name.set_optional(&mut config.name);
        self.state.set(&mut config.state, ListenerState::Enabled);
        if let Some(on) = &self.on {
            config.on.clone_from(on);
        }
        self.when.set_optional(&mut config.when);
    }
}

fn check_on(on: Vec<String>) -> ApiResult<Vec<String>> {
    On::parse(&on).map_err(|refusal| refused("/on", refusal))?;
    Ok(on)
}

fn check_when(when: Box<RawValue>) -> ApiResult<Box<RawValue>> {
    Pattern::parse(when.get().as_bytes()).map_err(|refusal| refused("/when", refusal))?;
    Ok(when)
}

fn check_reactions(reactions: Vec<Object<ReactionDocument>>) -> ApiResult<Vec<ReactionWish>> {
    if !(1..=MAX_REACTIONS).contains(&reactions.len()) {
        let detail = format!("a listener has from 1 to {MAX_REACTIONS} reactions");
        return Err(Problem::invalid("/reactions", detail));
    }
    let check = |(index, Object(reaction)): (usize, Object<ReactionDocument>)| {
        let below = |problem: Problem| problem.below(&format!("/reactions/{index}"));
        reaction.check().map_err(below)
    };
    reactions.into_iter().enumerate().map(check).collect()
}

fn refused(place: &str, refusal: Refusal) -> Problem {
    Problem::invalid(refusal.pointer, refusal.message)
        .because(refusal.code.as_str())
        .below(place)
}

fn no_on() -> Problem {
    let detail =
        r#"name the event types to wait for, such as ["site.deploy.*"]; [">"] means every event"#;
    Problem::invalid("/on", detail)
}

fn no_reactions() -> Problem {
    let detail =
        r#"say what it triggers, such as [{"webhook": {"url": "https://example.com/hooks"}}]"#;
    Problem::invalid("/reactions", detail)
}
