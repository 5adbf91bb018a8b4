//! The server's clock, as far as it is known here.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::environment;

/// For how long what the server said of its time is better than the clock of this machine: clocks differ by more than either goes wrong in
/// so short a time.
const FRESH: Duration = Duration::from_secs(60);

/// What the server said last of its time, and when it came.
#[derive(Debug, Default)]
pub(super) struct ServerClock(Mutex<Option<(Timestamp, Instant)>>);

impl ServerClock {
    /// Takes in what an answer says of the server's time: servers since 2.10 do.
    pub(super) fn heard(&self, said: Option<Timestamp>) {
        if let Some(said) = said {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((said, Instant::now()));
        }
    }

    /// The time of day there, as late as its last answer took at most; that of this machine where it said none for long.
    pub(super) fn time(&self) -> Timestamp {
        let heard = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there = heard.filter(|(_, at)| at.elapsed() < FRESH);
        there.and_then(|(said, at)| said.checked_add(at.elapsed()).ok()).unwrap_or_else(environment::now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_server_s_time_goes_on_until_it_is_old() {
        let clock = ServerClock::default();
        let an_hour_ago = environment::now() - jiff::SignedDuration::from_hours(1);
        clock.heard(Some(an_hour_ago));
        clock.heard(None);

        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(clock.time().duration_since(an_hour_ago).as_secs(), 30);
        tokio::time::advance(Duration::from_secs(31)).await;
        assert!(clock.time().duration_since(an_hour_ago).as_secs() >= 3_600);
    }
}
