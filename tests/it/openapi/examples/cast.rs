//! Who plays whom: the names in the examples, and what really bears them.

use riposte::domain::time::Timestamp;
use serde_json::Value;

use crate::openapi::Ids;

/// Where webhooks go in the examples.
const TOLD_URL: &str = "https://hooks.acme.example";

/// The address of that in the examples.
const TOLD_ADDRESS: &str = "203.0.113.7:443";

/// A secret, and a key, as they are told.
const TOLD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOLD_KEY: &str = "rp_01h455vb4pex5vsknk084sn02q_…";

/// When the examples play.
const TOLD_TIME: &str = "2026-11-24T12:00:00Z";

/// What ids are called: the kind's own is the first.
const TOLD_IDS: &str = "01h455vb4pex5vsknk084sn02";

/// How many characters an id has after its kind.
const ID_LENGTH: usize = 26;

/// The names of a situation, each told and real.
pub struct Cast {
    names: Vec<(String, String)>,
    address: String,
}

impl Cast {
    /// Where `ids` are there, and `url` is a receiver.
    pub fn of(ids: &Ids, url: &str) -> Self {
        let told = Ids::absent();
        let pairs = Ids::RESOURCES.iter();
        let pairs = pairs.map(|(_, name, _)| (told.named(name), ids.named(name)));
        // What users name themselves is called so in the examples too.
        let pairs = pairs.filter(|(told, real)| told.len() == real.len());
        let origin = url::Url::parse(url).expect("a URL").origin();
        let origin = origin.ascii_serialization();
        let address = origin.trim_start_matches("http://").to_owned();
        let place = (TOLD_URL.to_owned(), origin);
        Self {
            names: pairs.chain([place]).collect(),
            address,
        }
    }

    /// What the examples tell, as it really is.
    pub fn played(&self, text: &str) -> String {
        let names = self.names.iter();
        names.fold(text.to_owned(), |text, (told, real)| {
            text.replace(told, real)
        })
    }

    /// What really was, as the examples tell it.
    pub fn told(&self, value: Value) -> Value {
        let text = value.to_string();
        let names = self.names.iter();
        let text = names.fold(text, |text, (told, real)| text.replace(real, told));
        let text = text.replace(&self.address, TOLD_ADDRESS);
        let words: Vec<_> = words(&text).collect();
        let renamed = Renaming::of(&words);
        let told: String = words.iter().map(|word| renamed.told(word)).collect();
        serde_json::from_str(&told).expect("JSON")
    }
}

/// How words are told that are new in each run.
struct Renaming {
    begin: Option<Timestamp>,
    ids: Vec<String>,
}

impl Renaming {
    fn of(words: &[&str]) -> Self {
        let mut ids: Vec<String> = Vec::new();
        for word in words.iter().filter(|word| is_id(word)) {
            if !ids.iter().any(|known| known == word) {
                ids.push((*word).to_owned());
            }
        }
        let times = words.iter().filter_map(|word| time(word));
        Self {
            begin: times.min(),
            ids,
        }
    }

    fn told(&self, word: &str) -> String {
        if let (Some(time), Some(begin)) = (time(word), self.begin) {
            let told: Timestamp = TOLD_TIME.parse().expect("a time");
            return told.plus(time.since(begin)).to_string();
        }
        if word.starts_with("whsec_") {
            return TOLD_SECRET.to_owned();
        }
        if word.starts_with("rp_") {
            return TOLD_KEY.to_owned();
        }
        match is_id(word) {
            true => self.told_id(word),
            false => word.to_owned(),
        }
    }

    /// Ids that the situation does not name are told apart by their last character.
    fn told_id(&self, id: &str) -> String {
        let (kind, _) = id.split_once('_').expect("an id");
        let of_kind = self.ids.iter().filter(|other| other.starts_with(kind));
        let place = of_kind.clone().position(|other| other == id);
        let last = "rstvwxyz".chars().nth(place.unwrap_or_default());
        format!("{kind}_{TOLD_IDS}{}", last.unwrap_or('0'))
    }
}

/// The text in pieces: words that may be names, and what stands between.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-:.+/=".contains(c);
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| is_name(c) != is_name(first));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(word)
    })
}

/// Whether a word is the id of something that a run has made.
fn is_id(word: &str) -> bool {
    word.split_once('_').is_some_and(|(kind, rest)| {
        kind.len() == 3
            && rest.len() == ID_LENGTH
            && rest
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            && !rest.starts_with("0000")
            && !rest.starts_with(TOLD_IDS)
    })
}

fn time(word: &str) -> Option<Timestamp> {
    let looks_so = word.len() >= TOLD_TIME.len() && word.ends_with('Z');
    looks_so.then(|| word.parse().ok()).flatten()
}
