//! The two keys that a gateway cannot do without: the operator's, which opens its API, and the one
//! that seals the secrets of endpoints. Each is configured, or made at the first start and kept in
//! a file beside the database. Nodes that share a database have no file in common, so theirs are
//! configured: a node that made its own would be none of them.

use std::path::{Path, PathBuf};

use crate::{
    clock::Clock,
    config::{Config, KeyFiles, SecretText},
    domain::{
        api_key::{ApiKey, ApiKeyError},
        chance::Chance,
        ids::Ids,
        seal::{KeyError, SealingKey},
    },
    keyfile::{self, KeyFileError},
};

/// Both keys.
#[derive(Debug)]
pub struct Keys {
    /// The operator's.
    pub operator: ApiKey,
    /// The file that it is kept in; none if it is configured.
    pub operator_file: Option<PathBuf>,
    /// The one for secrets at rest.
    pub sealing: SealingKey,
}

/// Why there is no key to go on with.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// See [`KeyFileError`].
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// What is in the file is no API key.
    #[error(
        "{}: {reason}; if the key is lost, delete this file: the next start makes a new one",
        path.display()
    )]
    Operator {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: ApiKeyError,
    },
    /// What is in the file is no key for secrets.
    #[error(
        "{}: {reason}; put the right key back, for without it the secrets of endpoints are lost",
        path.display()
    )]
    Sealing {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: KeyError,
    },
    /// The database is there, but the key that its secrets are sealed with is not.
    #[error(
        "{} is there, but {} is not: put that file back, or set secrets_key to the key that the \
         secrets of endpoints were encrypted with",
        database.display(), path.display()
    )]
    Gone {
        /// The database.
        database: PathBuf,
        /// The file that is missing.
        path: PathBuf,
    },
    /// Keys that nodes must have in common are not configured.
    #[error(
        "on PostgreSQL {} must be set, the same on every node: nodes share nothing but the database. \
         `riposte keygen` makes both keys, once for all nodes; who comes from SQLite takes the key in \
         secrets.key along",
        .0.join(" and ")
    )]
    Unset(Vec<&'static str>),
}

impl Keys {
    /// The keys that `config` holds, or those in the files beside the database; they are made if it
    /// is the first start.
    ///
    /// # Errors
    /// A file that cannot be used, or one that is gone though the database is there; keys that are
    /// not configured where nodes must have them in common.
    pub fn open(config: &Config, chance: &Chance, clock: &Clock) -> Result<Self, KeysError> {
        match config.key_files() {
            Some(files) => Self::in_files(config, &files, chance, clock),
            None => Self::configured(config),
        }
    }

    fn in_files(
        config: &Config,
        files: &KeyFiles,
        chance: &Chance,
        clock: &Clock,
    ) -> Result<Self, KeysError> {
        let (operator, operator_file) = match &config.operator_key {
            Some(key) => (key.clone(), None),
            None => (
                operator(&files.operator, chance, clock)?,
                Some(files.operator.clone()),
            ),
        };
        let sealing = match &config.secrets_key {
            Some(key) => key.clone(),
            None => sealing(files, chance)?,
        };
        Ok(Self {
            operator,
            operator_file,
            sealing,
        })
    }

    fn configured(config: &Config) -> Result<Self, KeysError> {
        match (&config.operator_key, &config.secrets_key) {
            (Some(operator), Some(sealing)) => Ok(Self {
                operator: operator.clone(),
                operator_file: None,
                sealing: sealing.clone(),
            }),
            (operator, sealing) => {
                let keys = [
                    ("operator_key", operator.is_none()),
                    ("secrets_key", sealing.is_none()),
                ];
                let unset = keys.into_iter().filter(|(_, is_unset)| *is_unset);
                Err(KeysError::Unset(unset.map(|(key, _)| key).collect()))
            }
        }
    }
}

/// A new key for an operator.
pub fn new_operator_key(chance: &Chance, clock: &Clock) -> ApiKey {
    ApiKey::generate(Ids::new(chance.clone()).next(clock.now()), chance)
}

fn operator(path: &Path, chance: &Chance, clock: &Clock) -> Result<ApiKey, KeysError> {
    let make = || SecretText::new(new_operator_key(chance, clock).expose().as_str());
    let text = keyfile::read_or_create(path, make)?;
    ApiKey::parse(text.expose()).map_err(|reason| KeysError::Operator {
        path: path.to_owned(),
        reason,
    })
}

fn sealing(files: &KeyFiles, chance: &Chance) -> Result<SealingKey, KeysError> {
    let path = files.secrets.clone();
    if files.database.exists() && !path.exists() {
        let database = files.database.clone();
        return Err(KeysError::Gone { database, path });
    }
    let make = || SecretText::new(SealingKey::generate(chance).expose().as_str());
    let text = keyfile::read_or_create(&path, make)?;
    SealingKey::parse(text.expose()).map_err(|reason| KeysError::Sealing { path, reason })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::config::Sources;

    /// A configuration whose database is in a directory of its own.
    fn config(directory: &TempDir, variables: &[(&str, &str)]) -> Config {
        let database = format!("sqlite://{}/riposte.db", directory.path().display());
        config_at(&database, variables)
    }

    fn config_at(database: &str, variables: &[(&str, &str)]) -> Config {
        let all = variables
            .iter()
            .copied()
            .chain([("RIPOSTE_DATABASE", database)]);
        Config::load(&Sources {
            environment: all
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..Sources::default()
        })
        .unwrap_or_else(|error| panic!("{error}"))
    }

    fn opened(config: &Config, seed: u64) -> Result<Keys, KeysError> {
        Keys::open(config, &Chance::seeded(seed), &Clock::system())
    }

    #[test]
    fn the_keys_of_the_first_start_stay() {
        let directory = TempDir::new().expect("a directory");
        let config = config(&directory, &[]);
        let first = opened(&config, 1).expect("made");
        let second = opened(&config, 2).expect("read");
        assert_eq!(first.operator.expose(), second.operator.expose());
        assert_eq!(first.sealing.expose(), second.sealing.expose());
        let file = directory.path().join("operator.key");
        assert_eq!(second.operator_file.as_ref(), Some(&file));
        let kept = fs::read_to_string(file).expect("kept");
        assert_eq!(kept.trim(), first.operator.expose().as_str());
    }

    #[test]
    fn configured_keys_need_no_files() {
        let directory = TempDir::new().expect("a directory");
        let made = opened(&config(&directory, &[]), 1).expect("made");
        let elsewhere = TempDir::new().expect("a directory");
        let (operator, sealing) = (made.operator.expose(), made.sealing.expose());
        let variables = [
            ("RIPOSTE_OPERATOR_KEY", operator.as_str()),
            ("RIPOSTE_SECRETS_KEY", sealing.as_str()),
        ];
        let keys = opened(&config(&elsewhere, &variables), 2).expect("configured");
        assert_eq!(keys.operator.expose(), operator);
        assert_eq!(keys.operator_file, None);
        assert_eq!(fs::read_dir(elsewhere.path()).expect("listed").count(), 0);
    }

    #[test]
    fn secrets_are_not_given_up_because_their_key_is_missing() {
        let directory = TempDir::new().expect("a directory");
        fs::write(directory.path().join("riposte.db"), "").expect("written");
        let error = opened(&config(&directory, &[]), 1)
            .expect_err("refused")
            .to_string();
        assert!(error.contains("riposte.db is there, but"), "{error}");
        assert!(
            error.contains("secrets.key is not: put that file back"),
            "{error}"
        );
        assert!(!directory.path().join("secrets.key").exists());
    }

    #[test]
    fn a_file_with_something_else_in_it_is_named_and_not_repeated() {
        for (name, remedy) in [
            ("operator.key", "delete this file"),
            ("secrets.key", "put the right key back"),
        ] {
            let directory = TempDir::new().expect("a directory");
            let config = config(&directory, &[]);
            opened(&config, 1).expect("made");
            fs::write(directory.path().join(name), "hush").expect("written");
            let error = opened(&config, 1).expect_err("refused").to_string();
            assert!(error.contains(name) && error.contains(remedy), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn nodes_that_share_a_database_make_no_keys_of_their_own() {
        let postgres = "postgres://db/riposte";
        let directory = TempDir::new().expect("a directory");
        let made = opened(&config(&directory, &[]), 1).expect("made");
        let (operator, sealing) = (made.operator.expose(), made.sealing.expose());
        let operator = ("RIPOSTE_OPERATOR_KEY", operator.as_str());
        let sealing = ("RIPOSTE_SECRETS_KEY", sealing.as_str());
        for (variables, unset) in [
            (&[][..], "operator_key and secrets_key must be set"),
            (&[operator], "on PostgreSQL secrets_key must be set"),
            (&[sealing], "on PostgreSQL operator_key must be set"),
        ] {
            let refused = opened(&config_at(postgres, variables), 1).expect_err("refused");
            let refused = refused.to_string();
            assert!(refused.contains(unset), "{refused}");
            assert!(refused.contains("`riposte keygen`"), "{refused}");
        }
        let keys = opened(&config_at(postgres, &[operator, sealing]), 2).expect("configured");
        assert_eq!(keys.operator.expose(), made.operator.expose());
        assert_eq!(keys.sealing.id(), made.sealing.id());
    }
}
