//! The progress of a long run, on a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line on standard error, if that is a terminal and the run takes longer than a second.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// When the line is shown; `None` if it is already, or never.
    due: Option<Instant>,
}

impl Progress {
    const DELAY: Duration = Duration::from_secs(1);

    /// The progress of a run over this many bytes, if they are known.
    pub(crate) fn new(is_wanted: bool, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden()).with_style(style(total));
        let due = is_wanted.then(|| Instant::now() + Self::DELAY);
        Self { bar, due }
    }

    /// Notes that this many bytes more are done.
    pub(crate) fn advance(&mut self, bytes: usize) {
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.due = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(bytes as u64);
    }

    /// Takes the line away while something else is written.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Takes the line away for good.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(total: Option<u64>) -> ProgressStyle {
    // The library's own style, if a template could not be read; the test below reads both.
    let style = ProgressStyle::with_template(template(total)).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("#-")
}

fn template(total: Option<u64>) -> &'static str {
    match total {
        Some(1..) => "[{bar:30}] {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}",
        _ => "{decimal_bytes}, {decimal_bytes_per_sec}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_shown_if_the_total_is_known() {
        for (total, has_share) in [(Some(100), true), (Some(0), false), (None, false)] {
            assert!(ProgressStyle::with_template(template(total)).is_ok());
            assert_eq!(template(total).contains("{bar"), has_share, "{total:?}");
        }
    }
}
