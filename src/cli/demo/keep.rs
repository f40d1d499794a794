//! What is shown of a gateway that is left running: where it is, its key, and requests to copy.

use std::{
    io::{self, Write},
    path::Path,
};

use owo_colors::OwoColorize as _;

use super::host::Host;
use crate::cli::serve::quoted;

/// Requests to copy: what they show, the project, and the path.
const LOOK: [(&str, &str, &str); 5] = [
    ("the events of a customer", "acme", "/v1/events?limit=5"),
    (
        "what the platform's services were sent",
        "platform",
        "/v1/deliveries?limit=5",
    ),
    (
        "what was delivered to a customer",
        "globex",
        "/v1/deliveries?state=delivered&limit=5",
    ),
    (
        "dead letters, of which none is left",
        "globex",
        "/v1/dead-letters",
    ),
    ("the figures", "globex", "/v1/stats"),
];

/// Writes how to look at the gateway of `host`.
///
/// # Errors
/// If it cannot be written.
pub fn write(host: &Host, terminal: bool, out: &mut dyn Write) -> io::Result<()> {
    let url = host.url();
    writeln!(out, "\n{} {}", "The gateway goes on at".bold(), url.bold())?;
    write_key(host, terminal, out)?;
    for (what, project, path) in LOOK {
        writeln!(out, "\n  # {what}")?;
        writeln!(out, "  curl -sS '{url}{path}' {}", headers(project))?;
    }
    let deploy = r#"{"type": "site.deploy.requested", "subject": "new.acme.example", "data": {"customer": "acme", "site": "new.acme.example", "version": 1}}"#;
    writeln!(
        out,
        "\n  # another deploy: the story goes on here, line by line"
    )?;
    writeln!(out, "  curl -sS {url}/v1/events {} \\", headers("acme"))?;
    writeln!(out, "    -H 'Content-Type: application/json' -d '{deploy}'")?;
    writeln!(out, "\nCtrl-C ends it and removes its store.")?;
    out.flush()
}

/// The key itself is shown on a terminal alone: what is piped ends up in logs.
fn write_key(host: &Host, terminal: bool, out: &mut dyn Write) -> io::Result<()> {
    let file = host.key_file();
    if let (true, Ok(key)) = (terminal, host.key()) {
        writeln!(out, "The operator key is {}", key.expose().bold())?;
    }
    writeln!(out, "\n  KEY=$(cat {})", in_shell(&file))
}

fn in_shell(file: &Path) -> String {
    quoted(&file.display().to_string())
}

fn headers(project: &str) -> String {
    format!("-H \"Authorization: Bearer $KEY\" -H 'Riposte-Project: {project}'")
}
