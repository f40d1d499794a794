//! What `riposte serve` shows when it has started: where it is, which key opens it, and two
//! requests to copy. The key itself is shown on a terminal alone: what is piped ends up in logs.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use owo_colors::OwoColorize as _;

use crate::{config::SecretText, keys::Keys};

/// The operator's key, and where somebody finds it again.
pub enum OperatorKey {
    /// It was configured.
    Configured,
    /// It is kept in a file.
    Kept {
        /// The file.
        file: PathBuf,
        /// The key.
        key: SecretText,
    },
}

impl OperatorKey {
    /// The operator's key of `keys`.
    pub fn of(keys: &Keys) -> Self {
        match &keys.operator_file {
            Some(file) => Self::Kept {
                file: file.clone(),
                key: SecretText::new(keys.operator.expose().as_str()),
            },
            None => Self::Configured,
        }
    }
}

/// All that is shown.
pub struct Welcome {
    /// Where the gateway listens.
    pub address: SocketAddr,
    /// Its key.
    pub operator_key: OperatorKey,
    /// Whether it is the development profile.
    pub dev: bool,
    /// Whether somebody reads along.
    pub terminal: bool,
}

impl Welcome {
    /// Writes it to `out`. The first line is `Riposte listens on URL`, whoever reads.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Riposte listens on {}", self.url().bold())?;
        self.show_key(out)?;
        if self.dev {
            self.show_warning(out)?;
        }
        self.show_first_requests(out)?;
        out.flush()
    }

    fn show_key(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.operator_key {
            OperatorKey::Configured => writeln!(out, "The operator key is the configured one."),
            OperatorKey::Kept { file, key } if self.terminal => {
                writeln!(
                    out,
                    "The operator key is {} (kept in {})",
                    key.expose().bold(),
                    file.display()
                )
            }
            OperatorKey::Kept { file, .. } => {
                writeln!(out, "The operator key is in {}", file.display())
            }
        }
    }

    fn show_warning(&self, out: &mut dyn Write) -> io::Result<()> {
        let warning = "Development profile: webhooks of the project default may go to this machine \
                       and over plain http.";
        writeln!(out, "{}", warning.yellow())
    }

    fn show_first_requests(&self, out: &mut dyn Write) -> io::Result<()> {
        let listener = format!(
            r#"{{"name": "My first", "on": ["site.deployed"], "reactions": [{{"webhook": {{"url": "{}"}}}}]}}"#,
            self.receiver()
        );
        let event = r#"{"type": "site.deployed", "subject": "site/7", "data": {"version": 3}}"#;
        writeln!(
            out,
            "\nRegister a webhook, for a receiver of your own at {}:\n",
            self.receiver()
        )?;
        self.show_request(out, "/v1/listeners", &listener)?;
        writeln!(out, "\nThen send an event that triggers it:\n")?;
        self.show_request(out, "/v1/events", event)?;
        writeln!(out)
    }

    fn show_request(&self, out: &mut dyn Write, path: &str, body: &str) -> io::Result<()> {
        writeln!(out, "  curl -sS {}{path} \\", self.url())?;
        writeln!(
            out,
            "    -H \"Authorization: Bearer {}\" \\",
            self.key_for_the_shell()
        )?;
        writeln!(
            out,
            "    -H 'Riposte-Project: default' -H 'Content-Type: application/json' \\"
        )?;
        writeln!(out, "    -d '{body}'")
    }

    /// Where the first webhook goes: to this machine where that is allowed.
    fn receiver(&self) -> &'static str {
        if self.dev {
            "http://127.0.0.1:9000/hook"
        } else {
            "https://example.com/hook"
        }
    }

    /// The key as a shell finds it, to stand between double quotes.
    fn key_for_the_shell(&self) -> String {
        match &self.operator_key {
            OperatorKey::Configured => "$RIPOSTE_OPERATOR_KEY".to_owned(),
            OperatorKey::Kept { file, .. } => {
                format!("$(cat {})", quoted(&file.display().to_string()))
            }
        }
    }

    /// The gateway as seen from this machine.
    fn url(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.address.port()))
    }
}

/// `text` as one word of a shell.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(welcome: &Welcome) -> String {
        let mut out = Vec::new();
        welcome.show(&mut out).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        anstream::adapter::strip_str(&text).to_string()
    }

    fn welcome() -> Welcome {
        Welcome {
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            operator_key: OperatorKey::Kept {
                file: "data/operator.key".into(),
                key: SecretText::new("rp_hush"),
            },
            dev: true,
            terminal: false,
        }
    }

    #[test]
    fn it_begins_with_the_address_and_ends_with_requests_to_copy() {
        let text = shown(&welcome());
        assert!(
            text.starts_with("Riposte listens on http://127.0.0.1:8080\n"),
            "{text}"
        );
        assert!(
            text.contains("The operator key is in data/operator.key\n"),
            "{text}"
        );
        assert!(text.contains("Development profile"), "{text}");
        assert_eq!(
            text.matches("Bearer $(cat data/operator.key)\"").count(),
            2,
            "{text}"
        );
        assert!(
            text.contains(r#"{"webhook": {"url": "http://127.0.0.1:9000/hook"}}"#),
            "{text}"
        );
    }

    #[test]
    fn the_key_is_shown_on_a_terminal_alone() {
        let mut welcome = welcome();
        assert!(!shown(&welcome).contains("rp_hush"));
        welcome.terminal = true;
        assert!(shown(&welcome).contains("rp_hush (kept in data/operator.key)"));
    }

    #[test]
    fn outside_the_development_profile_nothing_is_promised_that_is_refused() {
        let mut welcome = welcome();
        welcome.dev = false;
        welcome.operator_key = OperatorKey::Configured;
        welcome.address = SocketAddr::from(([0, 0, 0, 0], 80));
        let text = shown(&welcome);
        assert!(
            !text.contains("Development") && !text.contains("9000"),
            "{text}"
        );
        assert!(text.contains("https://example.com/hook"), "{text}");
        assert!(text.contains("Bearer $RIPOSTE_OPERATOR_KEY"), "{text}");
        assert!(
            text.starts_with("Riposte listens on http://127.0.0.1:80\n"),
            "{text}"
        );
    }

    #[test]
    fn a_strange_file_name_is_quoted_for_the_shell() {
        assert_eq!(quoted("data/operator.key"), "data/operator.key");
        assert_eq!(quoted("my data/it's.key"), r"'my data/it'\''s.key'");
    }
}
