//! Scopes: what a project's key may do. A small closed list; none implies another.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names::named;

named! {
    /// What a project's key may do.
    pub enum Scope {
        /// Send events.
        EventsWrite = "events:write",
        /// See what happened: events with their data, deliveries, attempts, jobs and figures.
        EventsRead = "events:read",
        /// Send what is there again, call it off, or discard it.
        DeliveriesAct = "deliveries:act",
        /// See endpoints and listeners.
        ConfigRead = "config:read",
        /// Make, change, test and delete endpoints and listeners.
        ConfigWrite = "config:write",
        /// See the secrets that sign webhooks.
        SecretsRead = "secrets:read",
        /// Make, rotate and revoke API keys, see what was done with them, and erase events.
        Admin = "admin",
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// All that there are.
    pub const ALL: Self = Self((1 << Scope::ALL.len()) - 1);

    /// Whether `scope` is among them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// The scopes of `needed` that are not among these.
    pub fn missing(self, needed: Self) -> Self {
        Self(needed.0 & !self.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        let all = Scope::ALL.iter().copied();
        all.filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | bit(scope)))
    }
}

/// Written as a list of names.
impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Scope>::deserialize(deserializer).map(Self::from_iter)
    }
}

fn bit(scope: Scope) -> u8 {
    1 << scope as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_scopes_is_a_list_of_names() {
        let json = r#"["events:write","config:read"]"#;
        let scopes: Scopes = serde_json::from_str(json).expect("scopes");
        assert!(scopes.contains(Scope::EventsWrite) && scopes.contains(Scope::ConfigRead));
        assert!(!scopes.contains(Scope::Admin));
        assert_eq!(serde_json::to_string(&scopes).expect("JSON"), json);
        assert_eq!(Scopes::ALL.iter().count(), Scope::ALL.len());
    }

    #[test]
    fn what_is_missing_is_needed_and_not_there() {
        let some = Scopes::from_iter([Scope::EventsRead, Scope::Admin]);
        let needed = Scopes::from_iter([Scope::EventsRead, Scope::ConfigRead]);
        assert!(some.missing(needed).iter().eq([Scope::ConfigRead]));
        assert!(Scopes::ALL.missing(needed).is_empty());
    }
}
