//! Generates the same schemas with typify and with eventsmith, and compares lines and `cargo check` seconds.

mod ours;
mod peer;
mod project;

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use eventsmith_tests::realistic::{SEED, files};

use project::{Project, Side};

/// How often each crate is checked; the median counts.
const RUNS: usize = 3;

fn main() -> anyhow::Result<()> {
    let events = match std::env::args().nth(1) {
        Some(count) => count.parse().context("the argument is the number of events")?,
        None => 1_000,
    };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    let all = files(events, SEED);

    let started = Instant::now();
    let refused = peer::refused(&all);
    println!(
        "typify takes {} of {events} schemas ({:.1} s to try)",
        events - refused.len(),
        started.elapsed().as_secs_f64()
    );
    for (path, reason) in refused.iter().take(10) {
        println!("  refused: {path}: {}", reason.lines().next().unwrap_or_default());
    }
    let common: Vec<_> = all.into_iter().filter(|file| refused.iter().all(|(path, _)| *path != file.path)).collect();

    let sides = [
        Side::generated("eventsmith", || ours::generate(&dir.join("catalogue"), &common))?,
        Side::generated("typify", || peer::generate(&common))?,
    ];
    let project = Project::write(&dir, &sides)?;
    println!("{:<12} {:>10} {:>9} {:>10} {:>10}", "", "generate s", "lines", "per event", "check s");
    for side in &sides {
        let check = match project.check(side.name, RUNS) {
            Ok(seconds) => format!("{seconds:.2}"),
            Err(error) => {
                println!("{error:#}");
                "fails".to_owned()
            }
        };
        let lines = side.text.lines().count();
        let per_event = lines / (common.len() - 1).max(1);
        println!("{:<12} {:>10.2} {lines:>9} {per_event:>10} {check:>10}", side.name, side.seconds);
    }
    Ok(())
}
