//! The commands that ask a gateway, as processes: what users type, what they read, and how it ends.

mod acting;
mod administering;
mod backing_up;
mod dead_letters;
mod explaining;
mod listing;
mod live;

use std::process::{Child, Command, Stdio};

use crate::support::{Gateway, within};

/// Somebody at a shell who knows a gateway's URL and key.
struct Shell {
    url: String,
    key: String,
    project: &'static str,
}

/// What came of a command.
#[derive(Debug)]
struct Ran {
    command: String,
    code: Option<i32>,
    /// What it printed.
    out: String,
    /// What it printed beside that.
    errors: String,
}

impl Shell {
    /// An operator's.
    fn at(gateway: &Gateway) -> Self {
        Self {
            url: gateway.api().url(""),
            key: gateway.operator_key(),
            project: "default",
        }
    }

    /// Somebody else's: with another key.
    fn with_key(self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self
        }
    }

    /// Runs `riposte` with `arguments`.
    async fn runs(&self, arguments: &[&str]) -> Ran {
        let child = self.begins(arguments);
        let command = format!("riposte {}", arguments.join(" "));
        ended(command, child).await
    }

    /// `riposte` with `arguments`, in an environment that has nothing but where the gateway is.
    fn begins(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_riposte"));
        command
            .args(arguments)
            .args(["--project", self.project])
            .env_clear()
            .envs([("RIPOSTE_URL", &self.url), ("RIPOSTE_KEY", &self.key)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("the program runs")
    }
}

/// Waits until `child`, which is `command`, has ended; the gateway goes on meanwhile.
async fn ended(command: String, child: Child) -> Ran {
    let running = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = within(format!("{command} to end"), running).await;
    let output = output.expect("no panic").expect("its output");
    Ran {
        command,
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        errors: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

impl Ran {
    /// What it printed, if it ended with `code`.
    #[track_caller]
    fn ended(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:#?}");
        &self.out
    }

    /// That it ended with `code`, printed nothing, and said `text` beside that.
    #[track_caller]
    fn refused(&self, code: i32, text: &str) {
        assert_eq!(self.ended(code), "", "{self:#?}");
        assert!(self.errors.contains(text), "{self:#?}");
    }

    /// What it printed, as JSON.
    #[track_caller]
    fn json(&self) -> serde_json::Value {
        let json = serde_json::from_str(self.ended(0));
        json.unwrap_or_else(|error| panic!("{}: {error}: {}", self.command, self.out))
    }

    /// What it printed, as JSON, line by line.
    #[track_caller]
    fn lines(&self) -> Vec<serde_json::Value> {
        let lines = self.ended(0).lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("JSON lines")
    }

    /// That it printed `parts`, in that order.
    #[track_caller]
    fn shows(&self, parts: &[&str]) {
        let mut rest = self.ended(0);
        for part in parts {
            let place = rest.find(part);
            let place =
                place.unwrap_or_else(|| panic!("{part:?} is missing or too early: {self:#?}"));
            rest = &rest[place + part.len()..];
        }
    }
}
