//! Three nodes on one PostgreSQL, as processes, while events stream into all of them: what happens to
//! one of them, to the database or to the way between them costs no event, repeats no more than what
//! was in flight, and what is changed on one node holds on all.

mod changes;
mod losing;
mod network;
mod nodes;
mod outage;
mod pausing;
mod same_ids;

use std::{fmt, time::Duration};

/// How soon the others have to go on with what a node had that is gone.
const RESUMED: Duration = Duration::from_secs(20);

/// Tells whoever runs a test alone what was measured.
#[expect(clippy::print_stdout, reason = "whoever runs it wants to know")]
fn say(line: fmt::Arguments<'_>) {
    println!("{line}");
}
