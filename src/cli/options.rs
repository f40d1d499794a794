//! The options that set the configuration, the same for every command that reads it.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Flag, Sources};

/// Where the configuration comes from, besides the environment.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigOptions {
    /// The configuration file; without this, config/riposte.toml if it is there
    #[arg(long, env = "RIPOSTE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on (key `listen`)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// The database, for example sqlite://data/riposte.db (key `database`); others on this machine see
    /// what is given here, so a URL with a password belongs into RIPOSTE_DATABASE
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// What is logged, for example debug or info,riposte::engine=debug (key `log.level`)
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// How log lines look: auto, text or json (key `log.format`)
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// The development profile: webhooks of the project `default` may go to this machine
    ///
    /// Loopback addresses, `localhost`, plain http and every port are open to the webhooks of the
    /// project `default`, so that a receiver on one's own machine can be tried at once. With
    /// --dev the gateway listens on loopback addresses only.
    #[arg(long)]
    pub dev: bool,
}

impl ConfigOptions {
    /// All sources of the configuration, the environment of this process among them.
    pub fn sources(&self) -> Sources {
        Sources {
            file: self.config.clone(),
            environment: std::env::vars_os().collect(),
            flags: self.flags(),
            dev: self.dev,
        }
    }

    fn flags(&self) -> Vec<Flag> {
        let given = [
            ("--listen", "listen", &self.listen),
            ("--database", "database", &self.database),
            ("--log-level", "log.level", &self.log_level),
            ("--log-format", "log.format", &self.log_format),
        ];
        let flags = given.into_iter().filter_map(|(name, key, value)| {
            let value = value.clone()?;
            Some(Flag { name, key, value })
        });
        flags.collect()
    }
}
