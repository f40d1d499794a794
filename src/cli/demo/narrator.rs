//! Tells what happens, line by line, as it happens: when, who, what.
//!
//! Whoever takes part holds a [`Narrator`] and speaks into it from any task; one place writes the
//! lines down. What happened is not known here.

use std::{
    io::{self, Write},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use owo_colors::{OwoColorize as _, Style};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::cast::Actor;
use crate::clock::Clock;

/// The width of the names of actors.
const ACTOR_WIDTH: usize = 13;

/// The width of the types of events.
const TYPE_WIDTH: usize = 22;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Somebody does something.
    Does,
    /// Somebody sends an event.
    Sends,
    /// Somebody hears of one.
    Hears,
    /// Something went as it should.
    Good,
    /// Something went wrong.
    Bad,
}

/// What is told.
#[derive(Debug)]
enum Line {
    Act(String),
    Step {
        at: Duration,
        actor: Actor,
        sign: Sign,
        text: String,
    },
}

/// A voice in the story. Clones speak into the same one.
#[derive(Debug, Clone)]
pub struct Narrator {
    // Not bounded: a reader who is slow does not hold up the story, and the story is short.
    lines: UnboundedSender<Line>,
    clock: Clock,
    start: Duration,
    hushed: Arc<AtomicBool>,
}

/// Where the lines come out.
pub struct Script(UnboundedReceiver<Line>);

/// A narrator whose story begins now, and where its lines come out.
pub fn begin(clock: Clock) -> (Narrator, Script) {
    let (lines, script) = unbounded_channel();
    let start = clock.elapsed();
    let narrator = Narrator {
        lines,
        clock,
        start,
        hushed: Arc::default(),
    };
    (narrator, Script(script))
}

impl Narrator {
    /// Begins a part of the story.
    pub fn act(&self, title: impl Into<String>) {
        self.say(Line::Act(title.into()));
    }

    /// Tells a step of the story.
    pub fn tell(&self, actor: Actor, sign: Sign, text: impl Into<String>) {
        self.say(Line::Step {
            at: self.clock.elapsed().saturating_sub(self.start),
            actor,
            sign,
            text: text.into(),
        });
    }

    /// Tells of an event that somebody sends or hears, unless there are too many of them now.
    pub fn tell_event(&self, actor: Actor, sign: Sign, event_type: &str, note: &str) {
        if !self.hushed.load(Ordering::Relaxed) {
            self.tell(actor, sign, format!("{event_type:TYPE_WIDTH$} {note}"));
        }
    }

    /// From now on single events are told, or not.
    pub fn hush(&self, hushed: bool) {
        self.hushed.store(hushed, Ordering::Relaxed);
    }

    fn say(&self, line: Line) {
        // Nobody listens any more when the story is over: then nothing is to be told.
        let _ = self.lines.send(line);
    }
}

impl Script {
    /// Writes to `out` what is told while `play` goes on; gives what `play` gives.
    ///
    /// # Errors
    /// If a line cannot be written; `play` is dropped then.
    pub async fn write_during<T>(
        &mut self,
        out: &mut dyn Write,
        play: impl Future<Output = T>,
    ) -> io::Result<T> {
        let mut play = pin!(play);
        loop {
            tokio::select! {
                biased;
                Some(line) = self.0.recv() => line.write(out)?,
                done = &mut play => {
                    self.write_rest(out)?;
                    return Ok(done);
                }
            }
        }
    }

    fn write_rest(&mut self, out: &mut dyn Write) -> io::Result<()> {
        while let Ok(line) = self.0.try_recv() {
            line.write(out)?;
        }
        out.flush()
    }
}

impl Line {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Act(title) => writeln!(out, "\n{}", title.bold()),
            Self::Step {
                at,
                actor,
                sign,
                text,
            } => {
                let at = format!("{:>7.3} s", at.as_secs_f64());
                let name = format!("{:ACTOR_WIDTH$}", actor.name());
                let (sign, style) = sign.look();
                let name = name.style(actor.look());
                let (at, sign) = (at.dimmed(), sign.style(style));
                writeln!(out, "{at}  {name}  {sign} {}", text.trim_end())
            }
        }
    }
}

impl Sign {
    fn look(self) -> (&'static str, Style) {
        match self {
            Self::Does => ("·", Style::new().dimmed()),
            Self::Sends => ("→", Style::new()),
            Self::Hears => ("←", Style::new().green()),
            Self::Good => ("✓", Style::new().green().bold()),
            Self::Bad => ("✗", Style::new().red().bold()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(play: impl AsyncFnOnce(Narrator)) -> String {
        let (narrator, mut script) = begin(Clock::system());
        let mut out = Vec::new();
        let done = script.write_during(&mut out, play(narrator)).await;
        done.expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        anstream::adapter::strip_str(&text).to_string()
    }

    #[tokio::test]
    async fn lines_come_in_order_with_time_actor_and_what_happened() {
        let text = told(async |narrator| {
            narrator.act("One");
            narrator.tell_event(Actor::Sites, Sign::Hears, "a.b", "right");
        });
        let text = text.await;
        assert!(text.starts_with("\nOne\n"), "{text}");
        let line = text.lines().last().expect("a line");
        assert!(
            line.contains(" s  sites          ← a.b                    right"),
            "{line}"
        );
    }

    #[tokio::test]
    async fn single_events_can_be_passed_over() {
        let text = told(async |narrator| {
            narrator.hush(true);
            narrator.tell_event(Actor::Sites, Sign::Hears, "a.b", "");
            narrator.tell(Actor::Sites, Sign::Good, "all of them");
            narrator.hush(false);
            narrator.tell_event(Actor::Sites, Sign::Hears, "c.d", "");
        });
        let text = text.await;
        assert!(!text.contains("a.b"), "{text}");
        assert!(
            text.contains("✓ all of them") && text.contains("← c.d"),
            "{text}"
        );
    }
}
