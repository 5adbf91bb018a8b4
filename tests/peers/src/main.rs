//! Generates the same schemas with typify and with eventsmith, and compares lines, seconds and memory of the compiler.

mod ours;
mod peer;
mod project;
mod webhooks;

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use eventsmith_tests::realistic::{File, SEED, files};

use project::{Cost, Project, Side};

fn main() -> anyhow::Result<()> {
    let events = match std::env::args().nth(1) {
        Some(count) => count.parse().context("the argument is the number of events")?,
        None => 1_000,
    };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    println!("{events} generated schemas");
    compare(&dir.join("generated"), files(events, SEED))?;
    println!("\nGitHub's webhooks, one file for each event");
    compare(&dir.join("webhooks"), webhooks::files(&dir.join("webhook-schemas"))?)
}

fn compare(dir: &Path, all: Vec<File>) -> anyhow::Result<()> {
    let started = Instant::now();
    let refused = peer::refused(&all);
    println!("typify refuses {} files ({:.1} s to try)", refused.len(), started.elapsed().as_secs_f64());
    for (path, reason) in refused.iter().take(10) {
        println!("  refused: {path}: {}", reason.lines().next().unwrap_or_default());
    }
    let common: Vec<_> = all.into_iter().filter(|file| refused.iter().all(|(path, _)| *path != file.path)).collect();

    let sides = [
        Side::generated("eventsmith", || ours::generate(&dir.join("catalogue"), &common))?,
        Side::generated("typify", || peer::generate(&common))?,
    ];
    let project = Project::write(dir, &sides)?;
    println!("{:<12} {:>10} {:>9} {:>16} {:>16}", "", "generate s", "lines", "check s / MB", "build s / MB");
    for side in &sides {
        let [check, build] = ["check", "build"].map(|command| match project.cost(side.name, command) {
            Ok(Cost { seconds, megabytes }) => format!("{seconds:.1} / {megabytes}"),
            Err(error) => {
                println!("{error:#}");
                "fails".to_owned()
            }
        });
        let lines = side.text.lines().count();
        println!("{:<12} {:>10.2} {lines:>9} {check:>16} {build:>16}", side.name, side.seconds);
    }
    Ok(())
}
