//! A resolver that answers from a script, for tests that must not ask the network.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use futures_util::future::BoxFuture;

use super::resolver::{Resolve, ResolveError};

type Answer = Result<Vec<IpAddr>, ResolveError>;

/// Answers each name with what was scripted for it, in order; the last answer is repeated. A name
/// without a script does not exist.
#[derive(Debug, Default)]
pub struct ScriptedResolver {
    scripts: Mutex<HashMap<String, VecDeque<Answer>>>,
}

impl ScriptedResolver {
    /// A resolver for which no name exists.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `answer` to what `host` is answered.
    #[must_use]
    pub fn answers(self, host: &str, answer: Answer) -> Self {
        self.with(|scripts| {
            let script = scripts.entry(host.to_owned()).or_default();
            script.push_back(answer);
        });
        self
    }

    /// Adds the addresses `ips` to what `host` is answered.
    #[must_use]
    pub fn resolves(self, host: &str, ips: &[IpAddr]) -> Self {
        self.answers(host, Ok(ips.to_vec()))
    }

    fn next(&self, host: &str) -> Answer {
        self.with(|scripts| match scripts.get_mut(host) {
            Some(script) if script.len() > 1 => script.pop_front(),
            Some(script) => script.front().cloned(),
            None => None,
        })
        .unwrap_or(Err(ResolveError::NotFound))
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, VecDeque<Answer>>) -> T) -> T {
        act(&mut self.scripts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Resolve for ScriptedResolver {
    fn lookup<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.next(host) })
    }
}
