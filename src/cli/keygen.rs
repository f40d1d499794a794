//! `riposte keygen`: the two keys that nodes on PostgreSQL have in common, to be put where the
//! configuration comes from.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::{CliError, Exit};
use crate::{
    clock::Clock,
    domain::{chance::Chance, seal::SealingKey},
    keys::new_operator_key,
};

const AFTER_HELP: &str = "\
Examples:
  (umask 077; riposte keygen > /etc/riposte/keys.env)     for `EnvironmentFile=` and `--env-file`
  riposte keygen --json

Keep them apart from backups of the database. Without RIPOSTE_SECRETS_KEY the secrets of endpoints are
lost; to change it, nothing may be sealed with the old one any more. Who comes from SQLite keeps the key
in secrets.key: `riposte copy` takes along what was sealed with it.

Exit codes: 0 they are printed, 2 they could not be.";

/// Make the two keys that all nodes on PostgreSQL have in common.
///
/// Prints an operator's API key and a key for the secrets of endpoints, as the environment variables
/// that set them. Neither is stored anywhere: the same two go to every node. On SQLite the gateway makes
/// its own.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct KeygenArgs {
    /// Print JSON instead of variables
    #[arg(long)]
    json: bool,
}

impl KeygenArgs {
    /// Makes and prints them.
    ///
    /// # Errors
    /// If they cannot be printed.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let chance = Chance::from_system();
        let operator = new_operator_key(&chance, &Clock::system()).expose();
        let secrets = SealingKey::generate(&chance).expose();
        let (operator, secrets) = (operator.as_str(), secrets.as_str());
        match self.json {
            true => {
                let keys = json!({"operator_key": operator, "secrets_key": secrets});
                writeln!(out, "{keys:#}")?;
            }
            false => {
                writeln!(out, "RIPOSTE_OPERATOR_KEY={operator}")?;
                writeln!(out, "RIPOSTE_SECRETS_KEY={secrets}")?;
            }
        }
        Ok(Exit::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn what_is_printed_configures_a_node() {
        let mut out = Vec::new();
        let made = KeygenArgs { json: false }.run(&mut out);
        assert_eq!(made.expect("printed"), Exit::Success);
        let printed = String::from_utf8(out).expect("UTF-8");
        let variables = printed.lines().map(|line| {
            let (name, value) = line.split_once('=').expect("a variable");
            (name.into(), value.into())
        });
        let config = Config::load(&Sources {
            environment: variables.collect(),
            ..Sources::default()
        });
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        assert!(config.operator_key.is_some() && config.secrets_key.is_some());
    }
}
