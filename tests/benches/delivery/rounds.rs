//! Rounds of two sides that take turns, and what comes of them.

use std::env;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;

/// What one round took.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    elapsed: Duration,
    /// The processor's time of this process and of the server; unknown where there is no `/proc`.
    busy: Option<[Duration; 2]>,
}

impl Sample {
    /// Measures a piece of work.
    pub(crate) async fn of<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<Self> {
        let (busy, start) = (busy(), Instant::now());
        work.await?;
        let elapsed = start.elapsed();
        let busy =
            busy.zip(self::busy()).map(|(before, after)| [0, 1].map(|who| after[who].saturating_sub(before[who])));
        Ok(Self { elapsed, busy })
    }
}

/// The samples of both sides.
pub(crate) struct Rounds {
    events: usize,
    ours: Vec<Sample>,
    raw: Vec<Sample>,
}

impl Rounds {
    /// Lets both sides take turns, and first one, then the other begin, after a round that does not count; or one of them work
    /// alone.
    pub(crate) async fn interleaved(
        rounds: usize,
        events: usize,
        ours: impl AsyncFn() -> Outcome<Sample>,
        raw: impl AsyncFn() -> Outcome<Sample>,
    ) -> Outcome<Self> {
        let mut this = Self { events, ours: Vec::new(), raw: Vec::new() };
        if let Some(alone) = env::var_os("DELIVERY_BENCH_ALONE") {
            for _ in 0..rounds {
                match alone.to_str() {
                    Some("ours") => this.ours.push(ours().await?),
                    Some("raw") => this.raw.push(raw().await?),
                    _ => return Err("DELIVERY_BENCH_ALONE is neither `ours` nor `raw`".into()),
                }
            }
            return Ok(this);
        }
        raw().await?;
        ours().await?;
        for round in 0..rounds {
            if round % 2 == 0 {
                this.ours.push(ours().await?);
                this.raw.push(raw().await?);
            } else {
                this.raw.push(raw().await?);
                this.ours.push(ours().await?);
            }
        }
        Ok(this)
    }

    pub(crate) fn print(&self, name: &str, target: f64) {
        let seconds =
            |samples: &[Sample]| samples.iter().map(|sample| sample.elapsed.as_secs_f64()).collect::<Vec<_>>();
        let (ours, raw) = (seconds(&self.ours), seconds(&self.raw));
        let ratios: Vec<f64> = ours.iter().zip(&raw).map(|(ours, raw)| raw / ours).collect();
        let (least, ratio, most) = spread(ratios);
        let events = self.events as f64;
        let busy = |samples: &[Sample], who: usize| {
            let known: Option<Vec<f64>> = samples.iter().map(|sample| Some(sample.busy?[who].as_secs_f64())).collect();
            known.map_or_else(|| "-".to_owned(), |known| format!("{:.1}", spread(known).1 / events * 1e6))
        };
        println!(
            "{name:<34} {:>8.0} {:>8.0} {ratio:>6.2} {:>11} {target:>7.2} {:>4} {:>11} {:>11}",
            events / spread(ours).1,
            events / spread(raw).1,
            format!("{least:.2}..{most:.2}"),
            if ratio >= target { "yes" } else { "NO" },
            format!("{} + {}", busy(&self.ours, 0), busy(&self.ours, 1)),
            format!("{} + {}", busy(&self.raw, 0), busy(&self.raw, 1)),
        );
    }
}

pub(crate) fn print_head() {
    println!(
        "{:<34} {:>8} {:>8} {:>6} {:>11} {:>7} {:>4} {:>11} {:>11}",
        "", "ours", "raw", "ratio", "", "target", "met", "ours", "raw"
    );
    println!(
        "{:<34} {:>8} {:>8} {:>6} {:>11} {:>7} {:>4} {:>23}",
        "", "events/s", "events/s", "median", "least..most", "", "", "cpu us/event, + server"
    );
}

/// The least, the median and the most. Of a side that did not take part all are unknown.
fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    if values.is_empty() {
        return (f64::NAN, f64::NAN, f64::NAN);
    }
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

/// What the processor has done for this process and for the server so far. Threads that ended are left out; here none does.
fn busy() -> Option<[Duration; 2]> {
    let own = Path::new("/proc/self/task");
    let mut server = Duration::ZERO;
    for task in fs::read_dir(own).ok()? {
        // The server is the only child.
        for child in fs::read_to_string(task.ok()?.path().join("children")).ok()?.split_whitespace() {
            server += threads(&Path::new("/proc").join(child).join("task"))?;
        }
    }
    Some([threads(own)?, server])
}

fn threads(folder: &Path) -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(folder).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}
