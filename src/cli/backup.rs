//! `riposte backup`: a consistent copy of everything, fetched from a running gateway.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal as _, Write, stderr},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Response;
use sha2::{Digest as _, Sha256};

use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
};
use crate::{
    clock::Clock,
    store::{StoreError, backup::check_copy},
};

const AFTER_HELP: &str = "\
Examples:
  riposte backup /backups/riposte-$(date +%F).db
  riposte backup --check riposte.db
  riposte backup - | zstd | ssh elsewhere 'cat > riposte.db.zst'

It takes an operator's key. To restore, stop the gateway, put the file where the database was (and
remove what ends in -wal and -shm there), put the key of the secrets back, and start.

Exit codes: 0 it is written and whole, 2 it is not.";

/// Fetch a consistent copy of everything from a running gateway.
///
/// The file appears under its name once it is whole: its length and hash are those that the gateway
/// says. Only its owner can read it. PostgreSQL has its own tools for backups: pg_dump and base backups.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct BackupArgs {
    /// Where the copy is written to; - for standard output
    file: PathBuf,
    /// Have SQLite check every page of it as well
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The connection broke.
    #[error("the copy broke off: {0}; nothing was kept")]
    BrokeOff(reqwest::Error),
    /// What came is not what was sent.
    #[error("what came is not what the gateway sent: its length or hash differs; nothing was kept")]
    Differs,
    /// The file cannot be written.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// SQLite finds something wrong with it.
    #[error("SQLite finds the copy damaged: {0}; nothing was kept")]
    Damaged(String),
    /// The copy cannot be checked.
    #[error("the copy cannot be checked: {0}; nothing was kept")]
    Unchecked(StoreError),
    /// What was printed cannot be checked.
    #[error("--check needs a file: what goes to standard output is gone by then")]
    CheckOutput,
}

impl BackupArgs {
    /// Fetches the copy.
    ///
    /// # Errors
    /// If it could not be fetched whole: then there is no file.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let to_output = self.file == Path::new("-");
        if to_output && self.check {
            return Err(BackupError::CheckOutput.into());
        }
        block_on(async {
            let gateway = self.gateway.gateway(&Clock::system())?;
            let response = gateway.download("/v1/backup").await?;
            let key_file = header(&response, "riposte-secrets-key-file");
            let bytes = match to_output {
                true => fetch(response, out).await?,
                false => self.write(response).await?,
            };
            self.tell(bytes, key_file.as_deref())?;
            Ok(Exit::Success)
        })
    }

    /// Writes the copy under another name, and gives it its own once it is whole.
    async fn write(&self, response: Response) -> Result<u64, CliError> {
        let partial = Partial(self.file.with_added_extension("partial"));
        let failed = |reason| BackupError::File {
            path: self.file.clone(),
            reason,
        };
        let mut options = OpenOptions::new();
        let private = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = private.open(&partial.0).map_err(failed)?;
        let bytes = fetch(response, &mut file).await?;
        file.sync_all().map_err(failed)?;
        if self.check {
            check(&partial.0).await?;
        }
        fs::rename(&partial.0, &self.file).map_err(failed)?;
        let folder = self.file.parent().filter(|it| !it.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(failed)?;
        folder.sync_all().map_err(failed)?;
        Ok(bytes)
    }

    fn tell(&self, bytes: u64, key_file: Option<&str>) -> Result<(), CliError> {
        let mut errors = anstream::stderr();
        let checked = if self.check {
            ", and every page of it is whole"
        } else {
            ""
        };
        writeln!(
            errors,
            "{bytes} bytes are written to {}{checked}",
            self.file.display()
        )?;
        let key = match key_file {
            Some(file) => format!("in the file {file} on the gateway's machine"),
            None => "in the gateway's configuration (secrets_key)".to_owned(),
        };
        writeln!(
            errors,
            "The secrets of endpoints are sealed with a key that is not in it, but {key}: back it up \
             too, apart from this file. Without it they are lost."
        )?;
        Ok(())
    }
}

/// What is being written; it is removed unless it has been given its own name.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // After the renaming it is not there any more.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes what comes to `to`, and compares it with what was announced. Gives how many bytes it was.
async fn fetch(mut response: Response, to: &mut dyn Write) -> Result<u64, CliError> {
    let announced = header(&response, "repr-digest");
    let length = response.content_length();
    let progress = progress(length);
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    while let Some(chunk) = response.chunk().await.map_err(BackupError::BrokeOff)? {
        hash.update(&chunk);
        to.write_all(&chunk)?;
        bytes += chunk.len() as u64;
        progress.set_position(bytes);
    }
    to.flush()?;
    progress.finish_and_clear();
    let found = format!("sha-256=:{}:", BASE64_STANDARD.encode(hash.finalize()));
    match announced.as_deref() == Some(found.as_str()) && length == Some(bytes) {
        true => Ok(bytes),
        false => Err(BackupError::Differs.into()),
    }
}

fn progress(length: Option<u64>) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec}");
    let bar = ProgressBar::new(length.unwrap_or(0));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn check(path: &Path) -> Result<(), BackupError> {
    let found = check_copy(path).await.map_err(BackupError::Unchecked)?;
    match found.is_empty() {
        true => Ok(()),
        false => Err(BackupError::Damaged(found.join("; "))),
    }
}

/// A header's text; none if it is not there, or would not do for a terminal.
fn header(response: &Response, name: &str) -> Option<String> {
    let value = response.headers().get(name)?.as_bytes();
    let text = str::from_utf8(value).ok()?;
    (!text.contains(char::is_control)).then(|| text.to_owned())
}
