//! Rounds of two sides that take turns, and what comes of them.

use std::fs;
use std::time::{Duration, Instant};

use crate::Outcome;

/// What one round took.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    elapsed: Duration,
    /// The processor's time; unknown where there is no `/proc`.
    busy: Option<Duration>,
}

impl Sample {
    /// Measures a piece of work.
    pub(crate) async fn of<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<Self> {
        let (busy, start) = (busy(), Instant::now());
        work.await?;
        let elapsed = start.elapsed();
        let busy = busy.zip(self::busy()).map(|(before, after)| after.saturating_sub(before));
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
    /// Lets both sides take turns, and first one, then the other begin, after a round that does not count.
    pub(crate) async fn interleaved(
        rounds: usize,
        events: usize,
        ours: impl AsyncFn() -> Outcome<Sample>,
        raw: impl AsyncFn() -> Outcome<Sample>,
    ) -> Outcome<Self> {
        let mut this = Self { events, ours: Vec::new(), raw: Vec::new() };
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
        let busy = |samples: &[Sample]| {
            let known: Option<Vec<f64>> = samples.iter().map(|sample| Some(sample.busy?.as_secs_f64())).collect();
            known.map_or_else(|| "-".to_owned(), |known| format!("{:.1}", spread(known).1 / events * 1e6))
        };
        println!(
            "{name:<28} {:>9.0} {:>9.0} {ratio:>7.2} {:>13} {target:>7.2} {:>5} {:>9} {:>9}",
            events / spread(ours).1,
            events / spread(raw).1,
            format!("{least:.2}..{most:.2}"),
            if ratio >= target { "yes" } else { "NO" },
            busy(&self.ours),
            busy(&self.raw),
        );
    }
}

pub(crate) fn print_head() {
    println!(
        "{:<28} {:>9} {:>9} {:>7} {:>13} {:>7} {:>5} {:>9} {:>9}",
        "", "ours", "raw", "ratio", "", "target", "met", "ours", "raw"
    );
    println!(
        "{:<28} {:>9} {:>9} {:>7} {:>13} {:>7} {:>5} {:>9} {:>9}",
        "", "events/s", "events/s", "median", "least..most", "", "", "cpu us/ev", "cpu us/ev"
    );
}

/// The least, the median and the most.
fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

/// What all threads of this process have had of the processor so far. Those that ended are left out; here none does.
fn busy() -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}
