//! Following a job to its end: with a progress bar on a terminal, with lines elsewhere.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::{PATH, view::Job};
use crate::{
    cli::{
        CliError, Exit,
        client::{Answer, Gateway},
        list::{at, line},
    },
    clock::Clock,
};

/// How long to wait between two looks at a job.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// How long to wait between two lines about a job.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Follows the job called `id` until it has ended, and says what came of it. Ctrl-C ends that, and
/// leaves the job alone.
///
/// # Errors
/// If the gateway cannot be asked, or refuses.
pub async fn follow(
    gateway: &Gateway,
    clock: &Clock,
    id: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let watched = tokio::select! {
        ended = watch(gateway, clock, id) => Some(ended?),
        // Without signals there is nothing to listen for, and following goes on.
        Ok(()) = tokio::signal::ctrl_c() => None,
    };
    let Some((answer, job)) = watched else {
        writeln!(
            anstream::stderr(),
            "\nThe job goes on. What now?\n  riposte jobs follow {id}\n  riposte jobs cancel {id}"
        )?;
        return Ok(Exit::No);
    };
    match json {
        true => line(&answer.text, out)?,
        false => job.write_outcome(out)?,
    }
    Ok(match job.did_all() {
        true => Exit::Success,
        false => Exit::No,
    })
}

/// Shows how the job goes on until it has ended; gives it then.
async fn watch(gateway: &Gateway, clock: &Clock, id: &str) -> Result<(Answer, Job), CliError> {
    let path = at(PATH, id);
    let mut progress = Progress::new(clock.clone());
    loop {
        let answer = gateway.get(&path).await?.granted()?;
        let job: Job = answer.read()?;
        if job.has_ended() {
            progress.end();
            return Ok((answer, job));
        }
        progress.show(&job)?;
        clock.sleep(BETWEEN_LOOKS).await;
    }
}

/// How a job is shown while it goes on.
enum Progress {
    Bar(ProgressBar),
    Lines {
        clock: Clock,
        /// When the next line may come.
        due: Duration,
    },
}

impl Progress {
    fn new(clock: Clock) -> Self {
        if !io::stderr().is_terminal() {
            let due = clock.elapsed();
            return Self::Lines { clock, due };
        }
        Self::Bar(ProgressBar::no_length().with_style(style()))
    }

    fn show(&mut self, job: &Job) -> io::Result<()> {
        match self {
            Self::Bar(bar) => {
                if let Some(total) = job.total {
                    bar.set_length(total);
                }
                bar.set_message(job.state.clone());
                bar.set_position(job.done);
                bar.tick();
            }
            Self::Lines { clock, due } => {
                let now = clock.elapsed();
                if now >= *due {
                    *due = now + BETWEEN_LINES;
                    let (id, state) = (&job.id, &job.state);
                    writeln!(anstream::stderr(), "{id} {state}: {}", job.progress())?;
                }
            }
        }
        Ok(())
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn style() -> ProgressStyle {
    let template = "{msg:9} {wide_bar:.green} {human_pos} of {human_len}, {rate}, {eta} left";
    ProgressStyle::with_template(template)
        .map(|style| style.progress_chars("█▉▊▋▌▍▎▏ ").with_key("rate", rate))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // What cannot be written there is not shown; the bar goes on.
    let _ = write!(out, "{:.0}/s", state.per_sec());
}
