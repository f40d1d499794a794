//! The figures as tables, and the check as a line.

use std::io::{self, Write};

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use owo_colors::OwoColorize as _;

use super::{
    cast::Customer,
    figures::{Check, Figures, Latency},
    rest::Counts,
};
use crate::domain::delivery::DeliveryState;

/// A rule below the header, and nothing else.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The states in the order of the reconciliation.
const STATES: [DeliveryState; 5] = [
    DeliveryState::Delivered,
    DeliveryState::Pending,
    DeliveryState::Dead,
    DeliveryState::Cancelled,
    DeliveryState::Skipped,
];

/// Writes all figures.
///
/// # Errors
/// If they cannot be written.
pub fn write(figures: &Figures, out: &mut dyn Write) -> io::Result<()> {
    for table in [projects(figures), receivers(figures), latencies(figures)] {
        writeln!(out, "\n{}", table.trim_fmt())?;
    }
    write_check(&figures.check, out)
}

fn projects(figures: &Figures) -> Table {
    let states = STATES.iter().map(ToString::to_string);
    let header = ["project", "events"].map(str::to_owned).into_iter();
    let mut table = table(header.chain(states).collect());
    for (name, project) in &figures.projects {
        table.add_row(row(name, project.events, &project.deliveries));
    }
    table.add_row(row(
        "all",
        figures.check.accepted,
        &figures.check.deliveries,
    ));
    table
}

fn row(name: &str, events: u64, deliveries: &Counts) -> Vec<String> {
    let counts = STATES
        .iter()
        .map(|state| count(deliveries, *state).to_string());
    [name.to_owned(), events.to_string()]
        .into_iter()
        .chain(counts)
        .collect()
}

fn receivers(figures: &Figures) -> Table {
    let customers = Customer::ALL.map(Customer::name);
    let mut header = vec!["receiver".to_owned()];
    header.extend(customers.map(|name| format!("heard of {name}")));
    header.push("requests".to_owned());
    let mut table = table(header);
    for receiver in &figures.receivers {
        let mut row = vec![receiver.receiver.to_owned()];
        row.extend(customers.map(|name| receiver.heard[name].to_string()));
        row.push(receiver.requests.to_string());
        table.add_row(row);
    }
    table
}

fn latencies(figures: &Figures) -> Table {
    let header = [
        "event accepted → webhook received",
        "webhooks",
        "p50",
        "p99",
        "max",
    ];
    let mut table = table(header.map(str::to_owned).to_vec());
    for (what, latency) in [
        ("one deploy at a time", figures.latency.calm),
        ("many at once", figures.latency.busy),
        ("retried or redriven", figures.latency.retried),
    ] {
        if let Some(latency) = latency {
            table.add_row(latency_row(what, &latency));
        }
    }
    table
}

fn latency_row(what: &str, latency: &Latency) -> [String; 5] {
    let millis = |millis: u64| format!("{millis} ms");
    [
        what.to_owned(),
        latency.webhooks.to_string(),
        millis(latency.p50_ms),
        millis(latency.p99_ms),
        millis(latency.max_ms),
    ]
}

fn write_check(check: &Check, out: &mut dyn Write) -> io::Result<()> {
    let sum = STATES
        .iter()
        .map(|state| format!("{} {state}", count(&check.deliveries, *state)));
    let sum: Vec<_> = sum.collect();
    let sign = match check.holds {
        true => "✓".green().bold().to_string(),
        false => "✗".red().bold().to_string(),
    };
    writeln!(
        out,
        "\n{sign} {} events accepted, promising {} webhooks = {}",
        check.accepted,
        check.promised,
        sum.join(" + ")
    )?;
    writeln!(
        out,
        "{sign} {} webhooks received, each signature right",
        check.received
    )
}

fn table(header: Vec<String>) -> Table {
    let columns = header.len();
    let mut table = Table::new();
    table.load_style(STYLE).set_header(header);
    for index in 1..columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn count(deliveries: &Counts, state: DeliveryState) -> u64 {
    deliveries.get(&state).copied().unwrap_or_default()
}
