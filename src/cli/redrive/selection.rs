//! Which dead letters are meant.

use clap::Args;
use serde_json::{Map, Value};

use crate::{
    cli::{moment::Moment, serve::quoted},
    domain::{attempt::ErrorKind, delivery::DeadReason, time::Timestamp},
};

/// Those that are named, those that have all of it in common, or all.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filters")]
#[group(id = "selection", required = true, multiple = true)]
pub struct Selection {
    /// Those that are named, up to 1000: dlv_…
    #[arg(value_name = "ID", help_heading = None::<&str>, conflicts_with_all = FILTERS)]
    ids: Vec<String>,
    /// Those to this endpoint: end_…
    #[arg(long)]
    endpoint: Option<String>,
    /// Those of this listener: lis_…
    #[arg(long)]
    listener: Option<String>,
    /// Those that were given up for this reason, for example attempts_exhausted
    #[arg(long)]
    reason: Option<DeadReason>,
    /// Those whose last attempt failed so, for example connect_refused
    #[arg(long, value_name = "KIND")]
    error: Option<ErrorKind>,
    /// Those of events of this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Those made since then: 2h, or a time like 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Those made before then
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// All of the project
    #[arg(long, conflicts_with_all = FILTERS, conflicts_with = "ids")]
    all: bool,
}

const FILTERS: [&str; 7] = [
    "endpoint",
    "listener",
    "reason",
    "error",
    "event_type",
    "since",
    "until",
];

impl Selection {
    /// The selection as the API takes it.
    pub fn body(&self, now: Timestamp) -> Value {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let time = |moment: Option<Moment>| moment.map(|it| it.before(now).to_string().into());
        let all = [
            (
                "ids",
                (!self.ids.is_empty()).then(|| self.ids.clone().into()),
            ),
            ("all", self.all.then(|| true.into())),
            ("endpoint", text(&self.endpoint)),
            ("listener", text(&self.listener)),
            ("reason", self.reason.map(|it| it.as_str().into())),
            ("error_kind", self.error.map(|it| it.as_str().into())),
            ("type", text(&self.event_type)),
            ("since", time(self.since)),
            ("until", time(self.until)),
        ];
        let given = all
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect::<Map<_, _>>())
    }
}

/// The options by which a user means what `selection` of the API means; none where none do.
pub fn options_for(selection: &Map<String, Value>) -> Option<String> {
    let option = |(name, value): (&String, &Value)| {
        let option = match name.as_str() {
            "endpoint" => "--endpoint",
            "reason" => "--reason",
            "error_kind" => "--error",
            // To leave out what is not known would mean more than is meant.
            _ => return None,
        };
        Some(format!("{option} {}", quoted(value.as_str()?)))
    };
    let options = selection.iter().map(option);
    Some(options.collect::<Option<Vec<_>>>()?.join(" "))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        selection: Selection,
    }

    fn body(args: &[&str]) -> Option<Value> {
        let args = ["riposte"].iter().chain(args);
        let command = Command::try_parse_from(args).ok()?;
        Some(command.selection.body(Timestamp::from_millis(3_600_000)))
    }

    #[test]
    fn what_is_meant_is_said_once_and_in_one_way() {
        assert_eq!(
            body(&["dlv_1", "dlv_2"]),
            Some(json!({"ids": ["dlv_1", "dlv_2"]}))
        );
        assert_eq!(body(&["--all"]), Some(json!({"all": true})));
        assert_eq!(
            body(&[
                "--error",
                "connect_refused",
                "--since",
                "1h",
                "--type",
                "a.b"
            ]),
            Some(json!({
                "error_kind": "connect_refused", "type": "a.b", "since": "1970-01-01T00:00:00.000Z"
            }))
        );
        for nonsense in [
            &[][..],
            &["--all", "dlv_1"],
            &["--all", "--type", "a.b"],
            &["dlv_1", "--type", "a.b"],
            &["--error", "nonsense"],
            &["--since", "yesterday"],
        ] {
            assert_eq!(body(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn options_mean_what_the_selection_of_the_api_means_or_there_are_none() {
        let options = |selection: &Value| options_for(selection.as_object().expect("an object"));
        let selection = json!({
            "endpoint": "end_1", "reason": "attempts_exhausted", "error_kind": "status_5xx"
        });
        let line = options(&selection).expect("options");
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(body(&words), Some(selection));
        assert_eq!(options(&json!({"reason": "gone", "colour": "red"})), None);
    }
}
