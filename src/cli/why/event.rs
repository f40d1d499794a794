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
    deliveries::{self, Delivery, DeliveryStory},
    events::{self, Event},
    list::{Page, Query, Tables, array, at, line},
    refusals::{self, Refusal},
    terminal,
};

/// The most of what was sent again that is looked at.
const MAX_REPEATS: u32 = 50;

/// The most deliveries of a test of an endpoint.
const MAX_TESTS: u32 = 10;

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
        let repeats = self.repeats(&event.read()?).await?;
        if self.json {
            let document = document(&event, &repeats, &pages, &deliveries);
            return Ok(line(&document, out)?);
        }
        let mut stories = HashMap::new();
        for (id, delivery) in &deliveries {
            stories.insert(id.clone(), delivery.read()?);
        }
        let (event, now) = (event.read()?, self.clock.now());
        events::write_summary(&event, now, out)?;
        repeats
            .iter()
            .try_for_each(|(repeat, _)| repeat.write(now, out))?;
        self.write(&event, &read, &stories, out).await
    }

    /// What was sent under the name of `event` and did not become one.
    async fn repeats(&self, event: &Event) -> Result<Vec<(Refusal, String)>, ClientError> {
        let query = Query::new(refusals::PATH).with("event_id", Some(&event.event_id));
        let page = Page::of(&self.gateway.get(&query.page(MAX_REPEATS, None)).await?)?;
        let json = page.data.iter().map(|json| json.get().to_owned());
        let all = page.entries::<Refusal>()?.into_iter().zip(json);
        let of_this = |(refusal, _): &(Refusal, _)| refusal.event.as_ref() == Some(&event.id);
        Ok(all.filter(of_this).collect())
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

    async fn write(
        &self,
        event: &Event,
        pages: &[Verdicts],
        stories: &HashMap<String, DeliveryStory>,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let (now, width) = (self.clock.now(), terminal::width());
        for page in pages {
            let totals = page.totals.as_ref();
            let totals = totals.map(|totals| said(totals, &event.event_type));
            // Why nobody was asked says more than how many there were.
            for sentence in page.note.iter().chain(&totals).take(1) {
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
        if event.state == "test" {
            self.write_tests(event, out).await?;
        }
        let id = &event.id;
        writeln!(out, "\nThe whole chain of events: riposte trace {id}")?;
        Ok(())
    }

    /// Writes the deliveries of an event that tests endpoints: they have no listener.
    async fn write_tests(&self, event: &Event, out: &mut dyn Write) -> Result<(), CliError> {
        let query = Query::new(deliveries::PATH).with("event", Some(&event.id));
        let answer = self.gateway.get(&query.page(MAX_TESTS, None)).await?;
        let tests: Vec<Delivery> = Page::of(&answer)?.entries()?;
        writeln!(out)?;
        let mut tables = Tables::new(terminal::width());
        Ok(tables.write(&tests, self.clock.now(), out)?)
    }

    fn shows(&self, verdict: &Verdict) -> bool {
        self.all || verdict.waits_for_the_type()
    }
}

/// All that is known of an event, as the API gives it.
fn document(
    event: &Answer,
    repeats: &[(Refusal, String)],
    verdicts: &[Answer],
    deliveries: &[(String, Answer)],
) -> String {
    let repeats = repeats.iter().map(|(_, json)| json.as_str());
    let verdicts = verdicts.iter().map(|it| it.text.as_str());
    let deliveries = deliveries.iter().map(|(_, it)| it.text.as_str());
    format!(
        r#"{{"event":{},"refusals":{},"verdicts":{},"deliveries":{}}}"#,
        event.text,
        array(repeats),
        array(verdicts),
        array(deliveries)
    )
}

/// How many listeners said what, in a sentence.
fn said(totals: &Totals, event_type: &str) -> String {
    let others = others(totals.listeners.saturating_sub(totals.on_matched));
    match (totals.listeners, totals.on_matched, totals.matched) {
        (0, ..) => "There was no listener then: nobody was asked.".to_owned(),
        (1, 0, _) => format!("The one listener does not wait for {event_type}."),
        (all, 0, _) => format!("None of {all} listeners waits for {event_type}."),
        (_, 1, 0) => format!("The one listener that waits for {event_type} did not match{others}."),
        (_, 1, _) => format!("The one listener that waits for {event_type} matched{others}."),
        (_, waiting, matched) => {
            format!("{matched} of {waiting} listeners that wait for {event_type} matched{others}.")
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_says_how_many_listeners_said_what() {
        for (listeners, on_matched, matched, sentence) in [
            (0, 0, 0, "There was no listener then: nobody was asked."),
            (1, 0, 0, "The one listener does not wait for a.b."),
            (3, 0, 0, "None of 3 listeners waits for a.b."),
            (1, 1, 1, "The one listener that waits for a.b matched."),
            (
                2,
                1,
                0,
                "The one listener that waits for a.b did not match; 1 waits for something else.",
            ),
            (
                9,
                4,
                2,
                "2 of 4 listeners that wait for a.b matched; 5 wait for something else.",
            ),
        ] {
            let totals = Totals {
                listeners,
                on_matched,
                matched,
            };
            assert_eq!(said(&totals, "a.b"), sentence);
        }
    }
}
