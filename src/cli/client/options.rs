//! The options by which a command finds its gateway, the same for every command that asks one.

use std::convert::Infallible;

use clap::Args;

use super::{ClientError, Gateway, Key};
use crate::{clock::Clock, config::SecretText};

/// Which gateway is asked, with which key, about which project.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Gateway")]
pub struct GatewayOptions {
    /// The project, by id or name; needed with an operator key, `default` with the key of the
    /// gateway that runs here
    #[arg(long, global = true, env = "RIPOSTE_PROJECT")]
    project: Option<String>,
    /// Where the gateway is
    #[arg(
        long,
        global = true,
        env = "RIPOSTE_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: String,
    /// The API key; without it, the one in data/operator.key. Other users of this machine can see
    /// arguments: prefer RIPOSTE_KEY
    #[arg(
        long,
        global = true,
        env = "RIPOSTE_KEY",
        hide_env_values = true,
        value_parser = secret
    )]
    key: Option<SecretText>,
}

impl GatewayOptions {
    /// The gateway that is meant. Nothing is asked of it yet.
    ///
    /// # Errors
    /// If there is no key, or the URL is none.
    pub fn gateway(&self, clock: &Clock) -> Result<Gateway, ClientError> {
        let key = Key::find(self.key.clone())?;
        let fallback = key.is_operators().then(|| "default".to_owned());
        let project = self.project.clone().or(fallback);
        Gateway::new(&self.url, key, project, clock.clone())
    }

    /// The project that was named, so that a command that is shown means the same.
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }
}

fn secret(text: &str) -> Result<SecretText, Infallible> {
    Ok(SecretText::new(text.trim()))
}
