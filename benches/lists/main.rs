//! What the first page of a list costs at a million deliveries: for each list and each filter, the
//! median and the 99th percentile of 50 requests. The guide is 50 ms.
//!
//! `make bench`, or `DELIVERIES=50000 cargo bench --bench lists` for less. It fills a temporary store
//! as the engine does, and then asks a gateway on it over HTTP.

mod gateway;
mod outcome;
mod paths;
mod world;

use std::{env, io::Write as _, time::Duration};

use riposte::clock::Clock;
use tempfile::TempDir;

use self::{gateway::Gateway, world::World};

/// What a first page may take.
const GUIDE: Duration = Duration::from_millis(50);

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let deliveries: usize = env::var("DELIVERIES").map_or(Ok(1_000_000), |text| text.parse())?;
    let directory = TempDir::new()?;
    let gateway = Gateway::start(directory.path()).await?;
    let world = World::set_up(&gateway).await?;
    gateway.stop().await?;

    let clock = Clock::system();
    let started = clock.elapsed();
    let names = world.fill(directory.path(), deliveries).await?;
    let mut out = anstream::stdout();
    writeln!(
        out,
        "filled a store with {deliveries} deliveries in {:.0} s",
        (clock.elapsed() - started).as_secs_f64()
    )?;
    let gateway = Gateway::start(directory.path()).await?;
    writeln!(
        out,
        "{:<64} {:>9} {:>9}  entries",
        "first page", "median", "p99"
    )?;
    let mut slow = Vec::new();
    for path in names.paths(&world) {
        let (times, page) = gateway.measure(&path).await?;
        let (median, late) = (quantile(&times, 0.5), quantile(&times, 0.99));
        let entries = page["data"].as_array().map_or(0, Vec::len);
        let cut = if page["scanned_until"].is_null() {
            ""
        } else {
            ", cut"
        };
        writeln!(
            out,
            "{path:<64} {} {}  {entries}{cut}",
            ms(median),
            ms(late)
        )?;
        // A search through what stands in events has a time of its own.
        if median > GUIDE && !path.contains("when=") {
            slow.push(path);
        }
    }
    gateway.stop().await?;
    match slow.is_empty() {
        true => Ok(()),
        false => Err(format!("over {} ms: {}", GUIDE.as_millis(), slow.join(", ")).into()),
    }
}

fn quantile(sorted: &[Duration], part: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

fn ms(time: Duration) -> String {
    format!("{:>6.1} ms", time.as_secs_f64() * 1e3)
}
