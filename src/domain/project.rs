//! Projects: the tenants to whom everything else belongs.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{
    ids::{JobId, ProjectId},
    quota::Quotas,
    time::Timestamp,
};

/// The most characters that the name of a project may have.
pub const MAX_PROJECT_NAME: usize = 63;

/// The name by which requests call a project: 1 to 63 of `a-z`, `0-9` and `-`, beginning and
/// ending with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName(String);

/// Why a text is no name of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a project has 1 to 63 of a-z, 0-9 and -, and begins and ends with a letter or digit"
)]
pub struct ProjectNameError;

impl ProjectName {
    /// Checks `text`.
    ///
    /// # Errors
    /// If it is no name of a project.
    pub fn parse(text: impl Into<String>) -> Result<Self, ProjectNameError> {
        let text = text.into();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (1..=MAX_PROJECT_NAME).contains(&text.len())
            && text.chars().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits {
            Ok(Self(text))
        } else {
            Err(ProjectNameError)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProjectName {
    type Error = ProjectNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

impl From<ProjectName> for String {
    fn from(name: ProjectName) -> Self {
        name.0
    }
}

/// What an operator has opened for a project beyond what is open to all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Openings {
    /// Networks that its webhooks may reach though the guard would refuse them.
    pub allow_networks: Vec<IpNet>,
    /// Hosts that its webhooks may name though the guard would refuse them.
    pub allow_hosts: Vec<String>,
    /// Whether its webhooks may go over plain http.
    pub allow_http: bool,
}

/// A project as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its identifier.
    pub id: ProjectId,
    /// The name by which requests call it.
    pub name: ProjectName,
    /// What an operator has opened for it.
    pub openings: Openings,
    /// How often it has changed, its making counted.
    pub version: u64,
    /// The quotas that are its own.
    pub quotas: Quotas,
    /// The job that removes it, if it is being removed.
    pub removal: Option<JobId>,
    /// When it was made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_projects_fit_into_a_host_name() {
        for good in ["default", "a", "7", "acme-2"] {
            assert!(ProjectName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a b", &"a".repeat(64)] {
            assert_eq!(ProjectName::parse(bad), Err(ProjectNameError), "{bad}");
        }
    }
}
