//! An event: what each listener said to it, and what became of it.

use std::{collections::HashMap, io::Write};

use owo_colors::OwoColorize as _;

use super::{
    Asker,
    verdict::{Reaction, Totals, Verdict, Verdicts},
};
use crate::cli::{
    CliError,
    client::{Answer, ClientError},
    deliveries::{self, DeliveryStory},
    events::{self, Event},
    list::{array, at, line},
    terminal,
};

/// The most deliveries whose stories are told; of others there is the sentence.
const MAX_STORIES: usize = 20;

impl Asker<'_> {
    /// Explains the event at `path`.
    pub(super) async fn explain_event(
        &self,
        path: &str,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let event = self.gateway.get(path).await?.granted()?;
        let pages = self.verdicts(path).await?;
        let read: Result<Vec<Verdicts>, _> = pages.iter().map(Answer::read).collect();
        let read = read?;
        let deliveries = self.stories(&read).await?;
        if self.json {
            return Ok(line(&document(&event, &pages, &deliveries), out)?);
        }
        let mut stories = HashMap::new();
        for (id, delivery) in &deliveries {
            stories.insert(id.clone(), delivery.read()?);
        }
        self.write(&event.read()?, &read, &stories, out)
    }

    /// The pages of verdicts: all of them, or those that have listeners that wait for the type.
    async fn verdicts(&self, path: &str) -> Result<Vec<Answer>, ClientError> {
        let mut pages = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = format!("{path}/verdicts?limit=250{cursor}");
            let answer = self.gateway.get(&page).await?;
            let read: Verdicts = answer.read()?;
            pages.push(answer);
            let has_others = read.data.iter().any(|it| !it.waits_for_the_type());
            match read.next {
                Some(next) if self.all || !has_others => cursor = format!("&cursor={next}"),
                _ => return Ok(pages),
            }
        }
    }

    /// The deliveries that came of it, each with its name, as far as they may be seen.
    async fn stories(&self, pages: &[Verdicts]) -> Result<Vec<(String, Answer)>, ClientError> {
        let verdicts = pages.iter().flat_map(|page| &page.data);
        let reactions = verdicts.flat_map(|verdict| &verdict.reactions);
        let ids = reactions.filter_map(|reaction: &Reaction| reaction.delivery.as_ref());
        let mut stories = Vec::new();
        for id in ids.take(MAX_STORIES) {
            match self.gateway.get(&at(deliveries::PATH, id)).await?.granted() {
                Ok(answer) => stories.push((id.clone(), answer)),
                // A delivery of the platform's own, of which only the sentence is told.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(stories)
    }

    fn write(
        &self,
        event: &Event,
        pages: &[Verdicts],
        stories: &HashMap<String, DeliveryStory>,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let (now, width) = (self.clock.now(), terminal::width());
        events::write_summary(event, now, out)?;
        for page in pages {
            let totals = page.totals.as_ref().map(|totals| said(totals, event));
            for sentence in page.note.iter().chain(&totals) {
                writeln!(out, "\n{}", terminal::hanging(sentence, 0, width))?;
            }
            for verdict in page.data.iter().filter(|it| self.shows(it)) {
                verdict.write(stories, now, out)?;
            }
        }
        let later: Vec<_> = pages.iter().flat_map(|page| &page.later).collect();
        if !later.is_empty() {
            writeln!(
                out,
                "\n{}",
                "These would match now, and came too late:".bold()
            )?;
        }
        later.into_iter().try_for_each(|later| later.write(out))?;
        let id = &event.id;
        writeln!(out, "\nThe whole chain of events: riposte trace {id}")?;
        Ok(())
    }

    fn shows(&self, verdict: &Verdict) -> bool {
        self.all || verdict.waits_for_the_type()
    }
}

/// All that is known of an event, as the API gives it.
fn document(event: &Answer, verdicts: &[Answer], deliveries: &[(String, Answer)]) -> String {
    let verdicts = verdicts.iter().map(|it| it.text.as_str());
    let deliveries = deliveries.iter().map(|(_, it)| it.text.as_str());
    format!(
        r#"{{"event":{},"verdicts":{},"deliveries":{}}}"#,
        event.text,
        array(verdicts),
        array(deliveries)
    )
}

fn said(totals: &Totals, event: &Event) -> String {
    let Totals {
        listeners,
        on_matched,
        matched,
    } = totals;
    let event_type = &event.event_type;
    match (listeners, on_matched) {
        (0, _) => "There was no listener then: nobody was asked.".to_owned(),
        (all, 0) => format!("None of {all} listeners waits for {event_type}."),
        (all, waiting) => format!(
            "{matched} of {waiting} listeners that wait for {event_type} matched{}.",
            others(all - waiting)
        ),
    }
}

/// How many listeners wait for other types.
fn others(count: u64) -> String {
    match count {
        0 => String::new(),
        1 => "; 1 waits for something else".to_owned(),
        many => format!("; {many} wait for something else"),
    }
}
