//! How far a long run has come, on a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// A line on standard error, if that is a terminal and the run takes longer than a second.
pub(crate) struct Progress {
    /// How many bytes there are, if that is known.
    total: Option<u64>,
    done: u64,
    started: Instant,
    /// When the line is written next; never without a terminal.
    due: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    const PATIENCE: Duration = Duration::from_secs(1);
    const PACE: Duration = Duration::from_millis(100);

    pub(crate) fn new(is_wanted: bool, total: Option<u64>) -> Self {
        let started = Instant::now();
        let due = (is_wanted && io::stderr().is_terminal()).then(|| started + Self::PATIENCE);
        Self { total, done: 0, started, due, is_shown: false }
    }

    /// Notes that so many bytes more are done.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.done += bytes as u64;
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            self.due = Some(now + Self::PACE);
            self.is_shown = true;
            let text = line(self.done, self.total, now - self.started);
            let _ = write!(io::stderr(), "\r\u{1b}[K{text}");
        }
    }

    /// Takes the line away before something else is written.
    pub(crate) fn clear(&mut self) {
        if self.is_shown {
            self.is_shown = false;
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn line(done: u64, total: Option<u64>, spent: Duration) -> String {
    const WIDTH: usize = 30;
    #[expect(clippy::cast_precision_loss, reason = "nobody reads that many digits")]
    let (done_mb, total_mb) = (done as f64 / 1e6, total.map(|total| total as f64 / 1e6));
    let speed = done_mb / spent.as_secs_f64().max(0.001);
    match (total, total_mb) {
        (Some(total), Some(total_mb)) if total >= done && total > 0 => {
            let filled = usize::try_from(done * WIDTH as u64 / total).unwrap_or(WIDTH);
            let bar: String = "#".repeat(filled) + &"-".repeat(WIDTH - filled);
            format!("[{bar}] {done_mb:.0} of {total_mb:.0} MB, {speed:.0} MB/s")
        }
        _ => format!("{done_mb:.0} MB, {speed:.0} MB/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_far_it_is_if_that_can_be_known() {
        let second = Duration::from_secs(1);

        let half = line(50_000_000, Some(100_000_000), second);
        assert_eq!(half, "[###############---------------] 50 of 100 MB, 50 MB/s");
        assert_eq!(line(50_000_000, None, second), "50 MB, 50 MB/s");
        assert_eq!(line(50_000_000, Some(0), second), "50 MB, 50 MB/s");
    }
}
